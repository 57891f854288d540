//! The state of the cluster, and the one function that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::action_config::ActionConfig;
use crate::command::Command;
use crate::cron::{Cron, Crons};
use crate::family::{Ending, Family};
use crate::id::{Epoch, Generation, JobId, LeaseId, TokenId, WorkerId};
use crate::index::Index;
use crate::invariant::{self, Violation};
use crate::job::Job;
use crate::level::{self, Level};
use crate::limits;
use crate::members::{self, Invitation, Members};
use crate::outcome::{Event, Outcome, Refusal, Reply};
use crate::pause::Pause;
use crate::query::ListKey;
use crate::queue::Queue;
use crate::recent::Recent;
use crate::settings::Settings;
use crate::status::Status;
use crate::time::Timestamp;
use crate::token::Token;
use crate::worker::Worker;
use crate::{
    action_config, bulk, cancel, claim, compaction, cron, family, finish, lease, lines, offer,
    pause, refound, settings, submit, token,
};

/// Everything that the cluster agrees on and that is not over yet.
///
/// What is over leaves it as [`Event::Ended`] and is kept by history on disk. Records are shared
/// pointers, so a clone for a checkpoint copies pointers, not jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub(crate) now: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) last_lease: LeaseId,
    pub(crate) last_job: u64,
    pub(crate) jobs: BTreeMap<JobId, Arc<Job>>,
    /// Bytes of the parameters of `jobs`.
    pub(crate) parameter_bytes: u64,
    pub(crate) index: Index,
    pub(crate) queue: Queue,
    /// Claimable jobs beyond `due_mark`, which become due in this order.
    pub(crate) later: BTreeSet<ListKey>,
    /// Claimable jobs that expire, in this order.
    pub(crate) expiring: BTreeSet<(Timestamp, JobId)>,
    /// The actions whose queues are paused.
    pub(crate) paused: BTreeMap<String, Pause>,
    /// Claimable jobs up to this key are in the queue.
    pub(crate) due_mark: ListKey,
    pub(crate) workers: BTreeMap<WorkerId, Arc<Worker>>,
    pub(crate) recent: Recent,
    pub(crate) family: Family,
    pub(crate) crons: Crons,
    pub(crate) last_generation: Generation,
    /// By action.
    pub(crate) action_configs: BTreeMap<String, Arc<ActionConfig>>,
    pub(crate) settings: Settings,
    pub(crate) tokens: BTreeMap<TokenId, Arc<Token>>,
    /// Whether there has ever been a token.
    pub(crate) is_closed: bool,
    pub(crate) members: Members,
    pub(crate) level: Level,
    #[cfg(feature = "next-level")]
    pub(crate) notches: u64,
}

/// What a checkpoint has to keep of a [`State`]; everything else follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// [`State::now`].
    pub now: Timestamp,
    /// [`State::sequence`].
    pub sequence: u64,
    /// The last lease that was given.
    pub last_lease: LeaseId,
    /// [`Job::sequence`] of the last job that was created.
    pub last_job: u64,
    /// How far time has been carried out: claimable jobs up to here are due.
    pub due_mark: ListKey,
    /// The live jobs.
    pub jobs: Vec<Arc<Job>>,
    /// All workers.
    pub workers: Vec<Arc<Worker>>,
    /// The actions whose queues are paused.
    pub paused: Vec<(String, Pause)>,
    /// The jobs that ended last, oldest first, each with the command that ended it.
    pub recently_ended: Vec<(u64, JobId)>,
    /// The command that ended the last job that is not remembered any more.
    pub recently_ended_floor: u64,
    /// All crons.
    pub crons: Vec<Arc<Cron>>,
    /// [`Cron::generation`] of the last cron that was created.
    pub last_generation: Generation,
    /// All action configs.
    pub action_configs: Vec<Arc<ActionConfig>>,
    /// [`State::settings`].
    pub settings: Settings,
    /// All tokens.
    pub tokens: Vec<Arc<Token>>,
    /// [`State::is_closed`].
    pub is_closed: bool,
    /// [`State::invitations`].
    pub invitations: Vec<Invitation>,
    /// The replicas that were removed from the cluster, the oldest first.
    pub removed: Vec<WorkerId>,
    /// [`State::level`].
    pub level: Level,
    /// [`State::notches`].
    #[cfg(feature = "next-level")]
    pub notches: u64,
}

/// What one command does beside its reply.
#[derive(Debug, Default)]
pub(crate) struct Transition {
    events: Vec<Event>,
}

impl Transition {
    pub(crate) fn announce(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl State {
    /// Applies one committed command, at the time that its entry carries.
    ///
    /// Time that would go back stands still. Whatever the command says, the outcome is a reply or
    /// a refusal; a refusal has changed nothing but the time.
    pub fn apply(&mut self, at: Timestamp, command: Command) -> Outcome {
        let mut transition = Transition::default();
        self.sequence += 1;
        self.advance(at, &mut transition);
        let t = &mut transition;
        let reply = match command {
            Command::Tick => Ok(Reply::Ok),
            Command::Submit(job) => submit::submit(self, t, job),
            Command::Cancel { job } => cancel::cancel(self, t, job),
            Command::Delete { job } => Ok(cancel::delete(self, t, job)),
            Command::Bulk(bulk) => bulk::apply(self, t, *bulk),
            Command::PauseQueue { action, by, reason } => {
                pause::pause(self, t, action, (by, reason))
            }
            Command::ResumeQueue { action } => Ok(pause::resume(self, t, action)),
            Command::SetCapacity { worker, capacity } => {
                lease::set_capacity(self, t, worker, capacity)
            }
            Command::Drain { worker, limit } => lease::drain(self, t, worker, limit),
            Command::Resume { worker } => lease::resume(self, t, worker),
            Command::Register(registration) => lease::register(self, t, registration),
            Command::Offer(new) => offer::offer(self, t, *new),
            Command::Confirm { worker, epoch } => lease::confirm(self, t, worker, epoch),
            Command::Heartbeat { worker, epoch } => lease::heartbeat(self, worker, epoch),
            Command::Claim { worker, epoch, max } => claim::claim(self, t, worker, epoch, max),
            Command::AppendLines { worker, epoch, job, lease, first, lines } => {
                lines::append(self, t, (worker, epoch), (job, lease), first, lines)
            }
            Command::GiveToken { worker, epoch, job, lease, hash } => {
                family::give_token(self, (worker, epoch), (job, lease), hash)
            }
            Command::Finish { worker, epoch, runs } => finish::finish(self, t, worker, epoch, runs),
            Command::Leave { worker, epoch } => lease::leave(self, t, worker, epoch),
            Command::Expire { worker, epoch, renewal } => {
                lease::expire(self, t, worker, epoch, renewal)
            }
            Command::PutCron(new) => cron::put(self, t, *new),
            Command::DeleteCron { action, undecided } => {
                cron::delete(self, t, &action, undecided.as_deref())
            }
            Command::Fire(firings) => cron::fire(self, t, firings),
            Command::PauseCron { action } => cron::pause(self, t, &action),
            Command::ResumeCron { action } => cron::resume(self, t, &action),
            Command::RunCron { action, job, drawn } => cron::run(self, t, &action, (job, drawn)),
            Command::PutActionConfig(config) => action_config::put(self, t, config),
            Command::DeleteActionConfig { action } => action_config::delete(self, t, &action),
            Command::PutSettings(change) => settings::put(self, t, change),
            Command::Compact(step) => compaction::compact(self, t, *step),
            Command::Close { hash } => Ok(token::close(self, t, hash)),
            Command::ResetAdmin { hash } => token::reset_admin(self, t, hash),
            Command::Refound => Ok(refound::refound(self, t)),
            Command::CreateToken(new) => token::create(self, t, *new),
            Command::RevokeToken { id } => token::revoke(self, t, id),
            Command::Members(change) => members::apply(self, *change),
            Command::RaiseLevel { to } => level::raise(self, to),
            #[cfg(feature = "next-level")]
            Command::Notch => Ok(level::notch(self)),
        };
        Outcome { reply, events: transition.events }
    }

    /// The earliest instant at which time alone changes something; the leader proposes
    /// [`Command::Tick`] then.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let due = self.later.first().map(|key| key.scheduled_at);
        let expires = self.expiring.first().map(|(at, _)| *at);
        [due, expires].into_iter().flatten().min()
    }

    /// When the first cron is due; the leader proposes [`Command::Fire`] then.
    pub fn next_cron_due(&self) -> Option<Timestamp> {
        self.crons.first_due()
    }

    /// The crons that are due at `now`, the first first.
    pub fn crons_due(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Cron>> {
        self.crons.due(now)
    }

    /// What a checkpoint has to keep.
    pub fn parts(&self) -> Parts {
        Parts {
            now: self.now,
            sequence: self.sequence,
            last_lease: self.last_lease,
            last_job: self.last_job,
            due_mark: self.due_mark,
            jobs: self.jobs.values().map(Arc::clone).collect(),
            workers: self.workers.values().map(Arc::clone).collect(),
            paused: self
                .paused
                .iter()
                .map(|(action, pause)| (action.clone(), pause.clone()))
                .collect(),
            recently_ended: self.recent.iter().collect(),
            recently_ended_floor: self.recent.floor(),
            crons: self.crons.values().map(Arc::clone).collect(),
            last_generation: self.last_generation,
            action_configs: self.action_configs.values().map(Arc::clone).collect(),
            settings: self.settings.clone(),
            tokens: self.tokens.values().map(Arc::clone).collect(),
            is_closed: self.is_closed,
            invitations: self.members.invitations().cloned().collect(),
            removed: self.members.removed().collect(),
            level: self.level,
            #[cfg(feature = "next-level")]
            notches: self.notches,
        }
    }

    /// The state that `parts` were taken of. Parts that no state can have are an error.
    pub fn from_parts(parts: Parts) -> Result<Self, Violation> {
        let mut state = Self {
            now: parts.now,
            sequence: parts.sequence,
            last_lease: parts.last_lease,
            last_job: parts.last_job,
            due_mark: parts.due_mark,
            workers: parts.workers.into_iter().map(|worker| (worker.id, worker)).collect(),
            recent: Recent::from_parts(parts.recently_ended_floor, parts.recently_ended),
            last_generation: parts.last_generation,
            action_configs: by_action(parts.action_configs, |config| &config.action)?,
            settings: parts.settings,
            is_closed: parts.is_closed,
            members: Members::from_parts(parts.invitations, parts.removed),
            paused: parts.paused.into_iter().collect(),
            level: parts.level,
            #[cfg(feature = "next-level")]
            notches: parts.notches,
            ..Self::default()
        };
        for cron in parts.crons {
            if let Some(twin) = state.crons.put(cron) {
                return Err(Violation::TwoOfAction(twin.spec.action.clone()));
            }
        }
        for token in parts.tokens {
            if let Some(twin) = state.tokens.insert(token.id, token) {
                return Err(Violation::Token(twin.id));
            }
        }
        for job in parts.jobs {
            if let Some(key) = &job.policy.unique_key
                && let Some(twin) = state.index.unique(&job.spec.action, key)
            {
                return Err(Violation::Unique(job.id, twin));
            }
            state.index.insert(&job);
            if job.is_claimable() {
                state.enqueue(&job);
            }
            state.family.note_token(&job);
            state.family.note_ending(&job);
            state.parameter_bytes += job.parameter_bytes();
            state.jobs.insert(job.id, job);
        }
        for (child, parent) in state.jobs.values().filter_map(|job| Some((job.id, job.parent?))) {
            state.family.insert(state.root_of(child), parent, child);
        }
        invariant::check(&state)?;
        Ok(state)
    }

    fn advance(&mut self, at: Timestamp, transition: &mut Transition) {
        self.now = self.now.max(at);
        self.expire_some(transition);
        for _ in 0..limits::PROMOTIONS_PER_ENTRY_MAX {
            match self.later.first().copied() {
                Some(key) if key.scheduled_at <= self.now => {
                    self.later.remove(&key);
                    self.due_mark = key;
                    let job = Arc::clone(self.expect_job(key.id));
                    self.queue.insert(&job);
                    transition.announce(Event::Due(job));
                }
                Some(_) | None => {
                    self.due_mark = self.due_mark.max(ListKey::end_of(self.now));
                    return;
                }
            }
        }
    }

    /// Ends what nobody has claimed in time.
    fn expire_some(&mut self, transition: &mut Transition) {
        for _ in 0..limits::EXPIRIES_PER_ENTRY_MAX {
            match self.expiring.first().copied() {
                Some((at, id)) if at <= self.now => self.expire(transition, id),
                Some(_) | None => return,
            }
        }
    }

    /// Ends a claimable job whose time has passed.
    pub(crate) fn expire(&mut self, transition: &mut Transition, id: JobId) {
        self.change(id, |job| job.is_expired = true);
        self.end(transition, id, Status::Cancel);
    }

    /// Puts a claimable job where it waits, and says whether it is due.
    fn enqueue(&mut self, job: &Job) -> bool {
        let key = ListKey::of(job);
        if let Some(at) = job.policy.expires_at {
            self.expiring.insert((at, job.id));
        }
        let is_due = key <= self.due_mark;
        if is_due {
            self.queue.insert(job);
        } else {
            self.later.insert(key);
        }
        is_due
    }

    fn dequeue(&mut self, job: &Job) {
        if let Some(at) = job.policy.expires_at {
            self.expiring.remove(&(at, job.id));
        }
        let was_in = self.later.remove(&ListKey::of(job)) || self.queue.remove(job);
        assert!(was_in, "job {}: claimable as {}, but in no queue", job.id, job.status);
    }

    pub(crate) fn expect_job(&self, id: JobId) -> &Arc<Job> {
        self.jobs.get(&id).expect("whoever names a live job has found it in the state")
    }

    /// The job, if this worker in this epoch holds this lease on it.
    pub(crate) fn job_under_lease(
        &self,
        worker: WorkerId,
        epoch: Epoch,
        id: JobId,
        lease: LeaseId,
    ) -> Result<&Arc<Job>, Refusal> {
        self.live_worker(worker, epoch)?;
        let job = self.jobs.get(&id).ok_or(Refusal::StaleLease { job: id, lease })?;
        let holds = job
            .run()
            .is_some_and(|run| run.lease == lease && run.worker == worker && run.epoch == epoch);
        if holds { Ok(job) } else { Err(Refusal::StaleLease { job: id, lease }) }
    }

    /// The worker, if it lives in this epoch.
    pub(crate) fn live_worker(&self, id: WorkerId, epoch: Epoch) -> Result<&Worker, Refusal> {
        let worker = self.workers.get(&id).ok_or(Refusal::NoSuchWorker(id))?;
        if worker.is_alive_in(epoch) {
            Ok(worker)
        } else {
            Err(Refusal::StaleEpoch { worker: id, epoch })
        }
    }

    /// Changes a worker that exists.
    pub(crate) fn change_worker<T>(&mut self, id: WorkerId, f: impl FnOnce(&mut Worker) -> T) -> T {
        let worker = self.workers.get_mut(&id).expect("the worker was found before");
        f(Arc::make_mut(worker))
    }

    /// Adds a new job to the state.
    pub(crate) fn insert(&mut self, transition: &mut Transition, job: Job) -> Arc<Job> {
        let job = Arc::new(job);
        assert!(job.status == Status::Waiting, "job {}: begins as {}", job.id, job.status);
        self.index.insert(&job);
        self.parameter_bytes += job.parameter_bytes();
        let former = self.jobs.insert(job.id, Arc::clone(&job));
        assert!(former.is_none(), "job {}: created twice", job.id);
        if let Some(parent) = job.parent {
            self.family.insert(self.root_of(job.id), parent, job.id);
            self.change(parent, |parent| {
                // A retry takes the place of the child that it retries.
                parent.children.total += u32::from(job.retry_from == job.id);
                parent.children.left += 1;
            });
        }
        transition.announce(Event::Submitted(Arc::clone(&job)));
        if self.enqueue(&job) {
            transition.announce(Event::Due(Arc::clone(&job)));
        }
        job
    }

    /// Changes a live job, and keeps index and queue in step.
    pub(crate) fn change(&mut self, id: JobId, f: impl FnOnce(&mut Job)) -> Arc<Job> {
        let slot = self.jobs.get_mut(&id).expect("the job was found before");
        let (worker, was_claimable) = (slot.worker, slot.is_claimable());
        let before = (slot.token, slot.ending.is_some());
        let status = slot.status;
        f(Arc::make_mut(slot));
        let job = Arc::clone(slot);
        self.index.set_running(&job.spec.action, status.is_running(), job.status.is_running());
        self.index.set_status(Some(status), Some(job.status));
        self.index.set_worker(ListKey::of(&job), worker, job.worker);
        self.family.follow(before, &job);
        match (was_claimable, job.is_claimable()) {
            (true, false) => self.dequeue(&job),
            (false, true) => {
                self.enqueue(&job);
            }
            (true, true) | (false, false) => {}
        }
        job
    }

    /// Ends a live job with `status`, as soon as the last of its children is over.
    pub(crate) fn end(&mut self, transition: &mut Transition, id: JobId, status: Status) {
        family::conclude(self, transition, id, Ending::Over(status));
    }

    /// Takes a live job out of the state, with the status that it ends with. Its children are over,
    /// and [`family`] tells its parent.
    ///
    /// A job whose deletion was asked for becomes deleted at once.
    pub(crate) fn leave(&mut self, transition: &mut Transition, id: JobId, status: Status) {
        let now = self.now;
        let root = self.root_of(id);
        let job = self.change(id, |job| {
            job.ending = None;
            if job.status != status {
                job.become_status(status, now);
            }
            if job.delete_requested && job.status != Status::Deleted {
                job.become_status(Status::Deleted, now);
            }
        });
        if job.is_claimable() {
            self.dequeue(&job);
        }
        self.index.remove(&job);
        self.jobs.remove(&id);
        if let Some(parent) = job.parent {
            self.family.remove(root, parent, id);
        }
        self.parameter_bytes -= job.parameter_bytes();
        self.recent.push(self.sequence, id);
        transition.announce(Event::Ended(job));
    }
}

/// Records of which each action has one.
fn by_action<T>(
    records: Vec<Arc<T>>,
    action: fn(&T) -> &str,
) -> Result<BTreeMap<String, Arc<T>>, Violation> {
    let mut map = BTreeMap::new();
    for record in records {
        let action = action(&record).to_owned();
        if map.insert(action.clone(), record).is_some() {
            return Err(Violation::TwoOfAction(action));
        }
    }
    Ok(map)
}
