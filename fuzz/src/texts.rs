//! One pass over a text, without anything that knows tables: what digests, denials and reports use of every statement.

use crate::sql::{SqlMode, acts, digest, hint_key, lock_names, reached, readable};
use crate::world::{MARIADB, MYSQL, world};

/// A text is split into tokens without a panic, and its shape is the same whatever stands around it and however its words are written.
pub fn lexer(bytes: &[u8]) {
    let [settings, text @ ..] = bytes else { return };
    let dialect = if settings & 1 != 0 { MYSQL } else { MARIADB };
    let own = digest(text, dialect);
    let shown = readable(text, dialect);
    assert_eq!(digest(text, dialect), own);
    // White space ahead of it begins nothing and ends nothing.
    assert_eq!(digest(&[b" \n\t", text].concat(), dialect), own, "{shown}");
    // A comment ahead of it neither, unless the text is a hint that has to stand first.
    assert_eq!(digest(&[b"/* x */", text].concat(), dialect), own, "{shown}");
    let world = world();
    let _ = acts(text, dialect);
    let _ = lock_names(text, &world.context());
    if let Ok(text) = std::str::from_utf8(text) {
        let mode = SqlMode {
            ansi_quotes: settings & 2 != 0,
            no_backslash_escapes: settings & 4 != 0,
            ignore_space: settings & 8 != 0,
        };
        let _ = reached(text, mode, dialect);
        let _ = hint_key(text);
    }
}
