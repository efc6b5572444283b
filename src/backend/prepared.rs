//! The statements prepared on one connection: which of a session's statements it knows, under which id of the server.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::wire::parameter_history::{ParameterHistory, ParameterKind};

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
    /// What its executions have shown of its parameters, where that decides how the server reads later ones.
    pub seen: ParameterHistory,
    used: u64,
}

/// What a session's statement is about to be executed with.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The session's id of it.
    pub holder: u32,
    /// The kinds of the values; none where the server does not mind.
    pub kinds: &'a [ParameterKind],
    /// What the session's statement will have seen then.
    pub seen: &'a ParameterHistory,
}

/// The statements of one connection, at most `capacity` of them.
#[derive(Debug)]
pub struct PreparedStatements {
    by_key: HashMap<Arc<PreparedKey>, SmallVec<[ServerStatement; 1]>>,
    /// The open cursors: the session's statement, and the server's id of the one that has it open.
    cursors: SmallVec<[(u32, u32); 1]>,
    count: usize,
    capacity: usize,
    clock: u64,
}

impl PreparedStatements {
    /// None yet; at most `capacity` are kept.
    pub fn new(capacity: usize) -> PreparedStatements {
        PreparedStatements {
            by_key: HashMap::new(),
            cursors: SmallVec::new(),
            count: 0,
            capacity: capacity.max(1),
            clock: 0,
        }
    }

    /// A statement that nobody can tell from the session's own, marked as used just now. Two statements of one session that have cursors open
    /// are two; one with an open cursor is executed where that is, which closes it.
    pub fn get(&mut self, key: &PreparedKey, wanted: Wanted<'_>) -> Option<&mut ServerStatement> {
        self.clock += 1;
        let own = self.cursor_of(wanted.holder);
        let cursors = &self.cursors;
        let statement = self.by_key.get_mut(key)?.iter_mut().find(|statement| {
            let place = match own {
                Some(own) => statement.id == own,
                None => cursors.iter().all(|(_, id)| *id != statement.id),
            };
            place && statement.seen.after(wanted.kinds).stands_for(wanted.seen)
        })?;
        statement.used = self.clock;
        Some(statement)
    }

    /// Whether the text is prepared, in whatever state.
    pub fn knows(&self, key: &PreparedKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Records a statement the server has prepared. Returns the id of the one that has to be closed: the least used one at the bound.
    pub fn insert(&mut self, key: Arc<PreparedKey>, id: u32) -> Option<u32> {
        self.clock += 1;
        let evicted = if self.count >= self.capacity { self.remove_oldest() } else { None };
        let (seen, used) = (ParameterHistory::default(), self.clock);
        self.by_key.entry(key).or_default().push(ServerStatement { id, types: None, seen, used });
        self.count += 1;
        evicted
    }

    /// Forgets the server's statement with this id, for it to be closed.
    pub fn forget(&mut self, id: u32) {
        self.by_key.retain(|_, statements| {
            let before = statements.len();
            statements.retain(|statement| statement.id != id);
            self.count -= before - statements.len();
            !statements.is_empty()
        });
        self.cursors.retain(|(_, open)| *open != id);
    }

    /// The server's statement with this id has a cursor open for the session's statement `holder`.
    pub fn open_cursor(&mut self, holder: u32, id: u32) {
        self.close_cursor(holder);
        self.cursors.push((holder, id));
    }

    /// The server's id of the statement that has a cursor open for the session's statement `holder`.
    pub fn cursor_of(&self, holder: u32) -> Option<u32> {
        self.cursors.iter().find(|(known, _)| *known == holder).map(|(_, id)| *id)
    }

    /// The cursor of the session's statement `holder` is closed.
    pub fn close_cursor(&mut self, holder: u32) {
        self.cursors.retain(|(known, _)| *known != holder);
    }

    /// Forgets the older half, all if there is but one; their ids, to be closed.
    pub fn remove_half(&mut self) -> Vec<u32> {
        (0..self.count.div_ceil(2)).filter_map(|_| self.remove_oldest()).collect()
    }

    /// How many are prepared.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is prepared.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets all: the server dropped them (COM_RESET_CONNECTION).
    pub fn clear(&mut self) {
        self.by_key.clear();
        self.cursors.clear();
        self.count = 0;
    }

    // A scan of a few hundred entries, only when a full cache meets a new text: a linked list would cost every hit. One whose cursor is
    // open stays.
    fn remove_oldest(&mut self) -> Option<u32> {
        let all = self.by_key.values().flatten();
        let closable = all.filter(|known| self.cursors.iter().all(|(_, id)| *id != known.id));
        let id = closable.min_by_key(|known| known.used)?.id;
        self.forget(id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<PreparedKey> {
        Arc::new(PreparedKey { text: text.as_bytes().into(), schema: None, reading: "".into() })
    }

    fn found(statements: &mut PreparedStatements, text: &str, holder: u32, kinds: &[ParameterKind]) -> Option<u32> {
        let seen = ParameterHistory::default().after(kinds);
        let known = statements.get(&key(text), Wanted { holder, kinds, seen: &seen })?;
        known.seen = known.seen.after(kinds);
        Some(known.id)
    }

    #[test]
    fn the_least_recently_used_statement_is_closed_at_the_bound() {
        let mut statements = PreparedStatements::new(2);
        assert_eq!(statements.insert(key("a"), 1), None);
        assert_eq!(statements.insert(key("b"), 2), None);
        assert_eq!(found(&mut statements, "a", 1, &[]), Some(1));
        assert_eq!(statements.insert(key("c"), 3), Some(2));
        assert_eq!(found(&mut statements, "b", 1, &[]), None);
        assert!(!statements.knows(&key("b")));
        assert_eq!(statements.len(), 2);
    }

    #[test]
    fn a_statement_that_has_seen_other_types_is_another_one() {
        let mut statements = PreparedStatements::new(4);
        statements.insert(key("a"), 1);
        assert_eq!(found(&mut statements, "a", 1, &[ParameterKind::Signed]), Some(1));
        assert_eq!(found(&mut statements, "a", 2, &[ParameterKind::Text]), None);
        statements.insert(key("a"), 2);
        assert_eq!(found(&mut statements, "a", 2, &[ParameterKind::Text]), Some(2));
        assert_eq!(found(&mut statements, "a", 3, &[ParameterKind::Signed]), Some(1));
        assert_eq!(statements.len(), 2);
    }

    #[test]
    fn a_statement_with_an_open_cursor_is_nobody_elses() {
        let mut statements = PreparedStatements::new(1);
        statements.insert(key("a"), 1);
        statements.open_cursor(7, 1);
        assert_eq!(statements.cursor_of(7), Some(1));
        assert_eq!(found(&mut statements, "a", 8, &[]), None);
        assert_eq!(found(&mut statements, "a", 7, &[]), Some(1));
        assert_eq!(statements.insert(key("a"), 2), None, "the one with the cursor stays, beyond the bound");
        assert_eq!(found(&mut statements, "a", 8, &[]), Some(2));
        statements.close_cursor(7);
        assert_eq!(statements.cursor_of(7), None);
        assert_eq!(found(&mut statements, "a", 8, &[]), Some(1));
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
