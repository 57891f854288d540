//! What a load costs: processor time of each replica and of this process, and bytes that the
//! replicas gave to their disks. Each replica says it of itself, so that it may be anywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use stint_client::{Client, Code, v0};
use tokio::time::Instant;

use crate::print::{self, Row, Unit};

/// Asks for it.
pub(super) struct Meter {
    replicas: Vec<Client>,
}

/// What everything had cost at one instant.
pub(super) struct Reading {
    at: Instant,
    replicas: BTreeMap<String, Spent>,
    own: Duration,
}

/// What one replica had cost, since it was started.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spent {
    processor: Duration,
    /// Absent where its kernel does not say it.
    written: Option<u64>,
}

impl Meter {
    /// By one client to each replica.
    pub(super) fn new(replicas: Vec<Client>) -> Self {
        Self { replicas }
    }

    /// Reads all meters. Who may not read them, or has replicas that do not say it, measures without.
    pub(super) async fn read(&self) -> anyhow::Result<Reading> {
        let mut replicas = BTreeMap::new();
        for client in &self.replicas {
            match client.diagnostics().await {
                Ok(found) => {
                    if let Some(spent) = Spent::of(&found) {
                        replicas.insert(found.replica, spent);
                    }
                }
                Err(error) if matches!(error.code(), Some(Code::NotAuthorized)) => {
                    print::note(&format!("what it costs the replicas is not measured: {error}"));
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Reading { at: Instant::now(), replicas, own: own() })
    }
}

/// The processor time of this process.
fn own() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

impl Spent {
    /// As the replica says it; nothing if it does not.
    fn of(found: &v0::DiagnosticsResponse) -> Option<Self> {
        let line = |text: &str, name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(rest.trim().to_owned())
        };
        let seconds = line(&found.metrics, "process_cpu_seconds_total ")?.parse().ok()?;
        let written = found.machine.get("io").and_then(|io| line(io, "write_bytes:"));
        Some(Self {
            processor: Duration::try_from_secs_f64(seconds).ok()?,
            written: written.and_then(|bytes| bytes.parse().ok()),
        })
    }

    /// What came in between; nothing if the replica was started anew.
    fn until(&self, after: &Self) -> Option<Self> {
        let processor = after.processor.checked_sub(self.processor)?;
        let written = self.written.zip(after.written);
        Some(Self { processor, written: written.and_then(|(from, to)| to.checked_sub(from)) })
    }
}

impl Reading {
    /// How long it is from this reading to a later one.
    pub(super) fn took_until(&self, after: &Self) -> Duration {
        after.at.saturating_duration_since(self.at)
    }

    /// What one of `count` things cost that were done between this reading and a later one.
    pub(super) fn rows_until(&self, after: &Self, count: u64, thing: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let (mut all, mut written, mut known) = (Duration::ZERO, Some(0_u64), 0);
        for (id, before) in &self.replicas {
            let Some(spent) = after.replicas.get(id).and_then(|after| before.until(after)) else {
                continue;
            };
            known += 1;
            all += spent.processor;
            written = written.zip(spent.written).map(|(sum, one)| sum + one);
            let what = format!("processor time of replica {id} per {thing}");
            rows.push(Row::new(
                format!("cpuOf{id}"),
                what,
                Unit::Processor(each(spent.processor, count)),
            ));
        }
        if known > 0 {
            let what = format!("processor time of {known} replicas together per {thing}");
            rows.push(Row::new("cpuOfReplicas", what, Unit::Processor(each(all, count))));
        }
        let what = format!("processor time of the load itself per {thing}");
        let own = after.own.saturating_sub(self.own);
        rows.push(Row::new("cpuOfLoad", what, Unit::Processor(each(own, count))));
        if let Some(written) = written.filter(|_| known > 0) {
            let what = format!("bytes that {known} replicas wrote per {thing}");
            rows.push(Row::new("written", what, Unit::Bytes(share(written, count))));
        }
        rows
    }
}

fn each(time: Duration, count: u64) -> Duration {
    let ns = time.as_nanos() / u128::from(count.max(1));
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

fn share(bytes: u64, count: u64) -> u64 {
    bytes / count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosed(seconds: &str, written: &str) -> v0::DiagnosticsResponse {
        let metrics = format!(
            "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total {seconds}\nother 3\n"
        );
        let io = format!("rchar: 7\nwchar: 8\nread_bytes: 0\nwrite_bytes: {written}\n");
        let machine = [("io".to_owned(), io)].into();
        v0::DiagnosticsResponse { metrics, machine, ..Default::default() }
    }

    fn reading(seconds: &str, written: &str, own_ms: u64) -> Reading {
        let spent = Spent::of(&diagnosed(seconds, written)).expect("it says all");
        let replicas = [("1".to_owned(), spent), ("2".to_owned(), spent)].into();
        Reading { at: Instant::now(), replicas, own: Duration::from_millis(own_ms) }
    }

    #[test]
    fn costs_are_those_of_all_replicas_shared_by_what_was_done() {
        let (before, after) = (reading("1.5", "1000", 10), reading("2.5", "5000", 30));
        let rows = before.rows_until(&after, 1_000, "job");
        let value = |name: &str| rows.iter().find(|row| row.name == name).expect("a row").value;
        assert_eq!(value("cpuOf1"), Unit::Processor(Duration::from_millis(1)));
        assert_eq!(value("cpuOfReplicas"), Unit::Processor(Duration::from_millis(2)));
        assert_eq!(value("cpuOfLoad"), Unit::Processor(Duration::from_micros(20)));
        assert_eq!(value("written"), Unit::Bytes(8));
    }

    #[test]
    fn a_replica_that_was_started_anew_is_left_out() {
        let (before, after) = (reading("2.5", "5000", 0), reading("1.5", "1000", 0));
        let rows = before.rows_until(&after, 1, "job");
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(Spent::of(&v0::DiagnosticsResponse::default()), None);
    }
}
