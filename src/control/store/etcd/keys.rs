//! The names of the keys below a cluster's prefix: what holds now in one stretch, so that one watch sees all of it in order, and former documents
//! in another.

use crate::model::{Epoch, Incarnation};

/// The keys of one prefix.
#[derive(Clone, Debug)]
pub struct Keys {
    prefix: String,
}

/// What a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The control document.
    Document,
    /// Goes with an incarnation's lease.
    Node(Incarnation),
    /// Stays until the incarnation has signed off, or is known to be able to write no more.
    Incarnation(Incarnation),
    /// Somebody is shutting this incarnation out at a source.
    ShutOut(Incarnation),
    /// A question to all.
    Question(u64),
    /// What revisions count from as numbers of accounts.
    Base,
    /// A counter, or something a newer program put there.
    Other,
}

impl Keys {
    /// Those below `prefix`, which ends with `/`.
    pub fn below(prefix: &str) -> Keys {
        Keys { prefix: prefix.to_owned() }
    }

    /// The control document.
    pub fn document(&self) -> Vec<u8> {
        self.now("document")
    }

    /// A former control document.
    pub fn former(&self, epoch: Epoch) -> Vec<u8> {
        format!("{}past/{:020}", self.prefix, epoch.0).into_bytes()
    }

    /// What revisions count from as numbers of accounts: none that was given before a restored snapshot may come again.
    pub fn base(&self) -> Vec<u8> {
        self.now("base")
    }

    /// The number of a node's last incarnation.
    pub fn count(&self, node: &str) -> Vec<u8> {
        self.now(&format!("count/{node}"))
    }

    /// The number of the last question.
    pub fn question_count(&self) -> Vec<u8> {
        self.now("questions")
    }

    /// What goes with the lease.
    pub fn node(&self, incarnation: &Incarnation) -> Vec<u8> {
        self.now(&format!("node/{incarnation}"))
    }

    /// What stays.
    pub fn incarnation(&self, incarnation: &Incarnation) -> Vec<u8> {
        self.now(&format!("incarnation/{incarnation}"))
    }

    /// Says that it is being shut out.
    pub fn shut_out(&self, incarnation: &Incarnation) -> Vec<u8> {
        self.now(&format!("shut-out/{incarnation}"))
    }

    /// A question.
    pub fn question(&self, number: u64) -> Vec<u8> {
        self.now(&format!("question/{number}"))
    }

    /// From the first key that holds now to the one after the last.
    pub fn all_now(&self) -> (Vec<u8>, Vec<u8>) {
        // '0' follows '/'.
        (self.now(""), format!("{}now0", self.prefix).into_bytes())
    }

    /// What `key` is.
    pub fn read(&self, key: &[u8]) -> Key {
        let name = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(self.prefix.as_str()));
        let Some(name) = name.and_then(|name| name.strip_prefix("now/")) else { return Key::Other };
        match name {
            "document" => return Key::Document,
            "base" => return Key::Base,
            _ => {}
        }
        let read = match name.split_once('/') {
            Some(("node", rest)) => incarnation(rest).map(Key::Node),
            Some(("incarnation", rest)) => incarnation(rest).map(Key::Incarnation),
            Some(("shut-out", rest)) => incarnation(rest).map(Key::ShutOut),
            Some(("question", rest)) => rest.parse().ok().map(Key::Question),
            Some(_) | None => None,
        };
        read.unwrap_or(Key::Other)
    }

    fn now(&self, name: &str) -> Vec<u8> {
        format!("{}now/{name}", self.prefix).into_bytes()
    }
}

fn incarnation(text: &str) -> Option<Incarnation> {
    let (node, number) = text.rsplit_once('#')?;
    Some(Incarnation { node: node.to_owned(), number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let keys = Keys::below("/meridian/prod/");
        let incarnation = Incarnation { node: "hz-1".to_owned(), number: 12 };
        assert_eq!(keys.read(&keys.document()), Key::Document);
        assert_eq!(keys.read(&keys.base()), Key::Base);
        assert_eq!(keys.read(&keys.node(&incarnation)), Key::Node(incarnation.clone()));
        assert_eq!(keys.read(&keys.incarnation(&incarnation)), Key::Incarnation(incarnation.clone()));
        assert_eq!(keys.read(&keys.shut_out(&incarnation)), Key::ShutOut(incarnation));
        assert_eq!(keys.read(&keys.question(7)), Key::Question(7));
        for other in [keys.count("hz-1"), keys.former(Epoch(3)), keys.question_count(), b"/meridian/prodigy".to_vec()] {
            assert_eq!(keys.read(&other), Key::Other);
        }
        let (first, end) = keys.all_now();
        assert!(keys.document() > first && keys.question(9) < end && keys.former(Epoch(1)) > end);
    }
}
