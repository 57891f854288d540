//! One run, and how it ended.

use stint_core::{Exit, ExitCause, JobId, LeaseId, Span, State};

use super::{Names, Words};

/// A job and the lease that is said, or the current one.
pub(super) fn run(
    words: &mut Words<'_>,
    state: &State,
    names: &mut Names,
) -> Result<(JobId, LeaseId), String> {
    let job = words.job(names)?;
    let current = state.job(job).and_then(|job| job.lease()).unwrap_or_default();
    Ok((job, LeaseId(words.named_number("lease", current.0)?)))
}

pub(super) fn exit(words: &mut Words<'_>) -> Result<Exit, String> {
    let parsed = |text: &str| text.parse::<i32>().map_err(|_| format!("{text} is no number"));
    let code = words.named("exit").map(parsed).transpose()?;
    let signal = words.named("signal").map(parsed).transpose()?;
    if code.is_some() || signal.is_some() {
        return Ok(Exit { cause: ExitCause::Own, code: code.unwrap_or(0), signal });
    }
    if let Some(ms) = words.named_span("wait")? {
        let cause = ExitCause::AskedToWait(Span::from_ms(ms));
        return Ok(Exit { cause, code: 1, signal: None });
    }
    let cause = match words.word("how it ended")? {
        "canceled" => ExitCause::Canceled,
        "deadline" => ExitCause::Deadline,
        "shutdown" => ExitCause::Shutdown,
        "not-started" => ExitCause::CouldNotStart("no such program".to_owned()),
        other => return Err(format!("{other} is no end of a run")),
    };
    Ok(Exit { cause, code: 0, signal: None })
}
