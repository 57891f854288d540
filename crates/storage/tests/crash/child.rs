//! The process that dies: it writes to all parts of a store and says what was acknowledged.

use std::{
    env,
    io::{self, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use stint_storage::{Durable, Error, Gone, Log, Output, Record, StateStore, Store};

use crate::run::{DIR, Dice, IDENTITY, SEED, TASK, content};

/// Records per batch.
pub(crate) const BATCH: u64 = 20;

/// Chunks per checkpoint.
pub(crate) const CHUNKS: u64 = 5;

/// Lines of output per period.
pub(crate) const PERIOD: u64 = 400;

pub(crate) const JOB: [u8; 16] = [9; 16];

#[test]
#[ignore = "is run by the other tests, as a process to be killed"]
fn the_process_that_dies() {
    let (Ok(task), Ok(dir), Ok(seed)) = (env::var(TASK), env::var(DIR), env::var(SEED)) else {
        return;
    };
    let (dir, seed) = (PathBuf::from(dir), seed.parse().unwrap());
    match task.as_str() {
        "create" => create(&dir),
        "write" => write(&dir, seed),
        other => panic!("no such task: {other}"),
    }
}

fn acknowledge(what: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "ack {what}").and_then(|()| out.flush()).expect("the parent reads to the end");
}

/// Creates one store after the other.
fn create(dir: &Path) {
    for number in 0.. {
        acknowledge(&format!("begin {number}"));
        drop(Store::open(&dir.join(number.to_string()), IDENTITY).unwrap());
        acknowledge(&format!("end {number}"));
    }
}

/// Writes to all parts of a store until it is killed.
fn write(dir: &Path, seed: u64) {
    let store = Store::open(dir, IDENTITY).unwrap();
    acknowledge("open");
    thread::scope(|scope| {
        scope.spawn(|| write_log(&store.log, Dice::new(seed)).unwrap());
        scope.spawn(|| write_state(&store.state, Dice::new(seed + 1)).unwrap());
        scope.spawn(|| write_output(&store.output, Dice::new(seed + 2)).unwrap());
    });
}

fn write_log(log: &Log, mut dice: Dice) -> Result<(), Error> {
    let (sender, receiver) = mpsc::channel();
    let mut in_flight = 0;
    let mut vote = log.get("vote")?.map_or(0, |vote| u64::from_le_bytes(vote.try_into().unwrap()));
    loop {
        let purged = log.purged().map(|(index, _)| index);
        let next = log.last_index().or(purged).map_or(0, |last| last + 1);
        let first = log.first_index().unwrap_or(next);
        let step = dice.below(20);
        if step < 3 || in_flight > 8 {
            for _ in 0..in_flight {
                receiver.recv().unwrap()?;
            }
            in_flight = 0;
        }
        match step {
            0 => {
                vote += 1;
                log.put("vote", &vote.to_le_bytes(), Durable::Now)?;
                acknowledge(&format!("vote {vote}"));
            }
            1 => {
                let from = next.saturating_sub(dice.below(4)).max(first);
                acknowledge(&format!("truncate {from}"));
                log.truncate_from(from)?;
            }
            2 if next > first => {
                let upto = first + dice.below(next - first);
                log.purge_to(upto, &upto.to_le_bytes())?;
                acknowledge(&format!("purge {upto}"));
            }
            _ => {
                let last = next + dice.below(10);
                let entries = (next..=last).map(|index| (index, content(index, 2000))).collect();
                let sender = sender.clone();
                log.append(entries, move |result| {
                    if result.is_ok() {
                        acknowledge(&format!("append {last}"));
                    }
                    sender.send(result).unwrap();
                });
                log.put("committed", &last.to_le_bytes(), Durable::Later)?;
                in_flight += 1;
            }
        }
    }
}

pub(crate) fn record(number: u64) -> Record {
    Record {
        id: u128::from(number).to_be_bytes(),
        scheduled_at: number,
        action: format!("action {}", number % 3),
        worker: number.is_multiple_of(2).then_some(number % 5),
        ended_at: number + 7,
        output: None,
        listed: true,
        body: content(number, 800),
    }
}

pub(crate) fn chunk(index: u64, number: u64) -> Vec<u8> {
    content(index * CHUNKS + number, 20_000)
}

fn write_state(state: &StateStore, mut dice: Dice) -> Result<(), Error> {
    let start = state.checkpoint()?.map_or(0, |checkpoint| checkpoint.index + 1);
    for batch in start.. {
        let records: Vec<Record> = (batch * BATCH..(batch + 1) * BATCH).map(record).collect();
        state.put_records(&records)?;
        let removed: Vec<_> = removed_by(batch).map(|number| record(number).id).collect();
        state.remove_records(&removed)?;
        match dice.below(10) {
            0 | 1 => {
                let chunks = (0..CHUNKS).map(|number| chunk(batch, number));
                state.write_checkpoint(batch, &batch.to_le_bytes(), chunks)?;
                acknowledge(&format!("checkpoint {batch}"));
            }
            2 => replace_by_own_snapshot(state)?,
            3 => {
                assert!(state.shrink(|| true)?, "nobody else replaces it");
                acknowledge("shrunk");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The records that go when this batch has come.
pub(crate) fn removed_by(batch: u64) -> Range<u64> {
    let first = batch.saturating_sub(1) * BATCH;
    first..if batch == 0 { first } else { first + BATCH / 4 }
}

fn replace_by_own_snapshot(state: &StateStore) -> Result<(), Error> {
    let Some(mut reader) = state.snapshot()? else { return Ok(()) };
    let mut writer = state.receive()?;
    while let Some(frame) = reader.next_frame()? {
        writer.write_frame(&frame)?;
    }
    state.install(writer.finish()?)
}

/// A job that is soon gone.
pub(crate) fn passing(line: u64) -> [u8; 16] {
    u128::from(line).to_be_bytes()
}

/// The period of a line.
pub(crate) fn period(line: u64) -> u32 {
    u32::try_from(line / PERIOD).unwrap()
}

fn write_output(output: &Output, mut dice: Dice) -> Result<(), Error> {
    // What an earlier life wrote and did not sync may be missing, also in the middle.
    let mut first = 0;
    while let Some(batch) = output.read(period(first), &JOB, first, 1)?.first() {
        first = batch.first_line + 1;
    }
    acknowledge(&format!("from {first}"));
    for line in first.. {
        output.append(period(line), &JOB, line, 1, &content(line, 3000))?;
        output.append(period(line), &passing(line), 0, 1, &content(line, 300))?;
        if dice.below(100) == 0 {
            let seen = Gone { period: period(line), unswept: 1, swept: PERIOD };
            output
                .sweep(seen, true, |jobs| Ok(Some(jobs.iter().map(|job| *job == JOB).collect())))?;
            acknowledge(&format!("swept {line}"));
        }
        if dice.below(20) == 0 {
            output.sync()?;
            acknowledge(&format!("lines {}", line + 1));
        }
    }
    Ok(())
}
