//! `stint audit`.

use std::time::SystemTime;

use clap::Args;
use stint_client::Timestamp;

use super::job::instant;
use crate::config;

/// Which changes are shown.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Only what this user has changed.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) user: String,
    /// Only what was changed since a time, such as 2026-03-04T05:06:07Z, or within a duration, such as
    /// 24h.
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(crate) since: Option<Timestamp>,
    /// How many of the latest are left out first.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) start: u32,
    /// How many are shown at most; 0 is as many as a page of the server has.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) limit: u32,
}

/// Reads an instant, or how long ago it is.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    match config::length(text) {
        Ok(ago) => {
            let at = SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH);
            Ok(Timestamp::from(at.max(SystemTime::UNIX_EPOCH)))
        }
        Err(_) => instant(text).map_err(|error| format!("{error}, nor a duration like 24h")),
    }
}
