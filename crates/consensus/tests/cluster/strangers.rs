//! What comes to the peer port and is not from a peer, or is not what a peer would send.

use std::collections::BTreeMap;

use stint_consensus::{Config, Keep, Replica};
use stint_core::WorkerId;
use stint_proto::log::v1 as log;
use stint_proto::peer::v1 as pb;
use stint_proto::peer::v1::peer_client::PeerClient;
use stint_proto::peer::v1::propose_result::Result as Outcome;
use stint_storage::{Identity, Store};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{CLUSTER, Cluster, id, listen, member, timing, until};
use crate::puppet::{LONG, Puppet, read, submit};

const ANOTHER: [u8; 16] = [9; 16];

async fn client(cluster: &Cluster, number: usize) -> PeerClient<Channel> {
    let address = format!("http://{}", cluster.peer_address(number));
    PeerClient::connect(address).await.expect("a connection")
}

/// A vote that everybody would have to give way to.
fn high_vote() -> log::Vote {
    let leader = log::LeaderId { term: 1_000_000, replica: 1 };
    log::Vote { leader: Some(leader), is_committed: true }
}

fn vote(cluster: [u8; 16], target: WorkerId) -> pb::VoteRequest {
    pb::VoteRequest {
        cluster: cluster.to_vec(),
        target: target.get(),
        vote: Some(high_vote()),
        last_log_id: None,
        is_leader_transfer: true,
    }
}

/// Sends every message of Raft, in the name of replica 1. Gives what is said to each.
pub(crate) async fn raft_messages(
    client: &mut PeerClient<Channel>,
    cluster: [u8; 16],
    target: WorkerId,
) -> Vec<(&'static str, Result<(), Status>)> {
    let append = pb::AppendEntriesRequest {
        cluster: cluster.to_vec(),
        target: target.get(),
        vote: Some(high_vote()),
        prev_log_id: None,
        entries: Vec::new(),
        leader_commit: None,
    };
    let appended = async {
        let requests = tokio_stream::iter([append]);
        let answer = client.clone().append_entries(requests).await?.into_inner().message().await?;
        // The stream ends without an answer.
        answer.map(drop).ok_or_else(|| Status::failed_precondition("no answer"))
    };
    let header = pb::SnapshotHeader {
        cluster: cluster.to_vec(),
        target: target.get(),
        vote: Some(high_vote()),
        last_log_id: None,
        last_membership: None,
        ..pb::SnapshotHeader::default()
    };
    let frame = pb::SnapshotFrame { header: Some(header), data: Vec::new().into() };
    let transfer = pb::TransferLeaderRequest {
        cluster: cluster.to_vec(),
        target: target.get(),
        from_leader: Some(high_vote()),
        to: target.get(),
        last_log_id: None,
    };
    vec![
        ("append", appended.await),
        ("vote", client.vote(vote(cluster, target)).await.map(drop)),
        ("pre-vote", client.pre_vote(vote(cluster, target)).await.map(drop)),
        ("snapshot", client.install_snapshot(tokio_stream::iter([frame])).await.map(drop)),
        ("transfer", client.transfer_leader(transfer).await.map(drop)),
    ]
}

fn all_refused(answers: Vec<(&'static str, Result<(), Status>)>) {
    for (what, answer) in answers {
        let code = answer.as_ref().map_err(Status::code);
        assert_eq!(code, Err(Code::FailedPrecondition), "{what}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_for_another_replica_or_another_cluster_are_refused() {
    let cluster = Cluster::start(timing(), Keep::default()).await;
    Puppet::register(cluster.replica(0), LONG).await;
    let before = cluster.replica(0).status().term;
    for number in 0..3 {
        let mut client = client(&cluster, number).await;
        let (us, them) = (Cluster::id(number), Cluster::id((number + 1) % 3));
        all_refused(raft_messages(&mut client, ANOTHER, us).await);
        all_refused(raft_messages(&mut client, CLUSTER, them).await);
        all_refused(raft_messages(&mut client, CLUSTER, id(77)).await);
        let cluster = ANOTHER.to_vec();
        let propose = pb::ProposeRequest { cluster: cluster.clone(), proposals: Vec::new() };
        let index = pb::ReadIndexRequest { cluster: cluster.clone() };
        let fetch = pb::FetchOutputRequest { cluster, ..pb::FetchOutputRequest::default() };
        all_refused(vec![
            ("propose", client.propose(propose).await.map(drop)),
            ("read index", client.read_index(index).await.map(drop)),
            ("fetch output", client.fetch_output(fetch).await.map(drop)),
        ]);
    }
    let id = submit(cluster.replica(1)).await;
    read(cluster.replica(2), id).await;
    let after = cluster.replica(0).status().term;
    assert!(after < 1_000_000, "a stranger's term was taken over: {before}, then {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_another_cluster_finds_no_leader_and_disturbs_nobody() {
    let cluster = Cluster::start(timing(), Keep::default()).await;
    Puppet::register(cluster.replica(0), LONG).await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let us = id(9);
    let store = Store::open(dir.path(), Identity { replica: us.get(), cluster: ANOTHER });
    let listener = listen();
    let mut founders: BTreeMap<_, _> = cluster.founders();
    founders.remove(&Cluster::id(2));
    founders.insert(us, member(&listener));
    let config = Config {
        id: us,
        cluster: ANOTHER,
        founders,
        peer_listener: listener.into(),
        wall_clock: stint_consensus::WallClock::default(),
        peer_tls: None,
        timing: stint_consensus::Timing { request: std::time::Duration::from_secs(3), ..timing() },
        keep: Keep::default(),
    };
    let stranger = Replica::start(config, store.expect("a store")).await.expect("a replica");
    let (_, command) = crate::puppet::new_job(cluster.replica(0));
    let answer = stranger.propose(command).await;
    assert!(answer.is_err(), "a stranger found a leader: {answer:?}");
    assert_eq!(stranger.status().leader, None);
    stranger.shutdown().await.expect("a clean end");
    let id = submit(cluster.replica(1)).await;
    read(cluster.replica(2), id).await;
}

/// Proposals that no replica would send, by what is wrong with them.
fn bad_proposals() -> Vec<(&'static str, Vec<u8>)> {
    let encoded = |at_ms: u64, command: Option<log::proposal::Command>| {
        prost::Message::encode_to_vec(&log::Proposal { origin: None, at_ms, command })
    };
    let tick = || Some(log::proposal::Command::Tick(log::Tick {}));
    let cancel = |job: Vec<u8>| Some(log::proposal::Command::Cancel(log::JobRef { job }));
    let line = log::Line { stream: 0, text: "x".repeat(2 << 20) };
    let lines = log::AppendLines { lines: vec![line], ..log::AppendLines::default() };
    let job = log::AppendLines { job: vec![1; 16], ..lines };
    // Field 1, at_ms, spelled out as zero: it would come after the leader's time, and win.
    let zero_time = [encoded(0, tick()), vec![0x08, 0x00]].concat();
    vec![
        ("nothing", Vec::new()),
        ("no protobuf", vec![0xff; 64]),
        ("half a message", vec![0x1a, 0x7f, 0x00]),
        ("no command", encoded(0, None)),
        ("a short job id", encoded(0, cancel(vec![1; 15]))),
        ("a time of its own", encoded(1_000, tick())),
        ("the largest time", encoded(u64::MAX, tick())),
        ("a time of zero", zero_time),
        ("too large", encoded(0, Some(log::proposal::Command::AppendLines(job)))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_proposal_of_a_peer_is_refused_and_all_replicas_go_on() {
    let cluster = Cluster::start(timing(), Keep::default()).await;
    Puppet::register(cluster.replica(0), LONG).await;
    let leader = cluster.leader().await;
    let mut client = client(&cluster, leader).await.max_encoding_message_size(32 << 20);
    let before = cluster.replica(leader).status().last_log_index;
    for (what, proposal) in bad_proposals() {
        let proposals = vec![proposal.into()];
        let request = pb::ProposeRequest { cluster: CLUSTER.to_vec(), proposals };
        let answer = client.propose(request).await.expect("an answer").into_inner();
        let outcome = answer.results.first().and_then(|result| result.result.clone());
        let is_refused = matches!(outcome, Some(Outcome::Unavailable(_)));
        assert!(is_refused && answer.results.len() == 1, "{what}: {:?}", answer.results);
    }
    let none = pb::ProposeRequest { cluster: CLUSTER.to_vec(), proposals: Vec::new() };
    let answer = client.propose(none).await.expect("an answer").into_inner();
    assert_eq!(answer.results, []);
    let after = cluster.replica(leader).status().last_log_index;
    assert_eq!(before, after, "something got into the log");
    for number in 0..3 {
        let id = submit(cluster.replica(number)).await;
        read(cluster.replica((number + 1) % 3), id).await;
    }
    until("all to have applied all", async || {
        cluster.replicas().all(|replica| {
            let status = replica.status();
            status.applied_index == status.last_log_index && status.warnings.is_empty()
        })
    })
    .await;
}
