//! The list of queues.

use std::time::SystemTime;

use stint_client::v0::Queue;

use crate::cells::{Cell, Column, Row, Tone, column};
use crate::picture::Picture;
use crate::text;

pub(super) const COLUMNS: &[Column] = &[
    column("action", 18),
    column("due", 6),
    column("oldest", 9),
    column("running", 7),
    column("later", 6),
    column("why jobs wait", 0),
];

pub(super) fn rows(picture: &Picture, now: SystemTime) -> Vec<Row> {
    picture.queues.iter().map(|queue| row(queue, picture, now)).collect()
}

fn row(queue: &Queue, picture: &Picture, now: SystemTime) -> Row {
    let oldest = queue.oldest_due.as_ref();
    let (why, tone) = why(queue, picture, now);
    Row {
        key: queue.action.clone(),
        cells: vec![
            Cell::new(text::plain(&queue.action)),
            Cell::number(queue.due).toned(if queue.due > 0 { Tone::Warn } else { Tone::Plain }),
            Cell::new(text::age(oldest, now)).by(text::order(oldest)),
            Cell::number(queue.running).toned(if queue.running > 0 {
                Tone::Good
            } else {
                Tone::Plain
            }),
            Cell::number(queue.scheduled),
            Cell::new(text::plain(&why)).toned(tone),
        ],
    }
}

fn why(queue: &Queue, picture: &Picture, now: SystemTime) -> (String, Tone) {
    if queue.paused {
        let by = if queue.paused_by.is_empty() {
            String::new()
        } else {
            format!(" by {}", queue.paused_by)
        };
        let ago = text::age(queue.paused_at.as_ref(), now);
        let reason = if queue.pause_reason.is_empty() {
            String::new()
        } else {
            format!(": {}", queue.pause_reason)
        };
        return (format!("paused{by} {ago} ago{reason}"), Tone::Warn);
    }
    let reason = picture.reasons.get(&queue.action).filter(|_| queue.due > 0);
    (reason.cloned().unwrap_or_default(), Tone::Faint)
}
