//! Which disk each replica has: a replica that lost its disk has forgotten what it promised, and must
//! not vote under its old id as if it knew.
//!
//! A disk has a random number, drawn when a replica first starts on it. Each replica keeps, on its own
//! disk, which number it has heard of each member first. A replica whose log is empty asks the founders
//! before it takes part in anything: if one of them knows it with another disk, it stops.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use stint_core::WorkerId;
use stint_storage::{Durable, Log};

use crate::clock;
use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{ADMISSION_PAUSE, ADMISSION_TOLD};
use crate::raft::found;
use crate::replica::Founders;

/// The random number of a disk.
pub(crate) type Disk = [u8; 16];

/// The names under which the log keeps the number of its disk, those of others, and that an
/// invitation was accepted.
const OWN: &str = "disk";
const OTHERS: &str = "disks of others";
const JOINED: &str = "joined";

/// Bytes of one number of another one's disk: the replica before it.
const ENTRY_BYTES: usize = 8 + 16;

/// The number of the disk that this log is on; drawn if it has none yet.
pub(crate) fn own(log: &Log) -> Result<Disk, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Failed(format!("the log: {error}"));
    let kept = log.get(OWN).map_err(|error| failed(&error))?;
    if let Some(disk) = kept.and_then(|kept| Disk::try_from(kept).ok()) {
        return Ok(disk);
    }
    let mut disk = Disk::default();
    getrandom::fill(&mut disk).map_err(|error| failed(&error))?;
    log.put(OWN, &disk, Durable::Now).map_err(|error| failed(&error))?;
    Ok(disk)
}

/// Whether a cluster has accepted this replica by an invitation.
pub(crate) fn has_joined(log: &Log) -> Result<bool, Error> {
    let joined = log.get(JOINED).map_err(|error| Error::Failed(format!("the log: {error}")))?;
    Ok(joined.is_some())
}

pub(crate) fn note_joined(log: &Log) -> Result<(), stint_storage::Error> {
    log.put(JOINED, b"yes", Durable::Now)
}

/// The numbers of the disks of others, by replica.
pub(crate) struct Disks {
    log: Log,
    known: Mutex<BTreeMap<u64, Disk>>,
}

impl Disks {
    pub(crate) fn read(log: &Log) -> Result<Self, Error> {
        let kept = log.get(OTHERS).map_err(|error| Error::Failed(format!("the log: {error}")))?;
        let known = kept.unwrap_or_default();
        let known = known.chunks_exact(ENTRY_BYTES).filter_map(|entry| {
            let (id, disk) = entry.split_first_chunk::<8>()?;
            Some((u64::from_le_bytes(*id), Disk::try_from(disk).ok()?))
        });
        Ok(Self { log: log.clone(), known: Mutex::new(known.collect()) })
    }

    /// The number of its disk, if one is known.
    pub(crate) fn of(&self, replica: u64) -> Option<Disk> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&replica).copied()
    }

    /// Keeps the number of a replica's disk, durably, if none is known of it; and forgets those of
    /// replicas that are not among `members`. May wait for the disk.
    pub(crate) fn note(
        &self,
        replica: u64,
        disk: Disk,
        members: &[u64],
    ) -> Result<(), stint_storage::Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(&replica) || !members.contains(&replica) {
            return Ok(());
        }
        let mut next = known.clone();
        next.insert(replica, disk);
        next.retain(|id, _| members.contains(id));
        let entries = next.iter().flat_map(|(id, disk)| [&id.to_le_bytes()[..], disk].concat());
        self.log.put(OTHERS, &entries.collect::<Vec<_>>(), Durable::Now)?;
        *known = next;
        Ok(())
    }
}

/// Lets this replica take part. One whose log is empty asks the other founders first, and then founds
/// the cluster with them.
pub(crate) async fn admit(inner: Arc<Inner>, founders: Founders) {
    let others: Vec<_> = founders.iter().filter(|(id, _)| **id != inner.id).collect();
    let mut tries: u32 = 0;
    loop {
        let asks =
            others.iter().map(|(id, member)| clock::ask(&inner, id.get(), &member.peer_address));
        let heard: Vec<_> = join_all(asks).await.into_iter().flatten().collect();
        let other_disk =
            heard.iter().find(|answer| answer.your_disk.is_some_and(|disk| disk != inner.disk));
        if let Some(answer) = other_disk {
            return inner.failure.note(wiped(inner.id, answer.peer));
        }
        // A majority of the founders, this one among them.
        if 2 * (heard.len() + 1) > founders.len() {
            break;
        }
        if tries.is_multiple_of(ADMISSION_TOLD) {
            let (heard, founders) = (heard.len() + 1, founders.len());
            tracing::info!(
                heard,
                founders,
                "a new replica waits until it has heard most founders of the cluster"
            );
        }
        tries += 1;
        tokio::time::sleep(ADMISSION_PAUSE).await;
    }
    inner.admitted.send_replace(true);
    if let Err(error) = found(&inner.raft, &founders).await {
        inner.failure.note(error);
    }
}

fn wiped(us: WorkerId, by: u64) -> Error {
    Error::Failed(format!(
        "replica {by:012x} knows replica {us} with another disk. This data directory is new and \
         has none of what replica {us} has promised to the others, so it must not speak for it. \
         Bring the old disk back; or, if it is lost, remove the replica with `stint cluster remove \
         {us}`, and join with a new id and a new data directory"
    ))
}
