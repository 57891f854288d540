//! Talks to a stint cluster: finds a replica that answers, retries what is safe to retry.
//!
//! It speaks gRPC to any replica, and knows nothing of who leads. A call starts at the replica that
//! answered last and goes on to the next one when there is no answer, for as long as the deadline
//! of the [`Builder`]. What may be asked twice is decided in one place, by what a repetition could
//! do: reads and calls that can be repeated are, a submission only where it is known not to have
//! been carried out. Otherwise the answer is [`Error::OutcomeUnknown`], and never a second job.
//!
//! ```no_run
//! use stint_client::{Client, v0};
//!
//! # async fn example() -> Result<(), stint_client::Error> {
//! let client = Client::builder().endpoints(["10.0.0.1:7400", "10.0.0.2:7400"]).build()?;
//! let job = v0::SubmitJobRequest { action: "sleep".into(), ..Default::default() };
//! let job = client.submit_job(job).await?;
//! let job = client.wait_job(&job.id, None).await?;
//! println!("{} ended as {}", job.id, job.status);
//! # Ok(())
//! # }
//! ```
//!
//! Start at [`Client`]; the messages are those of [`v0`].
#![deny(missing_docs)]

mod action_configs;
mod actions;
mod audit;
mod authority;
mod bearer;
mod builder;
mod client;
mod cluster;
mod crons;
mod endpoints;
mod error;
mod jobs;
mod limits;
mod logs;
mod queues;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;
mod wait;
mod watch;
mod workers;

pub use builder::Builder;
pub use client::Client;
pub use cluster::Backup;
pub use error::{Code, Error, Failure};
pub use logs::{LogRange, Logs};
/// An instant as the messages have it; it prints and parses as RFC 3339.
pub use prost_types::Timestamp;
/// The messages of the API, whose names and meanings are those of the v0 JSON.
pub use stint_proto::v0;
pub use wait::is_over;
pub use watch::{Watch, WatchRange};
