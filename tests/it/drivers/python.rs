//! PyMySQL and Django, directly and through Meridian: the same program says the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::node::{Kind, OneUnit};
use crate::servers::Place;

static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();

/// The Python with the drivers. `None`, said aloud, where it cannot be had.
pub(super) fn python() -> Option<PathBuf> {
    let found = PYTHON.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/python");
        let output = Command::new(script).output().unwrap();
        if output.status.success() {
            return Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()));
        }
        let notice = format!("NOT TESTED with Python's drivers: {}", String::from_utf8_lossy(&output.stderr));
        // The terminal itself, past the test runner's capture: what was not tested must be seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
        None
    });
    found.clone()
}

/// What the program says when it talks to `port`.
async fn said(program: &str, port: u16, kind: Kind) -> Option<String> {
    let python = python()?;
    let place = Place::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/drivers").join(program);
    let family = if kind == Kind::MariaDb { "mariadb" } else { "mysql" };
    let mut command = Command::new(python);
    command.arg(file).arg(port.to_string()).arg(family).current_dir(place.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    drop(place);
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} at {port}:\n{said}\n{complained}");
    Some(said.into_owned())
}

async fn says_the_same(program: &str, kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let Some(direct) = said(program, unit.direct_port(), kind).await else { return };
    let through = said(program, unit.port(), kind).await.unwrap();
    assert!(direct.lines().count() > 10, "{direct}");
    for (direct, through) in direct.lines().zip(through.lines()) {
        assert_eq!(through, direct);
    }
    assert_eq!(through.lines().count(), direct.lines().count());
}

#[tokio::test]
async fn pymysql_sees_mariadb() {
    says_the_same("pymysql_session.py", Kind::MariaDb).await;
}

#[tokio::test]
async fn pymysql_sees_mysql9() {
    says_the_same("pymysql_session.py", Kind::Mysql9).await;
}

#[tokio::test]
async fn django_migrates_mariadb() {
    says_the_same("django_site.py", Kind::MariaDb).await;
}

#[tokio::test]
async fn django_migrates_mysql9() {
    says_the_same("django_site.py", Kind::Mysql9).await;
}

async fn logins(kind: Kind) {
    let users = |plan: &mut crate::node::NodePlan| {
        plan.users.push_str(
            "\n[[user]]\nname = \"native\"\npassword = \"nativepw\"\nauth = \"mysql_native_password\"\nbackend_user = \"app\"\n\
             backend_password = \"apppw\"\n",
        );
    };
    let Some(unit) = OneUnit::start(kind, users).await else { return };
    let Some(said) = said("pymysql_logins.py", unit.port(), kind).await else { return };
    assert!(said.ends_with("all logins as expected\n"), "{said}");
}

#[tokio::test]
async fn pymysql_logs_in_over_mariadb() {
    logins(Kind::MariaDb).await;
}

#[tokio::test]
async fn pymysql_logs_in_over_mysql9() {
    logins(Kind::Mysql9).await;
}
