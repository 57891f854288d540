//! Lines of jobs that are gone go, with their bytes, and nothing else does.

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{DAY, Dice, Place, fresh, open};
use crate::{Error, Gone, Output, Swept};

fn job(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

fn text(number: u64) -> Vec<u8> {
    format!("these are the lines of job number {number}, all of them").into_bytes()
}

fn fill(output: &Output, jobs: std::ops::Range<u64>) {
    for number in jobs {
        output.append(DAY, &job(number), 0, 1, &text(number)).unwrap();
    }
}

/// Whether these jobs have their lines, and no others of the first thousand.
fn has_exactly(output: &Output, kept: &BTreeSet<u64>) -> bool {
    (0..1_000).all(|number| {
        let read = output.read(DAY, &job(number), 0, 1_000).unwrap();
        let bytes: Vec<_> = read.into_iter().map(|batch| batch.bytes).collect();
        if kept.contains(&number) { bytes == [text(number)] } else { bytes.is_empty() }
    })
}

fn sweep(output: &Output, unswept: u64, may_end: bool, kept: &BTreeSet<u64>) -> Swept {
    let seen = Gone { period: DAY, unswept, swept: 0 };
    let kept: BTreeSet<_> = kept.iter().map(|number| job(*number)).collect();
    output
        .sweep(seen, may_end, |jobs| Ok(Some(jobs.iter().map(|job| kept.contains(job)).collect())))
        .unwrap()
}

/// Names of directories under the output's.
fn dirs(place: &Place) -> Vec<String> {
    crate::directory::names(&place.dir.path().join("output")).unwrap()
}

/// Whether any file of the output has these bytes.
fn is_on_disk(place: &Place, bytes: &[u8]) -> bool {
    dirs(place).iter().any(|dir| {
        let dir = place.dir.path().join("output").join(dir);
        let files = crate::directory::names(&dir).unwrap();
        let files = files.iter().map(|name| dir.join(name)).filter(|path| path.is_file());
        files
            .map(|path| fs::read(path).unwrap())
            .any(|file| file.windows(bytes.len()).any(|window| window == bytes))
    })
}

#[test]
fn a_period_is_written_anew_when_many_of_its_jobs_are_gone() {
    let (place, mut output) = fresh();
    fill(&output, 0..1_000);
    output.sync().unwrap();
    assert!(is_on_disk(&place, &text(500)));
    let kept: BTreeSet<_> = (0..1_000).filter(|number| number % 10 == 0).collect();
    assert_eq!(sweep(&output, 900, true, &kept), Swept::Anew(100));
    for _ in 0..2 {
        assert!(has_exactly(&output, &kept));
        assert_eq!(dirs(&place), ["20000.1"], "the former database is gone");
        assert_eq!(output.losses(), []);
        assert!(!is_on_disk(&place, &text(501)), "bytes of a job that is gone are on the disk");
        assert!(is_on_disk(&place, &text(500)));
        drop(output);
        output = open(&place);
    }
    fill(&output, 1_000..1_010);
    assert_eq!(sweep(&output, 1_000, true, &BTreeSet::from([7])), Swept::Gone);
    assert_eq!((dirs(&place), output.periods().unwrap()), (vec![], vec![]));
    fill(&output, 3..4);
    assert!(has_exactly(&output, &BTreeSet::from([3])), "a period can begin again");
}

#[test]
fn few_jobs_are_deleted_one_by_one_and_counted_until_they_are_many() {
    let (place, output) = fresh();
    fill(&output, 0..100);
    let mut kept: BTreeSet<_> = (0..100).collect();
    assert_eq!(sweep(&output, 0, true, &kept), Swept::Deleted(0));
    kept.remove(&5);
    assert_eq!(sweep(&output, 1, true, &kept), Swept::Deleted(1));
    assert!(has_exactly(&output, &kept));
    assert_eq!(dirs(&place), ["20000"]);
    let seen = Gone { period: DAY, unswept: 1, swept: 30 };
    let swept = output.sweep(seen, true, |jobs| Ok(Some(vec![true; jobs.len()])));
    assert_eq!(swept.unwrap(), Swept::Anew(99));
    assert!(has_exactly(&output, &kept));
}

#[test]
fn a_period_that_may_get_new_jobs_is_empty_and_stays() {
    let (_place, output) = fresh();
    fill(&output, 0..100);
    assert_eq!(sweep(&output, 100, false, &BTreeSet::new()), Swept::Anew(0));
    assert_eq!(output.periods().unwrap(), [DAY]);
    assert!(has_exactly(&output, &BTreeSet::new()));
    let absent = Gone { period: DAY + 1, unswept: 1, swept: 0 };
    assert_eq!(output.sweep(absent, true, |_| Ok(Some(vec![]))).unwrap(), Swept::Gone);
    assert_eq!(output.periods().unwrap(), [DAY], "sweeping creates no period");
}

#[test]
fn an_error_of_whoever_knows_changes_nothing() {
    let (place, output) = fresh();
    fill(&output, 0..10);
    let seen = Gone { period: DAY, unswept: 10, swept: 0 };
    let asked = AtomicBool::new(false);
    let swept = output.sweep(seen, true, |jobs| {
        if asked.swap(true, Ordering::AcqRel) {
            return Err(Error::DiskFull { path: "history".into() });
        }
        Ok(Some(vec![false; jobs.len()]))
    });
    assert!(swept.is_err());
    assert_eq!(output.sweep(seen, true, |_| Ok(None)).unwrap(), Swept::Interrupted);
    assert!(has_exactly(&output, &(0..10).collect()));
    assert_eq!(dirs(&place), ["20000"]);
}

#[test]
fn whoever_appends_and_deletes_meanwhile_loses_nothing() {
    for seed in 1..=3 {
        let (place, mut output) = fresh();
        fill(&output, 500..1_000);
        let is_over = AtomicBool::new(false);
        // Jobs from 500 on are gone; the others come and go meanwhile.
        let keeps = |jobs: &[[u8; 16]]| -> Result<Option<Vec<bool>>, Error> {
            Ok(Some(jobs.iter().map(|one| *one < job(500)).collect()))
        };
        let kept = thread::scope(|scope| {
            let sweeper = scope.spawn(|| {
                let mut rounds = 0;
                while !is_over.load(Ordering::Acquire) || rounds < 2 {
                    let seen = Gone { period: DAY, unswept: 1_000, swept: 0 };
                    let swept = output.sweep(seen, false, keeps).unwrap();
                    assert!(matches!(swept, Swept::Anew(_)), "{swept:?}");
                    rounds += 1;
                }
                rounds
            });
            let mut dice = Dice::new(seed);
            let mut kept = BTreeSet::new();
            for _ in 0..600 {
                let number = dice.below(500);
                if kept.remove(&number) {
                    output.delete(DAY, &job(number)).unwrap();
                } else {
                    kept.insert(number);
                    fill(&output, number..number + 1);
                }
                assert_eq!(
                    output.read(DAY, &job(number), 0, 1).unwrap().len(),
                    usize::from(kept.contains(&number))
                );
            }
            is_over.store(true, Ordering::Release);
            assert!(sweeper.join().unwrap() >= 2);
            kept
        });
        for _ in 0..2 {
            assert!(has_exactly(&output, &kept), "seed {seed}");
            assert_eq!(output.losses(), []);
            drop(output);
            output = open(&place);
        }
        assert_eq!(dirs(&place).len(), 1);
    }
}

#[test]
fn what_a_crash_leaves_between_the_steps_is_put_right() {
    let (place, output) = fresh();
    fill(&output, 0..100);
    let kept: BTreeSet<_> = (0..10).collect();
    drop(output);
    let (data, marks) = (place.dir.path().join("output"), place.dir.path().join("periods"));
    let copied = |from: &str, to: &str| {
        fs::create_dir_all(data.join(to)).unwrap();
        for name in crate::directory::names(&data.join(from)).unwrap() {
            if data.join(from).join(&name).is_file() {
                fs::copy(data.join(from).join(&name), data.join(to).join(&name)).unwrap();
            }
        }
    };
    // Before its mark is in force, a successor is nothing.
    copied("20000", "20000.1");
    fs::copy(marks.join("20000.synced"), marks.join("20000.next")).unwrap();
    let output = open(&place);
    assert!(has_exactly(&output, &(0..100).collect()));
    assert_eq!(dirs(&place), ["20000"]);
    assert!(!marks.join("20000.next").exists());
    assert_eq!(sweep(&output, 90, true, &kept), Swept::Anew(10));
    drop(output);
    // After that, the former one is.
    copied("20000.1", "20000");
    let output = open(&place);
    assert!(has_exactly(&output, &kept));
    assert_eq!((dirs(&place), output.losses()), (vec!["20000.1".to_owned()], vec![]));
}
