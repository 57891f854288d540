//! The judge: compares what a store holds with what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use stint_storage::{Error, Filter, Log, Output, StateStore, Store};

use crate::{
    child::{BATCH, CHUNKS, JOB, PERIOD, chunk, passing, period, record, removed_by},
    run::{IDENTITY, content},
};

/// What has been acknowledged so far, over all lives of the process.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    /// One more than the last entry that must be there.
    log_end: u64,
    purged: Option<u64>,
    vote: Option<u64>,
    checkpoint: Option<u64>,
    lines: u64,
    /// By period, the first line whose passing job may be there again: those before it, in the
    /// period, were removed.
    swept: BTreeMap<u32, u64>,
    /// How often a period was swept, and the state's file written anew.
    pub(crate) sweeps: u64,
    pub(crate) shrinks: u64,
    lost_periods: BTreeSet<u32>,
    /// Output that was lost and reported. The promise is that it is reported, not that it is rare.
    pub(crate) losses: Vec<String>,
}

impl Acknowledged {
    /// Takes over the lines of one life.
    pub(crate) fn add(&mut self, lines: &[String]) {
        for line in lines {
            let (what, number) = line.split_once(' ').unwrap_or((line, "0"));
            let number: u64 = number.parse().unwrap();
            match what {
                "open" => {}
                "append" => self.log_end = number + 1,
                "truncate" => self.log_end = self.log_end.min(number),
                "purge" => self.purged = Some(number),
                "vote" => self.vote = Some(number),
                "checkpoint" => self.checkpoint = Some(number),
                "lines" => self.lines = number,
                "from" => self.swept.values_mut().for_each(|end| *end = number.min(*end)),
                "swept" => {
                    self.swept.insert(period(number), number + 1);
                    self.sweeps += 1;
                }
                "shrunk" => self.shrinks += 1,
                other => panic!("the child said {other}"),
            }
        }
    }

    /// Opens the store and looks at everything. `round` is for the message.
    pub(crate) fn verify(&mut self, dir: &Path, round: &str) {
        let store = Store::open(dir, IDENTITY)
            .unwrap_or_else(|error| panic!("{round}: the store does not open: {error}"));
        self.verify_log(&store.log, round);
        self.verify_state(&store.state, round);
        self.verify_output(&store.output, round);
    }

    fn verify_log(&mut self, log: &Log, round: &str) {
        let purged = log.purged();
        if let Some((index, marker)) = &purged {
            assert_eq!(*marker, index.to_le_bytes(), "{round}: the marker of another purge");
        }
        let purged = purged.map(|(index, _)| index);
        assert!(purged >= self.purged, "{round}: purged {purged:?}, {self:?}");
        let start = purged.map_or(0, |index| index + 1);
        let end = log.last_index().map_or(start, |last| last + 1);
        assert!(end >= self.log_end, "{round}: the log ends at {end}, {self:?}");
        let mut next = start;
        while next < end {
            for (index, entry) in log.read(next, end, 1 << 20).unwrap() {
                assert_eq!(index, next, "{round}");
                assert!(entry == content(index, 2000), "{round}: entry {index} is another");
                next += 1;
            }
        }
        let vote = log.get("vote").unwrap();
        let vote = vote.map(|vote| u64::from_le_bytes(vote.try_into().unwrap()));
        assert!(vote >= self.vote, "{round}: vote {vote:?}, {self:?}");
        // What was found is durable, and must be found again.
        (self.log_end, self.purged, self.vote) = (end, purged, vote);
    }

    fn verify_state(&mut self, state: &StateStore, round: &str) {
        let mut chunks = Vec::new();
        let found = state.read_checkpoint(|chunk| {
            chunks.push(chunk);
            Ok::<(), Error>(())
        });
        let found = found.unwrap();
        let index = found.as_ref().map(|header| header.index);
        assert!(index >= self.checkpoint, "{round}: checkpoint {index:?}, {self:?}");
        self.checkpoint = index;
        let Some(header) = found else { return };
        assert_eq!(header.header, header.index.to_le_bytes(), "{round}");
        let expected: Vec<_> = (0..CHUNKS).map(|number| chunk(header.index, number)).collect();
        assert!(chunks == expected, "{round}: the chunks are not of checkpoint {}", header.index);

        let records = (header.index + 1) * BATCH;
        let removed: BTreeSet<u64> = (0..=header.index).flat_map(removed_by).collect();
        // What came after the checkpoint may be there or not.
        let open = removed_by(header.index + 1);
        for number in (0..records).filter(|number| !open.contains(number)) {
            let record = record(number);
            let body = state.get(&record.id).unwrap();
            let expected = (!removed.contains(&number)).then_some(record.body);
            assert!(body == expected, "{round}: record {number}, {self:?}");
        }
        let listed = state.list(&Filter::default(), None, usize::MAX).unwrap();
        let count = state.count().unwrap();
        let removed = u64::try_from(removed.len()).unwrap();
        assert!(count >= records - removed - BATCH, "{round}: {count} records of {records}");
        assert_eq!(u64::try_from(listed.len()).unwrap(), count, "{round}");
        let ends = state.oldest(usize::MAX).unwrap();
        let ends = ends.first.iter().rev().map(|end| (end.at - 7, end.id));
        assert!(ends.eq(listed.iter().map(|key| (key.scheduled_at, key.id))), "{round}");
        for worker in [None, Some(0), Some(2), Some(4)] {
            for action in ["action 0", "action 1", "action 2"] {
                let filter = Filter { action: Some(action.into()), worker };
                let expected = listed.iter().filter(|key| {
                    let record = record(key.scheduled_at);
                    record.action == action && (worker.is_none() || record.worker == worker)
                });
                let found = state.list(&filter, None, usize::MAX).unwrap();
                assert!(expected.eq(&found), "{round}: {filter:?}");
            }
        }
    }

    fn verify_output(&mut self, output: &Output, round: &str) {
        let mut missing = BTreeSet::new();
        for line in 0..self.lines {
            let read = output.read(period(line), &JOB, line, 1).unwrap();
            match read.first() {
                Some(batch) => {
                    assert!(batch.bytes == content(line, 3000), "{round}: line {line} is another");
                }
                None => drop(missing.insert(period(line))),
            }
        }
        for (swept, end) in &self.swept {
            for line in u64::from(*swept) * PERIOD..*end {
                let read = output.read(*swept, &passing(line), 0, 1).unwrap();
                assert!(read.is_empty(), "{round}: the job of line {line} was swept, and is back");
            }
        }
        let losses = output.losses();
        for loss in &losses {
            self.lost_periods.insert(loss.period);
            self.losses.push(format!("{round}: period {}: {}", loss.period, loss.reason));
            output.recovered(loss.period).unwrap();
        }
        assert!(
            missing.is_subset(&self.lost_periods),
            "{round}: lines of periods {missing:?} are missing, reported are {losses:?}, {self:?}"
        );
    }
}
