//! The statements prepared on one connection: which of a session's statements it knows, under which id of the server.

use std::collections::HashMap;
use std::sync::Arc;

/// What decides whether two PREPAREs mean the same statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreparedKey {
    /// The text as the client sent it.
    pub text: Arc<[u8]>,
    /// The schema at PREPARE.
    pub schema: Option<String>,
    /// sql_mode and character set at PREPARE, as the session had set them.
    pub reading: Arc<str>,
}

/// One statement as the server knows it.
#[derive(Clone, Debug)]
pub struct ServerStatement {
    /// The server's id.
    pub id: u32,
    /// The parameter types the server last got; `None` before the first execution.
    pub types: Option<Arc<[u8]>>,
    used: u64,
}

/// The statements of one connection, at most `capacity` of them.
#[derive(Debug)]
pub struct PreparedStatements {
    by_key: HashMap<Arc<PreparedKey>, ServerStatement>,
    capacity: usize,
    clock: u64,
}

impl PreparedStatements {
    /// None yet; at most `capacity` are kept.
    pub fn new(capacity: usize) -> PreparedStatements {
        PreparedStatements { by_key: HashMap::new(), capacity: capacity.max(1), clock: 0 }
    }

    /// The statement, marked as used just now.
    pub fn get(&mut self, key: &PreparedKey) -> Option<&mut ServerStatement> {
        self.clock += 1;
        let statement = self.by_key.get_mut(key)?;
        statement.used = self.clock;
        Some(statement)
    }

    /// Records a statement the server has prepared. Returns the id of the one that has to be closed: the least used one at the bound, or
    /// the new one where the connection had prepared the same before, which may have a cursor open.
    pub fn insert(&mut self, key: Arc<PreparedKey>, id: u32) -> Option<u32> {
        self.clock += 1;
        if let Some(known) = self.by_key.get_mut(&key) {
            known.used = self.clock;
            return Some(id);
        }
        let evicted = if self.by_key.len() >= self.capacity { self.remove_oldest() } else { None };
        self.by_key.insert(key, ServerStatement { id, types: None, used: self.clock });
        evicted
    }

    /// Forgets the older half, all if there is but one; their ids, to be closed.
    pub fn remove_half(&mut self) -> Vec<u32> {
        (0..self.by_key.len().div_ceil(2)).filter_map(|_| self.remove_oldest()).collect()
    }

    /// How many are prepared.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none is prepared.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Forgets all: the server dropped them (COM_RESET_CONNECTION).
    pub fn clear(&mut self) {
        self.by_key.clear();
    }

    /// Forgets one, which the server no longer knows.
    pub fn remove(&mut self, key: &PreparedKey) -> Option<u32> {
        self.by_key.remove(key).map(|statement| statement.id)
    }

    // A scan of a few hundred entries, only when a full cache meets a new text: a linked list would cost every hit.
    fn remove_oldest(&mut self) -> Option<u32> {
        let oldest = self.by_key.iter().min_by_key(|(_, statement)| statement.used).map(|(key, _)| Arc::clone(key))?;
        self.remove(&oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<PreparedKey> {
        Arc::new(PreparedKey { text: text.as_bytes().into(), schema: None, reading: "".into() })
    }

    #[test]
    fn the_least_recently_used_statement_is_closed_at_the_bound() {
        let mut statements = PreparedStatements::new(2);
        assert_eq!(statements.insert(key("a"), 1), None);
        assert_eq!(statements.insert(key("b"), 2), None);
        assert!(statements.get(&key("a")).is_some());
        assert_eq!(statements.insert(key("c"), 3), Some(2));
        assert!(statements.get(&key("b")).is_none());
        assert_eq!(statements.len(), 2);
    }

    #[test]
    fn a_text_prepared_again_leaves_one_statement_at_the_server() {
        let mut statements = PreparedStatements::new(2);
        assert_eq!(statements.insert(key("a"), 1), None);
        assert_eq!(statements.insert(key("a"), 2), Some(2), "the new one is closed");
        assert_eq!(statements.get(&key("a")).map(|known| known.id), Some(1));
    }

    #[test]
    fn half_of_the_statements_make_room_the_older_half() {
        let mut statements = PreparedStatements::new(4);
        for (id, text) in [(1, "a"), (2, "b"), (3, "c")] {
            statements.insert(key(text), id);
        }
        assert_eq!(statements.remove_half(), [1, 2]);
        assert_eq!(statements.remove_half(), [3]);
        assert!(statements.remove_half().is_empty());
    }
}
