//! What always holds of a state, as code. Tests ask after each command, replicas after each restore.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::capacity::CapacityMap;
use crate::cron::Cron;
use crate::id::{Generation, JobId, LeaseId, TokenId, WorkerId};
use crate::job::Job;
use crate::limits;
use crate::query::ListKey;
use crate::state::State;
use crate::status::Status;
use crate::worker::WorkerStatus;

/// A state that cannot be. Whoever finds one stops.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Violation {
    /// A job that is over has not left the state.
    #[error("job {0}: it is over as {1}, but still live")]
    OverButLive(JobId, Status),
    /// A job that can be claimed is in no queue, in two, or in the wrong one.
    #[error("job {0}: {1} and not rightly queued")]
    Queued(JobId, Status),
    /// The queues hold more than the claimable jobs.
    #[error("the queues hold {queued} jobs, {claimable} can be claimed")]
    QueueCount {
        /// Jobs in the queues.
        queued: usize,
        /// Jobs that can be claimed.
        claimable: usize,
    },
    /// A running job and its worker disagree.
    #[error("job {0}: running, but its worker does not hold its lease")]
    RunWithoutWorker(JobId),
    /// A worker holds a lease of a job that does not run under it.
    #[error("worker {0}: it holds lease {2} of job {1}, which does not run under it")]
    WorkerWithoutRun(WorkerId, JobId, LeaseId),
    /// Two live leases have one number, or a number was not given yet.
    #[error("lease {0}: given twice, or not given yet")]
    Lease(LeaseId),
    /// A worker that does not live holds leases.
    #[error("worker {0}: it does not live, but holds leases")]
    DeadHolder(WorkerId),
    /// A worker's use of capacity is not the sum of its runs.
    #[error("worker {0}: its capacity in use is not what its jobs take")]
    Capacity(WorkerId),
    /// An attempt is open though the job does not run, or closed though it does.
    #[error("job {0}: {1}, and its last attempt does not fit that")]
    Attempt(JobId, Status),
    /// A job has ended its last run, or begun one, against what it waits for.
    #[error("job {0}: what it waits for contradicts what is left of its children")]
    Ending(JobId),
    /// A job and its parent disagree.
    #[error("job {0}: its parent does not know it, or the other way round")]
    Family(JobId),
    /// A token of a run that is over, or of none.
    #[error("job {0}: its run has a token and is over, or the token is not known")]
    RunToken(JobId),
    /// Two live jobs of an action have one unique key.
    #[error("job {0}: {1} has the same unique key")]
    Unique(JobId, JobId),
    /// A job that expires is not rightly among those that do.
    #[error("job {0}: not rightly among the jobs that expire")]
    Expiring(JobId),
    /// The numbers of running jobs by action are not those of the jobs.
    #[error("the index has {counted} running jobs, {running} run")]
    Running {
        /// What the index says.
        counted: usize,
        /// What runs.
        running: usize,
    },
    /// The numbers of live jobs by status are not those of the jobs.
    #[error("the numbers of jobs by status are not those of the jobs")]
    Statuses,
    /// More queues are paused than may be.
    #[error("{paused} paused queues")]
    Paused {
        /// How many are.
        paused: usize,
    },
    /// A list index is not in step with the jobs.
    #[error("job {0}: not rightly in the lists")]
    Listed(JobId),
    /// A job's numbers contradict each other or the state's.
    #[error("job {0}: its numbers contradict each other")]
    Numbers(JobId),
    /// A job does not have what its action, or the config of it, has given it.
    #[error("job {0}: it does not have what its action or its action's config has given it")]
    FromConfig(JobId),
    /// Two crons have one generation, or it was not given yet.
    #[error("generation {0} of crons: given twice, or not given yet")]
    Generation(Generation),
    /// What follows from the crons is not in step with them, or they are too large.
    #[error("the crons are not rightly in the order in which they are due, or too large")]
    Crons,
    /// A cron's instants contradict each other.
    #[error("cron of \"{0}\": its anchor, its last ticks and its next run are not in this order")]
    Ticks(String),
    /// The bytes of all parameters were counted wrongly.
    #[error("the parameters of live jobs have {bytes} bytes, and were counted as {counted}")]
    ParameterBytes {
        /// As counted.
        counted: u64,
        /// As there are.
        bytes: u64,
    },
    /// An action has two crons or two configs.
    #[error("action \"{0}\": it has two crons or two configs")]
    TwoOfAction(String),
    /// There are more crons or action configs than there may be.
    #[error("{crons} crons and {action_configs} action configs, of which some are too many")]
    TooMany {
        /// How many crons there are.
        crons: usize,
        /// How many action configs there are.
        action_configs: usize,
    },
    /// There are more invitations, or removed replicas, than are remembered.
    #[error("more invitations or removed replicas than are remembered")]
    Members,
    /// A token is there twice, or is not named by its hash.
    #[error("token {0}: it is there twice, or its name is not that of its hash")]
    Token(TokenId),
    /// Nobody could manage the tokens of a closed cluster, or an open one has tokens.
    #[error("{tokens} tokens, and no lasting one of an administrator, or more than there may be")]
    Tokens {
        /// How many there are.
        tokens: usize,
    },
}

/// Finds the first contradiction in a state. Walks over all of it.
pub fn check(state: &State) -> Result<(), Violation> {
    let mut leases = BTreeSet::new();
    let mut claimable = 0;
    let mut running = 0;
    let mut expiring = 0;
    let mut statuses = BTreeMap::new();
    for job in state.jobs.values() {
        check_job(state, job)?;
        *statuses.entry(job.status).or_insert(0) += 1;
        claimable += usize::from(job.is_claimable());
        running += usize::from(job.status.is_running());
        expiring += usize::from(job.is_claimable() && job.policy.expires_at.is_some());
        if let Some(lease) = job.lease()
            && (lease > state.last_lease || !leases.insert(lease))
        {
            return Err(Violation::Lease(lease));
        }
    }
    let bytes = state.jobs.values().map(|job| job.parameter_bytes()).sum();
    if bytes != state.parameter_bytes {
        return Err(Violation::ParameterBytes { counted: state.parameter_bytes, bytes });
    }
    let queued = state.queue.len() + state.later.len();
    if queued != claimable {
        return Err(Violation::QueueCount { queued, claimable });
    }
    let counted = state.index.running_count();
    if counted != running {
        return Err(Violation::Running { counted, running });
    }
    if statuses != *state.count_by_status() {
        return Err(Violation::Statuses);
    }
    if state.expiring.len() != expiring || state.paused.len() > limits::PAUSED_QUEUES_MAX {
        return Err(Violation::Paused { paused: state.paused.len() });
    }
    state.workers.keys().try_for_each(|id| check_worker(state, *id))?;
    check_family(state)?;
    check_configuration(state)?;
    if !state.members.are_within_limits() {
        return Err(Violation::Members);
    }
    check_tokens(state)
}

fn check_job(state: &State, job: &Job) -> Result<(), Violation> {
    if matches!(job.status, Status::Done | Status::Error | Status::Cancel | Status::Deleted) {
        return Err(Violation::OverButLive(job.id, job.status));
    }
    let key = ListKey::of(job);
    let (is_due, is_later) = (state.queue.contains(job), state.later.contains(&key));
    let is_rightly_queued = if job.is_claimable() {
        is_due != is_later && is_due == (key <= state.due_mark)
    } else {
        !is_due && !is_later
    };
    if !is_rightly_queued {
        return Err(Violation::Queued(job.id, job.status));
    }
    check_policy(state, job)?;
    let is_open = job.attempts.last().is_some_and(|attempt| attempt.end.is_none());
    if is_open != (job.status.is_running() && job.ending.is_none()) {
        return Err(Violation::Attempt(job.id, job.status));
    }
    if let Some(run) = job.run() {
        let holder = state.workers.get(&run.worker);
        let is_held = holder.is_some_and(|worker| {
            worker.is_alive_in(run.epoch)
                && worker.runs.get(&job.id) == Some(&run.lease)
                && job.worker == Some(worker.id)
        });
        if !is_held {
            return Err(Violation::RunWithoutWorker(job.id));
        }
    }
    let in_list =
        |action, worker| state.index.keys(action, worker).is_some_and(|keys| keys.contains(&key));
    let has = |jobs: &BTreeSet<JobId>| jobs.contains(&job.id);
    let is_listed = in_list(None, None)
        && in_list(Some(job.spec.action.as_str()), None)
        && job.worker.is_none_or(|worker| in_list(None, Some(worker)))
        && job.cron.is_some() == state.index.of_cron(&job.spec.action).is_some_and(has);
    if !is_listed {
        return Err(Violation::Listed(job.id));
    }
    let are_numbers_right = job.retries_left <= job.retries_total
        && job.sequence <= state.last_job
        && job.created_at <= state.now
        && job.last_updated <= state.now;
    if !are_numbers_right {
        return Err(Violation::Numbers(job.id));
    }
    let has = |name| job.spec.parameters.as_ref().is_some_and(|all| all.contains_key(name));
    let has_all = job.from_config.iter().all(has) && job.left_out.iter().all(|what| job.has(*what));
    if has_all { Ok(()) } else { Err(Violation::FromConfig(job.id)) }
}

/// Parents know their children, and wait for them.
fn check_family(state: &State) -> Result<(), Violation> {
    for job in state.jobs.values() {
        if job.ending.is_some() != state.family.ending.contains(&job.id)
            || (job.ending.is_some() && job.children.left == 0)
        {
            return Err(Violation::Ending(job.id));
        }
        let children = state.children(job.id);
        let is_right = job.parent.is_none_or(|parent| state.family.has(parent, job.id))
            && u32::try_from(children.len()) == Ok(job.children.left)
            && job.children.failed <= job.children.total
            && state.ancestors(job.id).count() <= limits::GENERATIONS_MAX;
        if !is_right {
            return Err(Violation::Family(job.id));
        }
        let token = job.token.map(TokenId::of);
        let is_found = token
            .is_none_or(|token| state.job_of_token(token).is_some_and(|found| found.id == job.id));
        if !is_found || (token.is_some() && job.run().is_none()) {
            return Err(Violation::RunToken(job.id));
        }
    }
    if let Some(parent) = state.family.parents().find(|parent| !state.jobs.contains_key(parent)) {
        return Err(Violation::Family(parent));
    }
    let has_token = |job: &JobId| state.jobs.get(job).is_some_and(|job| job.token.is_some());
    let without = state.family.tokens().map(|(_, job)| job).find(|job| !has_token(job));
    without.map_or(Ok(()), |job| Err(Violation::RunToken(job)))
}

/// Its unique key leads to it and it alone, and it expires if it can be claimed. One that has
/// expired waits for its children at most.
fn check_policy(state: &State, job: &Job) -> Result<(), Violation> {
    if let Some(key) = &job.policy.unique_key {
        let holder = state.index.unique(&job.spec.action, key);
        if holder != Some(job.id) {
            return Err(Violation::Unique(job.id, holder.unwrap_or(job.id)));
        }
    }
    let is_expiring =
        job.policy.expires_at.is_some_and(|at| state.expiring.contains(&(at, job.id)));
    let is_right = is_expiring == (job.is_claimable() && job.policy.expires_at.is_some());
    if is_right && (!job.is_expired || job.ending.is_some()) && job.retried_by.is_none() {
        Ok(())
    } else {
        Err(Violation::Expiring(job.id))
    }
}

/// Crons and action configs, which stand under their actions.
fn check_configuration(state: &State) -> Result<(), Violation> {
    let (crons, action_configs) = (state.crons.len(), state.action_configs.len());
    if crons > limits::CRONS_MAX || action_configs > limits::ACTION_CONFIGS_MAX {
        return Err(Violation::TooMany { crons, action_configs });
    }
    if !state.crons.is_consistent() || state.crons.bytes() > limits::CRONS_BYTES_MAX {
        return Err(Violation::Crons);
    }
    let mut generations = BTreeSet::new();
    for cron in state.crons.values() {
        let generation = cron.generation;
        let is_given = generation > Generation::default() && generation <= state.last_generation;
        if !is_given || !generations.insert(generation) {
            return Err(Violation::Generation(generation));
        }
        check_ticks(cron)?;
    }
    Ok(())
}

fn check_ticks(cron: &Cron) -> Result<(), Violation> {
    let last = cron.last_tick.unwrap_or(cron.anchor);
    let records = &cron.history.records;
    let are_in_order = cron.last_tick.is_none_or(|last| last > cron.anchor)
        && cron.next_run.is_none_or(|next| next > last)
        && records.len() <= limits::TICK_RECORDS_KEPT
        && records.iter().all(|record| record.first <= record.last && record.count > 0)
        && records.iter().zip(records.iter().skip(1)).all(|(one, next)| one.last < next.first)
        && records.back().map(|record| record.last) == cron.last_tick;
    if are_in_order { Ok(()) } else { Err(Violation::Ticks(cron.spec.action.clone())) }
}

/// A closed cluster has an administrator for ever, an open one has no tokens.
fn check_tokens(state: &State) -> Result<(), Violation> {
    for (id, token) in &state.tokens {
        if *id != token.id || *id != TokenId::of(token.hash) {
            return Err(Violation::Token(*id));
        }
    }
    let tokens = state.tokens.len();
    let has_admin = state.tokens.values().any(|token| token.is_lasting_admin());
    let are_right = if state.is_closed { has_admin } else { tokens == 0 };
    if are_right && tokens <= limits::TOKENS_MAX + limits::TOKENS_RESERVED {
        Ok(())
    } else {
        Err(Violation::Tokens { tokens })
    }
}

fn check_worker(state: &State, id: WorkerId) -> Result<(), Violation> {
    let Some(worker) = state.workers.get(&id) else { return Ok(()) };
    if worker.status != WorkerStatus::Running && !worker.runs.is_empty() {
        return Err(Violation::DeadHolder(id));
    }
    let mut in_use = CapacityMap::default();
    for (job, lease) in &worker.runs {
        match state.jobs.get(job) {
            Some(job) if job.lease() == Some(*lease) => in_use.take(&job.need()),
            Some(_) | None => return Err(Violation::WorkerWithoutRun(id, *job, *lease)),
        }
    }
    if in_use == worker.capacity_in_use { Ok(()) } else { Err(Violation::Capacity(id)) }
}
