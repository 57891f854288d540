//! What clients and operators set: crons, action configs, tokens.

use super::Op;
use crate::simulation::rng::Rng;

pub(super) fn cron(rng: &mut Rng) -> Op {
    match rng.below(8) {
        0 | 1 => Op::DeleteCron(rng.next()),
        2 | 3 => Op::PutCronAgain { number: rng.next(), is_altered: rng.one_in(3) },
        _ => {
            let retries = if rng.one_in(20) { 1_001 } else { 2 };
            let (id, kind, need, ticks) = (rng.next(), rng.next(), rng.next(), rng.next());
            Op::PutCron { id, kind, need, retries, ticks }
        }
    }
}

pub(super) fn action_config(rng: &mut Rng) -> Op {
    match rng.below(8) {
        0 | 1 => Op::DeleteActionConfig(rng.next()),
        2 => Op::PutActionConfigAgain(rng.next()),
        _ => Op::PutActionConfig { id: rng.next(), kind: rng.next(), parameters: rng.next() },
    }
}

/// Secrets of few numbers, so that some are met again. The removed replicas are no workers but one.
pub(super) fn members(rng: &mut Rng) -> Op {
    let (secret, replica) = (rng.below(2), rng.below(6));
    match rng.below(16) {
        0..5 => Op::Invite { secret, good_for: rng.below(4_000) },
        5..10 => Op::Join { secret, replica, disk: rng.below(2) },
        10 => Op::RemoveReplica(rng.below(60)),
        11 => Op::Lead(replica),
        12..15 => Op::RaiseLevel(u32::try_from(rng.below(5)).unwrap_or(0)),
        _ => Op::Refound,
    }
}

pub(super) fn token(rng: &mut Rng) -> Op {
    match rng.below(11) {
        0 => Op::Close(rng.next()),
        10 => Op::ResetAdmin(rng.next()),
        1 | 2 => Op::CreateTokenAgain { number: rng.next(), is_altered: rng.one_in(2) },
        3..6 => Op::RevokeToken(rng.next()),
        _ => {
            let expires = if rng.one_in(2) { Some(rng.below(500)) } else { None };
            Op::CreateToken { secret: rng.next(), user: rng.next(), role: rng.next(), expires }
        }
    }
}
