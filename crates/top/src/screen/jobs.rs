//! The list of jobs.

use std::time::SystemTime;

use super::tone_of;
use crate::cells::{Cell, Column, Row, Tone, column, wide};
use crate::picture::Picture;
use crate::text;

pub(super) const COLUMNS: &[Column] = &[
    column("id", 8),
    column("action", 12),
    column("status", 14),
    column("worker", 12),
    column("when", 8),
    wide("try", 3, 100),
    wide("lines", 7, 110),
    wide("prio", 4, 120),
    column("waits because, or how it ended", 0),
];

pub(super) fn rows(picture: &Picture, now: SystemTime) -> Vec<Row> {
    picture
        .jobs
        .iter()
        .map(|job| Row {
            key: job.id.clone(),
            cells: vec![
                Cell::new(text::short(&job.id)),
                Cell::new(text::plain(&job.action)),
                Cell::new(text::plain(&job.status)).toned(tone_of(&job.status)),
                Cell::new(text::or_dash(&job.worker_id)),
                Cell::new(text::age(job.scheduled_at.as_ref(), now))
                    .by(text::order(job.scheduled_at.as_ref())),
                Cell::number(u64::from(job.attempt)),
                Cell::number(job.line_count),
                Cell::number(u64::from(job.priority)),
                Cell::new(text::plain(&why(job))).toned(Tone::Faint),
            ],
        })
        .collect()
}

/// Why it waits, or how its last run ended.
fn why(job: &stint_client::v0::Job) -> String {
    if !job.wait_reason.is_empty() {
        return job.wait_reason.clone();
    }
    if let Some(left) = job.children_left.filter(|left| *left > 0) {
        return format!("{left} of its children are not over");
    }
    if !job.end_reason.is_empty() {
        return job.end_reason.clone();
    }
    job.attempts.last().map_or_else(String::new, |last| last.reason.clone())
}
