//! The same for several jobs in one entry.

use crate::cancel;
use crate::command::Bulk;
use crate::id::JobId;
use crate::limits;
use crate::outcome::{Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{self, at_most, count};

/// Does to each job what its own command would do. The order is that of the command.
pub(crate) fn apply(
    state: &mut State,
    transition: &mut Transition,
    bulk: Bulk,
) -> Result<Reply, Refusal> {
    at_most("jobs at once", count(bulk.len()), count(limits::BULK_MAX))?;
    let answers: Vec<Result<JobId, Refusal>> = match bulk {
        Bulk::Cancel(jobs) => jobs
            .into_iter()
            .map(|job| cancel::cancel(state, transition, job).map(|_| job))
            .collect(),
        Bulk::Delete(jobs) => jobs
            .into_iter()
            .map(|job| {
                cancel::delete(state, transition, job);
                Ok(job)
            })
            .collect(),
        Bulk::Retry(jobs) => jobs
            .into_iter()
            .map(|new| {
                let id = new.id;
                let reply = submit::submit(state, transition, new)?;
                Ok(if let Reply::Submitted(job) = reply { job.id } else { id })
            })
            .collect(),
    };
    Ok(Reply::Bulk(answers))
}
