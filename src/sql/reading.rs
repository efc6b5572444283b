//! What a session's sql_mode and character set mean for reading texts.
//!
//! For whoever keeps the session's state; knows names and values only.

use super::statement::{CharsetClass, SqlMode};

impl SqlMode {
    /// The bits of `SET sql_mode = value`, the value as SQL text: a plain string, a bare word, or 0. `None` if they cannot be told (a number, DEFAULT).
    pub fn from_value(value: &str) -> Option<SqlMode> {
        let value = value.trim();
        let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let names = match quoted('\'').or_else(|| quoted('"')) {
            Some(inner) if inner.contains(['\\', '\'', '"']) => return None,
            Some(inner) => inner,
            None if value == "0" => "",
            None if value.eq_ignore_ascii_case("default") || value.starts_with(|c: char| c.is_ascii_digit()) => {
                return None;
            }
            None => value,
        };
        let mut mode = SqlMode::default();
        for name in names.split(',').map(|name| name.trim().to_ascii_uppercase()) {
            // The combinations all contain the first and the last: https://mariadb.com/kb/en/sql-mode/
            match name.as_str() {
                "ANSI" | "DB2" | "MAXDB" | "MSSQL" | "ORACLE" | "POSTGRESQL" => {
                    mode.ansi_quotes = true;
                    mode.ignore_space = true;
                }
                "ANSI_QUOTES" => mode.ansi_quotes = true,
                "NO_BACKSLASH_ESCAPES" => mode.no_backslash_escapes = true,
                "IGNORE_SPACE" => mode.ignore_space = true,
                // A number among the names is a set of bits.
                other if other.starts_with(|c: char| c.is_ascii_digit()) => return None,
                _ => continue,
            }
        }
        Some(mode)
    }
}

impl CharsetClass {
    /// The class of a character set or collation, by its name.
    pub fn of(name: &str) -> CharsetClass {
        let name = name.trim().trim_matches(['\'', '"']).to_ascii_lowercase();
        let set = name.split('_').next().unwrap_or_default();
        if ["gbk", "gb18030", "gb2312", "big5", "sjis", "cp932"].contains(&set) {
            CharsetClass::TrailingAscii
        } else if ["utf8mb4", "utf8mb3", "utf8"].contains(&set) {
            CharsetClass::Utf8
        } else {
            CharsetClass::AsciiSafe
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_contain_their_parts() {
        let bits = |value| {
            SqlMode::from_value(value).map(|mode| (mode.ansi_quotes, mode.no_backslash_escapes, mode.ignore_space))
        };
        assert_eq!(bits("'STRICT_TRANS_TABLES'"), Some((false, false, false)));
        assert_eq!(bits("''"), Some((false, false, false)));
        assert_eq!(bits("0"), Some((false, false, false)));
        assert_eq!(bits("ansi"), Some((true, false, true)));
        assert_eq!(bits("'no_backslash_escapes, ANSI_QUOTES'"), Some((true, true, false)));
        assert_eq!(bits("4"), None);
        assert_eq!(bits("'4'"), None);
        assert_eq!(bits("DEFAULT"), None);
    }

    #[test]
    fn sets_with_a_backslash_in_second_place_are_known() {
        for name in ["gbk", "GBK_chinese_ci", "'sjis'", "cp932", "big5_bin", "gb18030"] {
            assert_eq!(CharsetClass::of(name), CharsetClass::TrailingAscii, "{name}");
        }
        for name in ["utf8mb4", "utf8mb4_bin", "utf8"] {
            assert_eq!(CharsetClass::of(name), CharsetClass::Utf8, "{name}");
        }
        for name in ["latin1", "binary", "ujis", "euckr"] {
            assert_eq!(CharsetClass::of(name), CharsetClass::AsciiSafe, "{name}");
        }
    }
}
