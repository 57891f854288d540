//! From what is written to what it means, with all that has to hold between the parts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stint_consensus::{Member, Timing};
use stint_core::WorkerId;
use stint_gateway::Origin;
use toml::Spanned;
use tracing_subscriber::EnvFilter;

use super::file::{self, File};
use super::place::{Error, Source};
use super::text::{Address, AllowedOrigin, Length};
use super::{Config, Log, actions, tls, traces};
use crate::limits;

/// The level of the log if nobody says: what an operator has to know, and no more.
/// Openraft repeats what the parts of ours say, many times a second while a peer is away.
pub(super) const LEVEL: &str = "info,openraft=error";

/// Reads and checks a whole configuration.
pub(super) fn config(source: Source<'_>) -> Result<Config, Error> {
    let File { replica, cluster, tls, limits, raft, worker, log, traces, webhook, actions } =
        source.parse()?;
    let id = replica.id.get_ref().0;
    let founders = members(source, &cluster.members)?;
    let member = member(source, &replica, &founders)?;
    let tls = tls::tls(source, &replica, tls)?;
    let is_open = is_open(source, &replica, &cluster)?;
    let allowed_origins = allowed_origins(source, replica.allowed_origins.as_ref())?;
    let doors = stint_gateway::Config { is_open, allowed_origins, ..doors(source, &limits)? };
    let data_dir = beside(source.file, replica.data_dir.get_ref());
    let mut worker = actions::worker(source, &data_dir, worker, webhook, actions)?;
    if let Some(worker) = &mut worker {
        worker.ca.clone_from(&tls.client_ca);
    }
    Ok(Config {
        id,
        cluster: cluster.id.0,
        data_dir,
        client_address: replica.client_address.get_ref().0,
        doors,
        admin_token_hash: cluster.admin_token_hash.map(|hash| hash.0),
        peer_address: replica.peer_address.get_ref().0,
        tls,
        founders,
        member,
        timing: timing(source, &raft)?,
        worker,
        log: self::log(source, log)?,
        traces: traces::traces(source, id, traces)?,
    })
}

/// A relative path starts where the configuration is. What comes of it is absolute, because the
/// processes of jobs start elsewhere.
pub(super) fn beside(file: &Path, path: &Path) -> PathBuf {
    let path = file.parent().map_or_else(|| path.to_owned(), |dir| dir.join(path));
    std::path::absolute(&path).unwrap_or(path)
}

fn members(
    source: Source<'_>,
    members: &Spanned<Vec<file::Member>>,
) -> Result<BTreeMap<WorkerId, Member>, Error> {
    if members.get_ref().len() > limits::MEMBERS_MAX {
        let message = format!("cluster.members: at most {} are possible", limits::MEMBERS_MAX);
        return Err(source.wrong(&members.span(), &message));
    }
    let mut founders = BTreeMap::new();
    let mut peers = BTreeMap::new();
    let mut clients = BTreeMap::new();
    for member in members.get_ref() {
        let id = member.id.get_ref().0;
        for (seen, address) in
            [(&mut peers, &member.peer_address), (&mut clients, &member.client_address)]
        {
            if let Some(other) = seen.insert(address.get_ref().0.clone(), id) {
                let message = format!("the address of member {id} is that of member {other}");
                return Err(source.wrong(&address.span(), &message));
            }
        }
        match founders.entry(id) {
            Entry::Occupied(_) => {
                let message = format!("member {id} is there twice; each replica has its own id");
                return Err(source.wrong(&member.id.span(), &message));
            }
            Entry::Vacant(entry) => entry.insert(Member {
                peer_address: member.peer_address.get_ref().0.clone(),
                client_address: member.client_address.get_ref().0.clone(),
            }),
        };
    }
    Ok(founders)
}

/// Where the replica is reached. A founder is one of the members, and says of itself what the others
/// are told; one that joins has no list of members, and says it itself.
fn member(
    source: Source<'_>,
    replica: &file::Replica,
    founders: &BTreeMap<WorkerId, Member>,
) -> Result<Member, Error> {
    let id = replica.id.get_ref().0;
    if founders.is_empty() {
        return joining(source, replica);
    }
    let Some(member) = founders.get(&id) else {
        let message = format!(
            "replica {id} is not among cluster.members; the list has to name every founder of the \
             cluster, this one too, and be the same on all of them. A replica that joins a cluster \
             later (`stint cluster join`) leaves the list out"
        );
        return Err(source.wrong(&replica.id.span(), &message));
    };
    let same = |key: &str, advertised: Option<&Spanned<Address>>, listed: &str| match advertised {
        Some(address) if address.get_ref().0 != listed => {
            let message = format!(
                "{key} is not what cluster.members says of this replica, which is \"{listed}\"; \
                 change one of them"
            );
            Err(source.wrong(&address.span(), &message))
        }
        _ => Ok(()),
    };
    same("advertise_client", replica.advertise_client.as_ref(), &member.client_address)?;
    same("advertise_peer", replica.advertise_peer.as_ref(), &member.peer_address)?;
    Ok(member.clone())
}

/// What a replica that joins a cluster says of itself.
fn joining(source: Source<'_>, replica: &file::Replica) -> Result<Member, Error> {
    let advertised = |key: &str, address: Option<&Spanned<Address>>| {
        let message = format!(
            "{key} is missing, and so is cluster.members. A founder of a cluster has the list of \
             all founders; a replica that joins a cluster (`stint cluster join`) says where it is \
             reached by advertise_client and advertise_peer"
        );
        let address = address.map(|address| address.get_ref().0.clone());
        address.ok_or_else(|| source.wrong(&replica.id.span(), &message))
    };
    Ok(Member {
        client_address: advertised("advertise_client", replica.advertise_client.as_ref())?,
        peer_address: advertised("advertise_peer", replica.advertise_peer.as_ref())?,
    })
}

/// Whether callers need no token. That the cluster is open, and who may manage its tokens, cannot
/// both be so.
fn is_open(
    source: Source<'_>,
    replica: &file::Replica,
    cluster: &file::Cluster,
) -> Result<bool, Error> {
    let Some(open) = replica.insecure_open.as_ref().filter(|open| *open.get_ref()) else {
        return Ok(false);
    };
    if cluster.admin_token_hash.is_none() {
        return Ok(true);
    }
    let message = "insecure_open = true lets in anybody without a token, and admin_token_hash closes \
                   the cluster; leave out one of them";
    Err(source.wrong(&open.span(), message))
}

/// The origins whose pages may read answers.
fn allowed_origins(
    source: Source<'_>,
    origins: Option<&Spanned<Vec<AllowedOrigin>>>,
) -> Result<Arc<[Origin]>, Error> {
    let Some(origins) = origins else { return Ok(Arc::default()) };
    if origins.get_ref().len() > limits::ORIGINS_MAX {
        let message = format!("allowed_origins: at most {} are possible", limits::ORIGINS_MAX);
        return Err(source.wrong(&origins.span(), &message));
    }
    Ok(origins.get_ref().iter().map(|AllowedOrigin(origin)| origin.clone()).collect())
}

/// How clients are served, with the bounds of each one.
fn doors(source: Source<'_>, limits: &file::Limits) -> Result<stint_gateway::Config, Error> {
    let default = stint_gateway::Config::default();
    let or = |key: &str, given: Option<&Spanned<u32>>, default: NonZeroU32| {
        let Some(given) = given else { return Ok(default) };
        NonZeroU32::new(*given.get_ref()).ok_or_else(|| {
            let message = format!(
                "limits.{key}: at least 1, or no client is ever served; leave it out for {default}"
            );
            source.wrong(&given.span(), &message)
        })
    };
    let file::Limits { requests_per_second, requests_at_once, connections_per_address } = limits;
    Ok(stint_gateway::Config {
        requests_per_second: or(
            "requests_per_second",
            requests_per_second.as_ref(),
            default.requests_per_second,
        )?,
        requests_at_once: or(
            "requests_at_once",
            requests_at_once.as_ref(),
            default.requests_at_once,
        )?,
        connections_per_address: or(
            "connections_per_address",
            connections_per_address.as_ref(),
            default.connections_per_address,
        )?,
        ..default
    })
}

fn timing(source: Source<'_>, raft: &file::Raft) -> Result<Timing, Error> {
    let default = Timing::default();
    let or = |given: &Option<Spanned<Length>>, default| {
        given.as_ref().map_or(default, |length| length.get_ref().0)
    };
    let timing = Timing {
        heartbeat: or(&raft.heartbeat, default.heartbeat),
        election_min: or(&raft.election_min, default.election_min),
        election_max: or(&raft.election_max, default.election_max),
        request: or(&raft.request_timeout, default.request),
        lease_margin: default.lease_margin,
        snapshot_bytes_per_second: snapshot_pace(source, raft, default.snapshot_bytes_per_second)?,
    };
    let Timing { heartbeat, election_min, election_max, request, .. } = timing;
    let wrong = |given: &[&Option<Spanned<Length>>], message: String| {
        let place = given.iter().find_map(|given| given.as_ref()).map_or(0..0, Spanned::span);
        Err(source.wrong(&place, &message))
    };
    if heartbeat < limits::HEARTBEAT_MIN {
        let message = format!("raft.heartbeat: at least {:?}", limits::HEARTBEAT_MIN);
        return wrong(&[&raft.heartbeat], message);
    }
    if election_min < heartbeat * limits::HEARTBEATS_PER_ELECTION_MIN {
        let times = limits::HEARTBEATS_PER_ELECTION_MIN;
        let message = format!(
            "raft.election_min is {election_min:?}: it has to be at least {times} heartbeats of \
             {heartbeat:?}"
        );
        return wrong(&[&raft.election_min, &raft.heartbeat], message);
    }
    if election_max <= election_min {
        let message = format!(
            "raft.election_max is {election_max:?}: it has to be more than election_min, which is \
             {election_min:?}, or replicas stand for election all at once"
        );
        return wrong(&[&raft.election_max, &raft.election_min], message);
    }
    if request < election_max {
        let message = format!(
            "raft.request_timeout is {request:?}: it has to be at least election_max, which is \
             {election_max:?}, or no request outlasts an election"
        );
        return wrong(&[&raft.request_timeout, &raft.election_max], message);
    }
    if election_max.max(request) > limits::RAFT_TIME_MAX {
        let message = format!("raft: no time may be longer than {:?}", limits::RAFT_TIME_MAX);
        return wrong(&[&raft.request_timeout, &raft.election_max], message);
    }
    Ok(timing)
}

fn snapshot_pace(source: Source<'_>, raft: &file::Raft, default: u64) -> Result<u64, Error> {
    let Some(given) = &raft.snapshot_bytes_per_second else { return Ok(default) };
    let bytes = given.get_ref().0;
    if bytes < limits::SNAPSHOT_PACE_MIN {
        let message = "raft.snapshot_bytes_per_second: at least 1MiB, or a replica that needs a \
                       snapshot may fall behind faster than it comes";
        return Err(source.wrong(&given.span(), message));
    }
    Ok(bytes)
}

fn log(source: Source<'_>, log: file::Log) -> Result<Log, Error> {
    let file::Log { format, level } = log;
    let Some(level) = level else { return Ok(Log { format, level: LEVEL.to_owned() }) };
    if let Err(error) = EnvFilter::builder().parse(level.get_ref()) {
        let message = format!(
            "log.level: {error}; write error, warn, info, debug or trace, or a filter like \
             info,stint_consensus=debug"
        );
        return Err(source.wrong(&level.span(), &message));
    }
    Ok(Log { format, level: level.into_inner() })
}
