//! Power cuts between any two writes of the log's file, with unsynced writes lost or torn.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    sync::Arc,
};

use crate::{
    Durable, Log,
    testing::{Dice, Place, Recorder},
};

/// What the log ought to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    entries: BTreeMap<u64, Vec<u8>>,
    purged: Option<(u64, Vec<u8>)>,
    vote: Option<Vec<u8>>,
}

impl Model {
    fn next(&self) -> u64 {
        let purged = self.purged.as_ref().map_or(0, |(index, _)| index + 1);
        self.entries.last_key_value().map_or(purged, |(index, _)| index + 1)
    }

    fn of(log: &Log) -> Self {
        let entries = match log.first_index() {
            Some(first) => log.read(first, u64::MAX, usize::MAX).unwrap().into_iter().collect(),
            None => BTreeMap::new(),
        };
        assert_eq!(entries.last_key_value().map(|(index, _)| *index), log.last_index());
        Self { entries, purged: log.purged(), vote: log.get("vote").unwrap() }
    }
}

/// Noted before and after each change.
#[derive(Debug, Clone, Copy)]
enum Note {
    Asked,
    Acknowledged,
}

/// Random changes of a log on a recorded file, and the model after each of them.
fn history(dice: &mut Dice, changes: usize) -> (Arc<Recorder<Note>>, Vec<Model>) {
    let place = Place::new();
    let path = place.file("log.redb");
    Log::create(&path).unwrap();
    let recorder = Recorder::new(&path);
    let log = Log::open(&path, Arc::clone(&place.lock), Some(recorder.tap())).unwrap();
    let mut models = VecDeque::from([Model::default()]);
    for change in 0..changes {
        let mut model = models.back().unwrap().clone();
        let next = model.next();
        let first = model.entries.first_key_value().map_or(next, |(index, _)| *index);
        recorder.note(Note::Asked);
        match dice.below(12) {
            0 => {
                let vote = change.to_le_bytes();
                log.put("vote", &vote, Durable::Now).unwrap();
                recorder.note(Note::Acknowledged);
                model.vote = Some(vote.to_vec());
            }
            1 => {
                let from = next.saturating_sub(dice.below(5)).max(first);
                log.truncate_from(from).unwrap();
                recorder.note(Note::Acknowledged);
                model.entries.split_off(&from);
            }
            2 => {
                let upto = first + dice.below(next - first + 3);
                log.purge_to(upto, &upto.to_le_bytes()).unwrap();
                recorder.note(Note::Acknowledged);
                model.entries = model.entries.split_off(&(upto + 1));
                model.purged = Some((upto, upto.to_le_bytes().to_vec()));
            }
            _ => {
                let count = 1 + dice.below(8);
                let entries: Vec<(u64, Vec<u8>)> = (next..next + count)
                    .map(|index| {
                        let len = dice.index(3000);
                        (index, dice.bytes(len))
                    })
                    .collect();
                model.entries.extend(entries.iter().cloned());
                let noted = Arc::clone(&recorder);
                log.append(entries, move |result| {
                    result.unwrap();
                    noted.note(Note::Acknowledged);
                });
                log.put("committed", &next.to_le_bytes(), Durable::Later).unwrap();
            }
        }
        models.push_back(model);
    }
    drop(log);
    (recorder, models.into())
}

#[test]
fn after_a_power_cut_exactly_a_prefix_with_all_that_was_acknowledged_is_there() {
    const SEEDS: u64 = 6;
    const CUTS: usize = 60;
    for seed in 1..=SEEDS {
        let mut dice = Dice::new(seed);
        let (recorder, models) = history(&mut dice, 60);
        for _ in 0..CUTS {
            let at = dice.index(recorder.len() + 1);
            let (image, notes) = recorder.cut(at, &mut dice);
            let asked = notes.iter().filter(|note| matches!(note, Note::Asked)).count();
            let acknowledged = notes.len() - asked;

            let place = Place::new();
            fs::write(place.file("log.redb"), image).unwrap();
            let log = Log::open(&place.file("log.redb"), Arc::clone(&place.lock), None)
                .unwrap_or_else(|error| panic!("seed {seed}, cut at {at}: {error}"));
            let found = Model::of(&log);
            assert!(
                models[acknowledged..=asked].contains(&found),
                "seed {seed}, cut at {at}: {acknowledged} to {asked} changes ought to be there, \
                 found entries {:?} to {:?}, purged {:?}, vote {:?}",
                log.first_index(),
                log.last_index(),
                found.purged,
                found.vote
            );
        }
    }
}
