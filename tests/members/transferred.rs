//! Leadership that is given to a replica by name.

use crate::harness::program::stint;
use crate::harness::{Cluster, Options};

#[test]
fn the_replica_that_is_named_leads_and_no_other_can_be_named() {
    let cluster = Cluster::start(&Options::default());
    let addresses = cluster.addresses();
    for _ in 0..3 {
        let next = (cluster.leader() + 1) % 3;
        let id = &cluster.replicas[next].id;
        let run = stint(&["cluster", "transfer-leader", id, "--address", &addresses]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(cluster.leader(), next);
        let again = stint(&["cluster", "transfer-leader", id, "--address", &addresses]);
        assert_eq!(again.code, Some(0), "it leads already: {again:?}");
    }
    let audit = cluster.get(0, "/api/v0/audit").expect("an answer");
    assert!(audit.body.contains("TransferLeader"), "{audit:?}");
    let run = stint(&["cluster", "transfer-leader", "00000000ffff", "--address", &addresses]);
    assert!(run.code != Some(0) && run.err.contains("no such member"), "{run:?}");
}
