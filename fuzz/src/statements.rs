//! SQL texts of clients.

use crate::sql::{CharsetClass, PlanCache, SqlContext, SqlMode, analyze};
use crate::world::{MARIADB, MYSQL, line, world};

/// A text is read without a panic, in every mode, and the plan cache says of it what a first reading says, also the second time.
pub fn sql(bytes: &[u8]) {
    let [settings, text @ ..] = bytes else { return };
    let world = world();
    let mode = SqlMode {
        ansi_quotes: settings & 1 != 0,
        no_backslash_escapes: settings & 2 != 0,
        ignore_space: settings & 4 != 0,
    };
    let charset = if settings & 8 != 0 { CharsetClass::TrailingAscii } else { CharsetClass::AsciiSafe };
    let dialect = if settings & 16 != 0 { MYSQL } else { MARIADB };
    let context = SqlContext { mode, charset, dialect, ..world.context() };
    let mut cache = PlanCache::new(1 << 16);
    let first = line(&analyze(text, &context));
    for _ in 0..2 {
        assert_eq!(line(&cache.analyze(text, &context)), first);
    }
}
