//! What an invitation is good for, and what it is not.

use std::fs;

use crate::harness::{Cluster, Options, wait_for};

#[test]
fn an_invitation_is_good_once_in_time_for_one_disk_and_for_its_cluster() {
    let options = Options { replicas: 1, ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let [first, second, third] = [2, 3, 4].map(|number| cluster.newcomer(number, &options));
    let invitation = cluster.invite(0, "1h");
    assert_eq!(cluster.join(first, &invitation).code, Some(0));
    let again = cluster.join(first, &invitation);
    assert_eq!(again.code, Some(0), "the same replica with the same disk may ask again: {again:?}");
    let used = cluster.join(second, &invitation);
    assert!(used.code != Some(0) && used.err.contains("has been used"), "{used:?}");
    fs::remove_dir_all(&cluster.replicas[first].data_dir).expect("the data directory");
    let wiped = cluster.join(first, &invitation);
    assert!(wiped.code != Some(0) && wiped.err.contains("is a member already"), "{wiped:?}");

    let short = expired(&cluster);
    let expired = cluster.join(second, &short);
    assert_ne!(expired.code, Some(0), "{expired:?}");
    assert!(expired.err.contains("has expired"), "{expired:?}");
    let unknown = short.replacen("stint_", "stint_AAAA", 1);
    let (secret, rest) = unknown.split_once('/').expect("three parts");
    let unknown = format!("{}/{rest}", &secret[..49]);
    let strange = cluster.join(second, &unknown);
    assert!(strange.code != Some(0), "{strange:?}");

    let other =
        cluster.invite(0, "1h").replace("000102030405060708090a0b0c0d0e0f", &"ab".repeat(16));
    let other = cluster.join(third, &other);
    assert!(other.code != Some(0) && other.err.contains("cluster.id"), "{other:?}");
    assert!(!cluster.replicas[third].data_dir.exists(), "nothing was prepared");
}

/// An invitation whose time is over by the clock of the log, which never goes back.
fn expired(cluster: &Cluster) -> String {
    // It is refused if its time is over before it is in the log.
    let answer = wait_for("an invitation for a short time", || {
        let answer = cluster.post(0, "/api/v0/meta/invitations", r#"{"expiresIn":"300ms"}"#)?;
        if answer.status == 201 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
    });
    // As texts they do not compare: zeros at the end of a fraction are left out.
    let time = |value: &serde_json::Value| {
        chrono::DateTime::parse_from_rfc3339(value.as_str().expect("a time")).expect("a time")
    };
    let expires_at = time(&answer["expiresAt"]);
    wait_for("the time of the log to pass that", || {
        let id = cluster.submit(0, r#"{"action":"noop"}"#);
        let now = time(&cluster.job(0, &id)["scheduledAt"]);
        if now > expires_at { Ok(()) } else { Err(now) }
    });
    answer["invitation"].as_str().expect("an invitation").to_owned()
}

#[test]
fn a_new_replica_joins_an_encrypted_and_closed_cluster_with_a_certificate_of_its_authority() {
    let options = Options { tls: true, is_closed: true, ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let new = cluster.grow(0, 4, &options);
    let members = cluster.members(new).expect("an answer");
    assert_eq!(members.len(), 4, "{members:?}");
    let job = cluster.submit(new, r#"{"action":"noop"}"#);
    cluster.wait_for_status(1, &job, "done");
    let removed = wait_for("the new one to be removed", || {
        let answer = cluster.remove(1, new);
        if answer.status == 204 { Ok(answer) } else { Err(answer) }
    });
    assert_eq!(removed.status, 204);
    assert_ne!(cluster.wait_until_ended(new), Some(0));
    let log = cluster.log(new);
    assert!(log.contains("was removed from the cluster"), "{log}");
}
