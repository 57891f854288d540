//! What was accepted outlives the simultaneous loss of power of all replicas, whenever it comes: from
//! 50 ms after their first start on, under load, in the middle of an election or of a repair.
//!
//! Each replica is on a file system of its own that is shut down without its journal being written;
//! all of them within 5 ms. Then the processes are killed, the file systems are checked and mounted,
//! and the replicas start again on what is left. Takes root, loop devices, `mkfs.ext4`, `perl`.

mod house;
mod ledger;
mod load;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::dice::Dice;

use self::house::{House, Trouble};

/// How many cuts, unless the environment says otherwise.
const CUTS: usize = 60;

/// How many cuts one cluster lives through: its first is before or while it forms.
const CUTS_OF_A_LIFE: usize = 10;

/// Clusters side by side.
const LIVES_AT_ONCE: usize = 3;

/// How many times as many clusters may live as are needed where each cut counts.
const LIVES_MAX_TIMES: usize = 3;

/// What a cut of all disks may take to count as one.
const AT_ONCE: Duration = Duration::from_millis(5);

fn from_environment(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")),
        Err(_) => default,
    }
}

#[test]
#[ignore = "takes minutes, root and loop devices"]
fn no_accepted_job_is_lost_when_all_replicas_lose_their_power_at_once() {
    let wanted = from_environment("STINT_POWER_CUTS", CUTS);
    let seed =
        from_environment("STINT_POWER_SEED", usize::try_from(std::process::id()).unwrap_or(1));
    // A cut that took too long is one more to do, and not a failure; but there is an end to it.
    let lives_max = LIVES_MAX_TIMES * wanted.div_ceil(CUTS_OF_A_LIFE);
    let (lives, cuts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (accepted, troubles) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let one_after_the_other = || {
        while cuts.load(Ordering::Relaxed) < wanted {
            let number = lives.fetch_add(1, Ordering::Relaxed);
            if number >= lives_max {
                return;
            }
            let life = live(seed + number);
            cuts.fetch_add(life.cuts, Ordering::Relaxed);
            accepted.fetch_add(life.accepted, Ordering::Relaxed);
            troubles.fetch_add(life.troubles, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..LIVES_AT_ONCE).map(|_| scope.spawn(one_after_the_other)).collect();
        for one in all {
            one.join().expect("nothing was lost");
        }
    });
    let (cuts, troubles) = (cuts.into_inner(), troubles.into_inner());
    let lives = lives.into_inner().min(lives_max);
    say(&format!(
        "{cuts} cuts of all replicas within {AT_ONCE:?} in {lives} clusters, {troubles} disks wiped or \
         damaged meanwhile: all of {} accepted jobs are there",
        accepted.into_inner()
    ));
    assert!(cuts >= wanted, "only {cuts} of {wanted} cuts were within {AT_ONCE:?}");
    assert!(troubles >= wanted / 10, "only {troubles} disks were wiped or damaged");
}

/// What became of one cluster.
struct Life {
    cuts: usize,
    accepted: usize,
    troubles: usize,
}

/// A cluster from its founding on, and all its cuts.
fn live(seed: usize) -> Life {
    let mut dice = Dice::new(u64::try_from(seed).expect("a seed"));
    let mut house = House::found();
    let mut life = Life { cuts: 0, accepted: 0, troubles: 0 };
    for number in 0..CUTS_OF_A_LIFE {
        house.start();
        let is_first = number == 0;
        // Some come before anything is known of what the one before has left.
        let is_early = is_first || dice.below(5) == 0 && house.trouble == Trouble::None;
        if !is_early {
            life.troubles += usize::from(house.trouble != Trouble::None);
            house.mend();
            house.check(&mut dice, false);
        }
        let after = match number {
            0 => 50 + dice.below(1_500),
            _ => 50 + dice.below(800),
        };
        thread::sleep(Duration::from_millis(after));
        let took = house.cut();
        life.cuts += usize::from(took <= AT_ONCE);
        say(&format!(
            "seed {seed}, cut {number}: {after} ms after {}, within {took:?}, {} jobs accepted",
            if is_early { "the start" } else { "all was found" },
            house.accepted()
        ));
        let last = number + 1 == CUTS_OF_A_LIFE;
        let trouble = match (number % 5, is_early || last) {
            (2, false) => Trouble::Wiped(dice.index(3)),
            (3, false) => Trouble::Damaged(dice.index(3)),
            _ => Trouble::None,
        };
        house.befall(trouble);
    }
    house.start();
    house.check(&mut dice, true);
    life.accepted = house.accepted();
    life
}

#[expect(clippy::print_stderr, reason = "a long check says what it has seen")]
fn say(text: &str) {
    eprintln!("power: {text}");
}
