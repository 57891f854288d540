//! A history before it is played: what is tried, told by the part that it plays and not by its id,
//! so that a history from which steps are taken out is still a history.

mod stories;

use stint_core::{Incarnation, Status};

use super::rng::Rng;
use stories::{birth, family, hard_luck, return_of};

mod configuration;
mod ticks;

use configuration::{action_config, cron, token};
use ticks::{late_ticks, of_ticks};

/// One entry of the log and what its leader's clock does before.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) clock: Clock,
    pub(crate) op: Op,
    /// Whether a replica starts from a checkpoint here, and goes on beside the first.
    pub(crate) is_checkpoint: bool,
}

/// What the leader's clock does. A new leader's may be behind, and any may jump.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    Forward(u64),
    Back(u64),
    /// To the instant at which something is due.
    ToDeadline,
}

/// A job by the part it plays; the number chooses among several.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    Live(u64),
    In(Status, u64),
    Over(u64),
    Nobodys,
}

/// A worker that speaks, and the life that it says it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker {
    pub(crate) worker: u64,
    pub(crate) epoch: Life,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Life {
    Current,
    Former,
    Next,
}

/// How a worker that speaks of a run is wrong, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// A lease of the job that is over, or was never given.
    StaleLease,
    /// Another worker speaks.
    WrongWorker,
    /// It speaks as of its former life.
    FormerLife,
    /// The job is over.
    OverJob,
}

/// Where lines begin, seen from the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum First {
    Next,
    /// They are known already, or some of them are.
    Before(u64),
    Gap(u64),
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Tick,
    /// The cluster begins anew.
    Refound,
    /// All members know this level.
    RaiseLevel(u32),
    Submit {
        id: u64,
        kind: u64,
        need: u64,
        retries: Option<u32>,
        scheduled: Scheduled,
        lag: u64,
        policy: u64,
    },
    /// A client wants a job to be run once more.
    Retry {
        whose: Whose,
        id: u64,
    },
    /// A client wants the same of several jobs: by the number canceled, deleted or retried.
    Bulk {
        kind: u64,
        id: u64,
        jobs: Vec<Whose>,
    },
    PauseQueue(u64),
    ResumeQueue(u64),
    Resubmit {
        whose: Whose,
        is_altered: bool,
    },
    Cancel(Whose),
    Delete(Whose),
    SetCapacity {
        worker: u64,
        capacity: u64,
    },
    Drain {
        worker: u64,
        limit: Option<u64>,
    },
    Resume(u64),
    /// A run gets a token, by the number of its secret.
    GiveToken {
        run: u64,
        lie: Lie,
        secret: u64,
    },
    /// The process of a run submits.
    SubmitChild {
        run: u64,
        lie: Lie,
        id: u64,
        kind: u64,
        need: u64,
        retries: u32,
    },
    Register {
        worker: u64,
        incarnation: Option<Incarnation>,
        actions: u64,
        capacity: u64,
        ttl: u64,
    },
    Offer {
        speaker: Speaker,
        actions: u64,
        capacity: u64,
    },
    Confirm(Speaker),
    Heartbeat(Speaker),
    Claim(Speaker, u32),
    Append {
        run: u64,
        lie: Lie,
        first: First,
        lines: usize,
    },
    /// Several runs of one worker; the first chooses the worker.
    Finish {
        runs: Vec<(u64, u64)>,
        lie: Lie,
        is_twice: bool,
    },
    Leave(Speaker),
    Expire {
        speaker: Speaker,
        is_renewed: bool,
    },
    PutCron {
        id: u64,
        kind: u64,
        need: u64,
        retries: u32,
        ticks: u64,
    },
    /// A cron that is there is put again, as it is or not quite.
    PutCronAgain {
        number: u64,
        is_altered: bool,
    },
    DeleteCron(u64),
    /// Ticks of a few crons, and how what is said of the first is wrong, if it is.
    Fire {
        numbers: Vec<u64>,
        lie: Option<u64>,
    },
    PauseCron(u64),
    ResumeCron(u64),
    RunCron {
        number: u64,
        id: u64,
        lag: u64,
    },
    PutActionConfig {
        id: u64,
        kind: u64,
        parameters: u64,
    },
    PutActionConfigAgain(u64),
    DeleteActionConfig(u64),
    PutSettings(u64),
    /// A run removes jobs from history, by the rule that holds or by another one.
    Compact {
        run: u64,
        lie: Lie,
        jobs: Vec<Whose>,
        is_other_rule: bool,
    },
    Close(u64),
    /// A lasting token of an administrator, by the number of its secret.
    ResetAdmin(u64),
    /// A token, by the number of its secret; it expires so long after a little while ago.
    CreateToken {
        secret: u64,
        user: u64,
        role: u64,
        expires: Option<u64>,
    },
    /// A token that is there is created again, as it is or not quite.
    CreateTokenAgain {
        number: u64,
        is_altered: bool,
    },
    RevokeToken(u64),
    /// Somebody is invited, for a time or for none.
    Invite {
        secret: u64,
        good_for: u64,
    },
    /// A replica takes an invitation, by the number of its secret.
    Join {
        secret: u64,
        replica: u64,
        disk: u64,
    },
    RemoveReplica(u64),
    Lead(u64),
    /// A client asks; nothing is applied.
    Ask {
        action: u64,
        worker: u64,
        number: u64,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheduled {
    Now,
    Before(u64),
    In(u64),
}

/// How many workers there are, and how many are named: one of them never comes.
pub(crate) const WORKERS: u64 = 4;

/// A random history. Every third seed favours one kind of trouble, so that rare paths are not left
/// to luck.
pub(crate) fn history(seed: u64, length: usize) -> Vec<Step> {
    let mut rng = Rng::new(seed);
    let mut ops = Vec::new();
    // Two workers and some work, so that a short history is not all refusals.
    for worker in 0..2 {
        ops.extend(birth(&mut rng, worker));
    }
    while ops.len() < length {
        match rng.below(100) {
            0 if seed % 3 == 1 => ops.extend(hard_luck(&mut rng)),
            1..4 => ops.extend(return_of(&mut rng)),
            4..6 => ops.extend(late_ticks(&mut rng)),
            6..8 => ops.extend(family(&mut rng)),
            _ => ops.push(op(&mut rng, seed % 3)),
        }
    }
    let mut step = |op| Step { clock: clock(&mut rng), op, is_checkpoint: rng.one_in(15) };
    ops.into_iter().map(&mut step).collect()
}

fn clock(rng: &mut Rng) -> Clock {
    match rng.below(100) {
        0..25 => Clock::Forward(0),
        25..70 => Clock::Forward(rng.below(100)),
        70..80 => Clock::ToDeadline,
        80..90 => Clock::Back(rng.below(2_000)),
        90..98 => Clock::Forward(rng.below(5_000)),
        98 => Clock::Forward(3_600_000),
        _ => Clock::Back(3_600_000),
    }
}

/// Draws the rest of a step that this worker may take part in.
type Draw = fn(&mut Rng, u64) -> Op;

fn op(rng: &mut Rng, trouble: u64) -> Op {
    let (end, stop, death) = match trouble {
        0 => (14, 3, 2),
        1 => (8, 5, 8),
        _ => (10, 10, 4),
    };
    let worker = rng.below(WORKERS);
    let kinds: [(u64, Draw); 29] = [
        (6, |rng, _| configuration::members(rng)),
        (3, |_, _| Op::Tick),
        (20, |rng, _| submit(rng)),
        (4, |rng, _| Op::Resubmit { whose: whose(rng), is_altered: rng.one_in(3) }),
        (stop, |rng, _| Op::Cancel(whose(rng))),
        (stop, |rng, _| Op::Delete(whose(rng))),
        (2, |rng, worker| Op::SetCapacity { worker, capacity: rng.next() }),
        (1, drain),
        (10, |rng, _| submit_child(rng)),
        (2, |rng, _| Op::GiveToken { run: rng.next(), lie: lie(rng), secret: rng.below(40) }),
        (death, register),
        (death, |rng, worker| Op::Confirm(speaker(rng, worker))),
        (4, |rng, worker| Op::Heartbeat(speaker(rng, worker))),
        (18, |rng, worker| Op::Claim(speaker(rng, worker), max(rng))),
        (2, |rng, worker| Op::Offer {
            speaker: speaker(rng, worker),
            actions: rng.next(),
            capacity: rng.next(),
        }),
        (8, |rng, _| append(rng)),
        (end, |rng, _| finish(rng)),
        (death, |rng, worker| leave_or_expire(rng, worker)),
        (5, |rng, worker| Op::Ask { action: rng.next(), worker, number: rng.next() }),
        (4, |rng, _| cron(rng)),
        (9, |rng, _| of_ticks(rng)),
        (3, |rng, _| action_config(rng)),
        (2, |rng, _| Op::PutSettings(rng.next())),
        (4, |rng, _| compact(rng)),
        (6, |rng, _| token(rng)),
        (3, |rng, _| Op::Retry { whose: over_mostly(rng), id: rng.next() }),
        (2, |rng, _| bulk(rng)),
        (1, |rng, _| Op::PauseQueue(rng.next())),
        (8, |rng, _| Op::ResumeQueue(rng.next())),
    ];
    rng.weighted(&kinds)(rng, worker)
}

fn submit(rng: &mut Rng) -> Op {
    let scheduled = match rng.below(10) {
        0..6 => Scheduled::Now,
        6 => Scheduled::Before(rng.below(10_000)),
        7 | 8 => Scheduled::In(rng.below(200)),
        _ => Scheduled::In(rng.below(10_000)),
    };
    let retries = match rng.below(40) {
        0 => Some(1_001),
        1..10 => None,
        number => Some(u32::try_from(number % 4).expect("few")),
    };
    let lag = if rng.one_in(10) { rng.next() } else { rng.below(3) };
    let (id, kind, need, policy) = (rng.next(), rng.next(), rng.next(), rng.next());
    Op::Submit { id, kind, need, retries, scheduled, lag, policy }
}

fn over_mostly(rng: &mut Rng) -> Whose {
    if rng.one_in(4) { whose(rng) } else { Whose::Over(rng.next()) }
}

fn bulk(rng: &mut Rng) -> Op {
    let (kind, id) = (rng.next(), rng.next());
    let count = rng.below(4);
    let draw = if kind % 3 == 2 { over_mostly } else { whose };
    let jobs = (0..count).map(|_| draw(rng)).collect();
    Op::Bulk { kind, id, jobs }
}

fn drain(rng: &mut Rng, worker: u64) -> Op {
    if rng.one_in(4) {
        let limit = if rng.one_in(8) { u64::MAX } else { rng.below(1_000) };
        Op::Drain { worker, limit: rng.one_in(2).then_some(limit) }
    } else {
        Op::Resume(worker)
    }
}

fn submit_child(rng: &mut Rng) -> Op {
    let retries = u32::try_from(rng.below(3)).expect("few");
    let (run, lie, id) = (rng.next(), lie(rng), rng.next());
    Op::SubmitChild { run, lie, id, kind: rng.next(), need: rng.next(), retries }
}

fn register(rng: &mut Rng, worker: u64) -> Op {
    let incarnation = if rng.one_in(4) { None } else { Some(Incarnation(rng.next())) };
    let (actions, capacity, ttl) = (rng.next(), rng.next(), rng.next());
    Op::Register { worker, incarnation, actions, capacity, ttl }
}

fn append(rng: &mut Rng) -> Op {
    let first = match rng.below(10) {
        0..5 => First::Next,
        5..9 => First::Before(rng.below(6)),
        _ => First::Gap(1 + rng.below(3)),
    };
    let lines = if rng.one_in(40) { 4_097 } else { usize::try_from(rng.below(5)).expect("few") };
    Op::Append { run: rng.next(), lie: lie(rng), first, lines }
}

fn finish(rng: &mut Rng) -> Op {
    let count = 1 + rng.below(3);
    let runs = (0..count).map(|_| (rng.next(), rng.next())).collect();
    Op::Finish { runs, lie: lie(rng), is_twice: rng.one_in(6) }
}

fn compact(rng: &mut Rng) -> Op {
    let jobs = if rng.one_in(60) { 257 } else { rng.below(4) };
    let jobs = (0..jobs).map(|_| whose(rng)).collect();
    Op::Compact { run: rng.next(), lie: lie(rng), jobs, is_other_rule: rng.one_in(4) }
}

fn leave_or_expire(rng: &mut Rng, worker: u64) -> Op {
    let speaker = speaker(rng, worker);
    if rng.one_in(3) {
        Op::Leave(speaker)
    } else {
        Op::Expire { speaker, is_renewed: rng.one_in(5) }
    }
}

fn lie(rng: &mut Rng) -> Lie {
    use Lie::{FormerLife, None, OverJob, StaleLease, WrongWorker};
    rng.weighted(&[(12, None), (1, StaleLease), (1, WrongWorker), (1, FormerLife), (1, OverJob)])
}

fn speaker(rng: &mut Rng, worker: u64) -> Speaker {
    let epoch = rng.weighted(&[(12, Life::Current), (2, Life::Former), (1, Life::Next)]);
    // Now and then, a worker that never registers.
    Speaker { worker: if rng.one_in(40) { WORKERS } else { worker }, epoch }
}

fn whose(rng: &mut Rng) -> Whose {
    use Status::{CancelRequest, Running, WorkerDead, WorkerResurrection, WorkerShutdown};
    let number = rng.next();
    rng.weighted(&[
        (6, Whose::Live(number)),
        (6, Whose::In(Running, number)),
        (3, Whose::In(CancelRequest, number)),
        (8, Whose::In(WorkerDead, number)),
        (3, Whose::In(WorkerShutdown, number)),
        (4, Whose::In(WorkerResurrection, number)),
        (3, Whose::Over(number)),
        (1, Whose::Nobodys),
    ])
}

fn max(rng: &mut Rng) -> u32 {
    rng.weighted(&[(1, 0), (8, 1), (6, 2), (6, 10), (1, u32::MAX)])
}

const fn current(worker: u64) -> Speaker {
    Speaker { worker, epoch: Life::Current }
}
