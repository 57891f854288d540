//! etcd beside stint, on one machine in one session: three members of each, all durable, and the same
//! load in turn. What counts is the ratio; a round that others on the machine have disturbed does not.
//!
//! It measures with `stint bench`, and drives etcd by a load of its own that is made alike. Start at
//! [`session::run`]. `tests/foreign/beside_etcd` builds both and runs it.

mod etcd;
mod machine;
mod ours;
mod plot;
mod report;
mod round;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Measures etcd and stint in turn, and compares them.
#[derive(Debug, Parser)]
struct Args {
    /// The program that is measured.
    #[arg(long, value_name = "FILE", default_value = "target/release/stint")]
    stint: PathBuf,
    /// Where the figures go: figures.json and the plots.
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    out: PathBuf,
    /// Where the data of both goes, on one file system, until the end.
    #[arg(long, value_name = "DIR", default_value = "target")]
    data: PathBuf,
    /// Rounds of each load for each of the two that count.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long each takes.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Clients of each load.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    clients: u32,
    /// Leaders of each that are killed.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    kills: u32,
    /// A round does not count if others had more than so many percent of the machine.
    #[arg(long, value_name = "PERCENT", default_value_t = 6.0)]
    disturbed_above: f64,
    /// The first of thirty ports.
    #[arg(long, value_name = "PORT", default_value_t = 26_500)]
    port: u16,
}

#[expect(clippy::print_stderr, reason = "it is a program for whoever measures")]
fn note(text: &str) {
    eprintln!("{text}");
}

#[tokio::main]
async fn main() -> ExitCode {
    match session::run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("beside: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
