//! The pace at which Raft looks at its timers.
//!
//! openraft would look five times in each interval of heartbeats, on every replica, for what is hardly ever
//! due: that was most of what an idle cluster did. A leader is told here when to send its heartbeats; a
//! follower's ticks, which begin elections, are stopped while its leader speaks, and go on long before it
//! may stand for election.

use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;

use crate::inner::Inner;

/// Runs until the replica stops, or Raft does.
pub(crate) async fn run(inner: Arc<Inner>, mut stopping: watch::Receiver<bool>) {
    let mut server = inner.raft.server_metrics();
    loop {
        let state = server.borrow_and_update().state;
        let pause = match state {
            ServerState::Leader => {
                inner.raft.runtime_config().tick(false);
                if inner.raft.trigger().heartbeat().await.is_err() {
                    return;
                }
                inner.timing.heartbeat
            }
            ServerState::Follower | ServerState::Learner => {
                let quiet = quiet(&inner);
                inner.raft.runtime_config().tick(quiet.is_none());
                quiet.unwrap_or(inner.timing.election_min)
            }
            ServerState::Candidate => {
                inner.raft.runtime_config().tick(true);
                inner.timing.election_min
            }
            ServerState::Shutdown => return,
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(pause) => {}
            changed = server.changed() => if changed.is_err() { return },
        }
    }
}

/// How long a follower need not think of an election, if a leader has spoken lately: the shortest time
/// after which it may begin one, whatever it has heard last.
fn quiet(inner: &Inner) -> Option<Duration> {
    let left = inner.timing.election_min.checked_sub(inner.word.heard()?)?;
    (!left.is_zero()).then_some(left)
}
