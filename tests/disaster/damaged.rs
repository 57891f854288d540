//! What is no backup, or not fit, becomes no cluster: nothing is written before all of it is checked.

use std::fs;
use std::path::{Path, PathBuf};

use super::{back_up, options, text};
use crate::harness::program::stint;
use crate::harness::{Cluster, Options};

/// A backup of some jobs, and a configuration that it could be restored by.
fn backup() -> (Cluster, PathBuf, PathBuf) {
    let cluster = Cluster::start(&Options { replicas: 1, ..options() });
    let job = cluster.submit(0, r#"{"action":"say","parameters":{"LINES":"5000"}}"#);
    cluster.wait_for_status(0, &job, "done");
    let file = cluster.dir().join("stint.backup");
    back_up(&cluster, &file);
    let config = fs::read_to_string(&cluster.replicas[0].config).expect("the configuration");
    let (data_dir, new) = (cluster.replicas[0].data_dir.display().to_string(), "new");
    let config = config.replace(&data_dir, &format!("{}/{new}", cluster.dir().display()));
    let config = config.replace("000102030405060708090a0b0c0d0e0f", &"ab".repeat(16));
    let path = cluster.dir().join("new.toml");
    fs::write(&path, config).expect("a configuration");
    (cluster, file, path)
}

/// Restores, which must fail and leave no directory; what was said.
fn refused(config: &Path, file: &Path) -> String {
    let run = stint(&["restore", "--config", text(config), text(file)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(!config.with_file_name("new").join("format.toml").exists(), "{run:?}");
    run.err
}

#[test]
fn a_backup_that_is_damaged_or_newer_is_refused_before_anything_is_written() {
    let (cluster, file, config) = backup();
    let whole = fs::read(&file).expect("the backup");
    let other = cluster.dir().join("other");
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 1;
    let mut newer = b"STINTBAK\x63\0\0\0".to_vec();
    // The checksum of a head whose format is 99, so that nothing but the format is wrong.
    newer.extend_from_slice(&crc(&newer).to_le_bytes());
    newer.extend_from_slice(&whole[16..]);
    for (bytes, words) in [
        (flipped, "does not match its checksum"),
        (whole[..whole.len() - 1].to_vec(), "cut off"),
        (whole[..middle].to_vec(), "cut off"),
        (newer, "format 99, newer than 1"),
        (b"no backup at all".to_vec(), "does not begin as a backup"),
    ] {
        fs::write(&other, bytes).expect("a file");
        let said = refused(&config, &other);
        assert!(said.contains(words), "{said}");
        assert!(!config.with_file_name("new").exists(), "nothing was made");
    }
    let said = refused(&config, &cluster.dir().join("nowhere"));
    assert!(said.contains("No such file"), "{said}");
}

#[test]
fn a_directory_with_something_in_it_and_the_id_of_the_old_cluster_are_refused() {
    let (cluster, file, config) = backup();
    let dir = config.with_file_name("new");
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("notes.txt"), "mine").expect("a file");
    let said = refused(&config, &file);
    assert!(said.contains("not empty") && said.contains("notes.txt"), "{said}");
    fs::remove_file(dir.join("notes.txt")).expect("the file");

    let same = fs::read_to_string(&config).expect("the configuration");
    let same = same.replace(&"ab".repeat(16), "000102030405060708090a0b0c0d0e0f");
    let same_config = cluster.dir().join("same.toml");
    fs::write(&same_config, same).expect("a configuration");
    let said = refused(&same_config, &file);
    assert!(said.contains("put a new id"), "{said}");

    // An empty directory is a mount point that waits.
    let run = stint(&["restore", "--config", text(&config), text(&file)]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let said = stint(&["restore", "--config", text(&config), text(&file)]).err;
    assert!(said.contains("not empty"), "{said}");
}

#[test]
fn a_backup_never_takes_the_place_of_a_file() {
    let (cluster, file, _) = backup();
    let before = fs::read(&file).expect("the backup");
    let (addresses, token) = (cluster.addresses(), cluster.admin.clone().expect("a token"));
    let run = stint(&["--address", &addresses, "--token", &token, "backup", text(&file)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("it is there already"), "{run:?}");
    assert_eq!(fs::read(&file).expect("the backup"), before);
}

/// CRC-32 (IEEE), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
