//! What it costs that entries are bytes: each command of a job's life, encoded and decoded.
//!
//! `cargo bench -p stint-consensus --bench codec`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use stint_consensus::measured::{decode, encode, judge, stamped};
use stint_core::{
    Command, Epoch, Exit, ExitCause, Finished, JobId, JobSpec, LeaseId, NewJob, Policy, Timestamp,
    WorkerId,
};

const AT: Timestamp = Timestamp::from_ms(1_700_000_000_000);

fn job(number: u64) -> JobId {
    JobId::from_bytes((u128::from(number) << 64).to_be_bytes())
}

fn commands() -> [(&'static str, Command); 3] {
    let worker = WorkerId::new(1).expect("a small number");
    let submit = Command::Submit(NewJob {
        id: job(7),
        drawn: 0,
        spec: JobSpec {
            action: "noop".to_owned(),
            parameters: Some([("input".to_owned(), "/srv/scans/0001".to_owned())].into()),
            capacity_map: None,
            deadline: None,
            stop_timeout: None,
        },
        scheduled_at: None,
        retries: None,
        parent: None,
        policy: Policy::default(),
        retry_from: None,
    });
    let exit = Exit { cause: ExitCause::Own, code: 0, signal: None };
    let runs = (1..=64)
        .map(|number| Finished { job: job(number), lease: LeaseId(number), exit: exit.clone() })
        .collect();
    [
        ("submit", submit),
        ("claim", Command::Claim { worker, epoch: Epoch(1), max: 64 }),
        ("finish of 64", Command::Finish { worker, epoch: Epoch(1), runs }),
    ]
}

fn codec(criterion: &mut Criterion) {
    for (name, command) in commands() {
        let bytes = encode(&command);
        let entry = stamped(AT, &bytes);
        assert_eq!(decode(&entry), command);
        criterion.bench_function(&format!("encode {name}"), |b| {
            b.iter(|| stamped(AT, &encode(black_box(&command))));
        });
        criterion.bench_function(&format!("decode {name}"), |b| {
            b.iter(|| decode(black_box(&entry)));
        });
        criterion.bench_function(&format!("judge {name} of a follower"), |b| {
            b.iter(|| judge(black_box(&bytes)));
        });
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
