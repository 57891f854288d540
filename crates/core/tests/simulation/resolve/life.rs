//! Drains, and jobs that submit others.

use stint_core::{Command, NewJob, Parent, Span};

use super::{numbered, of_run, spec, tokens, worker_id};
use crate::simulation::model::Model;
use crate::simulation::script::Op;

/// The command; nothing if the step is of another kind.
pub(super) fn resolve(op: &Op, model: &Model) -> Option<Command> {
    Some(match op {
        Op::Drain { worker, limit } => {
            let (worker, limit) = (worker_id(*worker), limit.map(Span::from_ms));
            Command::Drain { worker, limit }
        }
        Op::Resume(worker) => Command::Resume { worker: worker_id(*worker) },
        Op::GiveToken { run, lie, secret } => {
            let ((worker, epoch), (job, lease)) = of_run(model, None, *run, *lie);
            Command::GiveToken { worker, epoch, job, lease, hash: tokens::hash(*secret) }
        }
        Op::SubmitChild { run, lie, id, kind, need, retries } => {
            let (_, (job, lease)) = of_run(model, None, *run, *lie);
            Command::Submit(NewJob {
                id: numbered(*id),
                drawn: model.sequence,
                spec: spec(*kind, *need),
                scheduled_at: None,
                retries: Some(*retries),
                parent: Some(Parent { job, lease }),
                policy: stint_core::Policy::default(),
                retry_from: None,
            })
        }
        _ => return None,
    })
}
