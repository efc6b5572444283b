//! Character sets whose second bytes may be a backslash or a backtick: where strings and names end must be read as the servers do, or the
//! statement is refused.
//!
//! Random bytes stand in strings ahead of conditions that are live only if the string has ended. Rows that a server touches beyond the keys
//! Meridian read are a difference. Each text is also read as if the set had no such bytes, which must go wrong: else the texts test nothing.

use meridian::sql::CharsetClass;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::Trial;
use super::random::Random;

/// GBK, Shift-JIS and Big5 with their kin, and two without such bytes.
const CHARSETS: [&str; 8] = ["gbk", "gb18030", "sjis", "cp932", "big5", "gb2312", "utf8mb4", "latin1"];
const MODES: [&str; 3] = ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"];
/// For each set and mode.
const TEXTS: usize = 250;

/// What strings are made of: lead bytes before what they may swallow, and what stands alone.
const PIECES: [&[u8]; 22] = [
    b"\x81\\",
    b"\x95\\",
    b"\xbf\\",
    b"\xe0\\",
    b"\xfe\\",
    b"\xa4\\",
    b"\x81`",
    b"\x95`",
    b"\x81''",
    b"\xbf\\'",
    b"\x81\\'",
    b"\x95\\\\",
    b"\\'",
    b"\\\\",
    b"''",
    b"\xb1",
    b"\x81",
    b"\xc0\xae",
    b"\x815",
    b"a",
    b" ",
    b"\"",
];

/// What stands behind: live if the string before has ended where we think it has.
const TAILS: [&str; 11] = [
    "'",
    "' OR k = 12",
    "' OR k = 12 -- '",
    "' OR k = 12 OR note = '",
    "' OR k = 12 # '",
    "', ' OR k = 12 OR '') <> ('",
    "' ' OR k = 12 OR note <> '",
    "\" OR k = 12 OR note <> \"'",
    "' AND `note` <> '",
    "' AND note <> \"",
    "\\' OR k = 12 -- '",
];

/// Differences, and how many texts were sent, touched rows, or would have been wrong if the set were not heeded.
#[derive(Debug, Default)]
pub struct Outcome {
    pub wrong: Vec<String>,
    pub sent: u64,
    pub with_high_bytes: u64,
    pub heedless: u64,
}

fn text(random: &mut Random) -> Vec<u8> {
    let quote: &[u8] = if random.one_in(5) { b"\"" } else { b"'" };
    let introducer: &[u8] = if random.one_in(8) { b"_gbk" } else { b"" };
    let mut text = b"UPDATE by_int SET other = other + 1 WHERE k = 1 AND note <> ".to_vec();
    text.extend(introducer);
    text.extend(quote);
    for _ in 0..=random.below(3) {
        text.extend(*random.pick(&PIECES));
    }
    text.extend(random.pick(&TAILS).as_bytes());
    if random.one_in(4) {
        text.extend(*random.pick(&PIECES));
        text.extend(random.pick(&TAILS).as_bytes());
    }
    text
}

impl Trial {
    /// Random texts under every set and mode that the server knows.
    pub async fn charsets(&mut self, seed: u64) -> Outcome {
        let (mut random, mut outcome) = (Random(seed), Outcome::default());
        self.connection.query_drop("UPDATE by_int SET note = 'n', other = 0").await.unwrap();
        for charset in CHARSETS {
            if self.connection.query_drop(format!("SET NAMES {charset}")).await.is_err() {
                continue;
            }
            for mode in MODES {
                self.connection.query_drop(format!("SET sql_mode = '{mode}'")).await.unwrap();
                for _ in 0..TEXTS {
                    let text = text(&mut random);
                    self.compare_charset(charset, mode, &text, &mut outcome).await;
                }
            }
        }
        self.connection.query_drop("SET NAMES utf8mb4").await.unwrap();
        outcome
    }

    async fn compare_charset(&mut self, charset: &str, mode: &str, text: &[u8], outcome: &mut Outcome) {
        let decided = self.decided_under(text, mode, CharsetClass::of(charset), &[]);
        let heedless = self.decided_under(text, mode, CharsetClass::AsciiSafe, &[]);
        if decided.is_none() && heedless.is_none() {
            return;
        }
        let Some(keys) = touched(&mut self.connection, text).await else { return };
        let mut missing = Vec::new();
        for key in keys {
            let own = format!("UPDATE by_int SET other = 1 WHERE k = {key}");
            let wanted = self.decided(&own, "", &[]).unwrap();
            let is_in = |scopes: &Vec<_>| wanted.iter().all(|scope| scopes.contains(scope));
            outcome.heedless += u64::from(heedless.as_ref().is_some_and(|scopes| !is_in(scopes)));
            if decided.as_ref().is_some_and(|scopes| !is_in(scopes)) {
                missing.push(key);
            }
        }
        if decided.is_some() {
            outcome.sent += 1;
            outcome.with_high_bytes += u64::from(!text.is_ascii());
        }
        if !missing.is_empty() {
            let shown = text.escape_ascii();
            outcome
                .wrong
                .push(format!("{charset}, sql_mode '{mode}': {shown} touched {missing:?}; decided {decided:?}"));
        }
    }
}

/// The keys of the rows a statement changes; `None` if the server refuses it.
async fn touched(connection: &mut Conn, text: &[u8]) -> Option<Vec<i64>> {
    connection.query_drop("BEGIN").await.unwrap();
    let ran = connection.query_drop(text.to_vec()).await;
    let keys: Vec<i64> = connection.query("SELECT k FROM by_int WHERE other <> 0").await.unwrap();
    connection.query_drop("ROLLBACK").await.unwrap();
    match ran {
        Ok(()) => Some(keys),
        Err(mysql_async::Error::Server(_)) => None,
        Err(error) => panic!("{}: {error}", text.escape_ascii()),
    }
}
