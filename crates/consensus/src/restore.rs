//! From a backup to the data directory of a replica that has not started yet.
//!
//! The founders of the new cluster are each restored from the same file, with the same configuration:
//! their directories then say the same. Nobody has to be first, and none of them founds an empty
//! cluster. They know each other by the lineage, a hash of all that they have to have in common; a
//! replica that was prepared in another way is a stranger to them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use stint_core::{Command, Level, Timestamp, WorkerId};
use stint_failpoint::failpoint;
use stint_proto::log::v1 as pb;
use stint_storage::{
    BackupReader, CheckpointHeader, Durable, Identity, Lineage, SnapshotWriter, Store,
};

use crate::audit::Origin;
use crate::backup::{ABOUT, OUTPUT, SNAPSHOT, SUMMARY};
use crate::codec::{decode_header, encode_command, move_header, stamp, wire_level, with_origin};
use crate::error::Error;
use crate::limits::{INDEXES_PASSED_OVER, RESTORED_BYTES_UNSYNCED};
use crate::log_store::VOTE;
use crate::replica::Member;
use crate::types::{
    Entry, LeaderId, LogId, Membership, Node, Payload, StoredMembership, Vote, encode_entry,
    log_id_of, log_id_to_wire, stored_membership_to_wire, vote_to_wire,
};

/// What a backup is of, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupInfo {
    /// The cluster that it is of.
    pub cluster: [u8; 16],
    /// The replica that made it.
    pub replica: u64,
    /// The version of the program that made it.
    pub version: String,
    /// The feature level of the cluster.
    pub level: Level,
    /// The cluster's time when it was made.
    pub at: Timestamp,
    /// The last entry that is in it.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// Jobs that were not over.
    pub jobs_live: u64,
    /// Jobs of the history, deleted ones included.
    pub jobs_over: u64,
    /// Lines of output.
    pub lines: u64,
    /// Lines that no replica that answered had.
    pub lines_missing: u64,
    /// The size of the file.
    pub bytes: u64,
    /// A hash of what it says of itself.
    digest: [u8; 32],
}

/// Reads a backup to its end, and checks each checksum.
///
/// # Errors
/// [`Error::Storage`] says which part of it is damaged.
pub fn read_backup(file: &Path) -> Result<BackupInfo, Error> {
    let mut digest = Sha256::new();
    let (mut about, mut summary) = (None, None);
    let mut reader = open(file)?;
    while let Some((kind, content)) = reader.next_block()? {
        match (kind, &about) {
            (ABOUT, None) => {
                digest.update(&content);
                about = Some(
                    pb::BackupAbout::decode(content.as_slice()).map_err(|error| garbled(&error))?,
                );
            }
            (SNAPSHOT | OUTPUT, Some(_)) if summary.is_none() => {}
            (SUMMARY, Some(_)) if summary.is_none() => {
                digest.update(&content);
                summary = Some(
                    pb::BackupSummary::decode(content.as_slice())
                        .map_err(|error| garbled(&error))?,
                );
            }
            _ => return Err(unfit(format!("a block of kind {kind} is in the wrong place"))),
        }
    }
    let bytes = reader.bytes();
    digest.update(bytes.to_le_bytes());
    let (about, summary) =
        about.zip(summary).ok_or_else(|| unfit("it does not say what is in it"))?;
    let level = Level::new(about.level);
    if level > Level::NEWEST {
        return Err(Error::TooOld { what: file.display().to_string(), level });
    }
    let applied = about.applied.as_ref().map(log_id_of);
    Ok(BackupInfo {
        cluster: about.cluster.try_into().map_err(|_| unfit("it does not name its cluster"))?,
        replica: about.replica,
        version: about.version,
        at: Timestamp::from_ms(about.at_ms),
        index: applied.as_ref().map_or(0, |id| id.index),
        term: applied.as_ref().map_or(0, |id| id.leader_id.term),
        level,
        jobs_live: about.jobs_live,
        jobs_over: summary.jobs_over,
        lines: summary.lines,
        lines_missing: summary.lines_missing,
        bytes,
        digest: digest.finalize().into(),
    })
}

/// Makes the directory of one founder of a new cluster out of a backup. The jobs that ran are lost
/// by their workers as soon as the cluster works; that is the first entry of its log.
///
/// # Errors
/// [`Error::Unfit`] if it is the cluster of the backup that would be founded, [`Error::Storage`] if the
/// backup is damaged or the directory not empty.
pub fn restore(
    file: &Path,
    dir: &Path,
    identity: Identity,
    founders: &BTreeMap<WorkerId, Member>,
) -> Result<BackupInfo, Error> {
    let info = read_backup(file)?;
    if info.cluster == identity.cluster {
        return Err(unfit(
            "the configuration has the cluster id of the cluster that was backed up. What is restored \
             is another cluster, and replicas of the former must not take part in it: put a new id \
             into the configuration of each replica (openssl rand -hex 16)",
        ));
    }
    if !founders.keys().any(|id| id.get() == identity.replica) {
        return Err(unfit(format!(
            "replica {:012x} is not in cluster.members of its configuration: the replicas of a \
             restored cluster are those",
            identity.replica
        )));
    }
    let lineage = lineage(&info, identity, founders);
    Store::create_filled(dir, identity, |store| {
        let now = fill(store, file, founders)?;
        store.level().raise(wire_level(info.level))?;
        begin_log(store, &info, now)?;
        Ok::<_, Error>(lineage)
    })?;
    Ok(info)
}

fn lineage(
    info: &BackupInfo,
    identity: Identity,
    founders: &BTreeMap<WorkerId, Member>,
) -> Lineage {
    let mut hash = Sha256::new();
    hash.update(info.digest);
    hash.update(identity.cluster);
    for (id, member) in founders {
        let Member { peer_address, client_address } = member;
        hash.update(format!("{id} {peer_address} {client_address}\n"));
    }
    first_half(hash)
}

/// A hash that is long enough for an id.
pub(crate) fn first_half(hash: Sha256) -> Lineage {
    let hash: [u8; 32] = hash.finalize().into();
    let (half, _) = hash.split_first_chunk().expect("16 are fewer than 32");
    *half
}

/// Writes state, history and output, and answers the time of the state.
fn fill(
    store: &Store,
    file: &Path,
    founders: &BTreeMap<WorkerId, Member>,
) -> Result<Timestamp, Error> {
    let mut reader = open(file)?;
    let mut incoming = Some(store.state.receive()?);
    let (mut now, mut unsynced) = (Timestamp::from_ms(0), 0);
    while let Some((kind, content)) = reader.next_block()? {
        if kind == SNAPSHOT {
            let writer = incoming.as_mut().ok_or_else(|| unfit("its state comes too late"))?;
            writer.write_frame(&content)?;
        } else if kind == OUTPUT {
            let output =
                pb::BackupOutput::decode(content.as_slice()).map_err(|error| garbled(&error))?;
            for pb::BackupLines { period, job, first, count, batch } in output.batches {
                let job = job.try_into().map_err(|_| unfit("it names no job"))?;
                store.output.append(period, &job, first, count, &batch)?;
            }
            unsynced += content.len();
            if unsynced >= RESTORED_BYTES_UNSYNCED {
                store.output.sync()?;
                unsynced = 0;
            }
        }
        if matches!(kind, OUTPUT | SUMMARY)
            && let Some(writer) = incoming.take()
        {
            now = install(store, writer, founders)?;
        }
    }
    Ok(now)
}

/// Puts the state in its place, further on in the log and under the new membership.
fn install(
    store: &Store,
    writer: SnapshotWriter,
    founders: &BTreeMap<WorkerId, Member>,
) -> Result<Timestamp, Error> {
    let nodes: BTreeMap<u64, Node> =
        founders.iter().map(|(id, member)| (id.get(), node(member))).collect();
    let voters = nodes.keys().copied().collect();
    let membership = Membership::new(vec![voters], nodes)
        .map_err(|error| unfit(format!("the members: {error}")))?;
    let mut now = Timestamp::from_ms(0);
    let received = writer.finish_as(|former| {
        let moved = (|| {
            let (restored, applied, _) = decode_header(&former.header)?;
            now = restored.now();
            let id = begin(applied.as_ref().map(log_id_of));
            let stored = StoredMembership::new(Some(id), membership);
            let stored = stored_membership_to_wire(&stored);
            let header = move_header(&former.header, log_id_to_wire(&id), stored)?;
            Ok::<_, crate::codec::Garbled>(CheckpointHeader { index: id.index, header })
        })();
        let bad = |error: crate::codec::Garbled| error.to_string();
        moved.map_err(|error| stint_storage::Error::BadBackup { detail: bad(error) })
    })?;
    failpoint!("consensus::restore::install").map_err(stint_storage::Error::from)?;
    store.state.install(received)?;
    Ok(now)
}

pub(crate) fn node(member: &Member) -> Node {
    let Member { peer_address, client_address } = member.clone();
    Node { peer_address, client_address }
}

/// The place in the log at which the new life begins: all before it is in the checkpoint.
fn begin(former: Option<LogId>) -> LogId {
    let (term, index) = former.map_or((0, 0), |id| (id.leader_id.term, id.index));
    LogId::new(LeaderId::new(term + 1, NOBODY), index.saturating_add(INDEXES_PASSED_OVER))
}

/// No replica has it: the entries with which a cluster begins anew are nobody's.
pub(crate) const NOBODY: u64 = 0;

fn begin_log(store: &Store, info: &BackupInfo, now: Timestamp) -> Result<(), Error> {
    failpoint!("consensus::restore::log").map_err(stint_storage::Error::from)?;
    let former = LogId::new(LeaderId::new(info.term, NOBODY), info.index);
    let last = begin(Some(former));
    store.log.purge_to(last.index, &log_id_to_wire(&last).encode_to_vec())?;
    let id = LogId::new(last.leader_id, last.index + 1);
    append(store, &[refound(id, now, "restore")])?;
    put_vote(store, last.leader_id)
}

/// The entry with which nobody holds anything any more.
pub(crate) fn refound(id: LogId, now: Timestamp, why: &str) -> Entry {
    let origin = Origin { request_id: why.to_owned(), ..Origin::default() };
    let command = with_origin(&encode_command(&Command::Refound), &origin);
    let payload = openraft::EntryPayload::Normal(Payload(stamp(now, &command)));
    Entry { log_id: id, payload }
}

pub(crate) fn append(store: &Store, entries: &[Entry]) -> Result<(), Error> {
    let entries = entries.iter().map(|entry| (entry.log_id.index, encode_entry(entry))).collect();
    let (written, is_written) = std::sync::mpsc::channel();
    store.log.append(entries, move |outcome| {
        // Whoever waits is the one who has called.
        drop(written.send(outcome));
    });
    let gone = || Error::Failed("the writer of the log is gone".to_owned());
    Ok(is_written.recv().map_err(|_| gone())??)
}

/// A vote for nobody in this term, so that whoever is elected is in a later one.
pub(crate) fn put_vote(store: &Store, leader_id: LeaderId) -> Result<(), Error> {
    let vote = Vote { leader_id, committed: false };
    Ok(store.log.put(VOTE, &vote_to_wire(&vote).encode_to_vec(), Durable::Now)?)
}

fn open(file: &Path) -> Result<BackupReader<BufReader<File>>, Error> {
    let opened = File::open(file);
    let opened = opened.map_err(|error| unfit(format!("{}: {error}", file.display())))?;
    Ok(BackupReader::new(BufReader::with_capacity(1 << 20, opened))?)
}

fn garbled(error: &prost::DecodeError) -> Error {
    unfit(format!("the backup is garbled: {error}"))
}

pub(crate) fn unfit(why: impl Into<String>) -> Error {
    Error::Unfit(why.into())
}
