//! A backup is what was written, or it is refused.

use super::{BackupEncoder, BackupReader, FORMAT, MAGIC};
use crate::{Error, limits::BLOCK_BYTES_MAX, testing::Dice};

type Blocks = Vec<(u8, Vec<u8>)>;

fn file(blocks: &Blocks) -> Vec<u8> {
    let (mut encoder, mut bytes) = BackupEncoder::new();
    for (kind, content) in blocks {
        bytes.extend(encoder.block(*kind, content).unwrap());
    }
    bytes.extend(encoder.end());
    bytes
}

fn read(bytes: &[u8]) -> Result<Blocks, Error> {
    let mut reader = BackupReader::new(bytes)?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push(block);
    }
    Ok(blocks)
}

fn some() -> Blocks {
    let mut dice = Dice::new(5);
    (1..=5).map(|kind| (kind, dice.bytes(usize::from(kind) * 40))).collect()
}

#[test]
fn what_was_written_is_read() {
    for blocks in [Vec::new(), some(), vec![(255, Vec::new())]] {
        assert_eq!(read(&file(&blocks)).unwrap(), blocks);
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let whole = file(&some());
    for len in 0..whole.len() {
        let refused = read(&whole[..len]);
        assert!(matches!(refused, Err(Error::BadBackup { .. })), "{len}: {refused:?}");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(read(&longer).unwrap_err().to_string().contains("behind the end"));
}

#[test]
fn a_bit_that_has_flipped_is_found_and_named() {
    let whole = file(&some());
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        let refused = read(&bytes);
        let is_refused = matches!(refused, Err(Error::BadBackup { .. }));
        assert!(is_refused, "{place}: {refused:?}");
    }
    // The third of the blocks begins behind the head and two others.
    let third = 16 + 2 * 13 + 40 + 80;
    let mut bytes = whole;
    bytes[third + 20] ^= 4;
    let words = read(&bytes).unwrap_err().to_string();
    assert!(words.contains(&format!("block 2, at byte {third}")), "{words}");
}

#[test]
fn blocks_that_changed_places_or_are_missing_are_found() {
    let (mut encoder, head) = BackupEncoder::new();
    let one = encoder.block(1, b"one").unwrap();
    let two = encoder.block(1, b"two").unwrap();
    let end = encoder.end();
    for order in [[&two, &one].as_slice(), &[&one], &[&one, &one, &two], &[&two]] {
        let mut bytes = head.clone();
        for block in order {
            bytes.extend_from_slice(block);
        }
        bytes.extend_from_slice(&end);
        let refused = read(&bytes);
        assert!(matches!(refused, Err(Error::BadBackup { .. })), "{order:?}: {refused:?}");
    }
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(FORMAT + 1).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    let refused = read(&bytes);
    assert!(matches!(refused, Err(Error::NewerBackup { found: 2, known: 1 })), "{refused:?}");
}

#[test]
fn a_block_has_a_bound() {
    let (mut encoder, _) = BackupEncoder::new();
    let refused = encoder.block(1, &vec![0; BLOCK_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
}
