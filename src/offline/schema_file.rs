//! CREATE TABLE statements -> a catalog: names and types of columns as far as keys need them. Pure.
//!
//! It reads what SHOW CREATE TABLE and mysqldump write. What it does not understand it leaves out, so that its columns are unknown to routing.

use super::statements::split;
use crate::model::column::ColumnDescription;
use crate::model::{Catalog, CatalogColumn, CatalogTable, ColumnValues, TableKind};

/// Puts the tables that `text` creates into `catalog`, those without a schema into `schema`. Returns how many there are.
pub fn read(text: &str, schema: &str, catalog: &mut Catalog) -> usize {
    let (mut schema, mut tables) = (schema.to_owned(), 0);
    for statement in split(text) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        if let [verb, name] = words[..]
            && verb.eq_ignore_ascii_case("use")
        {
            schema = unquoted(name);
        }
        if let Some((named_in, table, entry)) = created(&statement) {
            catalog.schemas.entry(named_in.unwrap_or_else(|| schema.clone())).or_default().insert(table, entry);
            tables += 1;
        }
    }
    tables
}

/// The schema (if it is named), the name and the columns of the table that a statement creates.
fn created(statement: &str) -> Option<(Option<String>, String, CatalogTable)> {
    let open = statement.find('(')?;
    let head: Vec<&str> = statement[..open].split_whitespace().collect();
    let is = |index: usize, word: &str| head.get(index).is_some_and(|found| found.eq_ignore_ascii_case(word));
    let is_create = (0..head.len()).find(|index| is(*index, "create"))?;
    if !is(is_create + 1, "table") {
        return None;
    }
    let name = head.last()?;
    let (schema, table) = match name.rsplit_once('.') {
        Some((schema, table)) => (Some(unquoted(schema)), unquoted(table)),
        None => (None, unquoted(name)),
    };
    let body = &statement[open + 1..statement.rfind(')')?];
    let table_collation = word_behind(&statement[statement.rfind(')')?..], "collate=");
    let columns = parts(body).into_iter().filter_map(|part| column(part, table_collation.as_deref())).collect();
    Some((schema, table.to_lowercase(), CatalogTable { kind: TableKind::Base, columns }))
}

/// The parts of a table's body, apart by commas outside parentheses and quotes.
fn parts(body: &str) -> Vec<&str> {
    let (mut found, mut depth, mut quote, mut begin) = (Vec::new(), 0usize, None, 0);
    for (index, letter) in body.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                found.push(body[begin..index].trim());
                begin = index + 1;
            }
            (None, _) => {}
        }
    }
    found.push(body[begin..].trim());
    found
}

fn column(part: &str, table_collation: Option<&str>) -> Option<CatalogColumn> {
    const NO_COLUMNS: [&str; 10] =
        ["primary", "unique", "key", "index", "constraint", "foreign", "fulltext", "spatial", "check", "period"];
    let (name, rest) = part.split_once(char::is_whitespace)?;
    if !name.starts_with('`') && NO_COLUMNS.contains(&name.to_ascii_lowercase().as_str()) {
        return None;
    }
    let folded = rest.trim().to_lowercase();
    let data_type: String = folded.chars().take_while(|letter| letter.is_ascii_alphanumeric()).collect();
    let behind = &folded[data_type.len()..];
    let size = behind.strip_prefix('(').and_then(|size| size.split(')').next());
    let data_type = match data_type.as_str() {
        "integer" => "int".to_owned(),
        "bool" | "boolean" => "tinyint".to_owned(),
        "numeric" | "dec" | "fixed" => "decimal".to_owned(),
        _ => data_type,
    };
    let column_type = match size {
        Some(size) => format!("{data_type}({size}){}", if folded.contains(" unsigned") { " unsigned" } else { "" }),
        None => format!("{data_type}{}", if folded.contains(" unsigned") { " unsigned" } else { "" }),
    };
    let collation = word_behind(&folded, "collate ").or_else(|| table_collation.map(str::to_owned));
    let described = ColumnDescription {
        data_type: &data_type,
        column_type: &column_type,
        length: size.and_then(|size| size.parse().ok()),
        collation: collation.as_deref(),
    };
    Some(CatalogColumn {
        name: unquoted(name).to_lowercase(),
        numeric: NUMERIC.contains(&data_type.as_str()),
        values: ColumnValues::of(described),
        invisible: folded.contains(" invisible"),
    })
}

const NUMERIC: [&str; 10] =
    ["tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "bit"];

fn word_behind(text: &str, before: &str) -> Option<String> {
    let folded = text.to_lowercase();
    let at = folded.find(before)? + before.len();
    let word: String = folded[at..]
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        .collect();
    Some(word).filter(|word| !word.is_empty())
}

fn unquoted(name: &str) -> String {
    name.trim_matches(['`', '"', ';']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_dumps_write_them() {
        let text = "-- dump\nUSE `shop`;\nCREATE TABLE `orders` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT,\n  `user_id` BIGINT UNSIGNED NOT NULL COMMENT 'a, (b)',\n\
                    \x20 `name` varchar(190) COLLATE utf8mb4_bin DEFAULT 'x,y',\n  `price` decimal(10,2),\n  PRIMARY KEY (`id`),\n  KEY `k` (`user_id`,`name`)\n) ENGINE=InnoDB COLLATE=utf8mb4_general_ci;\n\
                    CREATE TABLE IF NOT EXISTS pay.bill (total INT, CHECK (total > 0));\nINSERT INTO orders VALUES (1);";
        let mut catalog = Catalog::default();
        assert_eq!(read(text, "other", &mut catalog), 2);
        let names = |schema: &str, table: &str| -> Vec<(String, bool)> {
            let entry = catalog.table(schema, table).into_iter().flat_map(|entry| &entry.columns);
            entry.map(|column| (column.name.clone(), column.numeric)).collect()
        };
        let expected = [("id", true), ("user_id", true), ("name", false), ("price", true)];
        assert_eq!(names("shop", "orders"), expected.map(|(name, numeric)| (name.to_owned(), numeric)));
        assert_eq!(names("pay", "bill"), [("total".to_owned(), true)]);
    }
}
