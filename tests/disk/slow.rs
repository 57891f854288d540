//! A disk that does not answer: the replica waits for it, and the cluster does not wait for the replica.

use super::House;
use crate::harness::{http, wait_for};

#[test]
#[ignore = "needs root and loop devices"]
fn a_follower_whose_disk_hangs_is_not_ready_as_it_does_not_catch_up_until_it_goes_on() {
    let mut house = House::start(1);
    let second = house.cluster.replicas[1].id.clone();
    wait_for("the second replica to lead", || {
        let lead = format!("/api/v0/meta/members/{second}/lead");
        let answer = house.cluster.post(1, &lead, "")?;
        if answer.status == 204 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let address = house.cluster.replicas[0].address.clone();
    let says = |expected: (u16, &str)| {
        wait_for(&format!("the first replica to say {expected:?}"), || {
            let answer = http::get(&address, "/readyz")?;
            let said = (answer.status, answer.body.trim());
            if said == expected { Ok(()) } else { Err(format!("{said:?}")) }
        });
    };
    says((200, "ready"));
    house.disks[0].freeze();
    house.works(1);
    says((503, "this replica did not catch up with its leader within 1 s"));
    house.disks[0].thaw();
    says((200, "ready"));
}

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
