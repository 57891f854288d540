//! stint, as its own `stint dev` starts it and its own `stint bench` measures it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::machine::Usage;
use crate::round::{Load, Round, Side};

const REPLICAS: u16 = 3;

/// How long the cluster may take until it works, and until it has stopped.
const START_MAX: Duration = Duration::from_mins(1);

const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Actions that are measured beside `noop`: a process that does nothing, one that says much, and as
/// many with a schedule as the lateness of crons is measured for.
const CRONS: usize = 50;

fn actions() -> String {
    let mut text = "[actions.process]\ncommand = [\"true\"]\n\
        [actions.lines]\ncommand = [\"seq\", \"20000\"]\n"
        .to_owned();
    for n in 0..CRONS {
        writeln!(text, "[actions.tick{n}]\ncommand = [\"true\"]").expect("a text takes all");
    }
    text
}

/// A cluster of three replicas that ends with this.
pub(crate) struct Ours {
    stint: PathBuf,
    dir: PathBuf,
    port: u16,
    dev: Child,
}

impl Ours {
    pub(crate) async fn start(stint: &Path, dir: &Path, port: u16) -> anyhow::Result<Self> {
        std::fs::write(dir.join("actions.toml"), actions()).context("the actions")?;
        let dev = dev(stint, dir, port)?;
        let ours = Self { stint: stint.to_owned(), dir: dir.to_owned(), port, dev };
        ours.wait().await?;
        Ok(ours)
    }

    fn addresses(&self) -> String {
        let each = (0..REPLICAS).map(|n| format!("127.0.0.1:{}", self.port + n));
        each.collect::<Vec<_>>().join(",")
    }

    async fn call(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.stint);
        command.args(["--address", &self.addresses()]).args(args).stdin(Stdio::null());
        let out = command.kill_on_drop(true).output().await.context("stint cannot be started")?;
        if !out.status.success() {
            bail!("stint {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr));
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// Waits until it takes jobs and has them run by all.
    async fn wait(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let found = self.call(&["--output", "json", "worker", "list"]).await;
            let count = found.as_deref().map_or(0, |text| {
                let all = serde_json::from_str::<Value>(text).ok();
                all.and_then(|all| Some(all.get("workers")?.as_array()?.len())).unwrap_or(0)
            });
            if count >= usize::from(REPLICAS) {
                return Ok(());
            }
            if began.elapsed() > START_MAX {
                found.context("stint does not answer after a minute")?;
                bail!("stint has {count} workers after a minute");
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// The figures of `stint bench` with these arguments.
    pub(crate) async fn bench(&self, args: &[&str]) -> anyhow::Result<BTreeMap<String, f64>> {
        let all: Vec<_> = ["bench"].iter().chain(args).chain(&["--json", "-"]).copied().collect();
        let text = self.call(&all).await?;
        let saved: Value = serde_json::from_str(&text).context("what `stint bench` printed")?;
        let figures = saved.get("figures").and_then(Value::as_object).context("its figures")?;
        Ok(figures
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
            .collect())
    }

    pub(crate) async fn run(
        &self,
        load: Load,
        clients: u32,
        length: Duration,
    ) -> anyhow::Result<Round> {
        let (clients, seconds) = (clients.to_string(), length.as_secs().to_string());
        let (word, rate, times) = match load {
            Load::Write => ("submit", "submitPerSecond", "submit"),
            Load::Life => ("life", "doneInAllPerSecond", "life"),
        };
        let usage = Usage::read();
        let figures = self.bench(&[word, "--clients", &clients, "--seconds", &seconds]).await?;
        let disturbed_percent = Usage::read().disturbed_percent_since(&usage);
        let figure = |name: &str| {
            figures
                .get(name)
                .copied()
                .with_context(|| format!("`stint bench {word}` says no {name}"))
        };
        Ok(Round {
            load,
            side: Side::Stint,
            per_second: figure(rate)?,
            p50_ms: figure(&format!("{times}P50Ms"))?,
            p99_ms: figure(&format!("{times}P99Ms"))?,
            members_cpu_ms: figure("cpuOfReplicasMs")?,
            load_cpu_ms: figure("cpuOfLoadMs")?,
            written_bytes: figure("writtenBytes")?,
            disturbed_percent,
        })
    }

    /// What only one of the two has, by what it is: `stint bench` of everything else.
    pub(crate) async fn rest(
        &self,
        seconds: u64,
    ) -> anyhow::Result<Vec<(String, BTreeMap<String, f64>)>> {
        let seconds = seconds.to_string();
        let ticks: Vec<_> = (0..CRONS).map(|n| format!("tick{n}")).collect();
        let ticks = ticks.join(",");
        let runs: [(&str, Vec<&str>); 7] = [
            ("idle", vec!["idle", "--seconds", "20"]),
            ("latency", vec!["latency", "--count", "300"]),
            (
                "process",
                vec!["life", "--action", "process", "--clients", "16", "--seconds", &seconds],
            ),
            ("read", vec!["read", "--seconds", &seconds]),
            ("list", vec!["list", "--clients", "16", "--seconds", &seconds]),
            ("lines", vec!["lines", "--action", "lines", "--clients", "3", "--seconds", &seconds]),
            ("crons", vec!["crons", "--actions", &ticks, "--seconds", &seconds]),
        ];
        let mut all = Vec::new();
        for (name, args) in runs {
            crate::note(&format!("stint {}", args.first().copied().unwrap_or(name)));
            all.push((name.to_owned(), self.bench(&args).await?));
        }
        Ok(all)
    }

    /// Kills the leader, says how long no job was accepted, and starts the cluster anew.
    pub(crate) async fn outage(&mut self) -> anyhow::Result<Duration> {
        let status = self.call(&["--output", "json", "cluster", "status"]).await?;
        let status: Value = serde_json::from_str(&status).context("the cluster's status")?;
        let leader = status.get("leaderID").and_then(Value::as_str);
        let leader = leader.context("no leader in the cluster's status")?;
        let pid = pid_of(&self.dir, leader).context("the leader's process is not found")?;
        let figures = self.bench(&["outage", "--kill", &pid.to_string()]).await?;
        let took = figures.get("outageMs").context("no outage was measured")?;
        let took = Duration::try_from_secs_f64(took / 1_000.0)?;
        self.stop().await?;
        self.dev = dev(&self.stint, &self.dir, self.port)?;
        self.wait().await?;
        Ok(took)
    }

    /// Stops it as an operator does.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let pid = self.dev.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .context("a signal")?;
        }
        match tokio::time::timeout(START_MAX, self.dev.wait()).await {
            Ok(ended) => ended.map(drop).context("the end of stint dev"),
            Err(_) => bail!("stint dev does not stop"),
        }
    }
}

fn dev(stint: &Path, dir: &Path, port: u16) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(dir.join("dev.log"));
    let log = log.context("a log")?;
    Command::new(stint)
        .arg("dev")
        .arg("--data-dir")
        .arg(dir.join("data"))
        .args(["--client-port", &port.to_string(), "--peer-port", &(port + 5).to_string()])
        // What a cluster has whose operator says nothing: `stint dev` has shorter ones, to try things out.
        .args(["--lease-ttl", "10s"])
        .arg("--actions")
        .arg(dir.join("actions.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("a log")?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", stint.display()))
}

/// The process of a replica under this directory, by its configuration's name.
fn pid_of(dir: &Path, replica: &str) -> Option<u32> {
    let dir = dir.to_str()?;
    let names = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = names.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let args: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        args.get(1).is_some_and(|verb| verb == "serve")
            && args.iter().any(|arg| arg.contains(dir) && arg.contains(replica))
    })
}
