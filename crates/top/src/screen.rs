//! What each list has: its columns, and a row for each thing.

mod cluster;
mod crons;
pub(crate) mod details;
pub(crate) mod head;
pub(crate) mod help;
mod jobs;
pub(crate) mod output;
mod queues;
mod workers;

use std::time::SystemTime;

pub(crate) use cluster::lines as cluster_lines;

use crate::app::Tab;
use crate::cells::{Column, Row, Tone};
use crate::picture::Picture;

/// The columns of a list.
pub(crate) const fn columns(tab: Tab) -> &'static [Column] {
    match tab {
        Tab::Jobs => jobs::COLUMNS,
        Tab::Workers => workers::COLUMNS,
        Tab::Queues => queues::COLUMNS,
        Tab::Crons => crons::COLUMNS,
        Tab::Cluster => cluster::COLUMNS,
    }
}

/// The rows of a list, as they came.
pub(crate) fn rows(tab: Tab, picture: &Picture, now: SystemTime) -> Vec<Row> {
    match tab {
        Tab::Jobs => jobs::rows(picture, now),
        Tab::Workers => workers::rows(picture, now),
        Tab::Queues => queues::rows(picture, now),
        Tab::Crons => crons::rows(picture, now),
        Tab::Cluster => cluster::rows(picture),
    }
}

/// How a status stands out.
pub(crate) fn tone_of(status: &str) -> Tone {
    match status {
        "running" => Tone::Good,
        "error" | "worker_dead" | "dead" => Tone::Bad,
        "waiting" | "cancel_request" | "worker_shutdown" | "worker_resurrection" | "shutdown" => {
            Tone::Warn
        }
        "done" | "cancel" | "deleted" => Tone::Faint,
        _ => Tone::Plain,
    }
}
