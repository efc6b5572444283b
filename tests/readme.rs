//! The README's table of refusals is the code's: every kind, its errno, SQLSTATE and text.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write;
use std::path::Path;

use meridian::route::Rejection;

const BEGIN: &str = "<!-- refusals: begin -->\n";
const END: &str = "<!-- refusals: end -->\n";

fn table() -> String {
    let mut table = "| refusal | errno | SQLSTATE | text (an example) |\n|---|---|---|---|\n".to_owned();
    for example in Rejection::examples() {
        let text = example.to_string().replace('|', "\\|");
        writeln!(table, "| {} | {} | {} | {text} |", example.kind(), example.errno(), example.sqlstate()).unwrap();
    }
    table
}

#[test]
fn the_readme_lists_every_refusal_as_the_code_makes_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("README.md marks where the table begins");
    let (found, after) = rest.split_once(END).expect("README.md marks where the table ends");
    let expected = table();
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert!(found == expected, "the table is not the code's: run UPDATE_FIXTURES=1 cargo test --test readme");
}

#[test]
fn no_refusal_speaks_of_a_lost_connection() {
    // Pools close connections on class 08, and a refused statement has harmed nothing.
    for example in Rejection::examples() {
        assert!(!example.sqlstate().starts_with("08"), "{}", example.kind());
    }
}
