//! Output lines. The state keeps only how many a job has; their text goes to storage.

use crate::command::Command;
use crate::id::{Epoch, JobId, LeaseId, WorkerId};
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};

/// The stream of a process that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// Said by the scheduler itself, not by the process.
    Note,
}

/// One line of output, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it was written to.
    pub stream: Stream,
    /// Its text; bytes that are not UTF-8 have been escaped by the worker.
    pub text: String,
}

/// Accepts lines `first..` of a job under its current lease.
///
/// (job, line number) makes an append idempotent: lines that are already counted are skipped, and
/// a gap is refused, so numbers run from 0 without one.
pub(crate) fn append(
    state: &mut State,
    transition: &mut Transition,
    (worker, epoch): (WorkerId, Epoch),
    (id, lease): (JobId, LeaseId),
    first: u64,
    mut lines: Vec<Line>,
) -> Result<Reply, Refusal> {
    let job = state.job_under_lease(worker, epoch, id, lease)?;
    let known = job.line_count;
    if first > known {
        return Err(Refusal::LineGap { job: id, expected: known, got: first });
    }
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let end = first.saturating_add(count);
    if end > limits::LINES_PER_JOB_MAX {
        return Err(Refusal::TooManyLines { job: id });
    }
    if lines.len() > limits::LINES_PER_ENTRY_MAX {
        return Err(Refusal::TooManyLines { job: id });
    }
    if end > known {
        let skipped = usize::try_from(known - first).unwrap_or(usize::MAX);
        lines.drain(..skipped.min(lines.len()));
        let job = state.change(id, |job| job.line_count = end);
        transition.announce(Event::LinesAppended { job, first: known, lines });
    }
    Ok(Reply::LinesAppended { line_count: end.max(known) })
}

impl Command {
    /// How many output lines the command carries.
    pub fn line_count(&self) -> usize {
        if let Self::AppendLines { lines, .. } = self { lines.len() } else { 0 }
    }
}
