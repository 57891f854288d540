//! The log of a replica, on standard error.

use std::io::{self, IsTerminal as _, stderr};
use std::sync::Arc;

use anyhow::Context as _;
use stint_gateway::Inside;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// openraft tells each step of an election and each failed call; what matters of it is said by us.
/// A level that names it says otherwise.
const QUIET: &str = "openraft=error";

/// What is logged.
pub(crate) fn filter(log: &Log) -> anyhow::Result<EnvFilter> {
    let level = format!("{QUIET},{}", log.level);
    EnvFilter::builder().parse(level).context("log.level is no filter")
}

/// Begins to log, on standard error and into what administrators are told of this process. To be called
/// once.
pub(crate) fn start(log: &Log, inside: &Arc<Inside>) -> anyhow::Result<()> {
    let inside = Arc::clone(inside);
    let kept = fmt::layer().with_ansi(false).with_writer(move || Kept(Arc::clone(&inside)));
    let lines = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
    let all = tracing_subscriber::registry().with(filter(log)?).with(kept);
    match log.format {
        LogFormat::Text => all.with(lines).init(),
        LogFormat::Json => all.with(lines.json()).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "a bug: this is not supposed to happen");
    }));
    Ok(())
}

/// Where lines are kept for a while.
struct Kept(Arc<Inside>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.logged(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
