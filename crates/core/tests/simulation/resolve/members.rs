//! Who is to be a replica.

use stint_core::{Command, Level, MembersChange, Timestamp};

use super::tokens::hash;
use super::worker_id;
use crate::simulation::model::Model;
use crate::simulation::script::Op;

/// The command; nothing if the step is of another kind.
pub(super) fn resolve(op: &Op, model: &Model) -> Option<Command> {
    // Beyond the workers there are replicas that have none.
    let replica_id = |number: u64| worker_id(number + 4);
    let change = match op {
        Op::Invite { secret, good_for } => {
            let at = (model.now + good_for).saturating_sub(50);
            let far = if good_for % 37 == 1 { 1 << 40 } else { 0 };
            let expires_at = Timestamp::from_ms(at + far);
            let known = model.members.of(hash(*secret)).map(|(_, expires_at, _)| expires_at);
            let expires_at = known.filter(|_| good_for.is_multiple_of(2)).unwrap_or(expires_at);
            MembersChange::Invite { hash: hash(*secret), expires_at }
        }
        Op::Join { secret, replica, disk } => {
            let disk = [u8::try_from(*disk).expect("one of two"); 16];
            // Some know as much as the cluster has, which is too little as soon as it rises, and some know less.
            let too_little = u32::from((secret + replica) % 2 == 0 && model.level > 1);
            let knows = Level::new(model.level.max(1) - too_little);
            let replica = replica_id(*replica);
            MembersChange::Join { hash: hash(*secret), replica, disk, knows }
        }
        // Now and then one with a worker, which is of no use any more.
        Op::RemoveReplica(3) => MembersChange::Remove { replica: worker_id(3) },
        Op::RemoveReplica(number) => MembersChange::Remove { replica: replica_id(number % 6) },
        Op::Lead(number) => MembersChange::Lead { replica: replica_id(*number) },
        _ => return None,
    };
    Some(Command::Members(Box::new(change)))
}
