//! Power cuts between any two writes of the state's file, with unsynced writes lost or torn.

use std::{fs, sync::Arc};

use crate::{
    Record, StateStore,
    state::history,
    testing::{Dice, Place, Recorder},
};

use super::{Checkpoint, IDS, Model, any_record, id, kind, opened, read};

/// Noted around each change.
#[derive(Debug, Clone, Copy)]
enum Note {
    /// The change of this number is about to be made.
    Asked(usize),
    /// All up to and including it is durable.
    Durable(usize),
}

/// What the state ought to hold.
type Expected = (Model, Option<Checkpoint>);

fn played(dice: &mut Dice, changes: usize) -> (Arc<Recorder<Note>>, Vec<Expected>) {
    let place = Place::new();
    let path = place.file("state.redb");
    StateStore::create(&path).unwrap();
    let recorder = Recorder::new(&path);
    let state = StateStore::open(&path, Arc::clone(&place.lock), Some(recorder.tap())).unwrap();
    state.count_by(kind).unwrap();
    let mut expected = vec![Expected::default()];
    for change in 1..=changes {
        let (mut model, mut checkpoint) = expected.last().unwrap().clone();
        recorder.note(Note::Asked(change));
        match dice.below(10) {
            0 => {
                let count = dice.index(20);
                let chunks: Vec<Vec<u8>> = (0..count).map(|_| dice.bytes(2000)).collect();
                let index = u64::try_from(change).unwrap();
                state.write_checkpoint(index, b"header", chunks.clone().into_iter()).unwrap();
                recorder.note(Note::Durable(change));
                checkpoint = Some((index, b"header".to_vec(), chunks));
            }
            1 => {
                state.make_durable().unwrap();
                recorder.note(Note::Durable(change));
            }
            2 => {
                let ids: Vec<[u8; 16]> = (0..9).map(|_| id(dice.below(IDS))).collect();
                state.remove_records(&ids).unwrap();
                model.remove(&ids);
            }
            _ => {
                let count = dice.index(10);
                let records: Vec<Record> = (0..count).map(|_| any_record(dice)).collect();
                state.put_records(&records).unwrap();
                model.put(&records);
            }
        }
        expected.push((model, checkpoint));
    }
    drop(state);
    (recorder, expected)
}

#[test]
fn after_a_power_cut_the_state_is_whole_and_has_all_that_was_made_durable() {
    const SEEDS: u64 = 4;
    const CUTS: usize = 50;
    for seed in 1..=SEEDS {
        let mut dice = Dice::new(seed);
        let (recorder, expected) = played(&mut dice, 60);
        for _ in 0..CUTS {
            let at = dice.index(recorder.len() + 1);
            let (image, notes) = recorder.cut(at, &mut dice);
            let (mut asked, mut durable) = (0, 0);
            for note in notes {
                match note {
                    Note::Asked(change) => asked = change,
                    Note::Durable(change) => durable = change,
                }
            }
            let place = Place::new();
            fs::write(place.file("state.redb"), image).unwrap();
            let state = opened(&place);
            let counted = state.database().read(history::counted).unwrap();
            assert!(counted.is_some(), "seed {seed}, cut at {at}: counts are as old as records");
            state.count_by(kind).unwrap();
            let found = read(&state);
            let fits = expected[durable..=asked]
                .iter()
                .any(|(model, checkpoint)| *checkpoint == found && model.is_in(&state));
            assert!(
                fits,
                "seed {seed}, cut at {at}: changes {durable} to {asked} ought to be there, found \
                 checkpoint {:?} and {} records",
                found.map(|(index, ..)| index),
                state.count().unwrap()
            );
        }
    }
}
