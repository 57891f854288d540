//! A replica looks after its disk: a leader without room gives way, and the log does not outgrow
//! its bytes, however large its entries are.

use std::collections::VecDeque;
use std::sync::Arc;

use openraft::async_runtime::WatchReceiver as _;
use stint_failpoint::failpoint;
use stint_storage::Usage;
use tokio::time::Instant;

use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{
    BYTES_KEPT_STEPS, DISK_SHORT_BYTES, DISK_SHORT_PERCENT, DISK_SLOW, FULL_HANDOVER_INTERVAL,
    OUTPUT_MEASURED, UPKEEP_INTERVAL,
};
use crate::replica::Keep;

/// Runs until it is aborted.
pub(crate) async fn run(inner: Arc<Inner>, keep: Keep) {
    let mut looks = tokio::time::interval(UPKEEP_INTERVAL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cut = Cut::new(keep.bytes);
    let mut handed_over: Option<Instant> = None;
    let mut measured = Instant::now();
    loop {
        looks.tick().await;
        inner.peers.outgoing.expire();
        inner.incoming.expire();
        let is_recent = handed_over.is_some_and(|at| at.elapsed() < FULL_HANDOVER_INTERVAL);
        let is_full = matches!(inner.room(), Err(Error::DiskFull(_)));
        let is_slow = slowness(&inner);
        if let Some(slow) = &is_slow
            && !is_recent
        {
            tracing::warn!(slow, "what is written waits");
        }
        if !is_recent && inner.raft.is_leader() && (is_full || is_slow.is_some()) {
            tracing::warn!(is_full, "the disk does not keep up: another replica shall lead");
            inner.hand_over().await;
            handed_over = Some(Instant::now());
        }
        // A test cannot wait for so many bytes.
        let is_wanted = failpoint!("consensus::upkeep::checkpoint").is_err();
        if (is_wanted || inner.applied.bytes_since_checkpoint() >= keep.checkpoint_bytes)
            && let Err(error) = inner.raft.trigger().snapshot().await
        {
            tracing::debug!(%error, "no checkpoint: Raft has stopped");
        }
        shorten(&inner, &mut cut).await;
        if measured.elapsed() >= OUTPUT_MEASURED {
            measured = Instant::now();
            let output = inner.applied.store().output.clone();
            if let Err(error) = inner.blocking(move || output.measure()).await {
                tracing::debug!(%error, "nobody knows how large the output is");
            }
        }
    }
}

/// What to say of a disk that hangs, or takes very long.
pub(crate) fn slowness(inner: &Inner) -> Option<String> {
    let waits = inner.log.waits_for();
    let dir = inner.applied.store().dir().display();
    (waits >= DISK_SLOW).then(|| {
        format!(
            "{dir}: the disk has not taken what was written {} s ago; it hangs or is overloaded. If that \
             stays so, stop this replica: the others go on without it",
            waits.as_secs()
        )
    })
}

/// What to say of a disk that is nearly full.
pub(crate) fn shortage(inner: &Inner, disk: Usage) -> Option<String> {
    let Usage { free_bytes, total_bytes, .. } = disk;
    let is_short =
        free_bytes < DISK_SHORT_BYTES && free_bytes / DISK_SHORT_PERCENT < total_bytes / 100;
    is_short.then(|| {
        let dir = inner.applied.store().dir().display();
        format!(
            "{dir}: the disk is nearly full: {} MiB of {} MiB are free. Free some space: with less \
             than {} MiB new work is refused",
            free_bytes >> 20,
            total_bytes >> 20,
            stint_storage::ROOM_BYTES >> 20
        )
    })
}

/// Has Raft forget the entries before the cut that a checkpoint contains.
async fn shorten(inner: &Inner, cut: &mut Cut) {
    let applied = inner.applied.read().applied.as_ref().map_or(0, |id| id.index);
    cut.note(applied, inner.applied.bytes());
    let is_wanted = failpoint!("consensus::upkeep::purge").is_err();
    let place = if is_wanted { Some(applied) } else { cut.place(inner.applied.bytes()) };
    let Some(place) = place else { return };
    let (checkpoint, purged) = {
        let metrics = inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        let index = |id: Option<u64>| id.unwrap_or(0);
        (
            index(metrics.snapshot.as_ref().map(|id| id.index)),
            index(metrics.purged.as_ref().map(|id| id.index)),
        )
    };
    let upto = place.min(checkpoint);
    if upto > purged
        && let Err(error) = inner.raft.trigger().purge_log(upto).await
    {
        tracing::debug!(%error, "the log is not cut: Raft has stopped");
    }
}

/// Where the log may be cut so that about so many bytes of entries stay.
struct Cut {
    keep: u64,
    /// An entry and the bytes applied up to it, some way apart, the oldest first.
    places: VecDeque<(u64, u64)>,
}

impl Cut {
    fn new(keep: u64) -> Self {
        Self { keep, places: VecDeque::new() }
    }

    /// Takes note of how many bytes were applied up to an entry.
    fn note(&mut self, index: u64, bytes: u64) {
        let step = self.keep / BYTES_KEPT_STEPS;
        if self.places.back().is_none_or(|(_, last)| bytes - last >= step.max(1)) {
            self.places.push_back((index, bytes));
        }
    }

    /// The last entry noted behind which there are enough bytes; forgets those before it.
    fn place(&mut self, bytes: u64) -> Option<u64> {
        let enough = |at: &(u64, u64)| bytes - at.1 >= self.keep;
        while self.places.get(1).is_some_and(enough) {
            self.places.pop_front();
        }
        self.places.front().filter(|at| enough(at)).map(|at| at.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_cut_where_enough_bytes_stay_and_few_places_are_remembered() {
        let mut cut = Cut::new(6_400);
        for index in 0..100_000 {
            let bytes = index * 10;
            cut.note(index, bytes);
            match cut.place(bytes) {
                Some(place) => {
                    let stays = (index - place) * 10;
                    assert!((6_400..6_700).contains(&stays), "{stays} bytes stay at {index}");
                }
                None => assert!(bytes < 6_400, "no place at {index}"),
            }
            assert!(cut.places.len() <= 70, "{} places", cut.places.len());
        }
    }
}
