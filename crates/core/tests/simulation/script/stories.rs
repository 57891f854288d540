//! What happens in a row: paths that steps drawn one by one would hardly take.

use stint_core::{Incarnation, Status};

use super::{Lie, Op, Rng, WORKERS, Whose, current, leave_or_expire, op};

/// A worker with every action begins a life and confirms.
pub(super) fn birth(rng: &mut Rng, worker: u64) -> [Op; 2] {
    let (incarnation, capacity) = (Some(Incarnation(rng.next())), rng.next());
    [
        Op::Register { worker, incarnation, actions: u64::MAX, capacity, ttl: 2 },
        Op::Confirm(current(worker)),
    ]
}

/// A worker dies with work in its hands and comes back; something is asked of its jobs meanwhile.
pub(super) fn return_of(rng: &mut Rng) -> Vec<Op> {
    let worker = rng.below(WORKERS);
    let mut ops = vec![Op::Claim(current(worker), 3)];
    if rng.one_in(2) {
        ops.push(Op::Expire { speaker: current(worker), is_renewed: false });
    }
    let [register, confirm] = birth(rng, worker);
    ops.push(register);
    let number = rng.next();
    match rng.below(4) {
        0 => ops.push(Op::Cancel(Whose::In(Status::WorkerResurrection, number))),
        1 => ops.push(Op::Delete(Whose::In(Status::WorkerResurrection, number))),
        _ => ops.push(op(rng, 0)),
    }
    ops.push(if rng.one_in(5) { leave_or_expire(rng, worker) } else { confirm });
    ops
}

/// Jobs that have children end, and then these.
pub(super) fn family(rng: &mut Rng) -> Vec<Op> {
    let worker = rng.below(WORKERS);
    let finish = |rng: &mut Rng| {
        // A multiple of 12 is a success.
        let runs = (0..4).map(|_| (rng.next(), 12 * rng.below(1_000))).collect();
        Op::Finish { runs, lie: Lie::None, is_twice: false }
    };
    let mut ops = vec![Op::Claim(current(worker), 4)];
    for _ in 0..2 {
        for _ in 0..3 {
            let (run, id, need) = (rng.next(), rng.next(), 0);
            ops.push(Op::SubmitChild { run, lie: Lie::None, id, kind: 0, need, retries: 0 });
        }
        ops.push(Op::Claim(current(worker), 4));
    }
    for _ in 0..3 {
        ops.push(finish(rng));
        ops.push(Op::Claim(current(worker), 4));
    }
    ops
}

/// One worker that loses all that it runs again and again, until a job has had its share of deaths
/// or more attempts than are kept.
pub(super) fn hard_luck(rng: &mut Rng) -> Vec<Op> {
    let worker = rng.below(WORKERS);
    let (lives, is_drained) = if rng.one_in(2) { (66, true) } else { (12, false) };
    let mut ops = Vec::new();
    for _ in 0..lives {
        ops.extend(birth(rng, worker));
        ops.push(Op::Claim(current(worker), 10));
        if is_drained {
            ops.push(Op::Leave(current(worker)));
        }
    }
    ops
}
