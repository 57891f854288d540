//! A client, and a worker that does what a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stint_consensus::Replica;
use stint_core::{
    ActionOffer, Command, Epoch, Exit, ExitCause, Finished, Incarnation, Job, JobId, JobSpec,
    LeaseId, Line, NewJob, Policy, Registration, Reply, Span, State, Stream, WorkerId,
};

/// The lease of a worker that no test waits for.
pub(crate) const LONG: Span = Span::from_ms(600_000);

/// A worker that offers the action `say`.
#[derive(Clone, Copy)]
pub(crate) struct Puppet {
    pub(crate) id: WorkerId,
    pub(crate) epoch: Epoch,
}

impl Puppet {
    pub(crate) async fn register(replica: &Replica, ttl: Span) -> Self {
        let id = replica.id();
        let registration = Registration {
            worker: id,
            incarnation: Incarnation(1),
            capacity: [("slots".to_owned(), 1_000)].into_iter().collect(),
            actions: [("say".to_owned(), ActionOffer::default())].into(),
            ttl,
        };
        let Reply::Registered { epoch } = propose(replica, Command::Register(registration)).await
        else {
            panic!("the worker is not registered");
        };
        propose(replica, Command::Confirm { worker: id, epoch }).await;
        Self { id, epoch }
    }

    pub(crate) async fn heartbeat(self, replica: &Replica) {
        propose(replica, Command::Heartbeat { worker: self.id, epoch: self.epoch }).await;
    }

    /// Claims what can be claimed. The job must be among it.
    pub(crate) async fn claim(self, replica: &Replica, job: JobId) -> LeaseId {
        let (worker, epoch) = (self.id, self.epoch);
        propose(replica, Command::Claim { worker, epoch, max: 100 }).await;
        let lease = replica.with_state(|state| state.job(job).and_then(|job| job.lease()));
        lease.expect("the job runs")
    }

    /// Hands in lines that say their number.
    pub(crate) async fn print(self, replica: &Replica, job: (JobId, LeaseId), first: u64, to: u64) {
        let lines = (first..to).map(line).collect();
        let (worker, epoch, (job, lease)) = (self.id, self.epoch, job);
        let append = Command::AppendLines { worker, epoch, job, lease, first, lines };
        propose(replica, append).await;
    }

    pub(crate) async fn finish(self, replica: &Replica, job: (JobId, LeaseId)) {
        let exit = Exit { cause: ExitCause::Own, code: 0, signal: None };
        let runs = vec![Finished { job: job.0, lease: job.1, exit }];
        propose(replica, Command::Finish { worker: self.id, epoch: self.epoch, runs }).await;
    }

    /// A job that is done, with so many lines of output.
    pub(crate) async fn run(self, replica: &Replica, lines: u64) -> Arc<Job> {
        let id = submit(replica).await;
        let job = (id, self.claim(replica, id).await);
        self.print(replica, job, 0, lines).await;
        self.finish(replica, job).await;
        read(replica, id).await
    }
}

pub(crate) fn line(number: u64) -> Line {
    Line { stream: Stream::Out, text: format!("line {number}") }
}

pub(crate) async fn propose(replica: &Replica, command: Command) -> Reply {
    let shown = format!("{command:?}");
    let outcome = replica.propose(command).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{shown}: {error}"));
    outcome.unwrap_or_else(|refusal| panic!("{shown}: {refusal}"))
}

/// A new job as a client would submit it.
pub(crate) fn new_job(replica: &Replica) -> (JobId, Command) {
    static LAST: AtomicU64 = AtomicU64::new(1);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let id = JobId::from_bytes(u128::from(number).to_be_bytes());
    let spec = JobSpec {
        action: "say".to_owned(),
        parameters: Some([("n".to_owned(), number.to_string())].into()),
        capacity_map: None,
        deadline: None,
        stop_timeout: None,
    };
    let drawn = replica.with_state(State::sequence);
    let policy = Policy::default();
    let new = NewJob {
        id,
        drawn,
        spec,
        scheduled_at: None,
        retries: None,
        policy,
        retry_from: None,
        parent: None,
    };
    (id, Command::Submit(new))
}

pub(crate) async fn submit(replica: &Replica) -> JobId {
    let (id, command) = new_job(replica);
    propose(replica, command).await;
    id
}

/// A linearizable read of a job that must be there.
pub(crate) async fn read(replica: &Replica, id: JobId) -> Arc<Job> {
    replica
        .job(id)
        .await
        .expect("an answer")
        .unwrap_or_else(|| panic!("no job {id} on {replica:?}"))
}

/// Checks that a replica gives all lines of a job.
pub(crate) async fn has_all_lines(replica: &Replica, job: &Job) {
    let found = replica.lines(job, 0, 10_000).await.expect("lines");
    let expected: Vec<_> = (0..job.line_count).map(|number| (number, line(number))).collect();
    assert_eq!(found, expected, "the lines of {} on {replica:?}", job.id);
}
