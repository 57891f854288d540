//! The words of `stint bench`.

use clap::{Args, Subcommand};

/// `stint bench ...`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Command {
    /// How many submissions a second the cluster accepts, and how long each takes.
    ///
    /// The jobs are scheduled for much later, so that nothing runs, and deleted in the end.
    Submit(Load),
    /// How many jobs a second go their whole way, from submitted to done.
    ///
    /// The times are those of the jobs' own records, read when all of them are over: looking at
    /// them while they run would cost what is measured.
    Life(Load),
    /// How long a job takes from submit to running on an idle cluster, one after the other.
    ///
    /// Seen from outside: the job is asked for again and again until it has been claimed, so each
    /// figure includes the round trip of the question that saw it.
    Latency {
        /// How many jobs.
        #[arg(long, value_name = "COUNT", default_value_t = 200)]
        count: u32,
        /// Leave the jobs there.
        #[arg(long)]
        keep: bool,
    },
    /// How long no job is accepted after the leader was killed.
    ///
    /// Submits one job after the other, kills a replica on this machine as `kill -9` does, and goes
    /// on until the next job is accepted. A client that knows all replicas of --address asks.
    Outage {
        /// The process to kill: `stint cluster status` says who leads, `stint dev` printed its pid.
        #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(2..))]
        kill: i32,
    },
}

/// How much load.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Clients that submit one job after the other, at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(crate) clients: u32,
    /// Connections that they share, spread evenly over the replicas of --address that answer.
    #[arg(long, value_name = "COUNT", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) connections: u32,
    /// How long.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// Leave the jobs there.
    #[arg(long)]
    pub(crate) keep: bool,
}
