//! The list of workers.

use std::time::SystemTime;

use stint_client::v0::{CapacityMap, Worker};

use super::tone_of;
use crate::cells::{Cell, Column, Row, Tone, column, wide};
use crate::picture::Picture;
use crate::text;

pub(super) const COLUMNS: &[Column] = &[
    column("id", 12),
    column("status", 10),
    column("runs", 4),
    column("lease", 7),
    column("in use of capacity", 26),
    wide("life", 5, 120),
    column("actions", 0),
];

pub(super) fn rows(picture: &Picture, now: SystemTime) -> Vec<Row> {
    picture.workers.iter().map(|worker| row(worker, now)).collect()
}

fn row(worker: &Worker, now: SystemTime) -> Row {
    let status =
        if worker.draining && worker.status == "running" { "draining" } else { &worker.status };
    let tone = if worker.draining { Tone::Warn } else { tone_of(&worker.status) };
    let lease = worker.heartbeat_expiration.as_ref();
    let is_live = worker.status == "running";
    Row {
        key: worker.id.clone(),
        cells: vec![
            Cell::new(text::plain(&worker.id)),
            Cell::new(text::plain(status)).toned(tone),
            Cell::number(u64::from(worker.running)),
            Cell::new(if is_live { text::left(lease, now) } else { "-".to_owned() })
                .by(text::order(lease)),
            Cell::new(capacity(worker)),
            Cell::number(worker.epoch),
            Cell::new(text::plain(&worker.actions.join(" "))).toned(Tone::Faint),
        ],
    }
}

/// What is in use of what it has, name by name; also what it has no more and jobs still hold.
fn capacity(worker: &Worker) -> String {
    let none = CapacityMap::default();
    let (has, used) = (
        &worker.capacity_map.as_ref().unwrap_or(&none).entries,
        &worker.capacity_in_use.as_ref().unwrap_or(&none).entries,
    );
    let names: std::collections::BTreeSet<_> = has.keys().chain(used.keys()).collect();
    let of = |name: &&String| {
        let amount = |map: &std::collections::BTreeMap<String, i64>| {
            map.get(*name).copied().unwrap_or_default()
        };
        format!("{} {}/{}", text::plain(name), amount(used), amount(has))
    };
    let shown: Vec<_> = names.iter().map(of).collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join("  ") }
}
