//! The README's examples of keys from ORMs, run as they stand there: without them the delete is refused, with them it arrives at the key's owner,
//! through another unit's listener.

use std::path::PathBuf;
use std::process::{Command, Output};

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::python::python;
use crate::node::TwoUnits;
use crate::servers::Place;

const README: &str = include_str!("../../../README.md");

/// The lines of the README's example in `language`, without those that `left_out` says.
fn example(language: &str, left_out: &str) -> String {
    let section = &README[README.find("### Keys from any ORM").unwrap()..];
    let begin = section.find(&format!("```{language}\n")).unwrap() + language.len() + 4;
    let block = &section[begin..begin + section[begin..].find("```").unwrap()];
    let kept: Vec<&str> = block.lines().filter(|line| left_out.is_empty() || !line.contains(left_out)).collect();
    kept.join("\n")
}

/// A program around an example.
struct Program {
    name: &'static str,
    interpreter: PathBuf,
    /// Fails where the interpreter or the library is not there.
    probe: Vec<&'static str>,
    before: Vec<&'static str>,
    file: &'static str,
    text: String,
    environment: Vec<(&'static str, &'static str)>,
}

fn programs() -> Vec<Program> {
    let of_python = python().map(|python| Program {
        name: "SQLAlchemy",
        interpreter: python,
        probe: vec!["-c", "import sqlalchemy, pymysql"],
        before: Vec::new(),
        file: "keys.py",
        text: format!(
            "import sys\n\
             from urllib.parse import quote\n\
             from sqlalchemy import create_engine, delete, event, exc\n\
             from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column\n\
             class Base(DeclarativeBase): pass\n\
             class Order(Base):\n    __tablename__ = 'orders'\n    id: Mapped[int] = mapped_column(primary_key=True)\n\
             engine = create_engine(f'mysql+pymysql://app:apppw@127.0.0.1:{{sys.argv[1]}}/shop')\n\
             session = Session(engine)\n\
             try:\n    session.execute(delete(Order).where(Order.id == 7))\n    print('not refused')\n\
             except exc.DBAPIError as refused:\n    print('refused', refused.orig.args[0])\n    session.rollback()\n\
             {}\nsession.commit()\n",
            example("python", "")
        ),
        environment: Vec::new(),
    });
    let of_ruby = Program {
        name: "ActiveRecord",
        interpreter: "ruby".into(),
        probe: vec!["-rmysql2", "-ractive_record", "-e1"],
        before: Vec::new(),
        file: "keys.rb",
        text: format!(
            "require 'active_record'\n\
             ActiveRecord::Base.establish_connection(adapter: 'mysql2', host: '127.0.0.1', port: ARGV[0].to_i, username: 'app', password: 'apppw', database: 'shop')\n\
             class Order < ActiveRecord::Base; end\n\
             user = Struct.new(:id).new(6000)\n\
             begin\n  Order.where(id: 7).delete_all\n  puts 'not refused'\n\
             rescue ActiveRecord::StatementInvalid => e\n  puts \"refused #{{e.cause.error_number}}\"\nend\n\
             {}\n\
             puts 'read at ' + Order.annotate('meridian: key=6000, level=strong').where(id: 8).pick(Arel.sql('@@server_id')).to_s\n",
            example("ruby", "config.")
        ),
        environment: Vec::new(),
    };
    let of_go = Program {
        name: "Go",
        interpreter: "go".into(),
        probe: vec!["list", "github.com/go-sql-driver/mysql"],
        before: vec!["run"],
        file: "keys.go",
        text: format!(
            "package main\n\
             import (\n\"context\"\n\"database/sql\"\n\"errors\"\n\"fmt\"\n\"os\"\n\"github.com/go-sql-driver/mysql\"\n)\n\
             func main() {{\n\
             db, _ := sql.Open(\"mysql\", \"app:apppw@tcp(127.0.0.1:\"+os.Args[1]+\")/shop\")\n\
             ctx, userID, id := context.Background(), 6000, 7\n\
             _, err := db.ExecContext(ctx, \"DELETE FROM orders WHERE id = ?\", id)\n\
             var refused *mysql.MySQLError\n\
             if errors.As(err, &refused) {{ fmt.Println(\"refused\", refused.Number) }} else {{ fmt.Println(\"not refused\", err) }}\n\
             {}\n}}\n",
            example("go", "")
        ),
        environment: vec![("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", "")],
    };
    let of_java = Program {
        name: "JDBC",
        interpreter: "java".into(),
        probe: vec!["-cp", JAR, "org.mariadb.jdbc.internal.util.constant.Version"],
        before: vec!["-cp", JAR],
        file: "Keys.java",
        text: format!(
            "import java.sql.*;\n\
             public class Keys {{ public static void main(String[] arguments) throws Exception {{\n\
             Connection connection = DriverManager.getConnection(\"jdbc:mariadb://127.0.0.1:\" + arguments[0] + \"/shop?user=app&password=apppw\");\n\
             long userId = 6000, id = 7;\n\
             try {{ connection.createStatement().executeUpdate(\"DELETE FROM orders WHERE id = 7\"); System.out.println(\"not refused\"); }}\n\
             catch (SQLException refused) {{ System.out.println(\"refused \" + refused.getErrorCode()); }}\n\
             {}\n\
             connection.createStatement().executeUpdate(\"DELETE FROM orders WHERE id = 8\");\n\
             }} }}\n",
            example("java", "unwrap(")
        ),
        environment: Vec::new(),
    };
    of_python.into_iter().chain([of_ruby, of_go, of_java]).collect()
}

const JAR: &str = "/usr/share/java/mariadb-java-client.jar";

impl Program {
    fn is_to_be_had(&self) -> bool {
        let probe = if self.name == "JDBC" { vec!["--version"] } else { self.probe.clone() };
        let tried = Command::new(&self.interpreter).args(probe).envs(self.environment.iter().copied()).output();
        let is_there = tried.is_ok_and(|output| output.status.success())
            && (self.name != "JDBC"
                || (PathBuf::from(JAR).exists() && Command::new("javac").arg("--version").output().is_ok()));
        if !is_there {
            let notice = format!("NOT TESTED: the README's example for {} cannot run here\n", self.name);
            // The terminal itself, past the test runner's capture: what was not tested must be seen.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
        }
        is_there
    }

    async fn run(&self, port: u16) -> Output {
        let place = Place::new();
        let file = place.path().join(self.file);
        std::fs::write(&file, &self.text).unwrap();
        let mut command = Command::new(&self.interpreter);
        command
            .args(&self.before)
            .arg(&file)
            .arg(port.to_string())
            .envs(self.environment.iter().copied())
            .env("GOCACHE", place.path().join("go"))
            .current_dir(place.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        drop(place);
        output
    }
}

#[tokio::test]
async fn the_readmes_examples_carry_keys() {
    let programs: Vec<Program> = programs().into_iter().filter(Program::is_to_be_had).collect();
    if programs.is_empty() {
        return;
    }
    let world = TwoUnits::start(|_| {}).await;
    let owner = world.instance("bj", Role::Primary).root();
    let mut client = world.node.connect("hz", Some("shop")).await.unwrap();
    let server_id = owner.value("SELECT @@server_id").await.unwrap().unwrap();
    for program in programs {
        let rows = "INSERT INTO orders (id, user_id, item) VALUES (7, 6000, 'x'), (8, 6000, 'x') ON DUPLICATE KEY UPDATE item = 'x'";
        client.query_drop(rows).await.unwrap();
        let output = program.run(world.node.port("hz")).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        let text = &program.text;
        assert!(output.status.success(), "{}:\n{text}\n{said}{complained}", program.name);
        assert!(said.contains("refused 1105") && !said.contains("not refused"), "{}: {said}", program.name);
        if program.name == "ActiveRecord" {
            assert!(said.contains(&format!("read at {server_id}")), "{said}, not at {server_id}");
        }
        let left = owner
            .value("SELECT GROUP_CONCAT(id) FROM shop.orders WHERE user_id = 6000 AND id IN (7, 8)")
            .await
            .unwrap();
        let expected = if program.name == "JDBC" { None } else { Some("8") };
        assert_eq!(left.as_deref(), expected, "{}", program.name);
    }
}
