//! The log of a replica, on standard error.

use std::io::{IsTerminal as _, stderr};

use anyhow::Context as _;
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

/// Begins to log. To be called once.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = filter(log)?;
    let lines = fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal());
    match log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(%panic, "a bug: this is not supposed to happen");
    }));
    Ok(())
}
