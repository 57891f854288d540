//! From the part that a step plays to the command that plays it, as things stand.

use stint_core::{
    CapacityMap, Command, Compaction, Epoch, Exit, ExitCause, Finished, Incarnation, Job, JobId,
    JobSpec, LeaseId, Line, NewJob, Parameters, Parent, Policy, Registration, Retention, Span,
    Stream, Timeout, Timestamp, WorkerId, limits,
};

use super::model::Model;
use super::rng::scramble;
use super::script::{First, Lie, Life, Op, Scheduled, Speaker, WORKERS, Whose};

mod actions;
mod configuration;
mod life;
mod members;
mod policies;
mod tokens;

/// The command; nothing if the step is a question.
pub(crate) fn resolve(op: &Op, model: &Model) -> Option<Command> {
    let speaks = |speaker: &Speaker| (worker_id(speaker.worker), epoch(model, speaker));
    Some(match op {
        Op::Tick => Command::Tick,
        Op::Refound => Command::Refound,
        // To what it is, below that, or up to two higher.
        Op::RaiseLevel(to) => {
            let to = (model.level + to).saturating_sub(2);
            Command::RaiseLevel { to: stint_core::Level::new(to) }
        }
        Op::Submit { .. } => Command::Submit(submission(op, model)?),
        Op::Resubmit { whose, is_altered } => Command::Submit(again(model, *whose, *is_altered)),
        Op::Cancel(whose) => Command::Cancel { job: job_id(model, *whose) },
        Op::Delete(whose) => Command::Delete { job: job_id(model, *whose) },
        Op::SetCapacity { worker, capacity } => {
            Command::SetCapacity { worker: worker_id(*worker), capacity: offer(*capacity) }
        }
        Op::Drain { .. } | Op::Resume(_) | Op::GiveToken { .. } | Op::SubmitChild { .. } => {
            return life::resolve(op, model);
        }
        Op::Register { .. } => Command::Register(registration(op, model)?),
        Op::Offer { speaker, actions, capacity } => {
            offers(model, speaks(speaker), *actions, *capacity)
        }
        Op::Confirm(speaker) => {
            let (worker, epoch) = speaks(speaker);
            Command::Confirm { worker, epoch }
        }
        Op::Heartbeat(speaker) => {
            let (worker, epoch) = speaks(speaker);
            Command::Heartbeat { worker, epoch }
        }
        Op::Claim(speaker, max) => {
            let (worker, epoch) = speaks(speaker);
            Command::Claim { worker, epoch, max: *max }
        }
        Op::Append { run, lie, first, lines } => append(model, *run, *lie, *first, *lines),
        Op::Compact { run, lie, jobs, is_other_rule } => {
            compact(model, (*run, *lie), jobs, *is_other_rule)
        }
        Op::Finish { runs, lie, is_twice } => finish(model, runs, *lie, *is_twice),
        Op::Leave(speaker) => {
            let (worker, epoch) = speaks(speaker);
            Command::Leave { worker, epoch }
        }
        Op::Expire { speaker, is_renewed } => expire(model, speaks(speaker), *is_renewed),
        Op::PutCron { .. }
        | Op::PutCronAgain { .. }
        | Op::DeleteCron(_)
        | Op::Fire { .. }
        | Op::PauseCron(_)
        | Op::ResumeCron(_)
        | Op::RunCron { .. }
        | Op::PutActionConfig { .. }
        | Op::PutActionConfigAgain(_)
        | Op::DeleteActionConfig(_)
        | Op::PutSettings(_) => return configuration::resolve(op, model),
        Op::Invite { .. }
        | Op::Join { .. }
        | Op::RemoveReplica(_)
        | Op::Lead(_)
        | Op::Close(_)
        | Op::ResetAdmin(_)
        | Op::CreateToken { .. }
        | Op::CreateTokenAgain { .. }
        | Op::RevokeToken(_) => return tokens::resolve(op, model),
        Op::Retry { .. } | Op::Bulk { .. } | Op::PauseQueue(_) | Op::ResumeQueue(_) => {
            return policies::resolve(op, model);
        }
        Op::Ask { .. } => return None,
    })
}

fn offers(
    model: &Model,
    (worker, epoch): (WorkerId, Epoch),
    actions_number: u64,
    capacity: u64,
) -> Command {
    let (actions, capacity) = (actions::offered(actions_number), offer(capacity));
    let known = model.worker(worker).map_or(0, |w| model.workers[w].offer_number);
    // Now and then one that comes late.
    let number = known + u64::from(!actions_number.is_multiple_of(5));
    Command::Offer(Box::new(stint_core::Offer { worker, epoch, number, capacity, actions }))
}

fn expire(model: &Model, (worker, epoch): (WorkerId, Epoch), is_renewed: bool) -> Command {
    let renewal = model.worker(worker).map_or(1, |w| model.workers[w].renewal);
    let renewal = renewal.saturating_sub(u64::from(is_renewed));
    Command::Expire { worker, epoch, renewal }
}

pub(crate) fn worker_id(number: u64) -> WorkerId {
    WorkerId::new(number * 7).expect("a small number")
}

/// The actions, those that no worker has at the end.
pub(crate) fn action(number: u64) -> &'static str {
    ["scan", "scan", "once", "slow", "sleep", "unheard"][pick(number, 6)]
}

fn pick(number: u64, count: usize) -> usize {
    usize::try_from(number % u64::try_from(count).expect("few")).expect("few")
}

fn amounts(list: &[(&str, u64)]) -> CapacityMap {
    list.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
}

fn need(number: u64) -> Option<CapacityMap> {
    let table: [Option<&[(&str, u64)]>; 12] = [
        None,
        None,
        Some(&[]),
        Some(&[("cpu", 1)]),
        Some(&[("cpu", 1)]),
        Some(&[("cpu", 2)]),
        Some(&[("cpu", 3)]),
        Some(&[("disk", 1)]),
        Some(&[("cpu", 1), ("disk", 1)]),
        Some(&[("cpu", 0)]),
        Some(&[("gpu", 1)]),
        Some(&[("cpu", (1 << 32) + 1)]),
    ];
    // The last one is over the limit, which need not happen often.
    let number = if number.is_multiple_of(97) { 11 } else { pick(number, 11) };
    table[number].map(amounts)
}

fn offer(number: u64) -> CapacityMap {
    let table: [&[(&str, u64)]; 7] = [
        &[("cpu", 2), ("disk", 1)],
        &[("cpu", 4), ("disk", 4)],
        &[("cpu", 1)],
        &[("cpu", 0), ("disk", 2)],
        &[],
        &[("cpu", 6), ("disk", 1), ("gpu", 0)],
        &[("cpu", u64::MAX)],
    ];
    amounts(table[if number.is_multiple_of(53) { 6 } else { pick(number, 6) }])
}

fn spec(kind: u64, need_number: u64) -> JobSpec {
    let timeout = |text| Timeout::parse(text).expect("a duration");
    JobSpec {
        action: action(kind).to_owned(),
        parameters: kind
            .is_multiple_of(4)
            .then(|| Parameters::from([("a".to_owned(), "b".to_owned())])),
        capacity_map: need(need_number),
        deadline: timeout(if kind.is_multiple_of(5) { "30s" } else { "" }),
        stop_timeout: timeout(if kind.is_multiple_of(7) { "1.5s" } else { "" }),
    }
}

fn submission(op: &Op, model: &Model) -> Option<NewJob> {
    let Op::Submit { id, kind, need, retries, scheduled, lag, policy } = op else { return None };
    let scheduled_at = match scheduled {
        Scheduled::Now => None,
        Scheduled::Before(ms) => Some(model.now.saturating_sub(*ms)),
        Scheduled::In(ms) => Some(model.now + ms),
    };
    Some(NewJob {
        id: numbered(*id),
        drawn: model.sequence.saturating_sub(*lag),
        spec: spec(*kind, *need),
        scheduled_at: scheduled_at.map(Timestamp::from_ms),
        retries: *retries,
        parent: None,
        policy: policies::policy(model, *policy),
        retry_from: None,
    })
}

/// A job's id from a number, in an order that has nothing to do with time.
pub(crate) fn numbered(number: u64) -> JobId {
    let id = u128::from(scramble(number)) << 64 | u128::from(number);
    JobId::from_bytes(id.to_be_bytes())
}

/// A submission that was proposed before. It was drawn when its job was created or earlier.
fn again(model: &Model, whose: Whose, is_altered: bool) -> NewJob {
    let id = job_id(model, whose);
    let Some(entry) = model.jobs.iter().rev().find(|entry| entry.job.id == id) else {
        let (spec, policy) = (spec(0, 0), Policy::default());
        return NewJob {
            id,
            drawn: 0,
            spec,
            scheduled_at: None,
            retries: None,
            policy,
            retry_from: None,
            parent: None,
        };
    };
    let altered = entry.job.retries_total + u32::from(is_altered);
    let retries = if is_altered { Some(altered) } else { entry.submitted_retries };
    let (spec, policy) = (entry.submitted.clone(), entry.job.policy.clone());
    let (scheduled_at, retry_from) = (None, None);
    // Only a run's own process knows its lease; whether there still is one does not matter then.
    let parent = entry.job.parent.map(|job| Parent { job, lease: LeaseId(1) });
    NewJob { id, drawn: 0, spec, scheduled_at, retries, policy, retry_from, parent }
}

fn job_id(model: &Model, whose: Whose) -> JobId {
    let chosen =
        |jobs: Vec<&Job>, number| (!jobs.is_empty()).then(|| jobs[pick(number, jobs.len())].id);
    let live = |number| chosen(model.live_jobs().collect(), number);
    let found = match whose {
        Whose::Live(number) => live(number),
        Whose::In(status, number) => {
            let jobs = model.live_jobs().filter(|job| job.status == status).collect();
            chosen(jobs, number).or_else(|| live(number))
        }
        Whose::Over(number) => {
            let over = model.jobs.iter().filter(|entry| entry.is_over).map(|entry| &entry.job);
            let aged = nearly_forgotten(model, number);
            aged.or_else(|| chosen(over.collect(), number))
        }
        Whose::Nobodys => None,
    };
    found.unwrap_or(JobId::from_bytes([0xab; 16]))
}

/// Where the memory of ended jobs is full, one of the jobs around its end.
fn nearly_forgotten(model: &Model, number: u64) -> Option<JobId> {
    let last = model.ended.len().checked_sub(limits::RECENTLY_ENDED_MAX)?;
    let place = (last + pick(number, 5)).checked_sub(2)?;
    model.ended.get(place).map(|(_, id)| *id)
}

fn epoch(model: &Model, speaker: &Speaker) -> Epoch {
    let current = model.worker(worker_id(speaker.worker)).map_or(1, |w| model.workers[w].epoch.0);
    Epoch(match speaker.epoch {
        Life::Current => current,
        Life::Former => current.saturating_sub(1),
        Life::Next => current + 1,
    })
}

fn registration(op: &Op, model: &Model) -> Option<Registration> {
    let Op::Register { worker, incarnation, actions, capacity, ttl } = op else { return None };
    let worker = worker_id(*worker);
    let former = model.worker(worker).map(|w| model.workers[w].incarnation);
    let actions = actions::offered(*actions);
    let ttl = Span::from_ms(
        [500, 1_000, 10_000, 30_000, 499, 600_001][match ttl % 41 {
            0 => 4,
            1 => 5,
            ttl => pick(ttl, 4),
        }],
    );
    let incarnation = incarnation.or(former).unwrap_or(Incarnation(1));
    Some(Registration { worker, incarnation, capacity: offer(*capacity), actions, ttl })
}

/// Who speaks, in which life, of which job, under which lease.
type Claim = ((WorkerId, Epoch), (JobId, LeaseId));

fn of_run(model: &Model, worker: Option<WorkerId>, number: u64, lie: Lie) -> Claim {
    let running = model.live_jobs().filter(|job| job.lease().is_some());
    let running = running.filter(|job| worker.is_none() || job.worker == worker);
    let over = model.jobs.iter().filter(|e| e.is_over).map(|e| &e.job);
    let over = over.filter(|job| !job.attempts.is_empty());
    let jobs: Vec<_> = if lie == Lie::OverJob { over.collect() } else { running.collect() };
    let Some(job) = (!jobs.is_empty()).then(|| jobs[pick(number, jobs.len())]) else {
        return ((worker_id(0), Epoch(1)), (numbered(number), LeaseId(1)));
    };
    let run = job.attempts.last().expect("it has run");
    let lease = match lie {
        Lie::StaleLease if job.attempts.len() > 1 => job.attempts[0].lease,
        Lie::StaleLease => LeaseId(run.lease.0 + number % 3 + 1),
        Lie::None | Lie::WrongWorker | Lie::FormerLife | Lie::OverJob => run.lease,
    };
    let others = |w: &&stint_core::Worker| w.id != run.worker;
    let (worker, epoch) = match lie {
        Lie::WrongWorker => model
            .workers
            .iter()
            .find(others)
            .map_or((worker_id(WORKERS), Epoch(1)), |w| (w.id, w.epoch)),
        Lie::FormerLife => (run.worker, Epoch(run.epoch.0.saturating_sub(1))),
        Lie::None | Lie::StaleLease | Lie::OverJob => (run.worker, run.epoch),
    };
    ((worker, epoch), (job.id, lease))
}

fn append(model: &Model, run: u64, lie: Lie, first: First, lines: usize) -> Command {
    let ((worker, epoch), (job, lease)) = of_run(model, None, run, lie);
    let next = model.live(job).map_or(0, |i| model.jobs[i].job.line_count);
    let first = match first {
        First::Next => next,
        First::Before(lines) => next.saturating_sub(lines),
        First::Gap(lines) => next + lines,
    };
    let numbered = |n: usize| Line { stream: Stream::Out, text: n.to_string() };
    let lines = (0..lines).map(numbered).collect();
    Command::AppendLines { worker, epoch, job, lease, first, lines }
}

fn compact(model: &Model, (run, lie): (u64, Lie), jobs: &[Whose], is_other_rule: bool) -> Command {
    let ((worker, epoch), (job, lease)) = of_run(model, None, run, lie);
    let settings = &model.configuration.settings;
    let by = Retention {
        to_keep: settings.job_history_to_keep.map(|count| count + u64::from(is_other_rule)),
        max_age: settings.job_history_max_age.as_ref().map(Timeout::span),
    };
    let jobs = jobs.iter().map(|whose| job_id(model, *whose)).collect();
    Command::Compact(Box::new(Compaction { worker, epoch, job, lease, by, jobs }))
}

fn finish(model: &Model, runs: &[(u64, u64)], lie: Lie, is_twice: bool) -> Command {
    let first = runs.first().map_or(0, |(run, _)| *run);
    let ((worker, epoch), (job, lease)) = of_run(model, None, first, lie);
    let mut all = Vec::new();
    for (n, (run, how)) in runs.iter().enumerate() {
        let (job, lease) = match n {
            0 => (job, lease),
            _ => of_run(model, Some(worker), *run, Lie::None).1,
        };
        all.push(Finished { job, lease, exit: exit(*how) });
    }
    if is_twice {
        all.extend(all.first().cloned());
    }
    Command::Finish { worker, epoch, runs: all }
}

fn exit(number: u64) -> Exit {
    let own = |code, signal| Exit { cause: ExitCause::Own, code, signal };
    let not_own = |cause| Exit { cause, code: 0, signal: None };
    match number % 12 {
        0..4 => own(0, None),
        4 => own(1, None),
        5 => {
            let asked = Span::from_ms(number % 7_000);
            Exit { cause: ExitCause::AskedToWait(asked), code: 1, signal: None }
        }
        6 => own(0, Some(9)),
        7 | 8 => not_own(ExitCause::Canceled),
        9 => not_own(ExitCause::Deadline),
        10 => not_own(ExitCause::Shutdown),
        // Its length is no multiple of its letters', and more than is kept.
        _ if number.is_multiple_of(5) => not_own(ExitCause::CouldNotStart("\u{20ac}".repeat(400))),
        _ => not_own(ExitCause::CouldNotStart("no such file".to_owned())),
    }
}
