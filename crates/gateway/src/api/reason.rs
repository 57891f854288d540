//! How an attempt ended, and why a job waits, in the words of the API.

use std::borrow::Cow;

use stint_core::{AttemptEnd, Job, WaitReason};

/// In one word.
pub(crate) const fn name(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Exited(_) => "exited",
        AttemptEnd::Signaled(_) => "signaled",
        AttemptEnd::DeadlineExceeded => "deadline",
        AttemptEnd::Canceled => "canceled",
        AttemptEnd::CouldNotStart(_) => "could_not_start",
        AttemptEnd::WorkerDead => "worker_dead",
        AttemptEnd::WorkerShutdown => "worker_shutdown",
    }
}

/// What the process returned, if it returned.
pub(crate) const fn exit_code(end: &AttemptEnd) -> Option<i32> {
    if let AttemptEnd::Exited(code) = end { Some(*code) } else { None }
}

/// The signal that ended the process, if one did that was not ours.
pub(crate) const fn signal(end: &AttemptEnd) -> Option<i32> {
    if let AttemptEnd::Signaled(signal) = end { Some(*signal) } else { None }
}

/// In a sentence.
pub(crate) fn in_words(end: &AttemptEnd) -> Cow<'static, str> {
    match end {
        AttemptEnd::Exited(code) => format!("it exited with code {code}").into(),
        AttemptEnd::Signaled(signal) => format!("signal {signal} ended it").into(),
        AttemptEnd::DeadlineExceeded => "it ran longer than its deadline".into(),
        AttemptEnd::Canceled => "it was canceled".into(),
        AttemptEnd::CouldNotStart(why) => format!("it could not be started: {why}").into(),
        AttemptEnd::WorkerDead => "its worker was declared dead".into(),
        AttemptEnd::WorkerShutdown => "its worker was stopped".into(),
    }
}

/// Why a job ended that nobody asked to end, in one word.
pub(crate) fn of_end(job: &Job) -> Option<&'static str> {
    job.is_expired.then_some("expired")
}

/// Why a job waits, in one word.
pub(crate) const fn wait(reason: &WaitReason) -> &'static str {
    match reason {
        WaitReason::NotDue(_) => "not_due",
        WaitReason::NoWorkerOffers(_) => "no_worker_offers",
        WaitReason::NoWorkerHas(_) => "no_worker_has",
        WaitReason::CapacityInUse { .. } => "capacity_in_use",
        WaitReason::Draining(_) => "draining",
        WaitReason::Paused(_) => "paused",
        WaitReason::Soon => "soon",
    }
}
