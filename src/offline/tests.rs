//! The example of the README, and workloads as files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::PathBuf;

use super::options::{ExplainOptions, Format, LintOptions, Outcome};
use super::{explain, lint};

const README: &str = include_str!("../../README.md");

const SCHEMA: &str = "CREATE TABLE orders (id BIGINT, user_id BIGINT NOT NULL, item VARCHAR(100), amount INT);\n\
                      CREATE TABLE product (id INT, name VARCHAR(100)); CREATE TABLE audit_log (id INT, message TEXT);";

fn block(name: &str) -> &'static str {
    let start = README.find(&format!("```toml\n# {name}\n")).unwrap() + "```toml\n".len();
    &README[start..start + README[start..].find("```").unwrap()]
}

fn options(folder: &tempfile::TempDir, statements: &str, has_schema: bool) -> ExplainOptions {
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    write("users.toml", block("users.toml"));
    ExplainOptions {
        config: write("meridian.toml", block("meridian.toml")),
        schema_file: has_schema.then(|| write("schema.sql", SCHEMA)),
        schema: None,
        unit: None,
        as_user: None,
        params: None,
        file: Some(write("statements", statements)),
    }
}

fn explained(statements: &str) -> (Outcome, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let outcome = explain::run(&options(&folder, statements, true), &mut out).unwrap().unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

fn linted(statements: &str, has_schema: bool, max_refused: u64) -> (Outcome, String) {
    let folder = tempfile::tempdir().unwrap();
    let explain = options(&folder, statements, has_schema);
    let mut out = Vec::new();
    let options = LintOptions { explain, format: None, examples: 2, max_refused };
    let outcome = lint::run(&options, &mut out).unwrap().unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

#[test]
fn each_statement_of_a_file_is_explained() {
    let (outcome, out) = explained("UPDATE orders SET amount = 1 WHERE user_id = '6000'; SELECT * FROM product;");
    assert_eq!(outcome, Outcome::Fine);
    let first = "UPDATE orders SET amount = 1 WHERE user_id = '6000';\n--> SEND bj primary rule=owner key=6000 shard=6000 \
                 scopes=shard:main:6000 transaction=autocommit\n    class change, key from literal, level eventual, table orders, digest ";
    assert!(out.starts_with(first), "{out}");
    assert!(out.contains("--> SEND hz replica rule=local-read"), "{out}");
    let (outcome, out) = explained("DELETE FROM orders");
    assert_eq!(outcome, Outcome::Refused);
    assert!(out.contains("--> REJECT 1105") && out.contains("give /*meridian: key=…*/"), "{out}");
}

#[test]
fn a_statement_may_be_asked_about_in_the_consoles_own_words() {
    let (outcome, out) = explained(
        "EXPLAIN ROUTE AT UNIT 'bj' IN SCHEMA shop AS USER 'app' WITH PARAMS ('tea', 6000) UPDATE orders SET item = ? WHERE user_id = ?;\n\
         explain route SELECT * FROM product; SELECT * FROM product",
    );
    assert_eq!(outcome, Outcome::Fine, "{out}");
    assert!(out.contains("--> SEND bj primary rule=owner key=6000 shard=6000"), "{out}");
    assert!(out.contains("key from parameter 2,"), "{out}");
    assert_eq!(out.matches("--> SEND hz replica rule=local-read").count(), 2, "{out}");
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder, "DELETE FROM orders WHERE user_id = ?", true);
    options.params = Some("-6000".to_owned());
    let mut out = Vec::new();
    explain::run(&options, &mut out).unwrap().unwrap();
    assert!(String::from_utf8(out).unwrap().contains("SEND bj primary rule=owner key=-6000 shard=6000"));
    options.file = Some(folder.path().join("asked"));
    for (sql, told) in [
        ("EXPLAIN ROUTE AT UNIT 'sz' SELECT 1", "there is no unit 'sz' in the configuration"),
        ("EXPLAIN ROUTE AS USER 'nobody' SELECT 1", "there is no user 'nobody' in the users' file"),
        ("EXPLAIN ROUTE WITH PARAMS (1 2) SELECT 1", "EXPLAIN ROUTE: found 2, expected ',' or ')'"),
    ] {
        fs::write(folder.path().join("asked"), sql).unwrap();
        assert_eq!(explain::run(&options, &mut Vec::new()).unwrap_err().to_string(), told);
    }
}

#[test]
fn tables_made_in_the_file_are_there_for_what_follows() {
    let (outcome, out) = explained("SELECT * FROM coupon");
    assert!(outcome == Outcome::Refused && out.contains("'coupon' is not in the catalog"), "{out}");
    let (outcome, out) =
        explained("CREATE TABLE coupon (id INT); SELECT * FROM coupon; USE elsewhere; SELECT * FROM coupon");
    assert_eq!(outcome, Outcome::Fine, "{out}");
}

#[test]
fn a_workload_is_counted_by_what_becomes_of_it() {
    let log = "# User@Host: app[app] @ localhost []\n# Query_time: 2.0\nuse shop;\nSET timestamp=1;\nSELECT * FROM orders WHERE user_id = 50;\n\
               UPDATE orders SET amount = 1 WHERE user_id = 6000;\nUPDATE orders SET amount = 2 WHERE user_id = 6001;\n\
               DELETE FROM orders WHERE item = 'secret';\nINSERT INTO audit_log VALUES (1, 'x');\n";
    let (outcome, out) = linted(log, true, 0);
    assert_eq!(outcome, Outcome::Refused);
    assert!(
        out.starts_with("6 statements of unit 'hz' (read as SlowLog)\n         3   50.0 %  have a routing key\n"),
        "{out}"
    );
    assert!(out.contains("         2   33.3 %  are forwarded\n"), "{out}");
    assert!(out.contains("         1   16.7 %  are refused\n"), "{out}");
    assert!(out.contains("\nforwarded to bj: 2 statements, 1 shapes\n         2 times, digest "), "{out}");
    assert!(out.contains("\nrefused: key-missing: 1 statements, 1 shapes\n"), "{out}");
    assert!(!out.contains("secret"), "{out}");
    assert_eq!(linted(log, true, 1).0, Outcome::Fine);
}

#[test]
fn without_a_schema_file_unknown_tables_are_taken_for_granted_and_said_so() {
    let (outcome, out) = linted(
        "SELECT * FROM nothing JOIN at_all USING (id); UPDATE orders SET amount = 1 WHERE user_id = 50",
        false,
        0,
    );
    assert_eq!(outcome, Outcome::Fine, "{out}");
    assert!(out.contains("Without --schema-file"), "{out}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder, "SELECT 1", false);
    options.unit = Some("sz".to_owned());
    let told = explain::run(&options, &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(told, "there is no unit 'sz' in the configuration");
    options.file = Some(folder.path().join("absent"));
    options.unit = None;
    let told = explain::run(&options, &mut Vec::new()).unwrap_err().to_string();
    assert!(told.ends_with("absent cannot be read"), "{told}");
    let format = super::statements::format_of("SELECT 1;\nSELECT 2;");
    assert_eq!(format, Format::Sql);
}
