//! The replicas, and what is to be said of the cluster.

use stint_client::v0::{Disk, Member};

use crate::cells::{Cell, Column, Row, Tone, column, wide};
use crate::picture::{Picture, Seen};
use crate::text;

pub(super) const COLUMNS: &[Column] = &[
    column("replica", 12),
    column("role", 8),
    column("health", 9),
    column("lag", 6),
    column("disk free", 16),
    column("version", 9),
    wide("log", 9, 110),
    column("clients", 0),
];

/// What a replica that is well says.
const WELL: &str = "OK";

pub(super) fn rows(picture: &Picture) -> Vec<Row> {
    let Some(seen) = &picture.cluster else { return Vec::new() };
    seen.status.members.iter().map(|member| row(member, seen)).collect()
}

fn row(member: &Member, seen: &Seen) -> Row {
    let own = seen.own.get(&member.id);
    let disk = own.and_then(|own| own.disk.as_ref());
    let health = health(member, seen);
    let (word, tone) = match health {
        WELL => ("OK", Tone::Good),
        "" => ("-", Tone::Faint),
        _ => ("see below", Tone::Bad),
    };
    let lag = member.lag.unwrap_or_default();
    Row {
        key: member.id.clone(),
        cells: vec![
            Cell::new(text::plain(&member.id)),
            Cell::new(role(member)),
            Cell::new(word).toned(tone),
            match member.lag {
                Some(lag) => Cell::number(lag),
                None => Cell::new("-").by(-1),
            }
            .toned(if lag > 1_000 { Tone::Warn } else { Tone::Plain }),
            disk.map_or_else(|| Cell::new("-").by(-1), free),
            Cell::new(text::or_dash(member.version.as_deref().unwrap_or_default())),
            Cell::new(disk.map_or_else(|| "-".to_owned(), |disk| text::bytes(disk.log_bytes))),
            Cell::new(text::plain(&member.client_address)),
        ],
    }
}

/// What it says of itself, or else what the leader says of it.
fn health<'a>(member: &Member, seen: &'a Seen) -> &'a str {
    let said = seen.own.get(&member.id).unwrap_or(&seen.status);
    said.replica_health.get(&member.id).map_or("", String::as_str)
}

const fn role(member: &Member) -> &'static str {
    match (member.is_leader, member.is_voter) {
        (true, _) => "leader",
        (false, true) => "follower",
        (false, false) => "learner",
    }
}

fn free(disk: &Disk) -> Cell {
    let percent =
        (disk.free_bytes.saturating_mul(100)).checked_div(disk.total_bytes).unwrap_or_default();
    let cell = Cell::new(format!("{} ({percent}%)", text::bytes(disk.free_bytes)));
    let cell = cell.by(i64::try_from(disk.free_bytes).unwrap_or(i64::MAX));
    cell.toned(if percent < 10 { Tone::Warn } else { Tone::Plain })
}

/// What stands below the replicas: where the log is, what is wrong, and what happened lately.
pub(crate) fn lines(picture: &Picture) -> Vec<(String, Tone)> {
    let Some(seen) = &picture.cluster else { return Vec::new() };
    let status = &seen.status;
    let mut lines = vec![(
        format!(
            "term {}, feature level {}; log up to {}, committed {}, applied {}",
            status.term,
            status.feature_level,
            status.last_log_index,
            status.committed_index,
            status.applied_index
        ),
        Tone::Plain,
    )];
    lines.push((lately(picture), Tone::Plain));
    for member in &status.members {
        let health = health(member, seen);
        if health != WELL && !health.is_empty() {
            lines
                .push((format!("{}: {}", text::plain(&member.id), text::plain(health)), Tone::Bad));
        }
    }
    lines.extend(warnings(seen).into_iter().map(|warning| (warning, Tone::Bad)));
    lines
}

/// All that is to be said of the cluster, by whomever, each once.
pub(super) fn warnings(seen: &Seen) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let own = seen.own.values().flat_map(|own| &own.warnings);
    for warning in seen.status.cluster_warnings.iter().chain(own) {
        let warning = text::plain(warning);
        if !all.contains(&warning) {
            all.push(warning);
        }
    }
    all
}

/// The latest steps of the statistics, added up.
fn lately(picture: &Picture) -> String {
    const STEPS: usize = 10;
    let latest: Vec<_> = picture.samples.iter().rev().take(STEPS).collect();
    let submitted: u64 = latest.iter().map(|sample| sample.submitted).sum();
    let mut ended = std::collections::BTreeMap::<&str, u64>::new();
    for (status, count) in latest.iter().flat_map(|sample| &sample.ended) {
        *ended.entry(status.as_str()).or_default() += count;
    }
    let ended: Vec<_> = ended
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    let steps = u64::try_from(latest.len()).unwrap_or_default();
    let length = std::time::Duration::from_secs(picture.interval_s * steps);
    let ended = if ended.is_empty() {
        "none ended".to_owned()
    } else {
        format!("ended: {}", ended.join(", "))
    };
    let submitted = text::counted(submitted, "job");
    format!("the last {}: {submitted} submitted, {ended}", text::length(length))
}
