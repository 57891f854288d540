//! The list of crons.

use std::time::SystemTime;

use crate::cells::{Cell, Column, Row, Tone, column, wide};
use crate::picture::Picture;
use crate::text;

pub(super) const COLUMNS: &[Column] = &[
    column("action", 18),
    column("schedule", 20),
    column("next", 10),
    column("last", 9),
    column("jobs", 7),
    column("skips", 6),
    wide("time zone", 16, 110),
    column("", 0),
];

pub(super) fn rows(picture: &Picture, now: SystemTime) -> Vec<Row> {
    picture
        .crons
        .iter()
        .map(|cron| {
            let skips: u64 = cron.skipped.values().sum();
            let next = cron.next_run.as_ref();
            let last = cron.last_tick.as_ref();
            Row {
                key: cron.action.clone(),
                cells: vec![
                    Cell::new(text::plain(&cron.action)),
                    Cell::new(text::plain(&cron.schedule)),
                    Cell::new(text::age(next, now)).by(text::order(next)),
                    Cell::new(text::age(last, now)).by(text::order(last)),
                    Cell::number(cron.fired),
                    Cell::number(skips).toned(if skips > 0 { Tone::Warn } else { Tone::Plain }),
                    Cell::new(text::plain(if cron.time_zone.is_empty() {
                        "UTC"
                    } else {
                        &cron.time_zone
                    })),
                    Cell::new(if cron.is_paused { "paused" } else { "" }).toned(Tone::Warn),
                ],
            }
        })
        .collect()
}
