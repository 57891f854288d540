//! For how long no leader has been heard of.
//!
//! Raft names the leader that it last followed, or this replica itself, however long ago that was
//! true: where elections begin with a vote on whether to have one, a replica that is cut off from most
//! of the others never begins a term. Whoever asks it is told, after a while, that it knows no leader.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{Instant as _, RaftMetrics};
use stint_core::WorkerId;
use stint_proto::log::v1 as pb;
use tokio::time::Instant;

use crate::error::Error;
use crate::inner::Inner;
use crate::limits::SILENCE_ELECTIONS;
use crate::replica::Timing;
use crate::types::{Types, Vote, vote_of};

/// When this replica last had word of a leader: one spoke to it, or it began to lead.
pub(crate) struct Word {
    began: Instant,
    /// Milliseconds from `began` on. A start counts as a word, so that there is time for an election.
    last_ms: AtomicU64,
}

impl Default for Word {
    fn default() -> Self {
        Self { began: Instant::now(), last_ms: AtomicU64::new(0) }
    }
}

impl Word {
    /// There is a leader at this moment.
    pub(crate) fn note(&self) {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// How long ago a leader spoke, if one has spoken since the start.
    pub(crate) fn heard(&self) -> Option<Duration> {
        (self.last_ms.load(Ordering::Relaxed) > 0).then(|| self.age())
    }

    fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last)
    }
}

/// That there has been no leader for longer than an election takes, as far as one replica knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Who led last, as far as it knows.
    pub last: Option<WorkerId>,
    /// Whether that is the replica itself, which hears of too few others to lead any more.
    pub is_own: bool,
    /// For how long.
    pub lasts: Duration,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.lasts.as_secs();
        if self.is_own {
            return write!(
                f,
                "this replica led, and has not heard of most of those that vote for {seconds} s"
            );
        }
        write!(f, "no leader has been heard of for {seconds} s")?;
        match self.last {
            Some(last) => write!(f, "; the last one was replica {last}"),
            None => Ok(()),
        }
    }
}

/// How long a leader may be silent before a replica says that it knows none.
fn limit(timing: &Timing) -> Duration {
    timing.election_max * SILENCE_ELECTIONS
}

/// The silence, if there is one, by what Raft says of itself.
pub(crate) fn of(inner: &Inner, metrics: &RaftMetrics<Types>) -> Option<Silence> {
    let us = inner.id.get();
    let is_own = metrics.state.is_leader();
    let mut lasts = inner.word.age();
    if is_own {
        if metrics.membership_config.membership().voter_ids().all(|voter| voter == us) {
            return None;
        }
        let heard = metrics.last_quorum_acked.as_ref().map(|at| at.elapsed());
        lasts = heard.map_or(lasts, |heard| heard.min(lasts));
    }
    let last = metrics.current_leader.and_then(WorkerId::new);
    (lasts >= limit(&inner.timing)).then_some(Silence { last, is_own, lasts })
}

impl Inner {
    /// Whether to wait for a leader would be in vain, as far as anybody can know.
    pub(crate) fn silence(&self) -> Option<Silence> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        of(self, &metrics)
    }

    /// A leader has spoken. It counts whatever becomes of what it says: the disk may be full, or hang.
    pub(crate) fn note_word(&self, vote: Option<&pb::Vote>) {
        let metrics = self.raft.metrics();
        let term = metrics.borrow_watched().current_term;
        let is_of_now = |vote: Vote| vote.committed && vote.leader_id.term >= term;
        if vote.map(vote_of).is_some_and(is_of_now) {
            self.word.note();
        }
    }

    /// An error where to wait for a leader would be in vain.
    pub(crate) fn has_word(&self) -> Result<(), Error> {
        match self.silence() {
            Some(silence) => Err(Error::NoLeader(silence.to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_says_who_led_and_for_how_long_nobody_has() {
        let silence =
            Silence { last: WorkerId::new(7), is_own: false, lasts: Duration::from_millis(12_700) };
        assert_eq!(
            silence.to_string(),
            "no leader has been heard of for 12 s; the last one was replica 000000000007"
        );
        let own = Silence { is_own: true, ..silence };
        assert_eq!(
            own.to_string(),
            "this replica led, and has not heard of most of those that vote for 12 s"
        );
    }
}
