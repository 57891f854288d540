//! Ticks of crons: what a leader says of them, and crons whose ticks wait.

use stint_core::Incarnation;

use super::{Op, WORKERS};
use crate::simulation::rng::Rng;

pub(super) fn of_ticks(rng: &mut Rng) -> Op {
    match rng.below(12) {
        0 => Op::PauseCron(rng.next()),
        1 => Op::ResumeCron(rng.next()),
        2 => {
            let lag = if rng.one_in(10) { rng.next() } else { rng.below(3) };
            Op::RunCron { number: rng.next(), id: rng.next(), lag }
        }
        _ => {
            let numbers = (0..=rng.below(3)).map(|_| rng.next()).collect();
            let lie = if rng.one_in(6) { Some(rng.below(10)) } else { None };
            Op::Fire { numbers, lie }
        }
    }
}

/// A cron whose ticks wait for a while: it is paused, or no worker has its action any more.
pub(super) fn late_ticks(rng: &mut Rng) -> Vec<Op> {
    // Its action is "once", and its number stays the same as long as no cron is put or deleted.
    let (id, need, ticks, number) = (rng.next(), rng.next(), rng.next(), rng.next());
    let mut ops = vec![Op::PutCron { id, kind: 2, need, retries: 0, ticks }];
    let is_pause = rng.one_in(2);
    if is_pause {
        ops.push(Op::PauseCron(number));
    } else {
        let without = |worker| Op::Register {
            worker,
            incarnation: Some(Incarnation(rng.next())),
            actions: 1,
            capacity: 0,
            ttl: 2,
        };
        ops.extend((0..WORKERS).map(without));
    }
    ops.extend((0..rng.below(6)).map(|_| Op::Tick));
    if is_pause {
        ops.push(Op::ResumeCron(number));
    }
    for _ in 0..3 {
        let others = (0..5).map(|_| rng.next());
        ops.push(Op::Fire { numbers: [number].into_iter().chain(others).collect(), lie: None });
    }
    ops
}
