//! What a page of jobs costs as JSON.
//!
//! `cargo bench -p stint-gateway --bench json`

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stint_core::{
    ActionOffer, CapacityMap, Command, Epoch, Event, Exit, ExitCause, Finished, Incarnation, Job,
    JobId, JobSpec, NewJob, Policy, Registration, Span, State, Timestamp, WorkerId,
};
use stint_gateway::measured::page_in_json;

const AT: Timestamp = Timestamp::from_ms(1_700_000_000_000);

const EPOCH: Epoch = Epoch(1);

/// A state with a worker, and what it has made of it.
struct Bench {
    state: State,
    worker: WorkerId,
}

impl Bench {
    fn new() -> Self {
        let worker = WorkerId::new(1).expect("a small number");
        let mut bench = Self { state: State::default(), worker };
        bench.apply(Command::Register(Registration {
            worker,
            incarnation: Incarnation(1),
            capacity: CapacityMap::default(),
            actions: [("scan".to_owned(), ActionOffer::default())].into(),
            ttl: Span::from_ms(10_000),
        }));
        bench.apply(Command::Confirm { worker, epoch: EPOCH });
        bench
    }

    fn apply(&mut self, command: Command) -> Vec<Event> {
        let outcome = self.state.apply(AT, command);
        assert!(outcome.reply.is_ok(), "{:?}", outcome.reply);
        outcome.events
    }

    /// A job that has run and is done.
    fn done(&mut self, number: u64) -> Arc<Job> {
        self.apply(Command::Submit(NewJob {
            id: JobId::from_bytes((u128::from(number) << 64).to_be_bytes()),
            drawn: 0,
            spec: JobSpec {
                action: "scan".to_owned(),
                parameters: Some([("input".to_owned(), format!("/srv/scans/{number}"))].into()),
                capacity_map: None,
                deadline: None,
                stop_timeout: None,
            },
            scheduled_at: None,
            retries: None,
            parent: None,
            policy: Policy::default(),
            retry_from: None,
        }));
        let claim = Command::Claim { worker: self.worker, epoch: EPOCH, max: 1 };
        let claimed = self
            .apply(claim)
            .into_iter()
            .find_map(|event| if let Event::Claimed(job) = event { Some(job) } else { None });
        let claimed = claimed.expect("it is the only one");
        let exit = Exit { cause: ExitCause::Own, code: 0, signal: None };
        let lease = claimed.lease().expect("it runs");
        let runs = vec![Finished { job: claimed.id, lease, exit }];
        let finish = Command::Finish { worker: self.worker, epoch: EPOCH, runs };
        let ended = self
            .apply(finish)
            .into_iter()
            .find_map(|event| if let Event::Ended(job) = event { Some(job) } else { None });
        ended.expect("it is over")
    }
}

fn json(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let jobs: Vec<_> = (1..=1_000).map(|number| bench.done(number)).collect();
    let mut group = criterion.benchmark_group("a page in JSON");
    for count in [10, 100, 1_000] {
        let page = jobs.get(..count).expect("there are so many");
        group.throughput(Throughput::Elements(u64::try_from(count).expect("a small number")));
        group.bench_function(format!("{count} jobs"), |b| {
            b.iter(|| page_in_json(black_box(page)));
        });
    }
    group.finish();
}

criterion_group!(benches, json);
criterion_main!(benches);
