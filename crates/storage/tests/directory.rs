//! The data directory as a whole: whose it is, who has it open, and what is missing from it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use stint_storage::{Durable, Error, Identity, Store};
use tempfile::TempDir;

const IDENTITY: Identity = Identity { replica: 0x00ab_cdef_0123, cluster: [0x5a; 16] };

/// Set for a second process only.
const SECOND: &str = "STINT_STORAGE_SECOND_PROCESS";

fn refused(dir: &Path, identity: Identity) -> Error {
    match Store::open(dir, identity) {
        Ok(_) => panic!("{} was opened", dir.display()),
        Err(error) => error,
    }
}

fn used() -> TempDir {
    let dir = TempDir::new().expect("a temporary directory");
    let store = Store::open(dir.path(), IDENTITY).expect("a new directory opens");
    store.log.put("vote", b"1", Durable::Now).expect("a new log takes a vote");
    dir
}

#[test]
fn a_new_directory_is_created_once_and_then_opened() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("some/where");
    assert_eq!(Store::identity_of(&dir).unwrap(), None);
    let store = Store::open(&dir, IDENTITY).unwrap();
    assert!(store.is_new());
    assert!(store.has_room().unwrap());
    assert_eq!(store.dir(), dir);
    drop(store);
    assert_eq!(Store::identity_of(&dir).unwrap(), Some(IDENTITY));
    assert!(!Store::open(&dir, IDENTITY).unwrap().is_new());
    assert_eq!(
        fs::read_to_string(dir.join("format.toml")).unwrap(),
        "# Whose data this directory holds. Do not edit.\n\
         format = 1\n\
         replica = \"00abcdef0123\"\n\
         cluster = \"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\"\n"
    );
}

#[test]
fn a_directory_opens_once_until_every_part_is_dropped() {
    let dir = used();
    let store = Store::open(dir.path(), IDENTITY).unwrap();
    assert!(matches!(refused(dir.path(), IDENTITY), Error::Locked { .. }));
    let log = store.log.clone();
    drop(store);
    assert!(matches!(refused(dir.path(), IDENTITY), Error::Locked { .. }));
    drop(log);
    Store::open(dir.path(), IDENTITY).unwrap();
}

#[test]
fn a_second_process_is_told_who_is_in_the_way() {
    if let Ok(dir) = std::env::var(SECOND) {
        let error = refused(Path::new(&dir), IDENTITY);
        panic!("{error}");
    }
    let dir = used();
    let store = Store::open(dir.path(), IDENTITY).unwrap();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_second_process_is_told_who_is_in_the_way", "--nocapture"])
        .env(SECOND, dir.path())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    drop(store);
    let said = String::from_utf8(second.stderr).unwrap();
    let expected = format!(
        "{}: the data directory is in use by another process; stop it first",
        dir.path().display()
    );
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_directory_of_another_replica_or_cluster_is_refused() {
    let dir = used();
    let error = refused(dir.path(), Identity { replica: 7, ..IDENTITY });
    assert!(
        matches!(error, Error::OtherReplica { found: 0x00ab_cdef_0123, expected: 7, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("belongs to replica 00abcdef0123, not to 000000000007"), "{text}");
    let error = refused(dir.path(), Identity { cluster: [1; 16], ..IDENTITY });
    assert!(matches!(error, Error::OtherCluster { .. }), "{error}");
}

#[test]
fn a_newer_or_unreadable_identity_is_refused() {
    let dir = used();
    let path = dir.path().join("format.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("format = 1", "format = 2\nunknown = \"field\"")).unwrap();
    let error = refused(dir.path(), IDENTITY);
    assert!(matches!(error, Error::NewerFormat { found: 2, known: 1, .. }), "{error}");
    for damaged in ["", "format = one", "format = 1\nreplica = \"12\"", "\u{0}\u{0}\u{0}"] {
        fs::write(&path, damaged).unwrap();
        let error = refused(dir.path(), IDENTITY);
        assert!(matches!(error, Error::BadIdentity { .. }), "{damaged:?}: {error}");
    }
}

#[test]
fn a_missing_or_emptied_file_is_damage_and_nothing_is_made_anew() {
    for name in ["log.redb", "state.redb", "periods"] {
        let dir = used();
        let path = dir.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        for _ in 0..2 {
            let error = refused(dir.path(), IDENTITY);
            assert!(
                matches!(&error, Error::Missing { path: missing } if *missing == path),
                "{error}"
            );
        }
        assert!(!path.exists());
    }
    for name in ["log.redb", "state.redb"] {
        let dir = used();
        fs::write(dir.path().join(name), b"").unwrap();
        let error = refused(dir.path(), IDENTITY);
        assert!(matches!(error, Error::Damaged { .. }), "{name}: {error}");
    }
}

#[test]
fn a_file_of_a_later_version_of_the_engine_is_refused_as_such() {
    // The version is the first byte of both transactions in the head.
    let with_version = |name: &str, version: u8| {
        let dir = used();
        let path = dir.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        for place in [64, 192] {
            assert_eq!(bytes[place], 3, "the version of redb's files");
            bytes[place] = version;
        }
        fs::write(&path, bytes).unwrap();
        refused(dir.path(), IDENTITY)
    };
    for name in ["log.redb", "state.redb"] {
        let error = with_version(name, 4);
        assert!(matches!(error, Error::NewerFormat { found: 4, known: 3, .. }), "{name}: {error}");
        assert!(error.to_string().contains("run the version that wrote it"), "{error}");
        let error = with_version(name, 200);
        assert!(matches!(error, Error::Damaged { .. }), "{name}: {error}");
    }
}

#[test]
fn a_used_directory_that_has_lost_its_identity_is_not_taken_for_a_new_one() {
    let dir = used();
    fs::remove_file(dir.path().join("format.toml")).unwrap();
    let error = refused(dir.path(), IDENTITY);
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(error.to_string().contains("format.toml"), "{error}");
}

#[test]
fn a_creation_that_was_interrupted_anywhere_is_finished() {
    let whole = TempDir::new().unwrap();
    drop(Store::open(whole.path(), IDENTITY).unwrap());
    let steps = ["log.redb.new", "log.redb", "state.redb.new", "state.redb", "periods"];
    for done in 0..=steps.len() {
        let dir = TempDir::new().unwrap();
        for step in &steps[..done] {
            let path = dir.path().join(step);
            match *step {
                "periods" => fs::create_dir(&path).unwrap(),
                "log.redb.new" | "state.redb.new" => fs::write(&path, b"half").unwrap(),
                file => drop(fs::copy(whole.path().join(file), &path).unwrap()),
            }
        }
        let store = Store::open(dir.path(), IDENTITY).unwrap();
        assert!(store.is_new(), "{done} steps done");
        store.log.put("vote", b"1", Durable::Now).unwrap();
        drop(store);
        let store = Store::open(dir.path(), IDENTITY).unwrap();
        assert_eq!(store.log.get("vote").unwrap().unwrap(), b"1", "{done} steps done");
    }
}
