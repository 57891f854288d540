//! What a later version has written is refused before anything is touched, with what to do about it.

use std::fs;

use crate::harness::cluster::path;
use crate::harness::program::stint;
use crate::harness::{Cluster, Options};

fn one() -> Cluster {
    Cluster::prepare(&Options { replicas: 1, ..Options::default() })
}

/// Starts the replica on a `format.toml` in which `from` has become `to`: it must not start, and say this.
fn is_refused(from: &str, to: &str, said: &[&str]) {
    let mut cluster = one();
    let dir = cluster.replicas[0].data_dir.clone();
    let file = dir.join("format.toml");
    let text = fs::read_to_string(&file).expect("an identity");
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replace(from, to)).expect("a file");
    let log = fs::read(dir.join("log.redb")).expect("a log");
    cluster.spawn(0);
    let code = cluster.wait_for_end(0);
    let told = cluster.log(0);
    assert!(code != Some(0) && code.is_some(), "{code:?} {told}");
    for said in said {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(fs::read(dir.join("log.redb")).expect("a log"), log, "nothing was touched");
    let check = stint(&["config", "check", "--config", path(&cluster.replicas[0].config)]);
    assert!(check.code != Some(0) && check.err.contains(said[0]), "{check:?}");
}

#[test]
fn a_directory_of_a_later_format_is_refused() {
    is_refused("format = 1", "format = 2", &["format 2 is newer than 1", "run the version"]);
}

#[test]
fn a_directory_of_a_later_feature_level_is_refused() {
    let level = "format = 1\nlevel = 99";
    is_refused("format = 1", level, &["feature level 99 is needed", "knows levels up to 1", "run"]);
}

#[test]
fn a_backup_of_a_later_format_is_refused() {
    let mut cluster = one();
    cluster.spawn(0);
    cluster.wait_until_whole();
    let file = cluster.dir().join("stint.backup");
    let name = path(&file);
    let run = stint(&["backup", name, "--address", &cluster.replicas[0].address]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = stint(&["backup", "--check", name]);
    assert_eq!(run.code, Some(0), "{run:?}");

    // Its head is a name, the format, and a checksum of both.
    let mut bytes = fs::read(&file).expect("a backup");
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    fs::write(&file, bytes).expect("a file");
    let run = stint(&["backup", "--check", name]);
    assert!(run.code != Some(0) && run.err.contains("format 2, newer than 1"), "{run:?}");
    assert!(run.err.contains("the version that made it"), "{run:?}");
}
