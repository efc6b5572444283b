//! The control document in etcd, and the nodes that share it: every change one transaction, every picture one revision.
//!
//! It decides nothing. A document above [`PLAIN`] bytes is compressed, so that the largest shard map fits into one request.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::sleep;

use super::client::{Client, EtcdConfig, EtcdError};
use super::keys::Keys;
use super::listing::{Listing, number};
use super::messages::{
    Compare, DeleteRangeRequest, KeyValue, Operation, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
    step,
};
use super::newest::{Memory, Newest};
use crate::control::document;
use crate::control::member_document as member;
use crate::control::store::contract::{REMEMBERED, Store, StoreError, check_swap};
use crate::model::{About, ControlState, Epoch, Incarnation, Picture, Question, Report};
use crate::shutdown::Shutdown;

/// Documents up to this size stay readable for people.
const PLAIN: usize = 64 << 10;

/// Between two attempts to watch again.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a number is asked for anew when others take it.
const ATTEMPTS: usize = 16;

/// A control state in etcd.
#[derive(Debug)]
pub struct EtcdStore {
    pub(super) client: Client,
    pub(super) keys: Keys,
    lease: Duration,
    newest: Newest,
    /// What revisions count from.
    base: AtomicU64,
    /// The revision of the document with this epoch, as last seen.
    known: Mutex<Option<(Epoch, i64)>>,
    picture: watch::Sender<Arc<Picture>>,
}

/// An incarnation that has entered.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which.
    pub incarnation: Incarnation,
    /// What it said of itself.
    pub about: About,
    /// Its lease.
    pub lease: i64,
    /// How long etcd said the lease lasts.
    pub lasts: Duration,
    /// The revision from which on everybody sees it.
    pub revision: i64,
    /// What revisions count from as numbers of accounts.
    pub base: u64,
}

impl Entry {
    /// What instances know the incarnation's accounts by.
    pub fn fence(&self) -> u64 {
        self.base + self.revision.unsigned_abs()
    }
}

impl EtcdStore {
    /// Connects and reads everything once. Errors: no member answers, the login is refused, what is stored cannot be read.
    pub async fn open(config: &EtcdConfig) -> Result<EtcdStore, StoreError> {
        EtcdStore::open_with(config, Newest::default()).await
    }

    /// As [`EtcdStore::open`]; what is heard of is kept in `memory` for the next process, and what the last one kept there counts: a store that
    /// holds less is an error.
    pub async fn open_remembering(config: &EtcdConfig, memory: PathBuf) -> Result<EtcdStore, StoreError> {
        let memory = Memory { file: memory, prefix: config.prefix.clone() };
        EtcdStore::open_with(config, Newest::remembered(memory)).await
    }

    async fn open_with(config: &EtcdConfig, newest: Newest) -> Result<EtcdStore, StoreError> {
        let client = Client::new(config)?;
        let store = EtcdStore {
            client,
            keys: Keys::below(&config.prefix),
            lease: config.lease,
            newest,
            base: AtomicU64::new(0),
            known: Mutex::new(None),
            picture: watch::Sender::new(Arc::default()),
        };
        let heard = store.newest.heard();
        let listing = store.list().await?;
        store.newest.check(heard, listing.written()?)?;
        store.show(&listing)?;
        Ok(store)
    }

    /// Everything in the store as it was last heard of; who waits for a change hears of each that is the newest.
    pub fn pictures(&self) -> watch::Receiver<Arc<Picture>> {
        self.picture.subscribe()
    }

    /// Tells when the store turns out to have been restored from a snapshot older than what was heard of: what it held then, and what was
    /// known. Nothing it says counts for this process any more.
    pub fn went_back(&self) -> watch::Receiver<Option<(Epoch, Epoch)>> {
        self.newest.went_back()
    }

    /// Errors: it went back.
    pub fn holds(&self) -> Result<(), StoreError> {
        self.newest.holds()
    }

    /// Keeps [`EtcdStore::pictures`] up to date until shutdown; whatever breaks, it lists and watches again.
    pub async fn follow(self: Arc<Self>, mut stopped: Shutdown) {
        let mut silent = false;
        loop {
            let outcome = tokio::select! {
                () = stopped.told() => return,
                outcome = self.watch_until_it_breaks(&mut silent) => outcome,
            };
            match outcome {
                Ok(()) => {
                    tracing::info!("etcd has forgotten the revision that was watched; everything is listed again")
                }
                Err(error) if !silent => {
                    silent = true;
                    tracing::warn!(error = &error as &dyn std::error::Error, "etcd is not heard");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stopped.told() => return,
                () = sleep(PAUSE) => {}
            }
        }
    }

    async fn watch_until_it_breaks(&self, silent: &mut bool) -> Result<(), StoreError> {
        let heard = self.newest.heard();
        let mut listing = self.list().await?;
        self.newest.check(heard, listing.written()?)?;
        let (first, end) = self.keys.all_now();
        let mut watching = self.client.watch(first, end, listing.revision() + 1).await?;
        if std::mem::take(silent) {
            tracing::info!("etcd is heard again");
        }
        self.show(&listing)?;
        loop {
            let answer = watching.next().await?;
            if answer.canceled {
                return if answer.compact_revision > 0 {
                    Ok(())
                } else {
                    Err(EtcdError::Refused(answer.cancel_reason).into())
                };
            }
            // The header tells where the server stands, which may be ahead of what it has sent so far: only events count.
            let revisions = answer.events.iter().filter_map(|event| Some(event.kv.as_ref()?.mod_revision));
            let Some(revision) = revisions.max() else { continue };
            listing.take(&self.keys, revision, answer.events);
            self.show(&listing)?;
        }
    }

    pub(super) async fn list(&self) -> Result<Listing, StoreError> {
        let (key, range_end) = self.keys.all_now();
        let answer = self.client.range(&RangeRequest { key, range_end }).await?;
        Ok(Listing::of(&self.keys, answer))
    }

    /// Publishes a listing; an older one than the last changes nothing. Errors: what is stored cannot be read.
    fn show(&self, listing: &Listing) -> Result<(), StoreError> {
        let last = Arc::clone(&self.picture.borrow());
        if listing.revision() <= last.revision {
            return Ok(());
        }
        let picture = listing.picture(&last)?;
        self.base.store(listing.base(), Ordering::Relaxed);
        if let Some(state) = &picture.state {
            self.newest.hear((state.epoch, self.counted(listing.document_revision())));
        }
        self.picture.send_if_modified(|shown| {
            let newer = picture.revision > shown.revision;
            if newer {
                *shown = Arc::new(picture);
            }
            newer
        });
        Ok(())
    }

    /// Writes a new incarnation of `node` down, before it may write anything elsewhere, under a new lease.
    pub async fn enter(&self, node: &str, about: &About) -> Result<Entry, StoreError> {
        self.still_holds_what_was_heard().await?;
        let (base, _) = self.counter(&self.keys.base()).await?;
        let lease = self.client.grant(self.lease).await?;
        for _ in 0..ATTEMPTS {
            let (last, modified) = self.counter(&self.keys.count(node)).await?;
            let incarnation = Incarnation { node: node.to_owned(), number: last + 1 };
            let value = member::write(about, &Report::default())?;
            let (counter, kept) = (self.keys.count(node), self.keys.incarnation(&incarnation));
            let request = TxnRequest {
                compare: vec![Compare::modified_at(counter.clone(), modified), Compare::modified_at(kept.clone(), 0)],
                success: vec![
                    put(counter, incarnation.number.to_string().into_bytes(), 0),
                    put(kept, value.clone(), 0),
                    put(self.keys.node(&incarnation), value, lease.id),
                ],
            };
            if let TxnResponse { succeeded: true, header: Some(header) } = self.client.txn(&request).await? {
                let lasts = Duration::from_secs(lease.ttl.unsigned_abs());
                let (about, revision) = (about.clone(), header.revision);
                return Ok(Entry { incarnation, about, lease: lease.id, lasts, revision, base });
            }
        }
        Err(StoreError::Contended)
    }

    /// Lets the lease begin anew; how long it lasts from now on. Errors: [`EtcdError::NoLease`] in it, when it has ended.
    pub async fn keep(&self, entry: &Entry) -> Result<Duration, StoreError> {
        Ok(self.client.keep_alive(entry.lease).await?)
    }

    /// Says how far this incarnation has got, as long as its lease holds.
    pub async fn report(&self, entry: &Entry, report: &Report) -> Result<(), StoreError> {
        let key = self.keys.node(&entry.incarnation);
        let value = member::write(&entry.about, report)?;
        let request = TxnRequest {
            compare: vec![Compare::exists(self.keys.incarnation(&entry.incarnation))],
            success: vec![put(key, value, entry.lease)],
        };
        match self.client.txn(&request).await? {
            TxnResponse { succeeded: true, .. } => Ok(()),
            TxnResponse { succeeded: false, .. } => Err(EtcdError::NoLease.into()),
        }
    }

    /// Forgets an incarnation that can write no more: it has ended everything itself, or its connections are known to be dead.
    pub async fn forget(&self, incarnation: &Incarnation) -> Result<(), StoreError> {
        let gone = [self.keys.node(incarnation), self.keys.incarnation(incarnation), self.keys.shut_out(incarnation)];
        self.client.txn(&TxnRequest { compare: Vec::new(), success: gone.map(delete).into() }).await?;
        Ok(())
    }

    /// Tells an incarnation, if it is still known, that it is being shut out at a source.
    pub async fn shut_out(&self, incarnation: &Incarnation) -> Result<(), StoreError> {
        let request = TxnRequest {
            compare: vec![Compare::exists(self.keys.incarnation(incarnation))],
            success: vec![put(self.keys.shut_out(incarnation), b"1".to_vec(), 0)],
        };
        self.client.txn(&request).await?;
        Ok(())
    }

    /// Signs an incarnation off that has ended everything, and its lease with it.
    pub async fn leave(&self, entry: &Entry) -> Result<(), StoreError> {
        self.forget(&entry.incarnation).await?;
        Ok(self.client.revoke(entry.lease).await?)
    }

    /// Asks all living nodes which threads at `instance` are theirs.
    pub async fn ask(&self, instance: &str) -> Result<Question, StoreError> {
        for _ in 0..ATTEMPTS {
            let counter = self.keys.question_count();
            let (last, modified) = self.counter(&counter).await?;
            let question = Question { number: last + 1, instance: instance.to_owned() };
            let request = TxnRequest {
                compare: vec![Compare::modified_at(counter.clone(), modified)],
                success: vec![
                    put(counter, question.number.to_string().into_bytes(), 0),
                    put(self.keys.question(question.number), member::write_question(&question)?, 0),
                ],
            };
            if self.client.txn(&request).await?.succeeded {
                return Ok(question);
            }
        }
        Err(StoreError::Contended)
    }

    /// Takes a question back.
    pub async fn withdraw(&self, question: &Question) -> Result<(), StoreError> {
        let gone = vec![delete(self.keys.question(question.number))];
        self.client.txn(&TxnRequest { compare: Vec::new(), success: gone }).await?;
        Ok(())
    }

    /// The number in a key, and the key's revision; zeroes when there is none.
    async fn counter(&self, key: &[u8]) -> Result<(u64, i64), StoreError> {
        let Some(found) = self.get(key).await? else { return Ok((0, 0)) };
        let number = number(&found.value).ok_or_else(|| StoreError::Unreadable { key: name_of(key) })?;
        Ok((number, found.mod_revision))
    }

    /// Whoever was away for long may find a store that was restored meanwhile and has gone on: what it wrote is told from what was heard of by
    /// the revision at which the same epoch was written. Errors: it went back.
    async fn still_holds_what_was_heard(&self) -> Result<(), StoreError> {
        let heard = self.newest.heard();
        self.load().await?;
        let Some((epoch, _)) = heard else { return Ok(()) };
        match self.get(&self.keys.former(epoch)).await? {
            Some(found) => self.newest.check(heard, Some((epoch, self.counted(found.mod_revision)))),
            // So much was written since that it was forgotten.
            None => Ok(()),
        }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<KeyValue>, StoreError> {
        let answer = self.client.range(&RangeRequest { key: key.to_vec(), range_end: Vec::new() }).await?;
        Ok(answer.kvs.into_iter().next())
    }

    fn counted(&self, revision: i64) -> u64 {
        self.base.load(Ordering::Relaxed) + revision.unsigned_abs()
    }

    fn remember(&self, known: Option<(Epoch, i64)>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn known(&self) -> Option<(Epoch, i64)> {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for EtcdStore {
    async fn load(&self) -> Result<Option<ControlState>, StoreError> {
        self.holds()?;
        let heard = self.newest.heard();
        let Some(found) = self.get(&self.keys.document()).await? else {
            self.newest.check(heard, None)?;
            self.remember(None);
            return Ok(None);
        };
        let state = document::read(&unpacked(&found.value)?)?;
        self.newest.check(heard, Some((state.epoch, self.counted(found.mod_revision))))?;
        self.remember(Some((state.epoch, found.mod_revision)));
        Ok(Some(state))
    }

    async fn compare_and_swap(&self, expected: Option<Epoch>, next: &ControlState) -> Result<(), StoreError> {
        // What was loaded last is what the caller looked at; when it is not, everything is looked at again.
        let known = match self.known() {
            Some((epoch, revision)) if Some(epoch) == expected => Some((epoch, revision)),
            Some(_) | None => {
                self.load().await?;
                self.known()
            }
        };
        let conflict = check_swap(expected, known.map(|(epoch, _)| epoch), next);
        if let Err(StoreError::Conflict { .. }) = &conflict {
            self.load().await?;
            return check_swap(expected, self.known().map(|(epoch, _)| epoch), next);
        }
        conflict?;
        let success = document_puts(&self.keys, next)?;
        let mut compare = vec![Compare::modified_at(self.keys.document(), known.map_or(0, |(_, revision)| revision))];
        // A restored store may have come to the same revision with another document.
        compare.extend(known.map(|(epoch, revision)| Compare::modified_at(self.keys.former(epoch), revision)));
        let answer = self.client.txn(&TxnRequest { compare, success }).await?;
        match answer {
            TxnResponse { succeeded: true, header: Some(header) } => {
                self.newest.hear((next.epoch, self.counted(header.revision)));
                self.remember(Some((next.epoch, header.revision)));
                Ok(())
            }
            TxnResponse { succeeded: true, header: None } => {
                self.remember(None);
                Ok(())
            }
            TxnResponse { succeeded: false, .. } => {
                self.load().await?;
                Err(StoreError::Conflict { expected, found: self.known().map(|(epoch, _)| epoch) })
            }
        }
    }

    async fn former(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError> {
        let Some(found) = self.get(&self.keys.former(epoch)).await? else { return Ok(None) };
        Ok(Some(document::read(&unpacked(&found.value)?)?))
    }

    async fn newer_than(&self, epoch: Epoch) -> Result<ControlState, StoreError> {
        let mut pictures = self.pictures();
        let newer = |picture: &Arc<Picture>| picture.state.as_ref().is_some_and(|state| state.epoch > epoch);
        let picture = pictures.wait_for(newer).await.map_err(|_| StoreError::Stopped)?;
        picture.state.as_deref().cloned().ok_or(StoreError::Stopped)
    }
}

/// What is written when `next` becomes the document: itself, and what is remembered of it.
pub(super) fn document_puts(keys: &Keys, next: &ControlState) -> Result<Vec<RequestOp>, StoreError> {
    let bytes = document::write(next)?;
    let mut puts = vec![put(keys.document(), packed(&bytes)?, 0), put(keys.former(next.epoch), compressed(&bytes)?, 0)];
    if let Some(oldest) = next.epoch.0.checked_sub(REMEMBERED) {
        puts.push(delete_range(keys.former(Epoch(0)), keys.former(Epoch(oldest + 1))));
    }
    Ok(puts)
}

pub(super) fn put(key: Vec<u8>, value: Vec<u8>, lease: i64) -> RequestOp {
    step(Operation::Put(PutRequest { key, value, lease }))
}

fn delete(key: Vec<u8>) -> RequestOp {
    delete_range(key, Vec::new())
}

fn delete_range(key: Vec<u8>, range_end: Vec<u8>) -> RequestOp {
    step(Operation::Delete(DeleteRangeRequest { key, range_end }))
}

fn name_of(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    if bytes.len() <= PLAIN { Ok(bytes.to_vec()) } else { compressed(bytes) }
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(bytes, 0).map_err(StoreError::Compression)
}

/// The first bytes of everything that zstd compresses (RFC 8878, 3.1.1).
const COMPRESSED: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// The most a document may grow to when it is unpacked.
const LARGEST: usize = 64 << 20;

/// The document in a value.
pub(super) fn unpacked(value: &[u8]) -> Result<Vec<u8>, StoreError> {
    if value.starts_with(COMPRESSED) {
        zstd::bulk::decompress(value, LARGEST).map_err(StoreError::Compression)
    } else {
        Ok(value.to_vec())
    }
}
