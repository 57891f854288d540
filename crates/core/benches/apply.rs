//! What the specification costs: each step in the life of a job, over a queue of 10,000.
//!
//! `cargo bench -p stint-core --bench apply`

#![expect(
    clippy::disallowed_types,
    reason = "what is measured and what prepares it share a state; the core itself does not"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use stint_core::{
    ActionOffer, CapacityMap, Command, Epoch, Event, Exit, ExitCause, Finished, Incarnation, JobId,
    JobSpec, NewJob, Outcome, Policy, Registration, Span, State, Timestamp, WorkerId,
};

const QUEUED: u64 = 10_000;

/// As many as a claim gives at most under load.
const BATCH: u32 = 64;

/// A state with a worker and a queue, and what the next job is.
struct Bench {
    state: State,
    next: u64,
    worker: WorkerId,
}

const EPOCH: Epoch = Epoch(1);

impl Bench {
    fn new() -> Self {
        let worker = WorkerId::new(1).expect("a small number");
        let mut bench = Self { state: State::default(), next: 0, worker };
        bench.apply(Command::Register(Registration {
            worker,
            incarnation: Incarnation(1),
            capacity: CapacityMap::default(),
            actions: [("noop".to_owned(), ActionOffer::default())].into(),
            ttl: Span::from_ms(10_000),
        }));
        bench.apply(Command::Confirm { worker, epoch: EPOCH });
        for _ in 0..QUEUED {
            bench.submit();
        }
        bench
    }

    fn apply(&mut self, command: Command) -> Outcome {
        let outcome = self.state.apply(Timestamp::from_ms(1_000), command);
        assert!(outcome.reply.is_ok(), "{:?}", outcome.reply);
        outcome
    }

    fn submit(&mut self) -> Outcome {
        self.next += 1;
        let id = JobId::from_bytes((u128::from(self.next) << 64).to_be_bytes());
        self.apply(Command::Submit(NewJob {
            id,
            drawn: self.state.sequence(),
            spec: JobSpec {
                action: "noop".to_owned(),
                parameters: None,
                capacity_map: None,
                deadline: None,
                stop_timeout: None,
            },
            scheduled_at: None,
            retries: None,
            parent: None,
            policy: Policy::default(),
            retry_from: None,
        }))
    }

    fn claim(&mut self) -> Vec<Finished> {
        let command = Command::Claim { worker: self.worker, epoch: EPOCH, max: BATCH };
        let finished = |event: &Event| {
            let Event::Claimed(job) = event else { return None };
            let exit = Exit { cause: ExitCause::Own, code: 0, signal: None };
            Some(Finished { job: job.id, lease: job.lease().expect("it runs"), exit })
        };
        self.apply(command).events.iter().filter_map(finished).collect()
    }

    fn finish(&mut self, runs: Vec<Finished>) -> Outcome {
        self.apply(Command::Finish { worker: self.worker, epoch: EPOCH, runs })
    }
}

fn apply(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    criterion.bench_function("submit, and cancel", |b| {
        b.iter(|| {
            black_box(bench.submit());
            let id = JobId::from_bytes((u128::from(bench.next) << 64).to_be_bytes());
            bench.apply(Command::Cancel { job: id })
        });
    });
    let mut bench = Bench::new();
    criterion.bench_function("64 jobs: submit, claim, finish", |b| {
        b.iter(|| {
            for _ in 0..BATCH {
                black_box(bench.submit());
            }
            let runs = bench.claim();
            bench.finish(runs)
        });
    });
    let bench = std::cell::RefCell::new(Bench::new());
    criterion.bench_function("finish 64 jobs", |b| {
        b.iter_batched(
            || {
                let mut bench = bench.borrow_mut();
                for _ in 0..BATCH {
                    bench.submit();
                }
                bench.claim()
            },
            |runs| bench.borrow_mut().finish(runs),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, apply);
criterion_main!(benches);
