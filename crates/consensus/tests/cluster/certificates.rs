//! What a certificate lets a peer say: its own messages, if it is a member.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use stint_consensus::{Config, Keep, Member, Replica};
use stint_proto::peer::v1 as pb;
use stint_proto::peer::v1::peer_client::PeerClient;
use stint_storage::{Identity, Store};
use stint_tls::{Files, PeerFiles, PeerName, Peers};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::harness::{CLUSTER, id, listen, timing, until};
use crate::strangers::raft_messages;

/// The replica that listens; 1 and 3 are its peers.
const US: u64 = 2;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(dir: &Path) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = Authority::self_signed(params, key).expect("a certificate");
    fs::write(dir.join("ca.pem"), authority.pem()).expect("a file");
    authority
}

/// What the replica of this number has to show.
fn peers(authority: &Authority, dir: &Path, replica: u64) -> Peers {
    let me = PeerName { replica, cluster: CLUSTER };
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![me.to_string()]).expect("a name");
    let signed = params.signed_by(&key, authority).expect("a certificate");
    let own = Files {
        certificate: dir.join(format!("{replica}.pem")),
        key: dir.join(format!("{replica}.key")),
    };
    fs::write(&own.certificate, signed.pem()).expect("a file");
    write_key(&own.key, &key);
    Peers::load(me, PeerFiles { own, ca: dir.join("ca.pem") }).expect("certificates")
}

/// A client with the certificate of a replica.
async fn client(address: &str, peers: Peers) -> PeerClient<Channel> {
    let to = address.to_owned();
    let connector = tower::service_fn(move |_| {
        let (to, peers) = (to.clone(), peers.clone());
        async move {
            let stream = TcpStream::connect(to).await?;
            peers.connect(stream, US).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an endpoint");
    let channel = endpoint.connect_with_connector(connector).await.expect("a connection");
    PeerClient::new(channel)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_speaks_for_itself_and_only_if_it_is_a_member() {
    let dir = TempDir::new().expect("a temporary directory");
    let authority = authority(dir.path());
    let listeners = [(1, listen()), (US, listen())];
    let addresses = BTreeMap::from(listeners.each_ref().map(|(number, listener)| {
        (*number, listener.local_addr().expect("an address").to_string())
    }));
    let address = addresses[&US].clone();
    let member = |number: u64| Member {
        // The third one listens nowhere.
        peer_address: addresses.get(&number).cloned().unwrap_or("127.0.0.1:3".to_owned()),
        client_address: format!("127.0.0.1:1{number}"),
    };
    let founders: BTreeMap<_, _> = [1, US, 3].map(|number| (id(number), member(number))).into();
    let data = TempDir::new().expect("a temporary directory");
    let mut replicas = Vec::new();
    for (number, listener) in listeners {
        let identity = Identity { replica: number, cluster: CLUSTER };
        let store = Store::open(&data.path().join(number.to_string()), identity);
        let config = Config {
            id: id(number),
            cluster: CLUSTER,
            founders: founders.clone(),
            peer_listener: listener.into(),
            wall_clock: stint_consensus::WallClock::default(),
            peer_tls: Some(peers(&authority, dir.path(), number)),
            timing: timing(),
            keep: Keep::default(),
        };
        replicas.push(Replica::start(config, store.expect("a store")).await.expect("a replica"));
    }
    let replica = &replicas[1];
    until("a leader", async || replica.status().leader.is_some()).await;

    for (speaker, why) in [(3, "speaks as replica 000000000001"), (9, "is not a member")] {
        let mut client = client(&address, peers(&authority, dir.path(), speaker)).await;
        for (what, answer) in raft_messages(&mut client, CLUSTER, id(US)).await {
            let status = answer.expect_err(what);
            // A stream of entries just ends.
            if what != "append" {
                assert_eq!(status.code(), Code::PermissionDenied, "{what}: {status:?}");
                assert!(status.message().contains(why), "{what}: {status:?}");
            }
        }
    }
    let mut stranger = client(&address, peers(&authority, dir.path(), 9)).await;
    let read = pb::ReadIndexRequest { cluster: CLUSTER.to_vec() };
    let status = stranger.read_index(read).await.expect_err("a stranger reads");
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    assert!(replica.status().term < 1_000_000, "{:?}", replica.status());

    let mut first = client(&address, peers(&authority, dir.path(), 1)).await;
    let answers = raft_messages(&mut first, CLUSTER, id(US)).await;
    let (what, answer) = answers.get(1).expect("an answer");
    assert!(answer.is_ok(), "{what}: {answer:?}");
    for replica in &replicas {
        replica.shutdown().await.expect("a clean end");
    }
}

/// Writes a key for its owner alone: replicas take no other.
fn write_key(file: &Path, key: &KeyPair) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::write(file, key.serialize_pem()).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a file");
}
