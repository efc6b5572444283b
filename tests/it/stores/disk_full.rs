//! A disk that is full, for real: a small tmpfs. The old state stays, and once there is room again the store goes on.

use std::path::Path;
use std::process::Command;

use meridian::control::{FileStore, Store, StoreError};
use meridian::model::Epoch;

use super::worlds::at;
use crate::servers::{EtcdServers, Place};

/// A file system of its own that holds `kib`; gone with the value.
struct Tmpfs<'a>(&'a Path);

impl Tmpfs<'_> {
    /// `None`, said loudly, where this user may mount nothing.
    fn mount(path: &Path, kib: u32) -> Option<Tmpfs<'_>> {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={kib}k,mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "meridian-it"]).arg(path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Tmpfs(path));
        }
        eprintln!("NOT CHECKED: a full disk, because this user may not mount a tmpfs");
        None
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn fill(path: &Path) {
    let filled = std::fs::write(path, vec![7u8; 64 << 20]);
    assert!(filled.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull));
}

#[tokio::test]
async fn a_file_store_on_a_full_disk_keeps_its_state_and_goes_on_when_there_is_room() {
    let place = Place::new();
    let disk = place.path().join("small");
    let Some(_mounted) = Tmpfs::mount(&disk, 256) else { return };
    let store = FileStore::open(&disk.join("control")).unwrap();
    store.compare_and_swap(None, &at(1)).await.unwrap();
    fill(&disk.join("rest"));
    let refused = store.compare_and_swap(Some(Epoch(1)), &at(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
    assert_eq!(store.load().await.unwrap().unwrap(), at(1));
    std::fs::remove_file(disk.join("rest")).unwrap();
    store.compare_and_swap(Some(Epoch(1)), &at(2)).await.unwrap();
    assert_eq!(store.load().await.unwrap().unwrap(), at(2));
    assert_eq!(store.former(Epoch(1)).await.unwrap().unwrap(), at(1));
}

/// etcd gives up space only to its quota: a member that reached it takes no write until somebody has looked after it.
#[tokio::test]
async fn etcd_that_is_full_refuses_by_name_and_keeps_what_it_has() {
    if !crate::servers::etcd_is_installed() {
        return;
    }
    let place = Place::new();
    let quota = vec!["--quota-backend-bytes".into(), "65536".into()];
    let etcd = meridian::demo::etcd::Etcd::start_with(place.path(), 1, "http", quota).await.unwrap();
    let servers = EtcdServers::of(etcd, place);
    let store = super::etcd::open(&servers, "full").await;
    let mut last = 0;
    let refused = loop {
        let expected = (last > 0).then_some(Epoch(last));
        match store.compare_and_swap(expected, &at(last + 1)).await {
            Ok(()) => last += 1,
            Err(error) => break error,
        }
        assert!(last < 2000, "it never becomes full");
    };
    assert!(refused.to_string().contains("database space exceeded"), "{refused}");
    // The change that met the quota may have been taken although it was refused: what is stored is what counts.
    let stored = store.load().await.unwrap().unwrap();
    assert!(stored == at(last) || stored == at(last + 1), "{} after {last}", stored.epoch);
    assert!(store.compare_and_swap(Some(stored.epoch), &at(stored.epoch.0 + 1)).await.is_err(), "it is full");
    assert_eq!(store.load().await.unwrap().unwrap(), stored);
}
