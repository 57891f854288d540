//! What a claim costs as the queue grows: `cargo run -p stint-core --example claim_cost`.
//!
//! A claim looks at the head of each shape (action and capacity map), so its cost follows the
//! number of shapes and hardly that of jobs: the logarithm of the trees, and their cache misses.

#![expect(
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints; the core does neither"
)]

use std::time::{Duration, Instant};

use stint_core::{
    ActionOffer, CapacityMap, Command, Epoch, Event, Exit, ExitCause, Finished, Incarnation, Job,
    JobId, JobSpec, NewJob, Outcome, Policy, Priority, Registration, Span, State, Timestamp,
    WorkerId,
};

const QUEUED: [u64; 4] = [1_000, 10_000, 100_000, 499_000];
const SHAPES: [u64; 2] = [1, 1_000];
const CLAIMS: u32 = 2_000;

fn main() {
    println!("{:>10} {:>8} {:>12} {:>12} {:>12}", "queued", "shapes", "submit", "claim", "finish");
    for shapes in SHAPES {
        for queued in QUEUED {
            let cost = measure(queued, shapes);
            println!(
                "{queued:>10} {shapes:>8} {:>9} ns {:>9} ns {:>9} ns",
                cost.submit.as_nanos(),
                cost.claim.as_nanos(),
                cost.finish.as_nanos()
            );
        }
    }
}

struct Cost {
    submit: Duration,
    claim: Duration,
    finish: Duration,
}

/// One worker claims one job at a time and finishes it; a new one takes its place in the queue.
fn measure(queued: u64, shapes: u64) -> Cost {
    let mut state = State::default();
    let (worker, epoch) = (WorkerId::new(1).expect("a small number"), Epoch(1));
    apply(&mut state, Command::Register(registration(worker)));
    apply(&mut state, Command::Confirm { worker, epoch });
    let begun = Instant::now();
    for number in 0..queued {
        apply(&mut state, submission(number, shapes));
    }
    let submit = begun.elapsed() / u32::try_from(queued).expect("a small number");
    let (mut claim, mut finish) = (Duration::ZERO, Duration::ZERO);
    for number in 0..CLAIMS {
        let begun = Instant::now();
        let outcome = apply(&mut state, Command::Claim { worker, epoch, max: 1 });
        claim += begun.elapsed();
        let run = claimed(&outcome);
        let exit = Exit { cause: ExitCause::Own, code: 0, signal: None };
        let lease = run.lease().expect("it runs");
        let runs = vec![Finished { job: run.id, lease, exit }];
        let begun = Instant::now();
        apply(&mut state, Command::Finish { worker, epoch, runs });
        finish += begun.elapsed();
        apply(&mut state, submission(queued + u64::from(number), shapes));
    }
    Cost { submit, claim: claim / CLAIMS, finish: finish / CLAIMS }
}

fn apply(state: &mut State, command: Command) -> Outcome {
    let outcome = state.apply(Timestamp::from_ms(1_000), command);
    assert!(outcome.reply.is_ok(), "{:?}", outcome.reply);
    outcome
}

fn claimed(outcome: &Outcome) -> &Job {
    let mut jobs = outcome
        .events
        .iter()
        .filter_map(|event| if let Event::Claimed(job) = event { Some(job) } else { None });
    jobs.next().expect("a claimed job")
}

fn registration(worker: WorkerId) -> Registration {
    Registration {
        worker,
        incarnation: Incarnation(1),
        capacity: CapacityMap::from_iter([("scan".to_owned(), 1 << 32)]),
        actions: [("scan".to_owned(), ActionOffer::default())].into(),
        ttl: Span::from_ms(10_000),
    }
}

fn submission(number: u64, shapes: u64) -> Command {
    let need = CapacityMap::from_iter([("scan".to_owned(), 1 + number % shapes)]);
    Command::Submit(NewJob {
        id: JobId::from_bytes((u128::from(number) << 64).to_be_bytes()),
        drawn: 0,
        spec: JobSpec {
            action: "scan".to_owned(),
            parameters: None,
            capacity_map: Some(need),
            deadline: None,
            stop_timeout: None,
        },
        scheduled_at: None,
        retries: None,
        parent: None,
        // As many priorities as there are, one after the other.
        policy: Policy {
            priority: Priority::new(number % 101).unwrap_or_default(),
            ..Policy::default()
        },
        retry_from: None,
    })
}
