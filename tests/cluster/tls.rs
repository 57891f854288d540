//! Encrypted clusters: who is let in, who is not and is told why, and how certificates are renewed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use stint_client::{Client, v0};

use crate::harness::certificates::{Authority, peer_name};
use crate::harness::program::stint;
use crate::harness::{Cluster, Options, tls, wait_for};

fn options(replicas: usize) -> Options {
    Options { replicas, tls: true, ..Options::default() }
}

fn ca(cluster: &Cluster) -> &Path {
    cluster.ca().expect("the cluster is encrypted")
}

fn peer_address(cluster: &Cluster, i: usize) -> String {
    cluster.replicas[i].address.replace(":7400", ":7500")
}

fn wait_for_log(cluster: &Cluster, i: usize, texts: &[&str]) {
    wait_for(&format!("replica {i} to log {texts:?}"), || {
        let log = cluster.log(i);
        if texts.iter().all(|text| log.contains(text)) { Ok(()) } else { Err(log) }
    });
}

#[test]
fn an_encrypted_cluster_works_by_both_doors_and_the_command_line() {
    let cluster = Cluster::start(&options(3));
    let id = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(1, &id, "done");

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let job = runtime.block_on(async {
        let addresses = cluster.replicas.iter().map(|it| format!("https://{}", it.address));
        let client = Client::builder().endpoints(addresses).ca_certificate(ca(&cluster)).build();
        let client = client.expect("a client");
        let job = v0::SubmitJobRequest { action: "noop".into(), ..Default::default() };
        let job = client.submit_job(job).await.expect("a job");
        client.wait_job(&job.id, None).await.expect("its end")
    });
    assert_eq!(job.status, "done");

    let authority = ca(&cluster).to_str().expect("a path");
    let addresses = cluster.addresses();
    let list = stint(&["job", "list", "--address", &addresses, "--ca", authority]);
    assert_eq!(list.code, Some(0), "{list:?}");
    assert!(list.out.contains(&id), "{list:?}");
    let status = stint(&["cluster", "status", "--address", &addresses, "--ca", authority]);
    assert_eq!(status.code, Some(0), "{status:?}");
}

#[test]
fn the_command_line_says_what_is_missing_for_encryption() {
    let cluster = Cluster::start(&options(1));
    let address = &cluster.replicas[0].address;
    let list = |address: &str, more: &[&str]| {
        let words = ["job", "list", "--timeout", "2s", "--address", address];
        stint(&[&words[..], more].concat())
    };
    let run = list(&format!("https://{address}"), &[]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("--ca FILE"), "{run:?}");

    let run = list(address, &[]);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert!(run.err.contains("https://"), "{run:?}");

    let stranger = Authority::new(cluster.dir());
    let stranger = stranger.certificate.to_str().expect("a path");
    let run = list(address, &["--ca", stranger]);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert!(run.err.contains("not signed by"), "{run:?}");

    let plain = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let authority = ca(&cluster).to_str().expect("a path");
    let run = list(&plain.replicas[0].address, &["--ca", authority]);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert!(run.err.contains("http://"), "{run:?}");
}

#[test]
fn plain_text_is_refused_at_both_ports_and_told_so() {
    let cluster = Cluster::start(&options(1));
    let address = &cluster.replicas[0].address;
    for address in [address.clone(), peer_address(&cluster, 0)] {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("an answer and the end");
        assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
        assert!(said.contains("https://"), "{said}");
    }
    wait_for_log(&cluster, 0, &["plain text came where TLS is spoken"]);
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let cluster = Cluster::start(&options(1));
    let begun = Instant::now();
    let addresses = [cluster.replicas[0].address.clone(), peer_address(&cluster, 0)];
    let streams = addresses.map(|address| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00").expect("a beginning");
        stream
    });
    for mut stream in streams {
        let end = stream.read(&mut [0; 64]);
        assert!(matches!(end, Ok(0)), "{end:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(cluster.get(0, "/healthz").expect("an answer").status, 200);
}

#[test]
fn a_changed_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    let cluster = Cluster::start(&options(1));
    let address = &cluster.replicas[0].address;
    let host = address.replace(":7400", "");
    let (pem, stem) = (cluster.dir().join("1-client.pem"), cluster.dir().join("1-client"));
    let shown = || tls::shown(address, ca(&cluster));
    let first = shown().expect("a certificate");

    fs::write(&pem, "-----BEGIN CERTIFICATE-----\nbroken").expect("a file");
    cluster.hang_up(0);
    wait_for_log(&cluster, 0, &["is of no use; the old one stays in use", "1-client.pem"]);
    assert_eq!(shown().expect("a certificate"), first);

    let authority = cluster.authority().expect("an authority");
    let until_new = |old: &_| {
        let new = tls::certificates(&pem).remove(0);
        assert_ne!(&new, old);
        wait_for("the new certificate", || match shown() {
            Ok(shown) if shown == new => Ok(shown),
            other => Err(other),
        })
    };
    authority.sign(&host, &stem);
    cluster.hang_up(0);
    let second = until_new(&first);

    // And without being told to look.
    authority.sign(&host, &stem);
    until_new(&second);
}

#[test]
fn a_changed_certificate_for_peers_serves_new_connections() {
    let mut cluster = Cluster::start(&options(3));
    let next = Authority::new(cluster.dir());
    let old = fs::read_to_string(ca(&cluster)).expect("a file");
    let new = fs::read_to_string(&next.certificate).expect("a file");
    // First everyone believes both, then everyone shows a new certificate.
    fs::write(cluster.dir().join("peer-ca.pem"), old + &new).expect("a file");
    let id = |i: usize| format!("{:012x}", i + 1);
    for i in 0..3 {
        cluster.hang_up(i);
        wait_for_log(&cluster, i, &["the certificate for peers was read again"]);
    }
    for i in 0..3 {
        next.sign(&peer_name(&id(i)), &cluster.dir().join(format!("{}-peer", i + 1)));
        cluster.hang_up(i);
    }
    for i in 0..3 {
        wait_for(&format!("replica {i} to show its new certificate"), || {
            let own = cluster.dir().join("1-peer");
            tls::connect(
                &peer_address(&cluster, i),
                &peer_name(&id(i)),
                &next.certificate,
                Some(&own),
            )
            .map(drop)
        });
    }
    let leader = cluster.leader();
    cluster.kill(leader);
    cluster.spawn(leader);
    cluster.wait_until_whole();
    let job = cluster.submit(leader, r#"{"action":"noop"}"#);
    cluster.wait_for_status(leader, &job, "done");
}

#[test]
fn connections_that_an_authority_has_opened_end_when_it_is_not_believed_any_more() {
    let cluster = Cluster::start(&options(3));
    let dir = cluster.dir();
    let (old, file) = (fs::read(ca(&cluster)).expect("a file"), dir.join("peer-ca.pem"));
    // Somebody has the key of replica 2 and holds a connection to replica 1 with it.
    let stolen = dir.join("stolen");
    for extension in ["pem", "key"] {
        let copied = fs::copy(
            dir.join("2-peer").with_extension(extension),
            stolen.with_extension(extension),
        );
        copied.expect("a file");
    }
    let name = |i: usize| peer_name(&format!("{:012x}", i + 1));
    let thief = tls::connect(&peer_address(&cluster, 0), &name(0), ca(&cluster), Some(&stolen));
    let mut thief = thief.expect("a connection");
    thief.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("a beginning");
    thief.flush().expect("a beginning");
    assert!(thief.read(&mut [0; 64]).expect("an answer") > 0, "replica 1 speaks with it");

    // The authority is changed as docs/security.md says, and no replica is restarted.
    let next = Authority::new(dir);
    let new = fs::read(&next.certificate).expect("a file");
    fs::write(&file, [old, new.clone()].concat()).expect("a file");
    let reload = |texts: &[&str], count: usize| {
        for i in 0..3 {
            cluster.hang_up(i);
            wait_for("a replica to read its files again", || {
                let log = cluster.log(i);
                let found = texts.iter().all(|text| log.matches(text).count() >= count);
                if found { Ok(()) } else { Err(log) }
            });
        }
    };
    reload(&["the authorities of the replicas have changed"], 1);
    for i in 0..3 {
        next.sign(&name(i), &dir.join(format!("{}-peer", i + 1)));
    }
    reload(&["the certificate for peers was read again"], 2);
    fs::write(&file, new).expect("a file");
    reload(&["the authorities of the replicas have changed"], 2);

    let mut rest = Vec::new();
    // How it ends does not matter, as long as it does.
    let _broken = thief.read_to_end(&mut rest).is_err();
    let again =
        tls::connect(&peer_address(&cluster, 0), &name(0), &next.certificate, Some(&stolen));
    let heard = again.and_then(|mut it| it.read(&mut [0; 64]).map_err(|error| error.to_string()));
    assert!(!matches!(heard, Ok(1..)), "it is a stranger now: {heard:?}");
    for i in 0..3 {
        let id = cluster.submit(i, r#"{"action":"noop"}"#);
        cluster.wait_for_status(i, &id, "done");
    }
    cluster.wait_until_whole();
}

#[test]
fn a_certificate_that_ends_soon_is_told_of_in_the_log_and_in_the_status_until_it_is_renewed() {
    let mut cluster = Cluster::prepare(&options(1));
    let host = cluster.replicas[0].address.replace(":7400", "");
    let stem = cluster.dir().join("1-client");
    let week = Duration::from_hours(7 * 24);
    cluster.authority().expect("an authority").sign_for(&host, &stem, week);
    cluster.spawn(0);
    cluster.wait_until_whole();
    let health = |cluster: &Cluster| {
        let status = cluster.get(0, "/api/v0/meta/cluster_status").expect("an answer").json();
        status["replica_health"]["000000000001"].as_str().expect("a text").to_owned()
    };
    let until = |cluster: &Cluster, text: &str| {
        wait_for(&format!("the health to say {text:?}"), || {
            let health = health(cluster);
            if health.contains(text) { Ok(()) } else { Err(health) }
        });
    };
    until(&cluster, "1-client.pem: a certificate expires in 6 days");
    wait_for_log(&cluster, 0, &["ERROR", "1-client.pem: a certificate expires in 6 days"]);

    cluster.authority().expect("an authority").sign(&host, &stem);
    cluster.hang_up(0);
    until(&cluster, "OK");
}

#[test]
fn a_replica_whose_key_everybody_may_read_does_not_start() {
    use std::os::unix::fs::PermissionsExt as _;

    let cluster = Cluster::prepare(&options(1));
    let key = cluster.dir().join("1-peer.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a file");
    let config = cluster.replicas[0].config.to_str().expect("a path");
    let run = stint(&["serve", "--config", config]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("1-peer.key") && run.err.contains("chmod 600"), "{run:?}");
}

#[test]
fn a_replica_of_another_authority_cannot_join_and_both_sides_say_why() {
    let mut cluster = Cluster::prepare(&options(3));
    let stranger = Authority::new(cluster.dir());
    let dir = cluster.dir().to_owned();
    stranger.sign(&peer_name("000000000003"), &dir.join("3-peer"));
    let text = fs::read_to_string(&cluster.replicas[2].config).expect("a file");
    let believed = stranger.certificate.to_str().expect("a path");
    let text = text.replace(dir.join("peer-ca.pem").to_str().expect("a path"), believed);
    fs::write(&cluster.replicas[2].config, text).expect("a file");
    cluster.spawn(0);
    cluster.spawn(1);
    cluster.wait_until_whole();
    cluster.spawn(2);
    wait_for_log(&cluster, 2, &["a peer cannot be reached", "not signed by an authority"]);
    wait_for_log(&cluster, 0, &["a connection to the peer address was refused"]);
    assert_ne!(cluster.get(2, "/readyz").expect("an answer").status, 200);
}

#[test]
fn a_replica_that_only_believes_the_authority_of_the_cluster_cannot_join_and_both_sides_say_why() {
    let mut cluster = Cluster::prepare(&options(3));
    let dir = cluster.dir().to_owned();
    let stranger = Authority::new(&dir);
    stranger.sign(&peer_name("000000000003"), &dir.join("3-peer"));
    let both = [ca(&cluster), &stranger.certificate].map(|file| fs::read(file).expect("a file"));
    fs::write(dir.join("both.pem"), both.concat()).expect("a file");
    let text = fs::read_to_string(&cluster.replicas[2].config).expect("a file");
    fs::write(&cluster.replicas[2].config, text.replace("peer-ca.pem", "both.pem"))
        .expect("a file");
    cluster.spawn(0);
    cluster.spawn(1);
    cluster.wait_until_whole();
    cluster.spawn(2);
    wait_for_log(&cluster, 0, &["refused", "not signed by an authority"]);
    wait_for_log(&cluster, 2, &["a peer cannot be reached", "UnknownCA"]);
    assert_ne!(cluster.get(2, "/readyz").expect("an answer").status, 200);
}

#[test]
fn a_replica_without_a_certificate_cannot_join_and_both_sides_say_why() {
    let mut cluster = Cluster::prepare(&options(3));
    let text = fs::read_to_string(&cluster.replicas[2].config).expect("a file");
    let lines = text.lines().filter(|line| !line.starts_with("peer_") || line.contains(":7500"));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    fs::write(&cluster.replicas[2].config, text).expect("a file");
    cluster.spawn(0);
    cluster.spawn(1);
    cluster.wait_until_whole();
    cluster.spawn(2);
    wait_for_log(&cluster, 2, &["a peer cannot be reached", "this port speaks TLS only"]);
    wait_for_log(&cluster, 0, &["plain text came where TLS is spoken"]);
    assert_ne!(cluster.get(2, "/readyz").expect("an answer").status, 200);

    // Nor can anybody who speaks TLS, but shows none.
    let name = peer_name("000000000001");
    let talk = tls::connect(&peer_address(&cluster, 0), &name, ca(&cluster), None);
    let heard =
        talk.and_then(|mut talk| talk.read(&mut [0; 64]).map_err(|error| error.to_string()));
    assert!(heard.as_ref().is_err_and(|error| error.contains("CertificateRequired")), "{heard:?}");
    wait_for_log(&cluster, 0, &["showed no certificate"]);
}

#[test]
fn a_replica_with_the_name_of_another_does_not_start() {
    let mut cluster = Cluster::prepare(&options(1));
    let authority = cluster.authority().expect("an authority");
    authority.sign(&peer_name("000000000002"), &cluster.dir().join("1-peer"));
    let config = cluster.replicas[0].config.to_str().expect("a path").to_owned();
    let run = stint(&["serve", "--config", &config]);
    assert_eq!(run.code, Some(2), "{run:?}");
    for text in ["1-peer.pem", &peer_name("000000000001"), &peer_name("000000000002")] {
        assert!(run.err.contains(text), "no {text} in {run:?}");
    }
    // It has nobody to talk to once the name is right: the rest of the cluster is itself.
    cluster
        .authority()
        .expect("it")
        .sign(&peer_name("000000000001"), &cluster.dir().join("1-peer"));
    cluster.spawn(0);
    cluster.wait_until_whole();
}

#[test]
fn one_replica_at_the_address_of_another_is_not_taken_for_it() {
    let mut cluster = Cluster::prepare(&options(3));
    // Replica 3 listens with its own certificate where the other two look for replica 2.
    let (second, third) = (peer_address(&cluster, 1), peer_address(&cluster, 2));
    for i in [0, 2] {
        let text = fs::read_to_string(&cluster.replicas[i].config).expect("a file");
        let text = text.replace(&third, "swapped").replace(&second, &third);
        fs::write(&cluster.replicas[i].config, text.replace("swapped", &second)).expect("a file");
    }
    let config = fs::read_to_string(&cluster.replicas[2].config).expect("a file");
    // It goes on to listen at its own address.
    let (head, rest) = config.split_once("[cluster]").expect("two parts");
    let head = head.replace(&second, &third);
    fs::write(&cluster.replicas[2].config, format!("{head}[cluster]{rest}")).expect("a file");
    cluster.spawn(0);
    cluster.spawn(2);
    let (found, expected) = (peer_name("000000000003"), peer_name("000000000002"));
    wait_for_log(&cluster, 0, &[&format!("is that of {found}, and {expected} was to be reached")]);
}
