//! Random writes on tables of random key types, written in random ways.

use super::random::Random;

/// A table, the type of its key column `k`, and values it is filled with, as SQL.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub column: &'static str,
    pub values: &'static [&'static str],
}

const TEXTS: &[&str] = &["'a'", "'A'", "'b'", "'ab'", "'AB'", "'a b'", "''", "'12'", "'012'", "'a_'", "'x%'"];

/// One for each type that keys are certain of, and one for a type they are not.
pub const TABLES: [Table; 15] = [
    Table { name: "by_tiny", column: "TINYINT", values: &["0", "1", "-1", "12", "127", "-128", "5"] },
    Table { name: "by_int", column: "INT", values: &["0", "1", "-1", "12", "6000", "2147483647", "-2147483648", "5"] },
    Table {
        name: "by_big",
        column: "BIGINT",
        values: &[
            "0",
            "1",
            "12",
            "9007199254740992",
            "9007199254740993",
            "9007199254740995",
            "9223372036854775807",
            "-5",
        ],
    },
    Table {
        name: "by_unsigned",
        column: "BIGINT UNSIGNED",
        values: &["0", "1", "12", "18446744073709551615", "18446744073709551614", "9223372036854775808", "6000"],
    },
    Table { name: "by_decimal", column: "DECIMAL(12,2)", values: &["0", "1", "12", "6000", "-5", "9999999999"] },
    Table { name: "by_double", column: "DOUBLE", values: &["0", "1", "12", "6000", "-5", "9007199254740991"] },
    Table { name: "by_year", column: "YEAR", values: &["2024", "1999", "2012", "2000", "1970", "2001"] },
    Table { name: "by_bin", column: "VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", values: TEXTS },
    Table { name: "by_ci", column: "VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", values: TEXTS },
    Table { name: "by_char", column: "CHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", values: TEXTS },
    Table { name: "by_latin", column: "VARCHAR(8) CHARACTER SET latin1 COLLATE latin1_swedish_ci", values: TEXTS },
    Table { name: "by_bytes", column: "VARBINARY(8)", values: TEXTS },
    Table { name: "by_fixed", column: "BINARY(4)", values: &["'abcd'", "'ABCD'", "'a123'", "'1234'"] },
    Table {
        name: "by_date",
        column: "DATE",
        values: &["'2024-01-05'", "'2024-02-29'", "'1999-12-31'", "'2020-12-01'"],
    },
    Table { name: "by_enum", column: "ENUM('a','b','1','2')", values: &["'a'", "'b'", "'1'", "'2'"] },
];

/// Ways to write values that fit nothing in particular.
const ODD: [&str; 56] = [
    "NULL",
    "TRUE",
    "FALSE",
    "0x0C",
    "x'3132'",
    "b'1100'",
    "'12 '",
    "' 12'",
    "'12a'",
    "'1e1'",
    "12.0",
    "12.00",
    "1.2e1",
    "12e0",
    "12.4",
    "11.9",
    "-12",
    "+12",
    "- 12",
    "'-5'",
    "'+12'",
    "-0",
    "00012",
    "'12' ''",
    "'1' '2'",
    "N'12'",
    "_utf8mb4'12'",
    "_binary'a'",
    "'a ' 'b'",
    "'A  '",
    "\"a\"",
    "\"A\"\"\"",
    "'a\\b'",
    "'\\a'",
    "'é'",
    "'É'",
    "'a\u{1}'",
    "'ａ'",
    "12 + 0",
    "(12)",
    "((1))",
    "1 = 1",
    "6000 DIV 1",
    "'20240105'",
    "'2024-1-5'",
    "20240105",
    "24",
    "'24'",
    "99",
    "9007199254740993.0",
    "'9007199254740993'",
    "9.007199254740993e15",
    "300",
    "-300",
    "'2024-01-05 00:00:00'",
    "@v",
];

/// What stands between two tokens and means nothing, or something to one server only.
const NOISE: [&str; 14] = [
    " ",
    " ",
    " ",
    "\n",
    "\t ",
    "/**/",
    " /* AND 1 = 1 */ ",
    " -- x\n",
    " # OR 1 = 1\n",
    " /*!40000 */ ",
    " /*!99999 OR 1 = 1 */ ",
    " /*!100000 */ ",
    " /*M!100000 */ ",
    " /*!50701 */ ",
];

/// Versioned comments that hold something: who executes which is the question.
const VERSIONED: [&str; 11] = [
    "/*!40100 X */",
    "/*!50700 X */",
    "/*!80000 X */",
    "/*!90704 X */",
    "/*!090704 X */",
    "/*!100100 X */",
    "/*!101119 X */",
    "/*!101120 X */",
    "/*M!100100 X */",
    "/*! X */",
    "/*!999999 X /* AND */ */",
];

/// Makes statements.
#[derive(Debug)]
pub struct Statements {
    pub random: Random,
    /// Values written as `?`, if the statement is to be prepared.
    pub parameters: Option<Vec<String>>,
}

impl Statements {
    /// A write of `table`.
    pub fn write(&mut self, table: &Table, other: &Table) -> String {
        let name = table.name;
        let second = other.name;
        let pieces: String = match self.random.below(30) {
            0..=5 => format!("UPDATE {name} SET other = other + 1 WHERE {}", self.condition("k", table, 3)),
            6 => format!("UPDATE {name} a SET a.other = 7 WHERE {}", self.condition("a.k", table, 2)),
            7 => format!("DELETE FROM {name} WHERE {}", self.condition("k", table, 3)),
            8 => format!(
                "UPDATE {name} a JOIN {second} b ON a.k = b.k SET a.other = 9 WHERE {}",
                self.condition("b.k", other, 2)
            ),
            9 => format!(
                "UPDATE {name} a, {second} b SET b.other = 9 WHERE a.k = b.k AND {}",
                self.condition("a.k", table, 2)
            ),
            10 => {
                let on = self.condition("b.k", other, 1);
                format!("DELETE a FROM {name} a LEFT JOIN {second} b ON {on} WHERE {}", self.condition("a.k", table, 2))
            }
            11 => format!(
                "DELETE FROM {name} WHERE k IN (SELECT k FROM {second} b WHERE {})",
                self.condition("b.k", other, 2)
            ),
            12 => {
                let rows: Vec<String> =
                    (0..=self.random.below(3)).map(|_| format!("({}, 1)", self.value(table))).collect();
                format!("INSERT INTO {name} (k, other) VALUES {}", rows.join(", "))
            }
            13 => format!("INSERT INTO {name} SET other = 1, k = {}", self.value(table)),
            14 => format!("REPLACE INTO {name} (other, k) VALUES (1, {})", self.value(table)),
            15 => format!(
                "INSERT INTO {name} (k, other) SELECT k, 4 FROM {second} b WHERE {}",
                self.condition("b.k", other, 2)
            ),
            16 => format!("INSERT INTO {name} (k, other) SELECT {}, 4", self.value(table)),
            17 => format!("UPDATE {name} SET k = {} WHERE {}", self.value(table), self.condition("k", table, 1)),
            18 => format!(
                "INSERT INTO {name} (k, other) VALUES ({}, 1) ON DUPLICATE KEY UPDATE other = other + 1",
                self.value(table)
            ),
            20 => format!(
                "UPDATE {name} a JOIN (SELECT k, other AS o FROM {second} WHERE {}) d ON a.k = d.k SET a.other = 9",
                self.condition("k", other, 1)
            ),
            21 => format!(
                "UPDATE {name} a JOIN (SELECT * FROM {second} b WHERE {} LIMIT 3) d USING (k) SET a.other = 9",
                self.condition("b.k", other, 1)
            ),
            22 => format!(
                "UPDATE {name} a JOIN (SELECT k FROM {second} b WHERE {} UNION ALL SELECT k FROM {name} WHERE {}) d (x) ON d.x = a.k SET a.other = 9",
                self.condition("b.k", other, 1),
                self.condition("k", table, 1)
            ),
            23 => format!(
                "INSERT INTO {name} (k, other) SELECT k, 4 FROM {second} b WHERE {} UNION SELECT {}, 5",
                self.condition("b.k", other, 1),
                self.value(table)
            ),
            24 => format!(
                "INSERT INTO {name} (other, k) SELECT 4, k FROM {second} b WHERE {} UNION ALL SELECT 5, k FROM {name} WHERE {}",
                self.condition("b.k", other, 1),
                self.condition("k", table, 1)
            ),
            25 => format!(
                "UPDATE {name} SET other = 6 WHERE {} AND EXISTS (SELECT 1 FROM {second} b WHERE b.k = {name}.k)",
                self.condition("k", table, 1)
            ),
            26 => format!(
                "DELETE FROM {name} WHERE EXISTS (SELECT 1 FROM {second} b WHERE {name}.k = b.k AND {})",
                self.condition("b.k", other, 1)
            ),
            27 => format!(
                "DELETE FROM {name} WHERE k IN (SELECT k FROM {second} WHERE {} UNION SELECT k FROM {second} WHERE {})",
                self.condition("k", other, 1),
                self.condition("k", other, 0)
            ),
            28 => format!(
                "UPDATE {name} SET other = 8 WHERE k {} {} AND {} {} k",
                self.random.pick(&[">", ">="]),
                self.value(table),
                self.value(table),
                self.random.pick(&[">", ">="])
            ),
            29 => format!(
                "INSERT INTO {name} (k, other) SELECT k, COUNT(*) FROM {second} b WHERE {} GROUP BY k WITH ROLLUP",
                self.condition("b.k", other, 1)
            ),
            _ => format!(
                "WITH c AS (SELECT k FROM {second} WHERE {}) DELETE a FROM {name} a JOIN c ON a.k = c.k",
                self.condition("k", other, 2)
            ),
        };
        self.noisy(&pieces)
    }

    fn value(&mut self, table: &Table) -> String {
        let value = match self.random.below(10) {
            0..=4 => (*self.random.pick(table.values)).to_owned(),
            5 => {
                let value = *self.random.pick(table.values);
                if value.starts_with('\'') { value.to_owned() } else { format!("'{value}'") }
            }
            _ => (*self.random.pick(&ODD)).to_owned(),
        };
        match &mut self.parameters {
            Some(parameters) if value.parse::<i64>().is_ok() || is_plain_text(&value) => {
                parameters.push(value);
                "?".to_owned()
            }
            _ => value,
        }
    }

    fn condition(&mut self, column: &str, table: &Table, depth: usize) -> String {
        let kind = self.random.below(if depth == 0 { 12 } else { 22 });
        let value = |own: &mut Statements| own.value(table);
        match kind {
            0..=3 => format!("{column} = {}", value(self)),
            4 => format!("{} = {column}", value(self)),
            5 => format!("{column} <=> {}", value(self)),
            6 | 7 => {
                let values: Vec<String> = (0..=self.random.below(3)).map(|_| value(self)).collect();
                format!("{column} IN ({})", values.join(", "))
            }
            8 => format!("{column} BETWEEN {} AND {}", value(self), value(self)),
            9 => format!("({column}, {}) = ({}, 1)", column.replace('k', "other"), value(self)),
            10 => {
                let (first, second) = (value(self), value(self));
                format!("({column}, 1) IN (({first}, 1), ({second}, 1))")
            }
            11 if column == "k" => {
                (*self.random.pick(&["1 = 1", "other = 1", "note IS NULL", "id > 0", "0"])).to_owned()
            }
            11 => "1".to_owned(),
            12..=14 => {
                format!("{} AND {}", self.condition(column, table, depth - 1), self.condition(column, table, depth - 1))
            }
            15 | 16 => {
                format!("{} OR {}", self.condition(column, table, depth - 1), self.condition(column, table, depth - 1))
            }
            17 => format!("({})", self.condition(column, table, depth - 1)),
            18 => {
                let joined = *self.random.pick(&["||", "&&", "XOR", "= 1 ="]);
                format!(
                    "{} {joined} {}",
                    self.condition(column, table, depth - 1),
                    self.condition(column, table, depth - 1)
                )
            }
            19 => {
                let not = *self.random.pick(&["NOT", "!", "-", "NOT NOT"]);
                format!("{not} {}", self.condition(column, table, depth - 1))
            }
            20 => {
                let behind = *self.random.pick(&[
                    "IS NOT TRUE",
                    "IS NULL",
                    "= 0",
                    "+ 1",
                    "COLLATE utf8mb4_bin",
                    "IN (0, 1)",
                    "| 1",
                    "<> 1",
                ]);
                format!("{} {behind}", self.condition(column, table, depth - 1))
            }
            _ => {
                let before = self.condition(column, table, depth - 1);
                // A parameter in there would count for one server only.
                let parameters = self.parameters.take();
                let hidden = self.condition(column, table, 0);
                self.parameters = parameters;
                let joined = *self.random.pick(&["OR", "AND"]);
                let comment = self.random.pick(&VERSIONED).replace('X', &format!("{joined} {hidden}"));
                format!("{before} {comment}")
            }
        }
    }

    /// Other white space, comments, and letters in the other case where they mean the same.
    fn noisy(&mut self, text: &str) -> String {
        if !self.random.one_in(3) {
            return text.to_owned();
        }
        let mut noisy = String::new();
        let mut quote = None;
        let mut in_comment = false;
        for (at, character) in text.char_indices() {
            in_comment |= text[at..].starts_with("/*");
            match quote {
                Some(open) if character == open => quote = None,
                None if !in_comment && matches!(character, '\'' | '"') => quote = Some(character),
                _ => {}
            }
            if character == ' ' && quote.is_none() && !in_comment {
                noisy.push_str(NOISE[self.random.below(NOISE.len())]);
            } else {
                noisy.push(character);
            }
            in_comment &= !text[..at + character.len_utf8()].ends_with("*/");
        }
        noisy
    }
}

fn is_plain_text(value: &str) -> bool {
    value.len() >= 2
        && value.starts_with('\'')
        && value.ends_with('\'')
        && !value[1..value.len() - 1].contains(['\'', '\\'])
}
