//! A disk that really is full, and has room again.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    sync::mpsc,
};

use stint_storage::{Durable, Error, Store};
use tempfile::TempDir;

use crate::{
    child::{JOB, record},
    disk::Disk,
    run::{IDENTITY, content},
};

/// Room for a store and more than it wants to be free.
const DISK_BYTES: u64 = 192 << 20;

/// Fills the disk until no more than `left` bytes are free.
fn fill(path: &Path, left: u64) {
    let mut ballast = File::options().create(true).append(true).open(path).unwrap();
    let free = || {
        let stat = rustix::fs::statvfs(path).unwrap();
        stat.f_bavail * stat.f_frsize
    };
    while free() > left {
        // At the very end a write is cut short or refused, and that is what is wanted.
        if ballast.write(&vec![7; 1 << 16]).and_then(|_| ballast.sync_all()).is_err() {
            return;
        }
    }
}

fn append(store: &Store) -> Result<u64, Error> {
    let next = store.log.last_index().map_or(0, |last| last + 1);
    let (sender, receiver) = mpsc::channel();
    let entry = (next, content(next, 2000));
    store.log.append(vec![entry], move |result| sender.send(result).unwrap());
    receiver.recv().unwrap().map(|()| next)
}

/// Writes to every part; what each of them said.
fn write_all(store: &Store, number: u64) -> [Result<(), Error>; 4] {
    [
        append(store).map(drop),
        store.state.put_records(&[record(number)]),
        store.state.write_checkpoint(number, b"", [vec![1; 50_000]].into_iter()),
        store.output.append(1, &JOB, number, 1, &content(number, 3000)),
    ]
}

#[test]
#[ignore = "needs root and loop devices; run with --ignored"]
fn a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room() {
    let dir = TempDir::new().unwrap();
    let mut disk = Disk::new(dir.path(), DISK_BYTES);
    let (data, ballast) = (disk.mount.join("data"), disk.mount.join("ballast"));
    let store = Store::open(&data, IDENTITY).unwrap();
    let mut number = 0;
    // First only the reserve is left, then nothing at all.
    for left in [12 << 20, 0] {
        assert!(store.has_room().unwrap());
        for _ in 0..20 {
            for result in write_all(&store, number) {
                result.unwrap();
            }
            number += 1;
        }
        store.output.sync().unwrap();
        let last = store.log.last_index();

        fill(&ballast, left);
        assert!(!store.has_room().unwrap());
        for _ in 0..3 {
            for result in write_all(&store, number) {
                assert!(matches!(result, Err(Error::DiskFull { .. })), "{left} left: {result:?}");
            }
        }
        // A vote and a purge work on the reserve; without one they may be refused.
        let vote = store.log.put("vote", &left.to_le_bytes(), Durable::Now);
        let purge = store.log.purge_to(number / 2, b"marker");
        for result in [vote, purge] {
            match result {
                Ok(()) => {}
                Err(Error::DiskFull { .. }) => assert_eq!(left, 0),
                Err(error) => panic!("{left} left: {error}"),
            }
        }
        fs::remove_file(&ballast).unwrap();
        assert_eq!(store.log.last_index(), last, "what was refused is not there");
        assert_eq!(store.state.count().unwrap(), number);
        assert_eq!(store.state.checkpoint().unwrap().unwrap().index, number - 1);
    }
    for result in write_all(&store, number) {
        result.unwrap();
    }
    store.output.sync().unwrap();
    store.state.make_durable().unwrap();
    drop(store);
    disk.unmount();
    disk.mount();

    let store = Store::open(&data, IDENTITY).unwrap();
    assert_eq!(store.log.last_index(), Some(number));
    assert_eq!(store.state.count().unwrap(), number + 1);
    assert_eq!(store.output.losses(), []);
    for line in 0..=number {
        assert!(store.output.read(1, &JOB, line, 1).unwrap()[0].bytes == content(line, 3000));
    }
    let first = store.log.first_index().unwrap();
    for (index, entry) in store.log.read(first, number + 1, usize::MAX).unwrap() {
        assert!(entry == content(index, 2000), "entry {index}");
    }
    drop(store);
    disk.unmount();
}
