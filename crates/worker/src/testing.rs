//! What the tests of several modules need.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use stint_consensus::{Config, Keep, Member, Replica, Timing};
use stint_core::{
    ActionTraits, Attempt, Epoch, Job, JobId, JobSpec, LeaseId, Parameters, Policy, Status,
    Timestamp, WorkerId,
};
use stint_storage::{Identity, Store};
use tempfile::TempDir;

use crate::guardian::wire::{self, Order};
use crate::process::Link;

/// A cluster of one replica, number 42, which lives in the directory.
pub(crate) async fn replica() -> (TempDir, Replica) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let id = WorkerId::new(42).expect("42 is small");
    let identity = Identity { replica: id.get(), cluster: [5; 16] };
    let store = Store::open(&dir.path().join("store"), identity).expect("a store");
    let peer_listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let peer_address = peer_listener.local_addr().expect("an address").to_string();
    let founder = Member { client_address: peer_address.clone(), peer_address };
    let config = Config {
        id,
        cluster: identity.cluster,
        founders: BTreeMap::from([(id, founder)]),
        peer_listener: peer_listener.into(),
        wall_clock: stint_consensus::WallClock::default(),
        peer_tls: None,
        timing: Timing::default(),
        keep: Keep::default(),
    };
    let replica = Replica::start(config, store).await.expect("a replica");
    (dir, replica)
}

/// A job that worker 42 runs under lease 12.
pub(crate) fn job(action: &str, parameters: &[(&str, &str)]) -> Arc<Job> {
    let pairs = parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let id = JobId::from_bytes([7; 16]);
    let worker = WorkerId::new(42).expect("42 is small");
    Arc::new(Job {
        id,
        retry_from: id,
        spec: JobSpec {
            action: action.to_owned(),
            parameters: Some(pairs.collect::<Parameters>()),
            capacity_map: None,
            deadline: None,
            stop_timeout: None,
        },
        status: Status::Running,
        sequence: 1,
        created_at: Timestamp::ZERO,
        scheduled_at: Timestamp::ZERO,
        last_updated: Timestamp::ZERO,
        retries_left: 0,
        retries_total: 0,
        worker: Some(worker),
        delete_requested: false,
        cancel_requested: false,
        reclaims: 0,
        attempt_count: 1,
        attempts: vec![Attempt {
            number: 1,
            worker,
            epoch: Epoch(1),
            lease: LeaseId(12),
            traits: ActionTraits::default(),
            started_at: Timestamp::ZERO,
            end: None,
        }],
        line_count: 0,
        policy: Policy::default(),
        is_expired: false,
        retried_by: None,
        from_config: std::collections::BTreeSet::new(),
        parent: None,
        children: stint_core::Children::default(),
        ending: None,
        token: None,
        left_out: std::collections::BTreeSet::new(),
        cron: None,
    })
}

/// A link, and the guardian's end of it.
pub(crate) fn link() -> (Arc<Link>, OwnedFd) {
    let (ours, guardian) = wire::pair().expect("sockets");
    (Arc::new(Link::new(ours).expect("a link")), guardian)
}

/// What a guardian has been told so far.
pub(crate) fn heard(guardian: &OwnedFd) -> Vec<Order> {
    let packets = std::iter::from_fn(|| wire::take(guardian, false).ok().flatten());
    packets.map(|packet| Order::decode(&packet).expect("an order")).collect()
}
