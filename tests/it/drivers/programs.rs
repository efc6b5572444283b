//! Fixed programs of further drivers, directly and through Meridian: mysqlclient, mysql-connector-python (pure, and over its C extension),
//! PHP's mysqli and PDO, Perl's DBD::mysql and DBD::MariaDB, Ruby's mysql2, Node's mysql2.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::python::python;
use crate::node::{Kind, OneUnit};
use crate::servers::Place;

/// A program: the interpreter, whether it has the driver (an expression that fails without it), file, further arguments.
struct Program {
    interpreter: PathBuf,
    /// Where Node looks for packages.
    node_path: PathBuf,
    has_driver: [&'static str; 2],
    file: &'static str,
    driver: &'static str,
}

fn programs() -> Vec<Program> {
    let of_python = python().into_iter().flat_map(|python| {
        [
            ("import MySQLdb", "mysqlclient"),
            ("import mysql.connector", "connector-pure"),
            ("import mysql.connector as c; assert c.HAVE_CEXT", "connector-c"),
        ]
        .map(|(import, driver)| Program {
            interpreter: python.clone(),
            node_path: PathBuf::new(),
            has_driver: ["-c", import],
            file: "dbapi_session.py",
            driver,
        })
    });
    let of_php = Program {
        interpreter: "php".into(),
        node_path: PathBuf::new(),
        has_driver: ["-r", "exit(class_exists('mysqli') && in_array('mysql', PDO::getAvailableDrivers()) ? 0 : 1);"],
        file: "php_session.php",
        driver: "mysqli and PDO",
    };
    let of_perl =
        [("-MDBD::mysql", "DBD::mysql"), ("-MDBD::MariaDB", "DBD::MariaDB")].map(|(module, driver)| Program {
            interpreter: "perl".into(),
            node_path: PathBuf::new(),
            has_driver: [module, "-e1"],
            file: "perl_session.pl",
            driver,
        });
    let of_ruby = Program {
        interpreter: "ruby".into(),
        node_path: PathBuf::new(),
        has_driver: ["-rmysql2", "-e1"],
        file: "ruby_session.rb",
        driver: "mysql2 of Ruby",
    };
    let of_node = Program {
        interpreter: "node".into(),
        node_path: node_path(),
        has_driver: ["-e", "require('mysql2/promise')"],
        file: "node_session.js",
        driver: "mysql2 of Node",
    };
    of_python.chain([of_php]).chain(of_perl).chain([of_ruby, of_node]).collect()
}

/// The directory with Node's packages, put there now if they are to be had.
fn node_path() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/node");
    PathBuf::from(String::from_utf8(Command::new(script).output().unwrap().stdout).unwrap().trim())
}

impl Program {
    fn is_to_be_had(&self) -> bool {
        let tried = Command::new(&self.interpreter).args(self.has_driver).env("NODE_PATH", &self.node_path).output();
        let found = tried.is_ok_and(|output| output.status.success());
        if !found {
            let notice = format!("NOT TESTED: {} is not installed here\n", self.driver);
            // The terminal itself, past the test runner's capture: what was not tested must be seen.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
        }
        found
    }

    /// What it says when it talks to `port`.
    async fn said(&self, port: u16, kind: Kind) -> String {
        let place = Place::new();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/drivers").join(self.file);
        let family = if kind == Kind::MariaDb { "mariadb" } else { "mysql" };
        let mut command = Command::new(&self.interpreter);
        command
            .arg(file)
            .arg(port.to_string())
            .args([family, self.driver])
            .current_dir(place.path())
            .env("PYTHONHASHSEED", "0")
            .env("NODE_PATH", &self.node_path);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        drop(place);
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} at {port}:\n{said}\n{complained}", self.driver);
        said.into_owned()
    }
}

async fn say_the_same(kind: Kind) {
    let few = |plan: &mut crate::node::NodePlan| plan.backend.push_str("connections_per_instance = 4\n");
    let Some(unit) = OneUnit::start(kind, few).await else { return };
    for program in programs().iter().filter(|program| program.is_to_be_had()) {
        let direct = program.said(unit.direct_port(), kind).await;
        let through = program.said(unit.port(), kind).await;
        assert!(direct.lines().count() > 20, "{direct}");
        for (direct, through) in direct.lines().zip(through.lines()) {
            assert_eq!(through, direct, "{}", program.driver);
        }
        assert_eq!(through.lines().count(), direct.lines().count(), "{}", program.driver);
    }
}

#[tokio::test]
async fn drivers_see_mariadb() {
    say_the_same(Kind::MariaDb).await;
}

#[tokio::test]
async fn drivers_see_mysql9() {
    say_the_same(Kind::Mysql9).await;
}
