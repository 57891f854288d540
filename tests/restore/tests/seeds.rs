//! openraft with a leader that goes on as the leader after a crash, and without: what becomes of
//! acknowledged values. `STINT_RESTORE_SEEDS=1000` has so many seeds tried.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use stint_restore::{Plan, Violation, Votes, run};

/// What a commit has to pass; some seconds of a processor.
const SEEDS: u64 = 60;
/// The machine may have other things to do, but it has two processors.
const AT_ONCE: usize = 2;
/// With a leader that is restored, an acknowledged value is lost with this seed.
const LOSING_SEED: u64 = 2;
/// Places for a crash: about one in three is between what was sent and its sync.
const CRASHES_MS: std::ops::Range<u64> = 1_000..1_020;

fn seeds() -> u64 {
    std::env::var("STINT_RESTORE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn the_same_plan_has_the_same_trace() {
    let plan = Plan::of(LOSING_SEED, true);
    let (one, other) = (run(&plan), run(&plan));
    assert!(one.trace.len() > 1_000, "there is no trace: {:?}", one.trace);
    let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
    assert_eq!(differs, None, "the same plan is not the same twice");
    assert_eq!(one.trace.len(), other.trace.len(), "one trace goes on behind the other");
    let another = run(&Plan::of(LOSING_SEED + 1, true));
    assert_ne!(one.trace, another.trace, "another seed has the same trace");
}

#[test]
fn a_leader_that_has_to_be_elected_again_loses_nothing() {
    let (next, failed) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds() {
                        return;
                    }
                    // Half of them with a disk that is faster with votes than openraft asks for.
                    let votes = if seed % 2 == 0 { Votes::AtOnce } else { Votes::InOrder };
                    let outcome = run(&Plan { votes, ..Plan::of(seed, false) });
                    let count = u64::try_from(outcome.acknowledged).unwrap_or(u64::MAX);
                    acknowledged.fetch_add(count, Ordering::Relaxed);
                    if let Some(first) = outcome.violations.first() {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.push(format!("seed {seed}: {first}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let acknowledged = acknowledged.into_inner();
    assert!(acknowledged > 100 * seeds(), "only {acknowledged} values were acknowledged");
}

/// If this fails with another version of openraft, it may have learned not to: `docs/leader-restore.md`
/// says what to look at.
#[test]
fn a_restored_leader_gives_one_id_to_two_entries_and_an_acknowledged_value_is_lost() {
    let crashes = CRASHES_MS.map(|at_ms| Plan::of_one_crash(LOSING_SEED, at_ms, true));
    let lost = crashes.filter(|plan| {
        let outcome = run(plan);
        outcome.violations.iter().any(|violation| matches!(violation, Violation::Lost(_)))
    });
    assert!(lost.count() > 0, "no single crash of a leader is enough");

    let outcome = run(&Plan::of(LOSING_SEED, true));
    let has = |is: fn(&Violation) -> bool| outcome.violations.iter().any(is);
    let is_forked = has(|violation| matches!(violation, Violation::Forked(_)));
    let is_diverged = has(|violation| matches!(violation, Violation::Diverged(_)));
    let is_lost = has(|violation| matches!(violation, Violation::Lost(_)));
    assert!(is_forked && is_diverged && is_lost, "{:?}", outcome.violations);
    let same = run(&Plan::of(LOSING_SEED, false));
    assert_eq!(same.violations, [], "the same crashes, with elections");
}
