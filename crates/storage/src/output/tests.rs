//! Output: batches in and out, and a damaged sled that is set aside, reported and replaced.

mod damage;
mod sweep;

use std::{sync::Arc, thread};

use crate::{
    Batch, Error, Output,
    limits::{BATCH_BYTES_MAX, PERIODS_OPEN_MAX},
    testing::{Dice, Place},
};

const JOB: [u8; 16] = [7; 16];
const OTHER: [u8; 16] = [8; 16];
const DAY: u32 = 20_000;

fn fresh() -> (Place, Output) {
    let place = Place::new();
    Output::create(place.dir.path()).unwrap();
    let output = open(&place);
    (place, output)
}

fn open(place: &Place) -> Output {
    Output::open(place.dir.path(), Arc::clone(&place.lock)).unwrap()
}

fn lines(first_line: u64, line_count: u32) -> Vec<u8> {
    let count = usize::try_from(line_count).unwrap();
    Dice::new(first_line).bytes(count * 50)
}

fn append(output: &Output, job: &[u8; 16], first_line: u64, line_count: u32) {
    output.append(DAY, job, first_line, line_count, &lines(first_line, line_count)).unwrap();
}

fn batch(first_line: u64, line_count: u32) -> Batch {
    Batch { first_line, line_count, bytes: lines(first_line, line_count) }
}

#[test]
fn batches_are_read_from_the_one_that_contains_a_line() {
    let (place, mut output) = fresh();
    for first in (0..100).step_by(10) {
        append(&output, &JOB, first, 10);
        append(&output, &JOB, first, 10);
    }
    append(&output, &OTHER, 3, 1);
    for _ in 0..2 {
        let all: Vec<Batch> = (0..100).step_by(10).map(|first| batch(first, 10)).collect();
        for (from, skipped) in [(0, 0), (9, 0), (10, 1), (55, 5), (99, 9)] {
            assert_eq!(output.read(DAY, &JOB, from, usize::MAX).unwrap(), all[skipped..], "{from}");
        }
        assert_eq!(output.read(DAY, &JOB, 100, 1).unwrap(), []);
        assert_eq!(output.read(DAY, &OTHER, 3, 1).unwrap(), [batch(3, 1)]);
        assert_eq!(output.read(DAY, &OTHER, 2, 1).unwrap(), []);
        assert_eq!(output.read(DAY, &[9; 16], 0, 1).unwrap(), []);
        assert_eq!(output.read(DAY + 1, &JOB, 0, 1).unwrap(), []);
        drop(output);
        output = open(&place);
    }
    assert_eq!(output.periods().unwrap(), [DAY], "reading creates no period");
    assert_eq!(output.losses(), []);
}

#[test]
fn a_read_stops_at_its_bytes_but_never_before_one_batch() {
    let (_place, output) = fresh();
    for first in (0..50).step_by(10) {
        append(&output, &JOB, first, 10);
    }
    for (bytes_max, count) in [(0, 1), (500, 1), (999, 1), (1000, 2), (10_000, 5)] {
        assert_eq!(output.read(DAY, &JOB, 0, bytes_max).unwrap().len(), count, "{bytes_max}");
    }
}

#[test]
fn a_read_stops_at_a_gap() {
    let (_place, output) = fresh();
    for first in [0, 10, 30, 40] {
        append(&output, &JOB, first, 10);
    }
    assert_eq!(output.read(DAY, &JOB, 5, 9999).unwrap(), [batch(0, 10), batch(10, 10)]);
    assert_eq!(output.read(DAY, &JOB, 25, 9999).unwrap(), []);
    assert_eq!(output.read(DAY, &JOB, 30, 9999).unwrap(), [batch(30, 10), batch(40, 10)]);
}

#[test]
fn batches_of_any_size_up_to_the_bound_come_back() {
    let (place, output) = fresh();
    let sizes = [0, 1, 32 * 1024, 32 * 1024 + 1, 200_000, BATCH_BYTES_MAX];
    let batches: Vec<Vec<u8>> = sizes.iter().map(|size| Dice::new(5).bytes(*size)).collect();
    for (line, batch) in (0..).zip(&batches) {
        output.append(DAY, &JOB, line, 1, batch).unwrap();
    }
    let refused = output.append(DAY, &JOB, 9, 1, &vec![0; BATCH_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { .. }), "{refused}");
    output.sync().unwrap();
    drop(output);
    let read = open(&place).read(DAY, &JOB, 0, usize::MAX).unwrap();
    assert!(read.into_iter().map(|batch| batch.bytes).collect::<Vec<_>>() == batches);
}

#[test]
fn a_deleted_job_has_no_lines_and_the_others_keep_theirs() {
    let (place, output) = fresh();
    for line in 0..1200 {
        output.append(DAY, &JOB, line, 1, b"line").unwrap();
    }
    append(&output, &OTHER, 0, 10);
    for _ in 0..2 {
        output.delete(DAY, &JOB).unwrap();
        assert_eq!(output.read(DAY, &JOB, 0, 1).unwrap(), []);
    }
    output.delete(DAY + 1, &JOB).unwrap();
    drop(output);
    let output = open(&place);
    assert_eq!(output.read(DAY, &JOB, 700, 1).unwrap(), []);
    assert_eq!(output.read(DAY, &OTHER, 0, 1).unwrap(), [batch(0, 10)]);
}

#[test]
fn a_dropped_period_gives_its_space_back_and_can_begin_anew() {
    let (place, output) = fresh();
    append(&output, &JOB, 0, 10);
    for _ in 0..2 {
        output.drop_period(DAY).unwrap();
        assert_eq!(output.periods().unwrap(), []);
        assert_eq!(output.read(DAY, &JOB, 0, 1).unwrap(), []);
        assert!(!place.file("output/20000").exists());
    }
    append(&output, &JOB, 10, 10);
    assert_eq!(output.read(DAY, &JOB, 10, 1).unwrap(), [batch(10, 10)]);
    assert_eq!(output.losses(), []);
}

#[test]
fn many_periods_are_kept_with_few_of_them_open() {
    let (place, output) = fresh();
    let days = 0..u32::try_from(PERIODS_OPEN_MAX).unwrap() * 2;
    for day in days.clone().chain(days.clone()) {
        output.append(day, &JOB, 0, 1, &day.to_le_bytes()).unwrap();
    }
    assert!(output.opened().unwrap().periods.len() <= PERIODS_OPEN_MAX);
    drop(output);
    let output = open(&place);
    for day in days {
        assert_eq!(output.read(day, &JOB, 0, 1).unwrap()[0].bytes, day.to_le_bytes());
    }
    assert_eq!(output.losses(), []);
}

#[test]
fn threads_may_write_and_read_the_same_periods() {
    let (_place, output) = fresh();
    thread::scope(|scope| {
        for number in 0..4_u8 {
            let output = &output;
            scope.spawn(move || {
                let job = [number; 16];
                for line in 0..100 {
                    for day in 0..6 {
                        output.append(day, &job, line, 1, &[number; 100]).unwrap();
                        let read = output.read(day, &job, line, 1).unwrap();
                        assert_eq!(read[0].bytes, [number; 100]);
                    }
                    if line % 30 == 0 {
                        output.sync().unwrap();
                    }
                }
            });
        }
    });
    for job in 0..4 {
        assert_eq!(output.read(5, &[job; 16], 0, usize::MAX).unwrap().len(), 100);
    }
}
