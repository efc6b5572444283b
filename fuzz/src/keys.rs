//! Statements with conditions on the routing key, made of bytes: what is read from them is compared with what the condition means.

use crate::sql::{KeyValue, Keys, Placement, SqlContext, Statement, StatementClass, analyze};
use crate::world::{MARIADB, MYSQL, world};

/// Values of keys lie below this.
const KEYS: i128 = 12;

/// A condition on rows of `orders`.
enum Condition {
    /// The key is one of these.
    In(Vec<i128>),
    /// The key lies between these.
    Between(i128, i128),
    /// Something else, of which our reading makes less than the servers do.
    Other(&'static str),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

/// Bytes as choices; none left is always the first choice.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count
    }

    fn key(&mut self) -> i128 {
        self.next(KEYS as usize) as i128
    }

    fn condition(&mut self, depth: usize) -> Condition {
        let kinds = if depth == 0 { 4 } else { 7 };
        let several = |choices: &mut Self| (0..=choices.next(3)).map(|_| choices.condition(depth - 1)).collect();
        match self.next(kinds) {
            0 | 1 => Condition::In((0..=self.next(3)).map(|_| self.key()).collect()),
            2 => Condition::Between(self.key(), self.key()),
            3 => Condition::Other(OTHERS[self.next(OTHERS.len())]),
            4 => Condition::And(several(self)),
            5 => Condition::Or(several(self)),
            _ => Condition::Not(Box::new(self.condition(depth - 1))),
        }
    }
}

/// Each by itself says nothing of the others' columns: what is said of `id` would be said of a key that equals it.
const OTHERS: [&str; 9] = [
    "item > 'a'",
    "item = 'user_id = 1'",
    "user_id > 3",
    "user_id <> 4",
    "user_id + 0 = 3",
    "item IN (SELECT name FROM product)",
    "user_id IS NOT NULL",
    "user_id = id",
    "NOT EXISTS (SELECT 1 FROM product WHERE id = 7)",
];

impl Condition {
    /// Whether a row with `key` can meet it, and whether one can fail it.
    fn can(&self, key: i128) -> (bool, bool) {
        let certain = |is_met: bool| (is_met, !is_met);
        match self {
            Condition::In(keys) => certain(keys.contains(&key)),
            Condition::Between(low, high) => certain((*low..=*high).contains(&key)),
            Condition::Other("user_id > 3") => certain(key > 3),
            Condition::Other("user_id <> 4") => certain(key != 4),
            Condition::Other("user_id + 0 = 3") => certain(key == 3),
            Condition::Other("user_id IS NOT NULL") => certain(true),
            Condition::Other(_) => (true, true),
            Condition::And(all) => (all.iter().all(|one| one.can(key).0), all.iter().any(|one| one.can(key).1)),
            Condition::Or(any) => (any.iter().any(|one| one.can(key).0), any.iter().all(|one| one.can(key).1)),
            Condition::Not(inner) => {
                let (met, failed) = inner.can(key);
                (failed, met)
            }
        }
    }

    /// Its text; with `parameters`, keys are `?` and stand there.
    fn write(&self, choices: &mut Choices<'_>, parameters: &mut Option<Vec<KeyValue>>, out: &mut String) {
        let mut value = |key: i128, out: &mut String| match parameters {
            Some(values) => {
                values.push(KeyValue::Integer(key));
                out.push('?');
            }
            None => out.push_str(&key.to_string()),
        };
        match self {
            Condition::In(keys) => match (keys.as_slice(), choices.next(4)) {
                ([key], 0) => {
                    out.push_str("orders.user_id=");
                    value(*key, out);
                }
                ([key], 1) => {
                    value(*key, out);
                    out.push_str(" <=> `user_id`");
                }
                (keys, _) => {
                    out.push_str("user_id in (");
                    for (number, key) in keys.iter().enumerate() {
                        out.push_str(if number > 0 { ", " } else { "" });
                        value(*key, out);
                    }
                    out.push(')');
                }
            },
            Condition::Between(low, high) => {
                let (before, between) = if choices.next(2) == 0 {
                    ("user_id BETWEEN ", " AND ")
                } else {
                    ("(user_id >= ", " AND user_id <= ")
                };
                out.push_str(before);
                value(*low, out);
                out.push_str(between);
                value(*high, out);
                out.push_str(if before.starts_with('(') { ")" } else { "" });
            }
            Condition::Other(text) => out.push_str(text),
            Condition::And(all) | Condition::Or(all) => {
                let word = if matches!(self, Condition::And(_)) { " AND " } else { " or " };
                out.push('(');
                for (number, one) in all.iter().enumerate() {
                    out.push_str(if number > 0 { word } else { "" });
                    one.write(choices, parameters, out);
                }
                out.push(')');
            }
            Condition::Not(inner) => {
                out.push_str("NOT (");
                inner.write(choices, parameters, out);
                out.push(')');
            }
        }
    }
}

const BEFORE: [&str; 5] = [
    "DELETE FROM orders WHERE ",
    "UPDATE orders SET item = 'x' WHERE ",
    "SELECT * FROM orders WHERE ",
    "SELECT * FROM orders JOIN product ON product.id = orders.id WHERE ",
    "SELECT id FROM orders WHERE ",
];

const BEHIND: [&str; 4] = ["", " FOR UPDATE", " ORDER BY id LIMIT 3", " /* user_id = 1 */"];

/// A statement on the rows of a condition names every key that such a row can have, or none at all; so it is with parameters.
pub fn keys(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let world = world();
    let context = SqlContext { dialect: if choices.next(2) == 0 { MARIADB } else { MYSQL }, ..world.context() };
    let (before, behind) = (BEFORE[choices.next(BEFORE.len())], BEHIND[choices.next(BEHIND.len())]);
    let behind = if before.starts_with("SELECT") || behind != BEHIND[1] { behind } else { "" };
    let condition = choices.condition(4);
    let rest = choices.0;
    let text_of = |parameters: &mut Option<Vec<KeyValue>>| {
        let mut text = before.to_owned();
        condition.write(&mut Choices(rest), parameters, &mut text);
        text + behind
    };
    let text = text_of(&mut None);
    check(&condition, named(&analyze(text.as_bytes(), &context), &text), &text);
    let mut values = Some(Vec::new());
    let prepared = text_of(&mut values);
    let bound = analyze(prepared.as_bytes(), &context).bind(&values.unwrap_or_default());
    check(&condition, named(&bound, &prepared), &prepared);
}

fn check(condition: &Condition, named: Option<Vec<i128>>, text: &str) {
    let Some(named) = named else { return };
    let possible = (-1..=KEYS).filter(|key| condition.can(*key).0);
    let unnamed: Vec<i128> = possible.filter(|key| !named.contains(key)).collect();
    assert!(unnamed.is_empty(), "{text}\nnames {named:?}, and rows of {unnamed:?} meet it");
}

/// The keys a statement names, rising, each once; `None` where it names none, or not with certainty.
fn named(statement: &Statement, text: &str) -> Option<Vec<i128>> {
    let facts = statement.first();
    let reads = text.starts_with("SELECT");
    assert!(reads || !matches!(facts.class, StatementClass::Read), "{text} is no read");
    let Placement::Sharded { keys: Keys::Sources(_), .. } = &facts.placement else { return None };
    let mut keys = Vec::new();
    for bound in &statement.keys {
        match &bound.value {
            KeyValue::Integer(key) => keys.push(*key),
            KeyValue::Null => {}
            KeyValue::Text(_) | KeyValue::Unreadable => return None,
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Some(keys)
}
