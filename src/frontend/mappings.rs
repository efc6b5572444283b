//! Keys that tables map: what a worker's sessions have looked up, bounded, and the looking up itself.
//!
//! Only what was found is kept: an entry never changes, but one that is missing may come at any time.

use std::collections::HashMap;

use super::request::Request;
use super::session::Session;
use crate::model::{Epoch, Snapshot};
use crate::route::{Asked, LookedUp, asked};
use crate::sql::{KeyValue, Statement};

/// How many entries a generation holds; there are two.
const GENERATION: usize = 16_384;

/// How many keys of one statement are looked up.
const MOST_ASKED: usize = 1_000;

/// What was found, the newest first; when a generation is full, the one before it is forgotten.
#[derive(Debug, Default)]
pub struct Mappings {
    young: HashMap<Asked, (Epoch, KeyValue)>,
    old: HashMap<Asked, (Epoch, KeyValue)>,
}

impl Mappings {
    fn get(&mut self, asked: &Asked, epoch: Epoch) -> Option<KeyValue> {
        let of = |kept: &HashMap<Asked, (Epoch, KeyValue)>| {
            kept.get(asked).filter(|(found_at, _)| *found_at == epoch).map(|(_, value)| value.clone())
        };
        if let Some(value) = of(&self.young) {
            return Some(value);
        }
        let value = of(&self.old)?;
        self.put(asked.clone(), epoch, value.clone());
        Some(value)
    }

    fn put(&mut self, asked: Asked, epoch: Epoch, value: KeyValue) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(asked, (epoch, value));
    }
}

impl Session {
    /// Looks up the keys that `statement` cannot be placed without. Returns whether anything was found out, so that deciding anew makes sense.
    pub(super) async fn look_up(&self, request: &mut Request, snapshot: &Snapshot, statement: &Statement) -> bool {
        let wanted = asked(&snapshot.state, &self.view(snapshot, request), statement);
        if wanted.is_empty() || wanted.len() > MOST_ASKED {
            return false;
        }
        let epoch_of = |asked: &Asked| snapshot.state.group(asked.group).global_epoch;
        let mut unknown = Vec::new();
        {
            let mut known = self.worker.mappings.borrow_mut();
            for asked in wanted {
                let epoch = epoch_of(&asked);
                match known.get(&asked, epoch) {
                    Some(value) => request.looked_up.push(LookedUp { asked, value: Some(value), epoch }),
                    None => unknown.push(asked),
                }
            }
        }
        if unknown.is_empty() {
            return true;
        }
        let found = self.worker.node.mappings.look_up(self.home(snapshot), unknown).await;
        let is_any = !found.is_empty();
        let mut known = self.worker.mappings.borrow_mut();
        for looked_up in found {
            if let Some(value) = &looked_up.value {
                known.put(looked_up.asked.clone(), looked_up.epoch, value.clone());
            }
            request.looked_up.push(looked_up);
        }
        is_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupId;

    fn key(number: i128) -> Asked {
        Asked { group: GroupId(0), key_type: 1, key: KeyValue::Integer(number) }
    }

    #[test]
    fn what_was_found_is_kept_within_bounds_and_only_under_its_epoch() {
        let mut known = Mappings::default();
        for number in 0..100_000 {
            known.put(key(number), Epoch(7), KeyValue::Integer(number + 1));
            assert_eq!(known.get(&key(0), Epoch(7)), Some(KeyValue::Integer(1)), "used all the time");
        }
        assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
        assert_eq!(known.get(&key(99_999), Epoch(7)), Some(KeyValue::Integer(100_000)));
        assert_eq!(known.get(&key(99_999), Epoch(8)), None);
        assert_eq!(known.get(&key(5), Epoch(7)), None);
    }
}
