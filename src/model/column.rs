//! What values a column holds, as far as comparing and storing routing keys needs it.
//!
//! Types whose comparisons are not followed here are [`ColumnValues::Other`]: a key of theirs is never certain.

/// The values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnValues {
    /// Whole numbers within these bounds (TINYINT … BIGINT, YEAR); for DECIMAL, FLOAT and DOUBLE those it holds exactly.
    Numbers {
        /// The least.
        least: i128,
        /// The most.
        most: i128,
        /// What a comparison with a number beyond them does.
        beyond: Beyond,
    },
    /// CHAR, VARCHAR, TEXT.
    Text(TextRules),
    /// VARBINARY, BLOB; BINARY(n), which is as long as it is wide.
    Bytes {
        /// The most bytes, or for BINARY the number of bytes.
        length: u64,
        /// BINARY: shorter values are filled up.
        is_fixed: bool,
    },
    /// DATE: only `YYYY-MM-DD` is certain.
    Date,
    /// MariaDB's UUID: only the form with hyphens is certain.
    Uuid,
    /// Anything else: TIME, DATETIME, ENUM, SET, BIT, JSON, geometry, INET …
    Other,
}

/// What a comparison with a number beyond a column's bounds does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// It finds no row.
    NoRow,
    /// It may be taken for another number (FLOAT, DOUBLE, YEAR).
    Uncertain,
}

/// How a text column compares and stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRules {
    /// Which texts are equal.
    pub equality: TextEquality,
    /// Trailing spaces do not count (PAD SPACE).
    pub padded: bool,
    /// The column holds any Unicode text (utf8mb4) and the client sends it so, so that nothing is lost on the way into it.
    pub unicode: bool,
    /// CHAR(n): trailing spaces are not kept.
    pub is_fixed: bool,
    /// The most characters.
    pub length: u64,
}

/// Which texts a collation takes for equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEquality {
    /// Equal bytes (`_bin`).
    Bytes,
    /// As far as printable ASCII goes, equal characters (`_as_cs`); beyond it, not followed.
    Ascii,
    /// As far as printable ASCII goes, equal letters in either case (`_ci`); beyond it, not followed.
    AsciiLetters,
    /// Not followed at all.
    Unknown,
}

/// A column as information_schema describes it.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDescription<'a> {
    /// `data_type`, such as `bigint`.
    pub data_type: &'a str,
    /// `column_type`, such as `bigint(20) unsigned`.
    pub column_type: &'a str,
    /// `character_maximum_length`.
    pub length: Option<u64>,
    /// `collation_name`.
    pub collation: Option<&'a str>,
}

impl ColumnValues {
    /// Text that is compared byte by byte, of any length: what tests and fixtures take for a plain string.
    pub const PLAIN_TEXT: ColumnValues = ColumnValues::Text(TextRules {
        equality: TextEquality::Bytes,
        padded: false,
        unicode: true,
        is_fixed: false,
        length: u64::MAX,
    });

    /// What BIGINT and BIGINT UNSIGNED hold together: what tests and fixtures take for a plain number.
    pub const PLAIN_NUMBER: ColumnValues =
        ColumnValues::Numbers { least: i64::MIN as i128, most: u64::MAX as i128, beyond: Beyond::NoRow };

    /// The values of the described column.
    pub fn of(column: ColumnDescription<'_>) -> ColumnValues {
        let data_type = column.data_type.to_ascii_lowercase();
        let column_type = column.column_type.to_ascii_lowercase();
        let is_unsigned = column_type.contains("unsigned");
        let whole = |bits: u32| {
            let (least, most) =
                if is_unsigned { (0, (1i128 << bits) - 1) } else { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) };
            ColumnValues::Numbers { least, most, beyond: Beyond::NoRow }
        };
        // Up to 2 to the power of 24 or 53 every whole number is held exactly, and no other one is taken for it.
        let exact =
            |most: i128, beyond| ColumnValues::Numbers { least: if is_unsigned { 0 } else { -most }, most, beyond };
        match data_type.as_str() {
            "tinyint" => whole(8),
            "smallint" => whole(16),
            "mediumint" => whole(24),
            "int" | "integer" => whole(32),
            "bigint" => whole(64),
            "year" => ColumnValues::Numbers { least: 1901, most: 2155, beyond: Beyond::Uncertain },
            "float" => exact((1 << 24) - 1, Beyond::Uncertain),
            "double" => exact((1 << 53) - 1, Beyond::Uncertain),
            "decimal" => match whole_digits(&column_type) {
                Some(digits) => exact(10i128.pow(digits.min(30)) - 1, Beyond::NoRow),
                None => ColumnValues::Other,
            },
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                let collation = column.collation.unwrap_or_default().to_ascii_lowercase();
                ColumnValues::Text(TextRules::of(&collation, data_type == "char", column.length.unwrap_or(u64::MAX)))
            }
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                ColumnValues::Bytes { length: column.length.unwrap_or(u64::MAX), is_fixed: data_type == "binary" }
            }
            "date" => ColumnValues::Date,
            "uuid" => ColumnValues::Uuid,
            _ => ColumnValues::Other,
        }
    }
}

/// The digits before the point of `decimal(p,s)`.
fn whole_digits(column_type: &str) -> Option<u32> {
    let inner = column_type.split_once('(')?.1.split_once(')')?.0;
    let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
    precision.trim().parse::<u32>().ok()?.checked_sub(scale.trim().parse().ok()?)
}

impl TextRules {
    fn of(collation: &str, is_fixed: bool, length: u64) -> TextRules {
        let charset = collation.split('_').next().unwrap_or_default();
        TextRules {
            // Its national letters stand where ASCII has brackets.
            equality: if charset == "swe7" { TextEquality::Unknown } else { equality(collation) },
            // https://dev.mysql.com/doc/refman/8.4/en/charset-unicode-sets.html: those on UCA 9.0 do not pad; MariaDB says so in the name.
            padded: !collation.contains("_0900_") && !collation.contains("nopad"),
            unicode: matches!(charset, "utf8mb4" | "uca1400"),
            is_fixed,
            length,
        }
    }
}

/// Languages have letters of several letters (Hungarian `ccs` is `cs` twice): only general collations are followed.
fn equality(collation: &str) -> TextEquality {
    const CASELESS: [&str; 9] = [
        "general_ci",
        "general_nopad_ci",
        "unicode_ci",
        "unicode_nopad_ci",
        "unicode_520_ci",
        "unicode_520_nopad_ci",
        "0900_ai_ci",
        "0900_as_ci",
        "latin1_swedish_ci",
    ];
    let is_of = |name: &str| collation.split_once('_').is_some_and(|(_, rest)| rest == name) || collation == name;
    let is_uca =
        |end: &str| collation.split_once("uca1400_").is_some_and(|(_, rest)| rest.trim_start_matches("nopad_") == end);
    if collation == "binary" || collation.ends_with("_bin") {
        TextEquality::Bytes
    } else if is_of("0900_as_cs") || is_uca("as_cs") {
        TextEquality::Ascii
    } else if CASELESS.iter().any(|name| is_of(name)) || is_uca("ai_ci") || is_uca("as_ci") {
        TextEquality::AsciiLetters
    } else {
        TextEquality::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(data_type: &str, column_type: &str, collation: Option<&str>) -> ColumnValues {
        ColumnValues::of(ColumnDescription { data_type, column_type, length: Some(20), collation })
    }

    #[test]
    fn numbers_have_the_bounds_of_their_type() {
        let numbers = |least, most| ColumnValues::Numbers { least, most, beyond: Beyond::NoRow };
        assert_eq!(values("tinyint", "tinyint(4)", None), numbers(-128, 127));
        assert_eq!(values("int", "int(10) unsigned zerofill", None), numbers(0, 4_294_967_295));
        assert_eq!(values("bigint", "bigint", None), numbers(i128::from(i64::MIN), i128::from(i64::MAX)));
        assert_eq!(values("bigint", "bigint unsigned", None), numbers(0, i128::from(u64::MAX)));
        assert_eq!(values("decimal", "decimal(12,2)", None), numbers(-9_999_999_999, 9_999_999_999));
        assert_eq!(values("bit", "bit(8)", None), ColumnValues::Other);
    }

    #[test]
    fn collations_are_followed_only_where_they_are_known() {
        let equality_of = |collation| match values("varchar", "varchar(20)", Some(collation)) {
            ColumnValues::Text(rules) => (rules.equality, rules.padded),
            other => panic!("{other:?}"),
        };
        assert_eq!(equality_of("utf8mb4_bin"), (TextEquality::Bytes, true));
        assert_eq!(equality_of("utf8mb4_0900_bin"), (TextEquality::Bytes, false));
        assert_eq!(equality_of("utf8mb4_nopad_bin"), (TextEquality::Bytes, false));
        assert_eq!(equality_of("utf8mb4_general_ci"), (TextEquality::AsciiLetters, true));
        assert_eq!(equality_of("utf8mb4_0900_ai_ci"), (TextEquality::AsciiLetters, false));
        assert_eq!(equality_of("utf8mb4_0900_as_cs"), (TextEquality::Ascii, false));
        assert_eq!(equality_of("utf8mb4_uca1400_ai_ci"), (TextEquality::AsciiLetters, true));
        assert_eq!(equality_of("uca1400_nopad_as_ci"), (TextEquality::AsciiLetters, false));
        assert_eq!(equality_of("latin1_swedish_ci"), (TextEquality::AsciiLetters, true));
        for foreign in
            ["utf8mb4_hu_0900_ai_ci", "utf8mb4_hungarian_ci", "utf8mb4_uca1400_hungarian_ai_ci", "gbk_chinese_ci", ""]
        {
            assert_eq!(equality_of(foreign).0, TextEquality::Unknown, "{foreign}");
        }
    }
}
