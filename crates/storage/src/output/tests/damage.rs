//! What a power cut, a kill or a bad disk leaves of sled.

use std::{fs, path::Path, sync::Arc};

use crate::{
    Error, Output,
    checked::seal,
    output::period::lose_piece,
    testing::{Dice, Place},
};

use super::{DAY, JOB, append, batch, fresh, open};

const BATCHES: u64 = 200;

/// A store with synced batches, closed.
fn closed() -> Place {
    let (place, output) = fresh();
    for first in (0..BATCHES * 10).step_by(10) {
        append(&output, &JOB, first, 10);
    }
    output.sync().unwrap();
    assert_eq!(output.losses(), []);
    drop(output);
    place
}

/// How many batches are there; each of them as it was written.
fn count(output: &Output) -> usize {
    let there = |first: &u64| {
        let read = output.read(DAY, &JOB, *first, 1).unwrap();
        assert!(read.is_empty() || read == [batch(*first, 10)], "batch {first} is not its own");
        !read.is_empty()
    };
    (0..BATCHES * 10).step_by(10).filter(there).count()
}

/// The store opens and works; the period is whole, or reported. Whether it was lost.
fn opens_and_works(place: &Place, what: &str) -> bool {
    let output = open(place);
    let count = count(&output);
    let losses = output.losses();
    let is_lost = !losses.is_empty();
    assert!(
        is_lost || count == usize::try_from(BATCHES).unwrap(),
        "{what}: {count} batches are there, and nothing was reported"
    );
    let far = BATCHES * 100;
    append(&output, &JOB, far, 10);
    output.sync().unwrap();
    drop(output);

    let output = open(place);
    assert_eq!(output.read(DAY, &JOB, far, 1).unwrap(), [batch(far, 10)], "{what}");
    assert_eq!(output.losses(), losses, "{what}: a loss is remembered");
    if let Some(loss) = losses.first() {
        assert_eq!(loss.period, DAY, "{what}");
        output.recovered(DAY).unwrap();
        assert_eq!(output.losses(), []);
        assert!(loss.set_aside.as_ref().is_none_or(|aside| !aside.exists()), "{what}");
        drop(output);
        assert_eq!(open(place).losses(), [], "{what}");
    }
    is_lost
}

fn lost(place: &Place, what: &str) {
    assert!(opens_and_works(place, what), "{what}: not reported");
}

#[test]
fn a_mark_of_a_later_version_is_refused_and_left_as_it_is() {
    let place = closed();
    let path = place.file("periods").join(format!("{DAY}.synced"));
    let sealed = fs::read(&path).unwrap();
    let body = [&sealed[4..], b"more"].concat();
    let newer = seal(b"period", &body);
    fs::write(&path, &newer).unwrap();
    let error =
        Output::open(place.dir.path(), Arc::clone(&place.lock)).err().expect("it is refused");
    assert!(matches!(error, Error::NewerFormat { .. }), "{error}");
    assert!(error.to_string().contains("run the version that wrote it"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), newer);
    fs::write(&path, sealed).unwrap();
    assert!(!opens_and_works(&place, "a mark of this version"));
}

fn db(place: &Place) -> std::path::PathBuf {
    place.file("output").join(DAY.to_string()).join("db")
}

fn flip(path: &Path, dice: &mut Dice, count: usize) {
    let mut bytes = fs::read(path).unwrap();
    // The tail of the file is empty; damage to that is none.
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for _ in 0..count {
        let at = dice.index(used);
        bytes[at] ^= 1 << dice.below(8);
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn flipped_bytes_are_never_read_as_lines() {
    let mut losses = 0;
    for seed in 1..=12 {
        let place = closed();
        let mut dice = Dice::new(seed);
        let count = [1, 10, 100][dice.index(3)];
        flip(&db(&place), &mut dice, count);
        losses += usize::from(opens_and_works(&place, &format!("seed {seed}, {count} flips")));
    }
    assert!(losses > 0, "the flips have hit nothing");
}

#[test]
fn a_truncated_database_is_reported() {
    for part in [1, 2, 3] {
        let place = closed();
        let file = fs::File::options().write(true).open(db(&place)).unwrap();
        file.set_len(file.metadata().unwrap().len() * part / 4).unwrap();
        drop(file);
        // sled keeps what it finds in a start-up snapshot too, so it may not miss the end.
        opens_and_works(&place, &format!("{part} of 4 parts left"));
    }
    let place = closed();
    fs::File::options().write(true).open(db(&place)).unwrap().set_len(0).unwrap();
    lost(&place, "an empty file");
}

#[test]
fn a_missing_or_emptied_directory_is_reported_and_not_taken_for_a_new_one() {
    let place = closed();
    let dir = place.file("output").join(DAY.to_string());
    fs::remove_dir_all(&dir).unwrap();
    lost(&place, "no directory");
    let place = closed();
    let dir = place.file("output").join(DAY.to_string());
    fs::remove_dir_all(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    lost(&place, "an empty directory");
    let place = closed();
    fs::remove_dir_all(place.file("output")).unwrap();
    lost(&place, "no output at all");
}

#[test]
fn an_older_copy_of_a_database_is_reported() {
    let (place, output) = fresh();
    append(&output, &JOB, 0, 10);
    output.sync().unwrap();
    drop(output);
    let dir = place.file("output").join(DAY.to_string());
    let copy = place.file("copy");
    let copy_all = |from: &Path, to: &Path| {
        fs::create_dir_all(to).unwrap();
        for name in crate::directory::names(from).unwrap() {
            if from.join(&name).is_file() {
                fs::copy(from.join(&name), to.join(&name)).unwrap();
            }
        }
    };
    copy_all(&dir, &copy);
    let output = open(&place);
    for first in (0..BATCHES * 10).step_by(10) {
        append(&output, &JOB, first, 10);
    }
    output.sync().unwrap();
    drop(output);
    fs::remove_dir_all(&dir).unwrap();
    copy_all(&copy, &dir);
    lost(&place, "the database of yesterday");
}

/// What a kill leaves of a store whose batches are synced: nothing says that it was closed.
fn killed() -> Place {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for name in crate::directory::names(from).unwrap() {
            let (from, to) = (from.join(&name), to.join(&name));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                fs::copy(from, to).unwrap();
            }
        }
    }
    let (place, output) = fresh();
    for first in (0..BATCHES * 10).step_by(10) {
        append(&output, &JOB, first, 10);
    }
    output.sync().unwrap();
    let killed = Place::new();
    for dir in ["output", "periods"] {
        copy(&place.file(dir), &killed.file(dir));
    }
    killed
}

#[test]
fn a_batch_that_was_synced_and_is_missing_after_a_kill_is_reported() {
    assert!(!opens_and_works(&killed(), "a kill"), "nothing is missing");
    let place = killed();
    lose_piece(&place.file("output").join(DAY.to_string()));
    lost(&place, "a batch less");
}

#[test]
fn an_unreadable_mark_is_a_loss() {
    let place = closed();
    fs::write(place.file("periods").join(format!("{DAY}.synced")), b"").unwrap();
    lost(&place, "an empty mark");
}

#[test]
fn a_start_up_snapshot_that_was_cut_short_is_removed() {
    let place = closed();
    let left = db(&place).with_file_name("snap.0000000000000042.generating");
    fs::write(&left, b"half").unwrap();
    assert!(!opens_and_works(&place, "snap.generating"), "nothing was lost by it");
    assert!(!left.exists());
}

#[test]
fn a_period_whose_creation_was_interrupted_is_none() {
    let (place, output) = fresh();
    drop(output);
    let dir = place.file("output").join(DAY.to_string());
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("db"), b"half").unwrap();
    fs::create_dir(place.file("output/19000.dropped")).unwrap();
    let output = open(&place);
    assert_eq!(output.losses(), []);
    append(&output, &JOB, 0, 10);
    assert_eq!(output.read(DAY, &JOB, 0, 1).unwrap(), [batch(0, 10)]);
    assert!(!place.file("output/19000.dropped").exists());
}
