//! What is played: how the nodes are set up, and when they crash.

use std::fmt;

use crate::dice::Dice;

/// The ids of the nodes.
pub(crate) const NODES: [u64; 3] = [1, 2, 3];
/// For how long clients write and nodes crash.
pub(crate) const TROUBLE_MS: u64 = 5_000;

/// One simulation.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What all dice follow.
    pub seed: u64,
    /// openraft's `enable_leader_restore`.
    pub is_restoring: bool,
    /// openraft's `enable_pre_vote`.
    pub has_pre_vote: bool,
    /// Whether the store keeps what is committed (`save_committed`), which openraft leaves open.
    pub keeps_committed: bool,
    /// When a vote is on the disk.
    pub votes: Votes,
    /// How long a sync takes.
    pub sync_us: u64,
    /// The crashes, in their order.
    pub faults: Vec<Fault>,
}

/// When a vote is on the disk. Either way `save_vote` returns only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Votes {
    /// After all that was written before it, by a sync like theirs: openraft's rule for stores.
    InOrder,
    /// At once, whatever else is still to be written.
    AtOnce,
}

/// A crash, and the restart after it. A node that is down already is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When, counted from the start.
    pub at_us: u64,
    /// Who.
    pub victim: Victim,
    /// After how long it is started again.
    pub down_us: u64,
}

/// Who crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// This node.
    Node(u64),
    /// Whoever takes itself for the leader.
    Leader,
}

impl Plan {
    /// The plan of a seed: random nodes crash, and come back before or after the others have missed
    /// them.
    pub fn of(seed: u64, is_restoring: bool) -> Self {
        let mut dice = Dice::new(seed, 1);
        let mut faults = Vec::new();
        let mut at_us = 1_000_000;
        while at_us < TROUBLE_MS * 1_000 {
            let is_short = dice.one_in(2);
            let down_us =
                if is_short { dice.between(1, 100_000) } else { dice.between(100_000, 1_500_000) };
            let victim = Victim::Node(dice.between(1, 3));
            faults.push(Fault { at_us, victim, down_us });
            at_us += dice.between(50_000, 800_000);
        }
        Self::with(seed, is_restoring, faults)
    }

    /// Nothing but one crash of the leader, which is back before the others miss it.
    pub fn of_one_crash(seed: u64, at_ms: u64, is_restoring: bool) -> Self {
        let fault = Fault { at_us: at_ms * 1_000, victim: Victim::Leader, down_us: 50_000 };
        Self::with(seed, is_restoring, vec![fault])
    }

    fn with(seed: u64, is_restoring: bool, faults: Vec<Fault>) -> Self {
        Self {
            seed,
            is_restoring,
            has_pre_vote: true,
            keeps_committed: true,
            votes: Votes::InOrder,
            sync_us: 2_000,
            faults,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_us, victim, down_us } = self;
        write!(f, "at {at_us} us {victim:?} crashes, and is back after {down_us} us")
    }
}
