//! What a replica's disk costs: entries that are appended and synced, and pages over its history.
//!
//! `cargo bench -p stint-storage --bench disk` measures the disk of `CARGO_TARGET_DIR`, or of target.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::mpsc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stint_storage::{Filter, Identity, Log, Record, Store};

const IDENTITY: Identity = Identity { replica: 1, cluster: [1; 16] };

/// Of a submission, about.
const ENTRY_BYTES: usize = 150;

const RECORDS: u64 = 100_000;

fn open() -> (tempfile::TempDir, Store) {
    // Not the system's place for temporary files: that is often memory.
    let place = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    let dir = tempfile::tempdir_in(place).expect("a directory");
    let store = Store::open(&dir.path().join("store"), IDENTITY).expect("a store");
    (dir, store)
}

fn append(log: &Log, first: u64, count: u64) {
    let (sender, receiver) = mpsc::channel();
    let entries = (first..first + count).map(|index| (index, vec![7; ENTRY_BYTES])).collect();
    log.append(entries, move |outcome| sender.send(outcome).expect("somebody waits"));
    receiver.recv().expect("an answer").expect("it is on disk");
}

fn log(criterion: &mut Criterion) {
    let (_dir, store) = open();
    let mut next = 1;
    let mut group = criterion.benchmark_group("append and sync");
    for count in [1, 16, 64] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("{count} entries"), |b| {
            b.iter(|| {
                append(&store.log, next, count);
                next += count;
            });
        });
    }
    group.finish();
}

fn record(number: u64) -> Record {
    let id = (u128::from(number) << 64) | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Record {
        id: id.to_be_bytes(),
        scheduled_at: 1_700_000_000_000 + number,
        action: format!("action {}", number % 10),
        worker: Some(number % 3),
        ended_at: number,
        output: None,
        listed: true,
        body: vec![7; 300],
    }
}

fn history(criterion: &mut Criterion) {
    let (_dir, store) = open();
    for start in (0..RECORDS).step_by(500) {
        let records: Vec<_> = (start..start + 500).map(record).collect();
        store.state.put_records(&records).expect("it is kept");
    }
    for (name, filter) in [
        ("a page of 100 of all", Filter::default()),
        (
            "a page of 100 by action and worker",
            Filter { action: Some("action 5".into()), worker: Some(1) },
        ),
    ] {
        criterion.bench_function(name, |b| {
            b.iter(|| black_box(store.state.list(&filter, None, 100).expect("a page")));
        });
    }
    let mut next = RECORDS;
    criterion.bench_function("64 records of ended jobs", |b| {
        b.iter(|| {
            let records: Vec<_> = (next..next + 64).map(record).collect();
            next += 64;
            store.state.put_records(&records).expect("it is kept");
        });
    });
}

criterion_group!(benches, log, history);
criterion_main!(benches);
