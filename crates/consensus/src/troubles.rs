//! Why peers cannot be reached: told once for each reason, not with each of many attempts a second.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::sync::{Mutex, PoisonError};

use tonic::Status;

use crate::limits::REASONS_MAX;

/// What has been told of each peer since it last answered.
#[derive(Default)]
pub(crate) struct Troubles(Mutex<BTreeMap<u64, BTreeSet<String>>>);

impl Troubles {
    /// An attempt has failed.
    pub(crate) fn note(&self, peer: u64, status: &Status) {
        let why = describe(status);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.entry(peer).or_default();
        if told.len() < REASONS_MAX && told.insert(why.clone()) {
            tracing::warn!(peer = format!("{peer:012x}"), why, "a peer cannot be reached");
        }
    }

    /// It has answered.
    pub(crate) fn end(&self, peer: u64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.remove(&peer).is_some() {
            tracing::info!(peer = format!("{peer:012x}"), "the peer answers");
        }
    }
}

/// The message with its innermost cause, where the operating system and TLS speak.
fn describe(status: &Status) -> String {
    let mut cause = status.source();
    let mut text = status.message().to_owned();
    while let Some(error) = cause {
        cause = error.source();
        let innermost = error.to_string();
        if cause.is_none() && !text.contains(&innermost) {
            text = format!("{text}: {innermost}");
        }
    }
    text
}
