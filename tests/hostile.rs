//! The worst clients: whatever they send, they get the contract's answer, and the replica neither
//! panics nor grows.

mod calls;
mod credentials;
mod frames;
mod requests;
mod wire;

use crate::harness::document::Document;
use crate::harness::reflection::Methods;
use crate::harness::{Cluster, Options};
use requests::Case;

/// How often all of it is asked once more while the memory is watched, after a first time.
const ROUNDS: usize = 4;

/// How much memory a replica may take more after these rounds than before them: what an allocator keeps
/// is below that, and four kilobytes that are lost with each request are above it.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// As many kinds of bad requests there must be; fewer say that a generator has run dry.
const CASES_MIN: usize = 300;

#[test]
#[expect(clippy::print_stdout, reason = "how many there are is worth knowing")]
fn every_bad_request_gets_the_answer_of_the_contract_by_both_doors() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let address = &cluster.replicas[0].address;
    let cases = requests::all(&Document::of(address));
    let methods: Vec<_> = Methods::of(address, None).paths().collect();
    let mut wrong: Vec<String> = cases.iter().filter_map(|case| ask(address, case)).collect();
    let calls = calls::all(&methods);
    wrong.extend(calls::check(address, &calls));
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    let count = cases.len() + calls.len();
    assert!(count >= CASES_MIN, "{count} cases are too few");
    println!("{count} cases");

    does_not_grow(&cluster, || {
        for case in &cases {
            assert_eq!(ask(address, case), None, "{}", case.name);
        }
        assert!(calls::check(address, &calls).is_empty());
    });
    still_serves(&cluster);
}

#[test]
#[expect(clippy::print_stdout, reason = "how many there are is worth knowing")]
fn wrong_and_weak_credentials_open_neither_door_to_any_operation() {
    let options = Options { replicas: 1, is_closed: true, ..Options::default() };
    let cluster = Cluster::start(&options);
    let address = &cluster.replicas[0].address;
    let operations = Document::of(address).operations;
    let paths = Methods::of(address, cluster.admin.as_deref()).paths_by_name();
    let everybody = credentials::all(&cluster);
    let wrong = credentials::check(address, &operations, &paths, &everybody);
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    let count = 2 * operations.len() * everybody.len();
    assert!(count >= 2 * CASES_MIN, "{count} cases are too few");
    println!("{count} cases");
    let log = cluster.log(0);
    assert!(!log.contains("panicked"), "{}", cluster.log_tail(0));
    assert!(!everybody.iter().any(|somebody| somebody.is_named_in(&log)), "a token in the log");
}

#[test]
fn slow_senders_half_closed_streams_and_rapid_resets_do_not_stop_others() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let address = &cluster.replicas[0].address;
    let held = frames::slow_senders(address);
    still_serves(&cluster);
    frames::half_closed(address);
    still_serves(&cluster);
    frames::rapid_resets(address);
    still_serves(&cluster);
    frames::giant_messages(address);
    still_serves(&cluster);
    drop(held);

    does_not_grow(&cluster, || {
        drop(frames::slow_senders(address));
        frames::half_closed(address);
        frames::rapid_resets(address);
        frames::giant_messages(address);
    });
    still_serves(&cluster);
}

/// Does it again and again, and looks at the memory of the replica.
#[expect(clippy::print_stdout, reason = "by how much it grew is worth knowing")]
fn does_not_grow(cluster: &Cluster, round: impl Fn()) {
    let before = memory_kib(cluster);
    for _ in 0..ROUNDS {
        round();
    }
    let after = memory_kib(cluster);
    let grown = after.saturating_sub(before);
    println!("{before} KiB before {ROUNDS} rounds, {after} KiB after them");
    assert!(grown < GROWTH_KIB_MAX, "it grew by {grown} KiB, from {before} KiB");
}

/// What is wrong with the answer, if something is.
fn ask(address: &str, case: &Case) -> Option<String> {
    let answer = match wire::exchange(address, &case.bytes) {
        Ok(answer) => answer,
        Err(error) => return Some(format!("{}: {error}", case.name)),
    };
    let code = answer.error_code();
    let fits = case.allowed.iter().any(|(status, expected)| {
        answer.status == *status
            && expected.is_none_or(|expected| Some(expected) == code.as_deref())
    });
    (!fits).then(|| {
        let body: String = answer.body.chars().take(200).collect();
        format!("{}: {} {body}, not one of {:?}", case.name, answer.status, case.allowed)
    })
}

fn memory_kib(cluster: &Cluster) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.pid(0)));
    let status = status.expect("the replica runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

fn still_serves(cluster: &Cluster) {
    let id = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(0, &id, "done");
    let log = cluster.log(0);
    assert!(!log.contains("panicked"), "{}", cluster.log_tail(0));
}
