//! The statements in a file: plain SQL, a slow log, a general log. Pure.
//!
//! Log lines that are no statements of clients are skipped. USE, and the schema a log names, say where the following statements stand.

use super::options::Format;

/// What the lines of a file look like.
pub fn format_of(text: &str) -> Format {
    let mut head = text.lines().take(200);
    if head.clone().any(|line| line.starts_with("# Query_time:") || line.starts_with("# User@Host:")) {
        return Format::SlowLog;
    }
    if head.any(|line| entry(line).is_some()) { Format::GeneralLog } else { Format::Sql }
}

/// The statements of `text`, in order.
pub fn read(text: &str, format: Format) -> Vec<String> {
    match format {
        Format::Sql => split(text),
        Format::SlowLog => split(&text.lines().filter(|line| !is_log_line(line)).collect::<Vec<_>>().join("\n"))
            .into_iter()
            .filter(|statement| !statement.to_ascii_lowercase().starts_with("set timestamp"))
            .collect(),
        Format::GeneralLog => general(text),
    }
}

/// Lines a slow log puts around its statements, its heading at each start of the server among them.
fn is_log_line(line: &str) -> bool {
    line.starts_with('#')
        || line.starts_with("Tcp port:")
        || (line.starts_with("Time ") && line.contains("Id Command"))
        || (line.contains(", Version: ") && line.contains("started with:"))
}

fn general(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match entry(line) {
            Some((command, argument)) => {
                is_open = matches!(command, "Query" | "Execute" | "Init DB");
                match command {
                    "Query" | "Execute" => found.push(argument.to_owned()),
                    "Init DB" => found.push(format!("USE `{argument}`")),
                    _ => {}
                }
            }
            // A statement of several lines goes on until the next entry.
            None if is_open => found.iter_mut().last().into_iter().for_each(|last| {
                last.push('\n');
                last.push_str(line);
            }),
            None => {}
        }
    }
    found
}

/// Command and argument of a line that begins an entry: `time<TAB>id command<TAB>argument`, the time missing where it is that of the line above.
fn entry(line: &str) -> Option<(&str, &str)> {
    const COMMANDS: [&str; 12] = [
        "Query",
        "Execute",
        "Init DB",
        "Connect",
        "Quit",
        "Prepare",
        "Close stmt",
        "Field List",
        "Ping",
        "Reset stmt",
        "Statistics",
        "Change user",
    ];
    let mut fields = line.splitn(4, '\t');
    let first = fields.next()?;
    let is_time = first.is_empty() || first.starts_with(|letter: char| letter.is_ascii_digit());
    for _ in 0..2 {
        let field = fields.next()?.trim();
        let (id, command) = field.split_once(' ').unwrap_or((field, ""));
        if id.is_empty() {
            continue;
        }
        let is_entry = is_time && id.bytes().all(|byte| byte.is_ascii_digit()) && COMMANDS.contains(&command.trim());
        return is_entry.then(|| (command.trim(), fields.next().unwrap_or_default()));
    }
    None
}

/// Splits at semicolons outside quotes and comments.
pub fn split(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let (mut found, mut begin, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let rest = &text[at..];
        let skip_to = |end: Option<usize>, length: usize| end.map_or(rest.len(), |end| end + length);
        at += match bytes[at] {
            quote @ (b'\'' | b'"' | b'`') => quoted(&bytes[at..], quote),
            b'#' => skip_to(rest.find('\n'), 1),
            b'-' if rest.starts_with("-- ") || rest.starts_with("--\n") => skip_to(rest.find('\n'), 1),
            b'/' if rest.starts_with("/*") => skip_to(rest[2..].find("*/"), 4),
            b';' => {
                found.push(behind_comments(&text[begin..at]).to_owned());
                begin = at + 1;
                1
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    found.push(behind_comments(text.get(begin..).unwrap_or_default()).to_owned());
    found.retain(|statement| !statement.is_empty());
    found
}

/// A statement without the lines of comment before it; comments in it may be hints.
fn behind_comments(statement: &str) -> &str {
    let mut rest = statement.trim();
    while rest.starts_with('#') || rest == "--" || rest.starts_with("-- ") || rest.starts_with("--\n") {
        rest = rest.split_once('\n').map_or("", |(_, below)| below.trim_start());
    }
    rest
}

/// How long a quoted text is, quotes included.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == b'\\' && quote != b'`' {
            at += 1;
        } else if byte == quote {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_in_quotes_and_comments_split_nothing() {
        let text = "SELECT 'a;b', `c;d`; -- x;y\nUPDATE t SET a = \"it\\\"s;\" /* ;; */ WHERE b = 'it''s;';\n;\nSELECT 'ü;';# z;\n";
        let found = split(text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0], "SELECT 'a;b', `c;d`");
        assert!(found[1].starts_with("UPDATE") && found[1].ends_with("WHERE b = 'it''s;'"), "{found:?}");
        assert_eq!(found[2], "SELECT 'ü;'");
    }

    #[test]
    fn a_slow_log_gives_its_statements() {
        let text = "/usr/sbin/mariadbd, Version: 10.11.6-MariaDB (Debian). started with:\nTcp port: 3306  Unix socket: /run/mysqld.sock\n\
                    Time                Id Command    Argument\n# Time: 260101  3:00:01\n# User@Host: app[app] @ localhost []\n\
                    # Query_time: 2.1  Lock_time: 0.0\nuse shop;\nSET timestamp=1767236401;\nSELECT *\nFROM orders;\n";
        assert_eq!(format_of(text), Format::SlowLog);
        assert_eq!(read(text, Format::SlowLog), ["use shop", "SELECT *\nFROM orders"]);
    }

    #[test]
    fn a_general_log_gives_its_statements_of_both_families() {
        let text = "2026-01-01T03:00:00.123456Z\t   12 Connect\tapp@localhost on shop\n2026-01-01T03:00:00.2Z\t   12 Query\tSELECT *\nFROM orders\n\
                    \t\t   12 Init DB\tpay\n260101  3:00:01\t    13 Query\tUPDATE bill SET total = 1\n\t\t    13 Quit\t\n";
        assert_eq!(format_of(text), Format::GeneralLog);
        assert_eq!(read(text, Format::GeneralLog), ["SELECT *\nFROM orders", "USE `pay`", "UPDATE bill SET total = 1"]);
    }
}
