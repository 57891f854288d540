//! What a replica knows of itself, for whoever has to find out what is wrong with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use stint_core::{Timestamp, WorkerId};
use tokio::runtime::Handle;

use super::{Api, ApiError, Caller};
use crate::VERSION;
use crate::inside::cut;
use crate::limits::{MACHINE_BYTES_MAX, PAGE_TEXT_BYTES_MAX, THREADS_SHOWN};

/// All of it. Nothing of it is a secret, or says what jobs are told.
pub(crate) struct Diagnostics {
    pub(crate) replica: WorkerId,
    pub(crate) version: &'static str,
    pub(crate) at: Timestamp,
    /// `ready`, or why it is not.
    pub(crate) readiness: String,
    /// The configuration with where each value comes from.
    pub(crate) configuration: String,
    /// The latest lines of its log, the oldest first.
    pub(crate) log: Vec<String>,
    /// How many lines there were before these since it has started.
    pub(crate) log_lines_before: u64,
    /// The page that Prometheus reads.
    pub(crate) metrics: String,
    /// What the kernel says of the machine and of this process, by what it is.
    pub(crate) machine: BTreeMap<String, String>,
}

/// What is read of the machine: nothing that has arguments or variables of processes.
const FILES: &[(&str, &str)] = &[
    ("cgroup", "/proc/self/cgroup"),
    ("io", "/proc/self/io"),
    ("kernel", "/proc/version"),
    ("limits", "/proc/self/limits"),
    ("load", "/proc/loadavg"),
    ("memory", "/proc/meminfo"),
    ("pressure-cpu", "/proc/pressure/cpu"),
    ("pressure-io", "/proc/pressure/io"),
    ("pressure-memory", "/proc/pressure/memory"),
    ("process", "/proc/self/status"),
    ("uptime", "/proc/uptime"),
];

impl Api {
    /// All that this replica knows of itself, as far as it can be read; it waits for no other one but
    /// to say whether it is current.
    pub(crate) async fn diagnostics(&self, caller: &Caller) -> Result<Diagnostics, ApiError> {
        let _turn = self.turn_to_page(caller).await?;
        let readiness = match self.readiness().await {
            Ok(()) => "ready".to_owned(),
            Err(why) => why,
        };
        // Files of the kernel take no disk, but threads are many and each has one.
        let reading = tokio::task::spawn_blocking(machine).await;
        let mut machine = reading.unwrap_or_default();
        let runtime = Handle::current().metrics();
        machine.insert(
            "runtime".to_owned(),
            format!(
                "{} threads, {} tasks alive, {} tasks wait for a thread\n",
                runtime.num_workers(),
                runtime.num_alive_tasks(),
                runtime.global_queue_depth()
            ),
        );
        let (log, log_lines_before) = self.inside.lines();
        Ok(Diagnostics {
            replica: self.replica.id(),
            version: VERSION,
            at: self.replica.now(),
            readiness,
            configuration: cut(&self.inside.configuration(), PAGE_TEXT_BYTES_MAX).to_owned(),
            log,
            log_lines_before,
            metrics: cut(&self.metrics.text(), PAGE_TEXT_BYTES_MAX).to_owned(),
            machine,
        })
    }
}

fn machine() -> BTreeMap<String, String> {
    let read = |(name, path): &(&str, &str)| Some(((*name).to_owned(), head_of(Path::new(path))?));
    let mut all: BTreeMap<_, _> = FILES.iter().filter_map(read).collect();
    all.insert("threads".to_owned(), threads());
    all
}

/// The beginning of a file; nothing if there is none, or none for us.
fn head_of(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(MACHINE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The threads of this process: name, state, and ticks of the clock in user and in kernel mode.
fn threads() -> String {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut all: Vec<_> = tasks
        .take(THREADS_SHOWN)
        .filter_map(|task| {
            let stat = head_of(&task.path().join("stat"))?;
            // The name is in parentheses, and may have blanks.
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            let fields: Vec<_> = rest.split_whitespace().collect();
            let (state, user, system) = (fields.first()?, fields.get(11)?, fields.get(12)?);
            Some(format!("{name} {state} {user} {system}\n"))
        })
        .collect();
    all.sort();
    all.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described_without_arguments_and_variables() {
        let machine = machine();
        assert!(machine["process"].contains("VmRSS"), "{machine:?}");
        assert!(machine["threads"].lines().count() >= 2, "{machine:?}");
        let path = std::env::var("PATH").unwrap_or_else(|_| "no such variable".to_owned());
        for (name, text) in &machine {
            assert!(!text.contains(&path), "{name}: {text}");
        }
        let bytes: usize = machine.values().map(String::len).sum();
        assert!(bytes < 512 * 1024, "{bytes} bytes");
    }
}
