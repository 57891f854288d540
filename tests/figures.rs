//! Figures of what is promised or documented, measured on real replicas and printed. Small as a test;
//! with the environment as large as the documentation tells, on the release build: see `README.md`.
//!
//! What is asserted is what may never be otherwise; how fast it is depends on the machine, and only
//! a release build is held to what is promised of that.

mod acceptance;
mod back;
mod crons;
mod doors;
mod failover;
mod pages;
mod retention;

use std::fs;

use serde_json::Value;

use crate::harness::Cluster;
use crate::harness::program::stint;

/// A size: what the environment says, or what is quick.
fn size(name: &str, usual: usize) -> usize {
    let name = format!("STINT_FIGURES_{name}");
    match std::env::var(&name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number: {text}")),
        Err(_) => usual,
    }
}

#[expect(clippy::print_stderr, reason = "figures are for whoever measures")]
fn print(text: &str) {
    eprintln!("{text}");
}

/// The figures of a measurement by the program's own words.
fn bench(cluster: &Cluster, what: &[&str]) -> Value {
    let addresses = cluster.addresses();
    let end = ["--output", "json", "--address", &addresses];
    let args: Vec<_> = ["bench"].iter().chain(what).chain(&end).copied().collect();
    let run = stint(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// Has so many jobs done, and says how many there are.
fn fill(cluster: &Cluster, count: usize) -> usize {
    let seconds = if count > 100_000 { "30" } else { "2" };
    let mut done = 0;
    while done < count {
        let figures = bench(cluster, &["life", "--keep", "--clients", "32", "--seconds", seconds]);
        done += usize::try_from(figures["done"].as_u64().expect("a count")).expect("not so many");
    }
    done
}

/// Whether this is a build whose figures count.
pub(crate) fn is_held() -> bool {
    !cfg!(debug_assertions)
}

/// The CPU time that all replicas have taken, in milliseconds.
fn cpu_ms(cluster: &Cluster) -> u64 {
    let ticks_a_second = rustix::param::clock_ticks_per_second();
    let of = |i: usize| {
        let path = format!("/proc/{}/stat", cluster.pid(i));
        let stat = fs::read_to_string(path).expect("the replica runs");
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        // The manual counts from 1, and the first after the name is the third.
        let times = fields.skip(14 - 3).take(2).map(|time| time.parse::<u64>().expect("a number"));
        times.sum::<u64>() * 1_000 / ticks_a_second
    };
    (0..cluster.replicas.len()).map(of).sum()
}

/// The value at this share of all, which are in order.
fn at(sorted: &[u64], percent: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or(0)
}
