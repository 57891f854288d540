//! Measures a store on the disk of the given directory: `cargo run --example measure -- DIR`.

#![expect(clippy::unwrap_used, reason = "a measurement ends at the first surprise")]

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use stint_storage::{Filter, Identity, Log, Output, Record, StateStore, Store};

const IDENTITY: Identity = Identity { replica: 1, cluster: [1; 16] };
const APPENDERS: u64 = 64;
const APPENDS: u64 = 500;
const RECORDS: u64 = 1_000_000;
const BATCH: u64 = 500;
const LINES: u64 = 50_000;

fn main() {
    let dir = env::args().nth(1).expect("the directory to measure in");
    let dir = Path::new(&dir).join("measure");
    let store = Store::open(&dir, IDENTITY).unwrap();
    append(&store.log);
    purge(&store.log);
    put_records(&store.state);
    list(&store.state);
    snapshot(&store.state);
    lines(&store.output);
    drop(store);
    timed("open again", || drop(Store::open(&dir, IDENTITY).unwrap()));
    fs::remove_dir_all(&dir).unwrap();
}

fn say(text: &str) {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    let mut out = io::stdout().lock();
    writeln!(out, "{text} (RSS {} MiB)", pages * 4 / 1024).unwrap();
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = work();
    say(&format!("{what}: {:?}", start.elapsed()));
    value
}

/// Each appender waits for its own entry before it appends the next one.
fn append(log: &Log) {
    let next = Arc::new(Mutex::new(0));
    let start = Instant::now();
    let latencies: Vec<Duration> = thread::scope(|scope| {
        let appenders: Vec<_> =
            (0..APPENDERS).map(|_| scope.spawn(|| append_one_by_one(log, &next))).collect();
        appenders.into_iter().flat_map(|appender| appender.join().unwrap()).collect()
    });
    let elapsed = start.elapsed();
    let mut latencies = latencies;
    latencies.sort_unstable();
    let per_second = u128::from(APPENDERS * APPENDS) * 1_000_000 / elapsed.as_micros();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).unwrap();
    say(&format!(
        "{APPENDERS} appenders, 300-byte entries: {per_second}/s, p50 {:?}, p99 {:?}",
        at(50),
        at(99)
    ));
}

fn append_one_by_one(log: &Log, next: &Mutex<u64>) -> Vec<Duration> {
    let (sender, receiver) = mpsc::channel();
    (0..APPENDS)
        .map(|_| {
            let start = Instant::now();
            queue(log, next, sender.clone());
            receiver.recv().unwrap();
            start.elapsed()
        })
        .collect()
}

fn queue(log: &Log, next: &Mutex<u64>, sender: Sender<()>) {
    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
    log.append(vec![(*next, vec![7; 300])], move |result| {
        result.unwrap();
        sender.send(()).unwrap();
    });
    *next += 1;
}

fn purge(log: &Log) {
    let last = log.last_index().unwrap();
    timed(&format!("purge of {last} entries"), || log.purge_to(last, b"marker").unwrap());
}

fn record(number: u64) -> Record {
    let id = u128::from(number) << 64 | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Record {
        id: id.to_be_bytes(),
        scheduled_at: 1_700_000_000_000 + number / 7,
        action: format!("action {}", number % 10),
        worker: Some(number % 3),
        ended_at: number,
        output: None,
        listed: true,
        body: vec![number.to_le_bytes()[0]; 400],
    }
}

fn put_records(state: &StateStore) {
    timed(&format!("{RECORDS} records in batches of {BATCH}"), || {
        for start in (0..RECORDS).step_by(500) {
            let records: Vec<Record> = (start..start + BATCH).map(record).collect();
            state.put_records(&records).unwrap();
        }
    });
    let chunks = (0..100).map(|_| vec![1; 100_000]);
    timed("a checkpoint of 10 MB", || state.write_checkpoint(1, b"header", chunks).unwrap());
}

fn list(state: &StateStore) {
    let filter = Filter { action: Some("action 5".into()), worker: Some(1) };
    let first = timed("a page of 1000, both filters", || state.list(&filter, None, 1000).unwrap());
    let after = first.last().copied();
    timed("the page after it", || state.list(&filter, after, 1000).unwrap());
}

fn snapshot(state: &StateStore) {
    let mut writer = state.receive().unwrap();
    timed("snapshot sent, received and finished", || {
        let mut reader = state.snapshot().unwrap().unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            writer.write_frame(&frame).unwrap();
        }
        drop(writer.finish().unwrap());
    });
}

fn lines(output: &Output) {
    let size = timed(&format!("{LINES} batches of 1000 bytes of output"), || {
        for line in 0..LINES {
            output.append(20_000, &[1; 16], line, 10, &[b'x'; 1000]).unwrap();
        }
        output.sync().unwrap();
        LINES * 1000
    });
    timed(&format!("all {size} bytes read back"), || {
        let mut line = 0;
        while let Some(last) = output.read(20_000, &[1; 16], line, 1 << 20).unwrap().last() {
            line = last.first_line + 10;
        }
    });
}
