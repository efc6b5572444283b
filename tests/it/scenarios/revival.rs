//! A shared server that ends by itself is started again, and the end of its log is told. MariaDB does end so now and then while sessions are killed
//! (README's limits): the test that ran there fails, and those that come after it must not.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meridian::demo::process::Supervised;
use meridian::demo::template::last_lines;
use meridian::model::Role;

use super::expect::until;
use super::world::Databases;
use crate::forced::revived::{Revived, command_line};

/// How long a server may be gone before it is seen.
const PACE: Duration = Duration::from_millis(100);

/// How much of its log is told: a crash has a stack and a statement there.
const TOLD_LINES: usize = 60;

/// A server as it was started.
struct Watched {
    directory: PathBuf,
    number: String,
    command: Vec<String>,
    /// What runs in its stead. Dropped, it would be killed.
    started_again: Option<Supervised>,
}

/// Watches over the servers in these directories until this process ends. No test may end one of them.
pub async fn watch(directories: Vec<PathBuf>) {
    let mut all: Vec<Watched> = directories.into_iter().map(Watched::running).collect();
    loop {
        for one in &mut all {
            if !one.is_alive() {
                one.tell();
                one.start_again().await;
            }
        }
        tokio::time::sleep(PACE).await;
    }
}

impl Watched {
    fn running(directory: PathBuf) -> Watched {
        let number = number_in(&directory).unwrap();
        let command = command_line(&number).unwrap();
        Watched { directory, number, command, started_again: None }
    }

    fn is_alive(&self) -> bool {
        command_line(&self.number).as_ref() == Some(&self.command)
    }

    /// To the terminal itself, past the test runner's capture.
    fn tell(&self) {
        let log = std::fs::read(self.directory.join("error.log")).unwrap_or_default();
        let log = last_lines(&String::from_utf8_lossy(&log), TOLD_LINES);
        let notice = format!("SERVER ENDED BY ITSELF: {}, which is started again\n{log}\n", self.directory.display());
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
    }

    async fn start_again(&mut self) {
        let (program, arguments) = self.command.split_first().unwrap();
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        std::fs::remove_file(self.directory.join("server.pid")).unwrap_or_default();
        let started = Supervised::spawn(Path::new(program), &arguments, &self.directory.join("error.log")).unwrap();
        self.started_again = Some(started);
        while number_in(&self.directory).is_none_or(|number| command_line(&number).as_ref() != Some(&self.command)) {
            tokio::time::sleep(PACE).await;
        }
        self.number = number_in(&self.directory).unwrap();
    }
}

fn number_in(directory: &Path) -> Option<String> {
    let number = std::fs::read_to_string(directory.join("server.pid")).ok()?;
    Some(number.trim().to_owned()).filter(|number| !number.is_empty())
}

#[tokio::test]
async fn a_server_that_was_killed_answers_again() {
    let databases = Databases::of(&["hz"]).await;
    let directory = databases.general_log("hz", Role::Primary).parent().unwrap().to_owned();
    let mut watched = Watched::running(directory.clone());
    assert!(watched.is_alive());
    let killed = Revived::kill(&directory).await;
    assert!(!watched.is_alive());
    watched.start_again().await;
    assert!(watched.is_alive());
    until("the server answers", Duration::from_secs(60), async || databases.root_access("hz").run(&[]).await.is_ok())
        .await;
    drop(killed);
}
