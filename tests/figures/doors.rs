//! What the two doors cost: how many submissions each takes, and how much memory those who only
//! listen.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stint_client::{Client, v0};
use tokio::task::JoinSet;

use super::{is_held, print, size};
use crate::harness::http::Lasting;
use crate::harness::{Cluster, Options, wait_for};

/// Connections of each door to one replica.
const CLIENTS: usize = 32;

/// The doors take turns, so that what else the machine does meets both.
const TURNS: usize = 3;

/// What a replica may take for a thousand followers, in KiB: what is promised of a release build. What
/// waits is several times as large in a debug build.
const FOLLOWERS_KIB_MAX: u64 = 1024 * if cfg!(debug_assertions) { 150 } else { 50 };

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_many_submissions_each_door_takes() {
    let cluster = Cluster::start(&Options::default());
    let address = cluster.replicas[cluster.leader()].address.clone();
    let turn = Duration::from_secs(size("SECONDS", 3).try_into().expect("seconds")) / 3;
    let (mut json, mut grpc) = (0.0, 0.0);
    for _ in 0..TURNS {
        grpc += rate(turn, |is_over, count| by_grpc(&address, is_over, count));
        json += rate(turn, |is_over, count| by_json(&address, is_over, count));
    }
    let turns = f64::from(u8::try_from(TURNS).expect("few"));
    let ratio = json / grpc;
    print(&format!(
        "{CLIENTS} connections: {:.0} submissions/s by JSON, {:.0}/s by gRPC: {ratio:.2} times",
        json / turns,
        grpc / turns
    ));
    if is_held() {
        assert!(ratio >= 0.5, "{ratio:.2}");
    }
}

/// How many a second `work` counts until it is over.
fn rate(turn: Duration, work: impl FnOnce(&Arc<AtomicBool>, &Arc<AtomicU64>)) -> f64 {
    let (is_over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    thread::scope(|scope| {
        let ends = Arc::clone(&is_over);
        scope.spawn(move || {
            thread::sleep(turn);
            ends.store(true, Ordering::Relaxed);
        });
        work(&is_over, &count);
    });
    let count = u32::try_from(count.load(Ordering::Relaxed)).expect("not so many");
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn by_json(address: &str, is_over: &AtomicBool, count: &AtomicU64) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let client = Lasting::new(address);
                while !is_over.load(Ordering::Relaxed) {
                    let answer = client.post("/api/v0/jobs", r#"{"action":"noop"}"#);
                    assert_eq!(answer.status, 202, "{answer:?}");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
}

fn by_grpc(address: &str, is_over: &Arc<AtomicBool>, count: &Arc<AtomicU64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let client = Client::builder().endpoints([address]).build().expect("a client");
            let (is_over, count) = (Arc::clone(is_over), Arc::clone(count));
            clients.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let job =
                        v0::SubmitJobRequest { action: "noop".to_owned(), ..Default::default() };
                    client.submit_job(job).await.expect("a job");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client ends");
        }
    });
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_much_memory_those_who_only_follow_take() {
    let cluster = Cluster::start(&Options::default());
    let follower = (cluster.leader() + 1) % 3;
    let later = cluster.submit(0, r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#);
    let address = &cluster.replicas[follower].address;
    let path = format!("/api/v0/jobs/{later}/logs?stream=true");
    // What the first one takes is taken once.
    let first = follow(address, &path);
    let before = memory_kib(&cluster, follower);
    let count = size("FOLLOWERS", 1_000);
    let held: Vec<_> = (0..count).map(|_| follow(address, &path)).collect();
    let after = memory_kib(&cluster, follower);
    let taken = after.saturating_sub(before);
    let each = taken / u64::try_from(count).expect("a number of followers").max(1);
    print(&format!("{count} idle followers: {taken} KiB more, {each} each"));
    assert!(taken < FOLLOWERS_KIB_MAX, "{taken} KiB, from {before} to {after}");

    // They are followers: what happens to the job ends their answers.
    let answer = cluster.post(follower, &format!("/api/v0/jobs/{later}/cancel"), "");
    assert_eq!(answer.expect("an answer").status, 204);
    for mut stream in held.into_iter().chain([first]) {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).expect("the end of the answer");
        assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    }
    wait_for("memory that is given back or kept for others", || {
        let now = memory_kib(&cluster, follower);
        if now < before + FOLLOWERS_KIB_MAX { Ok(()) } else { Err(now) }
    });
}

/// A connection that has asked, and got the head of its answer.
fn follow(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a limit");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the head of an answer");
        head.extend_from_slice(&byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

fn memory_kib(cluster: &Cluster, i: usize) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", cluster.pid(i)));
    let status = status.expect("the replica runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
