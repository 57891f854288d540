//! What comes in as a snapshot or as a backup file, whatever it is.

use std::sync::{Arc, LazyLock};

use crate::{BackupEncoder, BackupReader, Error, StateStore, checked::seal, testing::Place};

/// Where snapshots are received: one for all, because to make one takes a sync.
static RECEIVER: LazyLock<(Place, StateStore)> = LazyLock::new(|| {
    let place = Place::new();
    StateStore::create(&place.file("state.redb")).unwrap();
    let state = StateStore::open(&place.file("state.redb"), Arc::clone(&place.lock), None);
    (place, state.unwrap())
});

#[test]
fn items_of_a_snapshot_behind_good_checksums_are_refused_or_taken() {
    bolero::check!().for_each(|bytes| {
        let mut writer = RECEIVER.1.receive().unwrap();
        for (number, payload) in (0_u32..).zip(bytes.chunks(48)) {
            let frame = seal(&[], &[&number.to_le_bytes(), payload].concat());
            match writer.write_frame(&frame) {
                Ok(()) => assert_eq!(writer.frames(), number + 1),
                Err(Error::BadSnapshot { .. }) => return,
                Err(other) => panic!("{other}"),
            }
        }
        let is_ended = writer.is_ended();
        match writer.finish() {
            Ok(_received) => assert!(is_ended),
            Err(Error::BadSnapshot { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    });
}

#[test]
fn a_backup_file_is_refused_or_read_to_its_end() {
    bolero::check!().for_each(|bytes| {
        if let Ok(mut reader) = BackupReader::new(bytes) {
            while let Ok(Some((_kind, content))) = reader.next_block() {
                assert!(content.len() <= bytes.len());
            }
            assert!(reader.bytes() <= u64::try_from(bytes.len()).unwrap());
        }
        let (mut encoder, mut file) = BackupEncoder::new();
        file.extend(encoder.block(1, bytes).unwrap());
        file.extend(encoder.end());
        let mut reader = BackupReader::new(file.as_slice()).unwrap();
        assert_eq!(reader.next_block().unwrap(), Some((1, bytes.to_vec())), "what was written");
        assert_eq!(reader.next_block().unwrap(), None);
    });
}
