//! A disk that does not answer: the replica waits for it, and the cluster does not wait for the replica.

use super::House;
use crate::harness::wait_for;

#[test]
#[ignore = "needs root and loop devices"]
fn a_leader_whose_disk_hangs_gives_way_and_catches_up_when_it_is_back() {
    let mut house = House::start(1);
    house.make_first_lead();
    house.works(1);
    house.disks[0].freeze();
    wait_for("another leader", || {
        let status = house.status(1)?;
        let leader = status["leaderID"].as_str().unwrap_or_default().to_owned();
        if leader.is_empty() || leader == house.cluster.replicas[0].id {
            Err(leader)
        } else {
            Ok(())
        }
    });
    house.works(1);
    house.works(2);
    house.warns(0, "it hangs or is overloaded");
    house.disks[0].thaw();
    house.works(0);
    let status = house.status(0).expect("a status");
    assert!(!status["warnings"].to_string().contains("hangs"), "{status}");
}
