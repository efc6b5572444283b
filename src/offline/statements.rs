//! The statements in a file: plain SQL, a slow log, a general log. Pure.
//!
//! Log lines that are no statements of clients are skipped. USE, and the schema a log names, say where the following statements stand.

use std::collections::BTreeMap;

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

/// Each connection stands in a schema of its own, which its Connect and Init DB tell: where it is another than that of the statement before, a USE
/// is put between.
fn general(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut schemas: BTreeMap<&str, String> = BTreeMap::new();
    let mut current = String::new();
    let mut is_open = false;
    for line in text.lines() {
        let Some(Entry { id, command, argument }) = entry(line) else {
            // A statement of several lines goes on until the next entry.
            if let Some(last) = found.last_mut().filter(|_| is_open) {
                last.push('\n');
                last.push_str(line);
            }
            continue;
        };
        is_open = false;
        match command {
            "Connect" | "Change user" => {
                let named = argument.rsplit_once(" on ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
                schemas.insert(id, named.unwrap_or_default().to_owned());
            }
            "Init DB" => {
                schemas.insert(id, argument.trim().to_owned());
            }
            // What is prepared as text is told again, with its values, when it is executed.
            "Query" if begins(argument, &["prepare", "execute", "deallocate"]) => {}
            "Query" | "Execute" => {
                let own = schemas.get(id).cloned().unwrap_or_default();
                if !own.is_empty() && own != current {
                    found.push(format!("USE `{own}`"));
                    current = own;
                }
                if begins(argument, &["use"]) {
                    current = argument[3..].trim().trim_matches(['`', ';']).to_owned();
                    schemas.insert(id, current.clone());
                }
                found.push(argument.to_owned());
                is_open = true;
            }
            _ => {}
        }
    }
    found
}

fn begins(statement: &str, words: &[&str]) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default();
    words.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// A line that begins an entry of a general log.
struct Entry<'a> {
    /// The connection's id.
    id: &'a str,
    command: &'a str,
    argument: &'a str,
}

/// Command and argument of a line that begins an entry: `time<TAB>id command<TAB>argument`, the time missing where it is that of the line above.
fn entry(line: &str) -> Option<Entry<'_>> {
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
        let argument = fields.next().unwrap_or_default();
        return is_entry.then(|| Entry { id, command: command.trim(), argument });
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
        let text = "2026-01-01T03:00:00.123456Z\t   12 Connect\tapp@localhost on shop using SSL/TLS\n2026-01-01T03:00:00.2Z\t   12 Query\tSELECT *\nFROM orders\n\
                    \t\t   12 Init DB\tpay\n260101  3:00:01\t    12 Query\tUPDATE bill SET total = 1\n\t\t    12 Quit\t\n";
        assert_eq!(format_of(text), Format::GeneralLog);
        assert_eq!(
            read(text, Format::GeneralLog),
            ["USE `shop`", "SELECT *\nFROM orders", "USE `pay`", "UPDATE bill SET total = 1"]
        );
    }

    /// As MariaDB 10.11 and MySQL 9.7 wrote them for one workload of two clients that stand in different schemas.
    #[test]
    fn each_connection_of_a_general_log_stands_in_its_own_schema() {
        let mariadb = "mariadbd, Version: 10.11.19-MariaDB-log (Debian 12). started with:\nTcp port: 0  Unix socket: /run/x.sock\n\
            Time\t\t    Id Command\tArgument\n261125 13:11:00\t     3 Connect\troot@localhost on  using Socket\n\
            \t\t     3 Query\tSELECT DATABASE()\n\t\t     3 Query\tPREPARE s FROM 'SELECT * FROM shop.orders WHERE user_id = ?'\n\
            \t\t     3 Prepare\tSELECT * FROM shop.orders WHERE user_id = ?\n\t\t     3 Query\tEXECUTE s USING @u\n\
            \t\t     3 Execute\tSELECT * FROM shop.orders WHERE user_id = 50\n\
            261125 13:11:01\t     5 Connect\troot@localhost on shop using Socket\n\t\t     6 Connect\troot@localhost on other using Socket\n\
            \t\t     5 Query\tSELECT 1 FROM orders\n\t\t     6 Query\tSELECT 1 FROM stuff\n\t\t     5 Query\tSELECT 2 FROM orders\n\
            \t\t     6 Init DB\tshop\n\t\t     6 Query\tSELECT 3 FROM orders\n";
        let expected = [
            "SELECT DATABASE()",
            "SELECT * FROM shop.orders WHERE user_id = 50",
            "USE `shop`",
            "SELECT 1 FROM orders",
            "USE `other`",
            "SELECT 1 FROM stuff",
            "USE `shop`",
            "SELECT 2 FROM orders",
            "SELECT 3 FROM orders",
        ];
        assert_eq!(format_of(mariadb), Format::GeneralLog);
        assert_eq!(read(mariadb, Format::GeneralLog), expected);
        let mysql = "2026-11-25T13:12:21.706078Z\t    8 Connect\troot@localhost on  using SSL/TLS\n\
            2026-11-25T13:12:21.706344Z\t    8 Query\tSELECT DATABASE()\n2026-11-25T13:12:21.748708Z\t    8 Query\tPREPARE s FROM ...\n\
            2026-11-25T13:12:21.751031Z\t    8 Query\tEXECUTE s USING @u\n\
            2026-11-25T13:12:21.751383Z\t    8 Execute\tSELECT * FROM shop.orders WHERE user_id = 50\n\
            2026-11-25T13:12:21.775787Z\t    9 Connect\troot@localhost on shop using SSL/TLS\n\
            2026-11-25T13:12:21.819470Z\t   10 Connect\troot@localhost on other using Socket\n\
            2026-11-25T13:12:21.822456Z\t    9 Query\tSELECT 1 FROM orders\n2026-11-25T13:12:21.822935Z\t   10 Query\tSELECT 1 FROM stuff\n\
            2026-11-25T13:12:21.854358Z\t    9 Query\tSELECT 2 FROM orders\n2026-11-25T13:12:21.855218Z\t   10 Init DB\tshop\n\
            2026-11-25T13:12:21.855650Z\t   10 Query\tSELECT 3 FROM orders\n2026-11-25T13:12:21.881872Z\t   10 Reset stmt\t\n";
        assert_eq!(read(mysql, Format::GeneralLog), expected);
    }

    /// As MySQL 9.7 wrote it.
    #[test]
    fn a_slow_log_of_mysql_gives_its_statements() {
        let text = "# Time: 2026-11-25T13:12:21.855589Z\n# User@Host: root[root] @ localhost []  Id:    10\n\
            # Query_time: 0.000391  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0\nuse shop;\nSET timestamp=1795612341;\n\
            # administrator command: Init DB;\n# Time: 2026-11-25T13:12:21.882152Z\n# User@Host: root[root] @ localhost []  Id:    11\n\
            # Query_time: 0.000176  Lock_time: 0.000003 Rows_sent: 0  Rows_examined: 1\nSET timestamp=1795612341;\n\
            SELECT * FROM orders WHERE user_id = 7 AND item = 'x';\n";
        assert_eq!(format_of(text), Format::SlowLog);
        let expected = ["use shop", "SELECT * FROM orders WHERE user_id = 7 AND item = 'x'"];
        assert_eq!(read(text, Format::SlowLog), expected);
    }
}
