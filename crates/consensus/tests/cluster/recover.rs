//! A replica whose state is damaged gets it from another one, and is the same as before.

use std::fs;
use std::path::{Path, PathBuf};

use stint_consensus::{Error, Recovered, Recovering, recover};
use stint_core::Status;
use stint_storage::Identity;

use crate::harness::{CLUSTER, Cluster, SHORT, soon, timing, until};
use crate::puppet::{has_all_lines, read, submit};
use crate::restart::live;

/// All but the head of a file, whose pages say where the others are.
fn garble(path: &Path) {
    let mut bytes = fs::read(path).expect("the file");
    bytes[1 << 13..].fill(0xa5);
    fs::write(path, bytes).expect("the file");
}

async fn recovered(cluster: &Cluster, number: usize) -> Result<Recovered, Error> {
    let founders = cluster.founders().into_iter();
    let recovering = Recovering {
        dir: cluster.dir(number).to_owned(),
        identity: Identity { replica: Cluster::id(number).get(), cluster: CLUSTER },
        peers: founders.map(|(id, member)| (id, member.peer_address)).collect(),
        peer_tls: None,
    };
    soon("the state of another one", recover(recovering)).await
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("one").path()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_is_fetched_from_another_replica_and_the_log_goes_on_from_there() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    let jobs = live(&cluster, 25).await;
    for number in 0..3 {
        until("the log to be cut", async || cluster.node(number).log.purged().is_some()).await;
    }
    for is_missing in [false, true] {
        let number = cluster.follower().await;
        cluster.stop(number).await;
        let store = cluster.open(number).expect("a store");
        let (last, vote) = (store.log.last_index(), store.log.get("vote").expect("its disk"));
        let purged = store.log.purged().expect("a place").0;
        drop(store);
        let state = cluster.dir(number).join("state.redb");
        if is_missing {
            fs::remove_file(&state).expect("the file");
        } else {
            garble(&state);
        }
        let refused = cluster.open(number).err().expect("it is refused");
        assert!(refused.is_of_state(), "{refused}");
        let meanwhile = submit(cluster.replica((number + 1) % 3)).await;

        let got = recovered(&cluster, number).await.expect("a state");
        assert!(got.index >= purged, "{got:?} does not reach {purged}");
        assert_eq!(got.kept.is_some(), !is_missing, "{got:?}");
        let store = cluster.open(number).expect("it is whole again");
        assert_eq!(
            (store.log.last_index(), store.log.get("vote").expect("its disk")),
            (last, vote)
        );
        drop(store);

        cluster.start_one(number).await;
        cluster.leader().await;
        let replica = cluster.replica(number);
        for job in &jobs {
            assert_eq!(*read(replica, job.id).await, *job, "on replica {number}");
            if job.status != Status::Deleted {
                has_all_lines(replica, job).await;
            }
        }
        read(replica, meanwhile).await;
        let wanted = stint_consensus::List { limit: 1_000, ..Default::default() };
        let here = replica.list_jobs(&wanted).await.expect("a list").0.len();
        let there = cluster.replica((number + 1) % 3).list_jobs(&wanted).await.expect("a list");
        assert_eq!(here, there.0.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_log_is_damaged_too_or_nobody_answers_nothing_is_changed() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    live(&cluster, 3).await;
    let number = cluster.follower().await;
    cluster.stop(number).await;
    let dir = cluster.dir(number).to_owned();
    garble(&dir.join("state.redb"));
    let damaged = fs::read(dir.join("state.redb")).expect("the file");
    let others: Vec<_> = (0..3).filter(|other| *other != number).collect();
    for other in &others {
        cluster.stop(*other).await;
    }
    let alone = recovered(&cluster, number).await.expect_err("nobody is there");
    assert!(alone.to_string().contains("no other replica gave its state"), "{alone}");
    assert_eq!(fs::read(dir.join("state.redb")).expect("the file"), damaged, "{:?}", names(&dir));

    for other in &others {
        cluster.start_one(*other).await;
    }
    cluster.leader_among(&others).await;
    garble(&dir.join("log.redb"));
    let refused = recovered(&cluster, number).await.expect_err("its log is damaged, too");
    let words = refused.to_string();
    assert!(words.contains("the log: ") && words.contains("stint cluster remove"), "{words}");
    assert_eq!(fs::read(dir.join("state.redb")).expect("the file"), damaged, "{:?}", names(&dir));
}
