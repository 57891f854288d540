//! What has started this process and watches over it, where that is systemd: it is told when the
//! doors are open, that the replica still moves, and that it stops. Others hear nothing.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;
use stint_consensus::Replica;

/// How often in the time of the watchdog a sign of life is given: one that is late is no death.
const SIGNS_PER_WATCHDOG: u32 = 3;

/// The doors are open.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The replica stops, and that may take a while.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Gives signs of life for as long as tasks run and the state can be looked at. A replica that
/// hangs gives none, and is started anew.
pub(crate) async fn keep_watched(replica: Replica) -> Infallible {
    let Some(watchdog) = sd_notify::watchdog_enabled().filter(|time| *time > Duration::ZERO) else {
        return std::future::pending().await;
    };
    let mut signs = tokio::time::interval(watchdog / SIGNS_PER_WATCHDOG);
    signs.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        signs.tick().await;
        let looked = replica.clone();
        // Not on a thread of the runtime: whoever waits for the state must not hold up the rest.
        let look = tokio::task::spawn_blocking(move || {
            looked.with_state(stint_core::State::now);
            looked.status()
        });
        match look.await {
            Ok(status) => {
                let leader =
                    status.leader.map_or("no leader".to_owned(), |id| format!("leader {id}"));
                let text = format!(
                    "replica {}: {leader}, term {}, applied {}",
                    status.id, status.term, status.applied_index
                );
                tell(&[NotifyState::Watchdog, NotifyState::Status(&text)]);
            }
            Err(error) => tracing::error!(%error, "the state cannot be looked at"),
        }
    }
}

fn tell(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::warn!(%error, "systemd cannot be told how this replica is");
    }
}
