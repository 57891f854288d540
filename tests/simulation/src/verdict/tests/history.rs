//! A history that is right: made by the specification itself, entry by entry.

use std::time::Duration;

use stint_core::{
    ActionOffer, CapacityMap, Command, CronId, CronPolicy, Epoch, Event, Exit, ExitCause, Finished,
    Firing, Incarnation, Job, JobId, JobSpec, LeaseId, Line, NewCron, NewJob, Policy, Registration,
    Span, State, Stream, Timestamp, WorkerId,
};

use crate::replica::{ACTION, KEY};
use crate::scenario::EPOCH_MS;
use crate::trace::{Answer, Ask, Call, Entry, Final, Run, Seen, Shape, Sizes};
use crate::witness::{holds, workers};

pub(super) const PLACE: &str = "place";
const BEAT: &str = "beat";
const STEP: Duration = Duration::from_millis(100);

struct History {
    state: State,
    now: Duration,
    seen: Seen,
}

fn worker(number: u64) -> WorkerId {
    WorkerId::new(number).expect("a small number")
}

pub(super) fn id(number: u8) -> JobId {
    JobId::from_bytes([number; 16])
}

fn need() -> CapacityMap {
    [(PLACE.to_owned(), 1)].into_iter().collect()
}

fn spec(action: &str, key: Option<&str>) -> JobSpec {
    let parameters = key.map(|key| [(KEY.to_owned(), key.to_owned())].into_iter().collect());
    JobSpec {
        action: action.to_owned(),
        parameters,
        capacity_map: Some(need()),
        deadline: None,
        stop_timeout: None,
    }
}

impl History {
    fn time(&self) -> Timestamp {
        Timestamp::from_ms(EPOCH_MS + u64::try_from(self.now.as_millis()).unwrap_or(0))
    }

    /// One more entry.
    fn apply(&mut self, command: Command) -> Vec<Event> {
        self.now += STEP;
        let outcome = self.state.apply(self.time(), command);
        outcome.reply.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
        let index = self.seen.entries.last_key_value().map_or(1, |(index, _)| index + 1);
        let sizes = Sizes { live: self.state.jobs().len(), text: 100, ..Sizes::default() };
        let entry = Entry {
            at: self.now,
            term: 1,
            command: Some(index),
            time: self.state.now(),
            events: outcome.events.clone().into(),
            state: index,
            holds: holds(&self.state),
            workers: workers(&self.state),
            jobs: self.state.jobs().map(|job| Shape::of(job)).collect(),
            sizes,
        };
        self.seen.entries.insert(index, entry);
        outcome.events
    }

    /// A call that ends now, and began a little before.
    fn call(&mut self, job: JobId, ask: Ask, answer: Answer) {
        let began = self.now.saturating_sub(STEP / 2);
        self.now += STEP / 4;
        self.seen.calls.push(Call { began, ended: self.now, job: Some(job), ask, answer });
        self.now += STEP;
    }

    fn read(&mut self, job: &Job) {
        let ms = i64::try_from(job.last_updated.as_ms()).unwrap_or(0);
        let at = chrono::DateTime::from_timestamp_millis(ms).expect("an instant of our days");
        let shown = Answer::Shown(job.status.name().to_owned(), at.to_rfc3339());
        self.call(job.id, Ask::Read, shown);
    }

    fn submit(&mut self, number: u8) {
        let key = format!("alice-{number}");
        let new = NewJob {
            id: id(number),
            drawn: self.state.sequence(),
            spec: spec(ACTION, Some(&key)),
            scheduled_at: None,
            retries: None,
            parent: None,
            policy: Policy::default(),
            retry_from: None,
        };
        self.apply(Command::Submit(new));
        self.call(id(number), Ask::Submit(key), Answer::Done);
    }

    /// A worker takes what is due, which has to be this job, and begins with it.
    fn begin(&mut self, by: u64) -> Job {
        let events = self.apply(Command::Claim { worker: worker(by), epoch: Epoch(1), max: 1 });
        let claimed = events.iter().find_map(|event| match event {
            Event::Claimed(job) => Some(Job::clone(job)),
            _ => None,
        });
        let job = claimed.expect("a job is due");
        let lease = job.lease().unwrap_or_default();
        self.now += STEP / 10;
        let run = Run {
            job: job.id,
            lease,
            worker: worker(by),
            began: self.now,
            ended: None,
            code: None,
        };
        self.seen.runs.push(run);
        job
    }

    fn write(&mut self, by: u64, job: &Job, first: u64, texts: &[&str]) {
        let lease = job.lease().unwrap_or_default();
        let lines =
            texts.iter().map(|text| Line { stream: Stream::Out, text: format!("{lease} {text}") });
        let (worker, epoch, lines) = (worker(by), Epoch(1), lines.collect());
        self.apply(Command::AppendLines { worker, epoch, job: job.id, lease, first, lines });
    }

    fn finish(&mut self, by: u64, job: JobId, lease: LeaseId, cause: ExitCause) -> Job {
        let run = self.seen.runs.iter_mut().find(|run| run.lease == lease).expect("it runs");
        run.ended = Some(self.now);
        run.code = (cause == ExitCause::Own).then_some(0);
        let exit = Exit { cause, code: 0, signal: None };
        let runs = vec![Finished { job, lease, exit }];
        let events = self.apply(Command::Finish { worker: worker(by), epoch: Epoch(1), runs });
        let ended = events.iter().find_map(|event| match event {
            Event::Ended(job) => Some(Job::clone(job)),
            _ => None,
        });
        ended.expect("a job has ended")
    }
}

/// Two workers; a job that ends, one that is canceled while it runs, one that is deleted, and a cron.
pub(super) fn right() -> Seen {
    let (state, seen) = (State::default(), Seen::default());
    let mut history = History { state, now: Duration::from_secs(1), seen };
    for number in [1, 2] {
        let actions = [ACTION, BEAT].map(|name| (name.to_owned(), ActionOffer::default()));
        history.apply(Command::Register(Registration {
            worker: worker(number),
            incarnation: Incarnation(number),
            capacity: [(PLACE.to_owned(), 2)].into_iter().collect(),
            actions: actions.into(),
            ttl: Span::from_ms(600_000),
        }));
        history.apply(Command::Confirm { worker: worker(number), epoch: Epoch(1) });
    }
    work(&mut history);
    tick(&mut history);
    look_at_the_end(&mut history);
    history.seen
}

fn work(history: &mut History) {
    history.submit(1);
    let waiting = Job::clone(history.state.job(id(1)).expect("it waits"));
    history.read(&waiting);
    let running = history.begin(1);
    history.read(&running);
    history.write(1, &running, 0, &["0", "1"]);
    history.write(1, &running, 2, &["2"]);
    let done = history.finish(1, running.id, running.lease().unwrap_or_default(), ExitCause::Own);
    history.read(&done);

    history.submit(2);
    let running = history.begin(2);
    history.apply(Command::Cancel { job: id(2) });
    history.call(id(2), Ask::Cancel, Answer::Done);
    let lease = running.lease().unwrap_or_default();
    history.finish(2, running.id, lease, ExitCause::Canceled);

    history.submit(3);
    history.apply(Command::Delete { job: id(3) });
    history.call(id(3), Ask::Delete, Answer::Done);
}

fn tick(history: &mut History) {
    let anchor = history.time();
    let next = Timestamp::from_ms((anchor.as_ms() / 2_000 + 1) * 2_000);
    history.apply(Command::PutCron(Box::new(NewCron {
        id: CronId::from_bytes([9; 16]),
        spec: spec(BEAT, None),
        retries: 0,
        schedule: "*/2 * * * * *".to_owned(),
        time_zone: None,
        policy: CronPolicy::default(),
        anchor,
        next_run: next,
        undecided: None,
    })));
    for number in 0..2 {
        let mark = Timestamp::from_ms(next.as_ms() + number * 2_000);
        while history.time() < mark {
            history.now += STEP;
        }
        let generation = history.state.cron(BEAT).expect("it is put").generation;
        history.apply(Command::Fire(vec![Firing {
            action: BEAT.to_owned(),
            generation,
            mark,
            passed: None,
            ticks: vec![mark],
            has_more: false,
            next_run: Some(Timestamp::from_ms(mark.as_ms() + 2_000)),
        }]));
        let running = history.begin(1);
        let lease = running.lease().unwrap_or_default();
        history.finish(1, running.id, lease, ExitCause::Own);
    }
    history.apply(Command::DeleteCron { action: BEAT.to_owned(), undecided: None });
}

fn look_at_the_end(history: &mut History) {
    let seen = &mut history.seen;
    seen.rest_from = seen.entries.last_key_value().map(|(index, _)| *index);
    seen.members = ["one", "two"].map(str::to_owned).into();
    let first = seen.runs.first().expect("a run").lease;
    for host in ["one", "two"] {
        for (job, status) in seen.statuses() {
            let numbers = if job == id(1) { 0..3 } else { 0..0 };
            let lines = numbers.map(|number| (number, format!("{first} {number}"))).collect();
            let (host, status) = (host.to_owned(), Some(status.name().to_owned()));
            seen.finals.push(Final { host, job, status, lines });
        }
    }
}
