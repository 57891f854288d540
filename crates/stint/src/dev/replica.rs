//! One replica of `stint dev`: a process of this program.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use anyhow::Context as _;
use tokio::process::{Child, ChildStdin, Command};

use super::plan::Place;

/// Lines of a log that are shown when its replica has ended.
const TAIL_LINES: usize = 10;

/// The process, while it lives.
pub(super) struct Replica {
    id: String,
    pid: Option<u32>,
    log: PathBuf,
    child: Option<Child>,
    /// While this is open, the replica runs.
    stdin: Option<ChildStdin>,
}

/// How a replica ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) id: String,
    pub(super) status: ExitStatus,
    pub(super) log_tail: String,
}

impl Replica {
    /// Starts it. Its log is appended to its file.
    pub(super) fn spawn(place: &Place) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program's own path is not known")?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&place.log)
            .with_context(|| format!("{}: cannot be written", place.log.display()))?;
        let mut command = Command::new(&program);
        // What was written for it is what holds.
        for name in crate::config::variables() {
            command.env_remove(name);
        }
        let mut child = command
            .args(["serve", "--stop-on-stdin-eof", "--config"])
            .arg(&place.config)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C is for this process alone; it tells the replicas in its own way.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{}: cannot be started", program.display()))?;
        Ok(Self {
            id: place.id.clone(),
            pid: child.id(),
            log: place.log.clone(),
            stdin: child.stdin.take(),
            child: Some(child),
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Its process id, as text to copy.
    pub(super) fn pid(&self) -> String {
        self.pid.map_or("-".to_owned(), |pid| pid.to_string())
    }

    pub(super) fn is_alive(&self) -> bool {
        self.child.is_some()
    }

    /// Returns when it has ended. Giving up waiting loses nothing.
    pub(super) async fn end(&mut self) -> End {
        let Some(child) = &mut self.child else { return std::future::pending().await };
        // Only a child that was waited for before cannot be waited for.
        let status = child.wait().await.unwrap_or_default();
        self.child = None;
        End { id: self.id.clone(), status, log_tail: self.log_tail() }
    }

    /// Tells it to stop gracefully.
    pub(super) fn stop(&mut self) {
        self.stdin = None;
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) -> std::io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let first = text.lines().count().saturating_sub(TAIL_LINES);
        text.lines().skip(first).flat_map(|line| ["  ", line, "\n"]).collect()
    }
}
