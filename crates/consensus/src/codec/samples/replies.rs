//! The answers to commands.

use std::sync::Arc;

use stint_core::{Epoch, LeaseId, Refusal, Reply};

use super::{JOB, job};

/// The place of a reply among the samples.
pub(crate) fn reply_number(reply: &Reply) -> usize {
    match reply {
        Reply::Ok => 0,
        Reply::Submitted(_) => 1,
        Reply::SubmittedBefore(_) => 2,
        Reply::Registered { .. } => 3,
        Reply::Claimed { .. } => 4,
        Reply::LinesAppended { .. } => 5,
        Reply::Finished(_) => 6,
        Reply::Bulk(_) => 7,
    }
}

pub(crate) const REPLIES: usize = 8;

pub(crate) fn replies() -> Vec<Reply> {
    vec![
        Reply::Ok,
        Reply::Submitted(Arc::new(job())),
        Reply::SubmittedBefore(JOB),
        Reply::Registered { epoch: Epoch(3) },
        Reply::Claimed { count: 16 },
        Reply::LinesAppended { line_count: 99 },
        Reply::Finished(vec![Ok(()), Err(Refusal::StaleLease { job: JOB, lease: LeaseId(7) })]),
        Reply::Bulk(vec![Ok(JOB), Err(Refusal::NoSuchJob(JOB))]),
    ]
}
