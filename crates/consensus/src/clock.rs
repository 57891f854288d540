//! What time it is in the cluster: what the clocks of most of its replicas say.
//!
//! The leader's own clock would not do. If it were a day ahead, the log's time would be, too, and
//! since that never goes back, whatever waits for a time would wait a day too long once another
//! leads. So each replica asks the others for their wall clocks now and then, and takes the middle
//! one. Between two looks it counts on with the steady clock, which nobody sets. Its own wall clock
//! is used where it is not far from the middle, and that is nearly always; one that jumps is found
//! out at once, and believed as soon as most others say the same.
//!
//! This is the one place where a wall clock is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use openraft::async_runtime::WatchReceiver as _;
use stint_core::{Level, Timestamp};
use stint_failpoint::failpoint;
use stint_proto::peer::v1 as pb;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::condition::Condition;
use crate::disks::Disk;
use crate::error::Error;
use crate::inner::Inner;
use crate::level::Build;
use crate::limits::{CLOCK_LOOK, CLOCK_LOOK_FIRST, CLOCK_TIMEOUT, CLOCK_TOLERANCE};
use crate::peers::Lane;

/// What a wall clock shows when the steady clock shows nothing, in milliseconds since the epoch.
type Offset = i64;

/// The wall clock of this machine, whatever it says.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// One that says what `look` does: for a simulation, whose clocks are wrong on purpose.
    pub fn simulated(look: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    fn now(&self) -> Timestamp {
        let since = (self.0)().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self(Arc::new(SystemTime::now))
    }
}

impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WallClock({:?})", self.now())
    }
}

fn offset_of(wall: Timestamp, steady: Duration) -> Offset {
    let ms = |number| i64::try_from(number).unwrap_or(i64::MAX);
    ms(u128::from(wall.as_ms())).saturating_sub(ms(steady.as_millis()))
}

fn time_of(offset: Offset, steady: Duration) -> Timestamp {
    let steady = i64::try_from(steady.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(u64::try_from(offset.saturating_add(steady)).unwrap_or(0))
}

fn tolerance() -> u64 {
    u64::try_from(CLOCK_TOLERANCE.as_millis()).unwrap_or(u64::MAX)
}

/// The clock of one replica.
#[derive(Debug)]
pub(crate) struct Clock {
    wall: WallClock,
    started: Instant,
    known: Mutex<Known>,
    /// Becomes true once most clocks are known, and stays so.
    is_set: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    /// The wall clocks of others, as they were when they were last heard of. One that cannot be
    /// reached still goes on.
    peers: BTreeMap<u64, Offset>,
    agreed: Option<Offset>,
    is_own_off: bool,
}

impl Clock {
    pub(crate) fn new(wall: WallClock) -> Self {
        Self {
            wall,
            started: Instant::now(),
            known: Mutex::default(),
            is_set: watch::Sender::new(false),
        }
    }

    /// The wall clock of this machine, whatever it says.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster's time, once most clocks are known.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        let agreed = self.known().agreed?;
        let (wall, steady) = (self.wall(), self.started.elapsed());
        let is_near = offset_of(wall, steady).abs_diff(agreed) <= tolerance();
        Some(if is_near { wall } else { time_of(agreed, steady) })
    }

    /// The same, as soon as it is known; nothing if it is not in time.
    pub(crate) async fn wait(&self, timeout: Duration) -> Option<Timestamp> {
        if let Some(now) = self.now() {
            return Some(now);
        }
        let mut is_set = self.is_set.subscribe();
        drop(tokio::time::timeout(timeout, is_set.wait_for(|is_set| *is_set)).await);
        self.now()
    }

    /// By how many milliseconds the wall clocks of others, and that of `own`, are ahead of the
    /// cluster's time, where that is more than what is tolerated; as they were when last heard of.
    pub(crate) fn astray(&self, own: u64) -> BTreeMap<u64, i64> {
        let here = offset_of(self.wall(), self.started.elapsed());
        let known = self.known();
        let Some(agreed) = known.agreed else { return BTreeMap::new() };
        let all = known.peers.iter().map(|(id, offset)| (*id, *offset)).chain([(own, here)]);
        all.map(|(id, offset)| (id, offset.saturating_sub(agreed)))
            .filter(|(_, ahead)| ahead.unsigned_abs() > tolerance())
            .collect()
    }

    /// Takes in what was heard, of all members but this one; `floor` is the time of the log.
    fn learn(&self, members: &[u64], heard: &[(u64, Offset)], floor: Timestamp) {
        let (wall, steady) = (self.wall(), self.started.elapsed());
        let own = offset_of(wall, steady);
        let mut known = self.known();
        known.peers.extend(heard.iter().copied());
        known.peers.retain(|peer, _| members.contains(peer));
        let count = known.peers.len() + 1;
        if 2 * count <= members.len() + 1 {
            return;
        }
        let all: Vec<_> = known.peers.values().copied().chain([own]).collect();
        let middle = middle(all, offset_of(floor, steady));
        let is_off = own.abs_diff(middle) > tolerance();
        if is_off != known.is_own_off {
            known.is_own_off = is_off;
            let off_ms = own.saturating_sub(middle);
            if is_off {
                tracing::warn!(off_ms, "the clock of this machine is not that of the others");
            } else {
                tracing::info!(off_ms, "the clock of this machine is that of the others again");
            }
        }
        known.agreed = Some(if is_off { middle } else { own });
        drop(known);
        self.is_set.send_if_modified(|is_set| !std::mem::replace(is_set, true));
    }
}

/// The clock in the middle. Of two that are, the earlier, unless the log is past it already: then
/// that one went back, or the other is right.
fn middle(mut all: Vec<Offset>, floor: Offset) -> Offset {
    all.sort_unstable();
    let half = all.len() / 2;
    let later = all.get(half).copied().unwrap_or(floor);
    let earlier = half.checked_sub(1).and_then(|before| all.get(before)).copied();
    match earlier {
        Some(earlier) if all.len().is_multiple_of(2) => {
            let tolerated = earlier.saturating_add(i64::try_from(tolerance()).unwrap_or(0));
            if tolerated >= floor { earlier } else { later }
        }
        Some(_) | None => later,
    }
}

/// What a peer has said, of the time and of this replica.
pub(crate) struct Answer {
    pub(crate) peer: u64,
    offset: Offset,
    /// The number of this replica's disk, as the peer knows it.
    pub(crate) your_disk: Option<Disk>,
    /// Whether this replica is none any more.
    pub(crate) is_removed: bool,
    /// The members as the peer knows them, and which entry says so.
    pub(crate) members: Vec<u64>,
    pub(crate) membership_index: u64,
    /// What the peer runs.
    pub(crate) build: Build,
    /// How the peer is, if it says so.
    pub(crate) condition: Option<Condition>,
}

/// Looks at the clocks of the others until the replica stops.
pub(crate) async fn run(inner: Arc<Inner>, mut stopping: watch::Receiver<bool>) {
    loop {
        let others = others(&inner);
        let members: Option<Vec<_>> =
            others.as_ref().map(|others| others.iter().map(|(id, _)| *id).collect());
        inner.builds.retain(&inner.members().0);
        inner.conditions.retain(&inner.members().0);
        let heard =
            join_all(others.iter().flatten().map(|(id, address)| ask(&inner, *id, address)));
        let answers: Vec<_> = heard.await.into_iter().flatten().collect();
        for answer in &answers {
            crate::members::hear(&inner, answer);
        }
        let heard: Vec<_> = answers.iter().map(|answer| (answer.peer, answer.offset)).collect();
        if let Some(members) = members {
            let floor = inner.applied.read().state.now();
            inner.clock.learn(&members, &heard, floor);
        }
        let pause = if inner.clock.now().is_some() { CLOCK_LOOK } else { CLOCK_LOOK_FIRST };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The other members that vote, once the log has said who is one.
fn others(inner: &Inner) -> Option<Vec<(u64, String)>> {
    let metrics = inner.raft.metrics();
    let metrics = metrics.borrow_watched();
    let membership = metrics.membership_config.membership();
    let own = inner.id.get();
    membership.nodes().next()?;
    // Who does not vote may not even have been started.
    let voters = membership.voter_ids().filter(|id| *id != own);
    let voters = voters.filter_map(|id| Some((id, membership.get_node(&id)?.peer_address.clone())));
    Some(voters.collect())
}

/// A peer's clock; it was read half-way between question and answer, as nearly as one can know.
pub(crate) async fn ask(inner: &Arc<Inner>, peer: u64, address: &str) -> Option<Answer> {
    let mut client = inner.peers.client(peer, address, Lane::Control).ok()?;
    let mut request = tonic::Request::new(pb::ClockRequest {
        cluster: inner.cluster.to_vec(),
        target: peer,
        sender: inner.id.get(),
        disk: inner.disk.to_vec(),
    });
    request.set_timeout(CLOCK_TIMEOUT);
    failpoint!("consensus::clock::ask").ok()?;
    let asked = inner.clock.started.elapsed();
    let answer = tokio::time::timeout(CLOCK_TIMEOUT, client.clock(request)).await.ok()?;
    if let Err(status) = &answer
        && !*inner.admitted.borrow()
    {
        // Raft, which says it otherwise, does not speak yet.
        inner.peers.troubles.note(peer, status);
    }
    let answer = answer.ok()?;
    let answered = inner.clock.started.elapsed();
    let answer = answer.into_inner();
    if let Ok(disk) = Disk::try_from(answer.disk.as_slice()) {
        inner.note_disk(peer, disk).await;
    }
    let condition = Condition::of_wire(&answer);
    let build = Build::of_wire(answer.newest_level, &answer.version);
    let cluster_level = Level::new(answer.cluster_level);
    if cluster_level > Level::NEWEST {
        // Before an entry comes that means nothing here.
        let what =
            format!("the cluster, as replica {peer:012x} says, which runs {}", build.version);
        inner.failure.note(Error::TooOld { what, level: cluster_level });
    }
    Some(Answer {
        peer,
        build,
        condition,
        offset: offset_of(Timestamp::from_ms(answer.wall_ms), (asked + answered) / 2),
        your_disk: Disk::try_from(answer.your_disk).ok(),
        is_removed: answer.is_removed,
        members: answer.members,
        membership_index: answer.membership_index,
    })
}

#[cfg(test)]
mod tests;
