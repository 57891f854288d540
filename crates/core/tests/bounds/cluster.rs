//! A small cluster for a test that needs one thing of it; what is not said is ordinary.

use std::sync::Arc;

use stint_core::{
    ActionOffer, CapacityMap, Command, Epoch, Event, Exit, ExitCause, Finished, Incarnation, Job,
    JobId, JobSpec, NewJob, Outcome, Policy, Refusal, Registration, Reply, Span, State, Timestamp,
    WorkerId, invariant, limits,
};

/// The action of all jobs that do not say otherwise.
pub(crate) const ACTION: &str = "scan";

/// A state and the clock of its leader.
#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) state: State,
    pub(crate) now_ms: u64,
}

pub(crate) fn job(number: u64) -> JobId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    JobId::from_bytes(bytes)
}

pub(crate) fn worker(number: u64) -> WorkerId {
    WorkerId::new(number).expect("a small number")
}

pub(crate) fn amounts(map: &[(&str, u64)]) -> CapacityMap {
    map.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
}

pub(crate) fn spec(need: Option<CapacityMap>) -> JobSpec {
    JobSpec {
        action: ACTION.to_owned(),
        parameters: None,
        capacity_map: need,
        deadline: None,
        stop_timeout: None,
    }
}

pub(crate) fn new_job(number: u64) -> NewJob {
    NewJob {
        id: job(number),
        drawn: 0,
        spec: spec(None),
        scheduled_at: None,
        retries: None,
        parent: None,
        policy: Policy::default(),
        retry_from: None,
    }
}

pub(crate) fn needing(number: u64, need: &[(&str, u64)]) -> NewJob {
    NewJob { spec: spec(Some(amounts(need))), ..new_job(number) }
}

pub(crate) fn registration(number: u64) -> Registration {
    Registration {
        worker: worker(number),
        incarnation: Incarnation(1),
        capacity: CapacityMap::default(),
        actions: [(ACTION.to_owned(), ActionOffer::default())].into(),
        ttl: Span::from_ms(10_000),
    }
}

/// A cluster whose workers offer the actions 0, 1, 2, and so on.
pub(crate) fn with_actions(count: usize) -> Cluster {
    let mut cluster = Cluster::with_worker(&[]);
    let all: Vec<_> = (0..count).map(|n| (n.to_string(), ActionOffer::default())).collect();
    for (number, some) in (1..).zip(all.chunks(limits::ACTIONS_PER_WORKER_MAX)) {
        cluster.ok(Command::Register(Registration {
            incarnation: Incarnation(2),
            actions: some.iter().cloned().collect(),
            ..registration(number)
        }));
    }
    cluster
}

pub(crate) const fn exit(code: i32) -> Exit {
    Exit { cause: ExitCause::Own, code, signal: None }
}

impl Cluster {
    /// A cluster of one confirmed worker, number 1, with this capacity.
    pub(crate) fn with_worker(capacity: &[(&str, u64)]) -> Self {
        Self::at(1_000_000, capacity)
    }

    /// The same, at this time.
    pub(crate) fn at(now_ms: u64, capacity: &[(&str, u64)]) -> Self {
        let mut cluster = Self { state: State::default(), now_ms };
        let new = Registration { capacity: amounts(capacity), ..registration(1) };
        cluster.ok(Command::Register(new));
        cluster.ok(Command::Confirm { worker: worker(1), epoch: Epoch(1) });
        cluster
    }

    pub(crate) fn apply(&mut self, command: Command) -> Outcome {
        self.state.apply(Timestamp::from_ms(self.now_ms), command)
    }

    /// Applies what must not be refused.
    pub(crate) fn ok(&mut self, command: Command) -> (Reply, Vec<Event>) {
        let outcome = self.apply(command);
        (outcome.reply.unwrap_or_else(|refusal| panic!("refused: {refusal}")), outcome.events)
    }

    pub(crate) fn submit(&mut self, new: NewJob) -> Arc<Job> {
        let (reply, _) = self.ok(Command::Submit(new));
        let Reply::Submitted(job) = reply else { panic!("no job was submitted: {reply:?}") };
        job
    }

    /// Applies what must be refused because it has too much of something.
    pub(crate) fn refused_over(&mut self, of_what: &str, command: Command) {
        let reply = self.apply(command).reply;
        let Err(Refusal::OverLimit { what, got, limit }) = &reply else {
            panic!("too much of {of_what}: {reply:?}")
        };
        assert!(what.contains(of_what), "{of_what}: it was refused for its {what}");
        assert_eq!(*got, limit + 1, "{of_what}");
    }

    /// What the worker gets that asks for at most `max` jobs.
    pub(crate) fn claim(&mut self, max: u32) -> Vec<Arc<Job>> {
        let (_, events) = self.ok(Command::Claim { worker: worker(1), epoch: Epoch(1), max });
        let claimed = |event| if let Event::Claimed(job) = event { Some(job) } else { None };
        events.into_iter().filter_map(claimed).collect()
    }

    /// Ends a run; all that happened.
    pub(crate) fn finish(&mut self, job: &Job, exit: Exit) -> Vec<Event> {
        let lease = job.lease().expect("the job runs");
        let runs = vec![Finished { job: job.id, lease, exit }];
        let (reply, events) = self.ok(Command::Finish { worker: worker(1), epoch: Epoch(1), runs });
        assert_eq!(reply, Reply::Finished(vec![Ok(())]));
        events
    }

    pub(crate) fn check(&self) {
        invariant::check(&self.state).expect("a state that can be");
        let restored = State::from_parts(self.state.parts()).expect("parts that can be");
        assert!(restored == self.state, "a checkpoint is not the state that it was taken of");
    }
}
