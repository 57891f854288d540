//! The log of a replica, on standard error.

use std::io::{IsTerminal as _, stderr};

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// The variable that says what is logged, in place of `log.level`.
const VARIABLE: &str = "STINT_LOG";

/// openraft tells each step of an election and each failed call; what matters of it is said by us.
/// A level that names it says otherwise.
const QUIET: &str = "openraft=error";

/// Begins to log. To be called once.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => EnvFilter::builder()
            .parse(&text)
            .with_context(|| format!("{VARIABLE}=\"{text}\" is no filter"))?,
        _ => EnvFilter::builder()
            .parse(format!("{QUIET},{}", log.level))
            .context("log.level is no filter")?,
    };
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
