//! The embedded store: one file, one process. A header line with a checksum, then the control document.
//!
//! Written beside, synced, renamed, the directory synced; the generation before it is kept as `.previous`, for people only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::contract::{REMEMBERED, Store, StoreError, check_swap};
use crate::control::document;
use crate::model::{ControlState, Epoch};

/// The first word of the header line; the number is the version of the frame, not of the document.
const MAGIC: &str = "meridian-control-1";

/// A control state in a file.
#[derive(Clone, Debug)]
pub struct FileStore {
    disk: Arc<Mutex<Disk>>,
    /// The epoch last stored by this process, which is the only one that stores.
    newest: Arc<watch::Sender<Epoch>>,
}

/// How the process that served from the file before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Former {
    /// It had ended everything, or there was none.
    SignedOff,
    /// It is gone without a word: servers may still be executing what it sent.
    Vanished,
}

/// The paths, and the lock on them, which ends with the process.
#[derive(Debug)]
struct Disk {
    file: PathBuf,
    next: PathBuf,
    previous: PathBuf,
    running: PathBuf,
    /// The folder of former generations, by epoch.
    former: PathBuf,
    _lock: File,
}

impl FileStore {
    /// Takes the control file at `path` for this process; its directory must exist.
    /// Errors: another process holds it; the lock file cannot be made.
    pub fn open(path: &Path) -> Result<FileStore, StoreError> {
        let lock = with_suffix(path, ".lock");
        let locked = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(|source| io_error("open", &lock, source))?;
        match flock(&locked, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StoreError::Held { lock }),
            Err(source) => return Err(io_error("lock", &lock, source.into())),
        }
        let disk = Disk {
            file: path.to_owned(),
            next: with_suffix(path, ".next"),
            previous: with_suffix(path, ".previous"),
            running: with_suffix(path, ".running"),
            former: with_suffix(path, ".former"),
            _lock: locked,
        };
        Ok(FileStore { disk: Arc::new(Mutex::new(disk)), newest: Arc::new(watch::Sender::new(Epoch(0))) })
    }

    /// Writes down that a process serves from this file. Returns how the one before it ended. Errors: the disk's.
    pub async fn sign_on(&self) -> Result<Former, StoreError> {
        self.on_disk(|disk| {
            let former = match File::create_new(&disk.running) {
                Ok(mark) => mark.sync_all().map(|()| Former::SignedOff),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Former::Vanished),
                Err(error) => Err(error),
            };
            let former = former.map_err(|source| io_error("create", &disk.running, source))?;
            disk.sync_directory()?;
            Ok(former)
        })
        .await
    }

    /// Writes down that this process has ended everything it had begun at the servers. Errors: the disk's.
    pub async fn sign_off(&self) -> Result<(), StoreError> {
        self.on_disk(|disk| {
            fs::remove_file(&disk.running).map_err(|source| io_error("remove", &disk.running, source))?;
            disk.sync_directory()
        })
        .await
    }

    /// Runs `act` where waiting for the disk delays no query.
    async fn on_disk<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Disk) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let disk = Arc::clone(&self.disk);
        tokio::task::spawn_blocking(move || act(&disk.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            .unwrap_or(Err(StoreError::Stopped))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self) -> Result<Option<ControlState>, StoreError> {
        self.on_disk(Disk::load).await
    }

    async fn compare_and_swap(&self, expected: Option<Epoch>, next: &ControlState) -> Result<(), StoreError> {
        let (next, epoch) = (next.clone(), next.epoch);
        self.on_disk(move |disk| {
            // Read again, not remembered: what counts is what a restart would find.
            let found = disk.load()?.map(|state| state.epoch);
            check_swap(expected, found, &next)?;
            disk.replace(&framed(&document::write(&next)?), next.epoch)
        })
        .await?;
        self.newest.send_replace(epoch);
        Ok(())
    }

    async fn former(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError> {
        self.on_disk(move |disk| disk.former_at(epoch)).await
    }

    async fn newer_than(&self, epoch: Epoch) -> Result<ControlState, StoreError> {
        let mut newest = self.newest.subscribe();
        loop {
            if let Some(state) = self.load().await?.filter(|state| state.epoch > epoch) {
                return Ok(state);
            }
            newest.wait_for(|newest| *newest > epoch).await.map_err(|_| StoreError::Stopped)?;
        }
    }
}

impl Disk {
    fn load(&self) -> Result<Option<ControlState>, StoreError> {
        let bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match self.previous.try_exists() {
                    Ok(false) => Ok(None),
                    Ok(true) => Err(StoreError::Missing { file: self.file.clone(), previous: self.previous.clone() }),
                    Err(source) => Err(io_error("look for", &self.previous, source)),
                };
            }
            Err(source) => return Err(io_error("read", &self.file, source)),
        };
        self.understood(&self.file, &bytes).map(Some)
    }

    fn understood(&self, file: &Path, bytes: &[u8]) -> Result<ControlState, StoreError> {
        let damaged = |reason| StoreError::Damaged { file: file.to_owned(), previous: self.previous.clone(), reason };
        let body = unframed(bytes).map_err(|reason| damaged(reason.to_owned()))?;
        document::read(body).map_err(|error| damaged(error.to_string()))
    }

    /// A former generation, if it is there.
    fn former_at(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError> {
        let file = self.former.join(epoch.0.to_string());
        match fs::read(&file) {
            Ok(bytes) => self.understood(&file, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error("read", &file, source)),
        }
    }

    fn replace(&self, bytes: &[u8], epoch: Epoch) -> Result<(), StoreError> {
        let mut next = File::create(&self.next).map_err(|source| io_error("create", &self.next, source))?;
        next.write_all(bytes).map_err(|source| io_error("write", &self.next, source))?;
        next.sync_all().map_err(|source| io_error("sync", &self.next, source))?;
        self.keep_previous()?;
        self.keep_former(epoch)?;
        fs::rename(&self.next, &self.file).map_err(|source| io_error("replace", &self.file, source))?;
        self.sync_directory()
    }

    /// A second name for the next file in the folder of former ones, and the oldest one there removed.
    fn keep_former(&self, epoch: Epoch) -> Result<(), StoreError> {
        match fs::create_dir(&self.former) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(io_error("create", &self.former, source)),
        }
        let kept = self.former.join(epoch.0.to_string());
        // What a swap that was not carried out may have left under this number.
        remove_if_there(&kept)?;
        fs::hard_link(&self.next, &kept).map_err(|source| io_error("link", &kept, source))?;
        match epoch.0.checked_sub(REMEMBERED) {
            Some(oldest) => remove_if_there(&self.former.join(oldest.to_string())),
            None => Ok(()),
        }
    }

    /// A second name for the present file, so that it is never without its own.
    fn keep_previous(&self) -> Result<(), StoreError> {
        let staged = with_suffix(&self.previous, ".next");
        match fs::remove_file(&staged) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error("remove", &staged, source)),
        }
        match fs::hard_link(&self.file, &staged) {
            Ok(()) => fs::rename(&staged, &self.previous).map_err(|source| io_error("replace", &self.previous, source)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(io_error("link", &staged, source)),
        }
    }

    fn sync_directory(&self) -> Result<(), StoreError> {
        let directory = match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        File::open(directory).and_then(|opened| opened.sync_all()).map_err(|source| io_error("sync", directory, source))
    }
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("remove", path, source)),
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{MAGIC} sha256={} bytes={}\n", checksum(body), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The document in the frame. Errors: what is wrong with it.
fn unframed(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let end = memchr::memchr(b'\n', bytes).ok_or("it has no header line")?;
    let (header, body) = (&bytes[..end], &bytes[end + 1..]);
    let header = std::str::from_utf8(header).map_err(|_| "its header line is not text")?;
    let expected = header.strip_prefix(MAGIC).ok_or("its header line is not of this program")?;
    if expected == format!(" sha256={} bytes={}", checksum(body), body.len()) {
        Ok(body)
    } else {
        Err("its checksum does not match")
    }
}

fn checksum(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::sample;

    struct World {
        directory: tempfile::TempDir,
        store: FileStore,
    }

    impl World {
        fn path(&self) -> PathBuf {
            self.directory.path().join("control")
        }
    }

    /// A store that has seen epochs 1 and 2.
    async fn with_two_generations() -> World {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::open(&directory.path().join("control")).unwrap();
        store.compare_and_swap(None, &at(1)).await.unwrap();
        store.compare_and_swap(Some(Epoch(1)), &at(2)).await.unwrap();
        World { directory, store }
    }

    fn at(epoch: u64) -> ControlState {
        ControlState { epoch: Epoch(epoch), ..sample::state() }
    }

    #[tokio::test]
    async fn a_second_opener_is_refused_until_the_first_is_gone() {
        let world = with_two_generations().await;
        let refused = FileStore::open(&world.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Held { .. }), "{refused}");
        let path = world.path();
        drop(world.store);
        FileStore::open(&path).unwrap();
    }

    #[tokio::test]
    async fn the_state_and_the_one_before_it_survive_a_restart() {
        let world = with_two_generations().await;
        let path = world.path();
        drop(world.store);
        let again = FileStore::open(&path).unwrap();
        assert_eq!(again.load().await.unwrap().unwrap(), at(2));
        let previous = fs::read(with_suffix(&path, ".previous")).unwrap();
        assert_eq!(document::read(unframed(&previous).unwrap()).unwrap(), at(1));
    }

    #[tokio::test]
    async fn a_file_torn_at_any_byte_is_refused_and_both_files_named() {
        let world = with_two_generations().await;
        let whole = fs::read(world.path()).unwrap();
        for length in (0..whole.len()).step_by(97) {
            fs::write(world.path(), &whole[..length]).unwrap();
            let refused = world.store.load().await.unwrap_err();
            assert!(matches!(refused, StoreError::Damaged { .. }), "{length} bytes: {refused}");
            assert!(refused.to_string().contains("control.previous"), "{refused}");
            assert!(world.store.compare_and_swap(Some(Epoch(2)), &at(3)).await.is_err());
        }
    }

    #[tokio::test]
    async fn an_altered_byte_is_refused() {
        let world = with_two_generations().await;
        let text = fs::read_to_string(world.path()).unwrap();
        fs::write(world.path(), text.replacen("\"last\": 4999", "\"last\": 4998", 1)).unwrap();
        assert!(matches!(world.store.load().await, Err(StoreError::Damaged { .. })));
    }

    #[tokio::test]
    async fn a_lost_file_is_not_silently_a_first_start() {
        let world = with_two_generations().await;
        fs::remove_file(world.path()).unwrap();
        assert!(matches!(world.store.load().await, Err(StoreError::Missing { .. })));
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_leaves_the_old_state() {
        let world = with_two_generations().await;
        std::os::unix::fs::symlink("/dev/full", with_suffix(&world.path(), ".next")).unwrap();
        let refused = world.store.compare_and_swap(Some(Epoch(2)), &at(3)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Io { action: "write" | "sync", .. }), "{refused}");
        assert_eq!(world.store.load().await.unwrap().unwrap(), at(2));
        fs::remove_file(with_suffix(&world.path(), ".next")).unwrap();
        world.store.compare_and_swap(Some(Epoch(2)), &at(3)).await.unwrap();
        assert_eq!(world.store.load().await.unwrap().unwrap(), at(3));
    }

    #[tokio::test]
    async fn a_process_that_did_not_sign_off_is_known_to_the_next() {
        let world = with_two_generations().await;
        assert_eq!(world.store.sign_on().await.unwrap(), Former::SignedOff);
        let path = world.path();
        drop(world.store);
        let next = FileStore::open(&path).unwrap();
        assert_eq!(next.sign_on().await.unwrap(), Former::Vanished);
        next.sign_off().await.unwrap();
        assert_eq!(next.sign_on().await.unwrap(), Former::SignedOff);
    }

    #[tokio::test]
    async fn what_a_crash_left_beside_the_file_does_no_harm() {
        let world = with_two_generations().await;
        fs::write(with_suffix(&world.path(), ".next"), "half a docu").unwrap();
        fs::write(with_suffix(&world.path(), ".previous.next"), "stale").unwrap();
        assert_eq!(world.store.load().await.unwrap().unwrap(), at(2));
        world.store.compare_and_swap(Some(Epoch(2)), &at(3)).await.unwrap();
        assert_eq!(world.store.load().await.unwrap().unwrap(), at(3));
    }
}
