//! Which signal a run is due, given the time and what has happened. Pure: it sends nothing.

use std::time::Duration;

use stint_core::ExitCause;
use tokio::time::Instant;

/// Why a worker ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Canceled,
    Deadline,
    Shutdown,
}

/// What is to be done to a run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send SIGTERM.
    Terminate,
    /// Send SIGKILL.
    Kill,
    /// Nothing until then; `None` is for ever.
    Nothing(Option<Instant>),
}

/// The end of one run: SIGTERM at its deadline or when it is asked for, SIGKILL a while later.
#[derive(Debug)]
pub(crate) struct Stop {
    deadline: Option<Instant>,
    kill_after: Duration,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Ending {
    reason: Reason,
    /// `None` is later than any instant that the clock can say.
    kill_at: Option<Instant>,
    is_terminated: bool,
    is_killed: bool,
}

impl Stop {
    /// A run that has started `now`.
    pub(crate) fn new(now: Instant, deadline: Option<Duration>, stop_timeout: Duration) -> Self {
        let deadline = deadline.and_then(|after| now.checked_add(after));
        Self { deadline, kill_after: stop_timeout, ending: None }
    }

    /// The run is to end. What was the first to end it stays the reason.
    pub(crate) fn ask(&mut self, now: Instant, reason: Reason) {
        self.observe_deadline(now);
        if self.ending.is_none() {
            self.begin(now, reason);
        }
    }

    /// The run is to be over by `limit`, whatever its stop timeout says.
    pub(crate) fn limit(&mut self, limit: Instant) {
        if let Some(ending) = &mut self.ending {
            ending.kill_at = Some(ending.kill_at.map_or(limit, |kill_at| kill_at.min(limit)));
        }
    }

    /// What is due now. Each signal is said once.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        self.observe_deadline(now);
        let Some(ending) = &mut self.ending else { return Due::Nothing(self.deadline) };
        if !ending.is_terminated {
            ending.is_terminated = true;
            return Due::Terminate;
        }
        if ending.is_killed {
            return Due::Nothing(None);
        }
        if ending.kill_at.is_some_and(|kill_at| kill_at <= now) {
            ending.is_killed = true;
            return Due::Kill;
        }
        Due::Nothing(ending.kill_at)
    }

    /// What made a run end that is over now: its own doing, unless it was sent a signal before.
    pub(crate) fn cause(&self) -> ExitCause {
        match &self.ending {
            Some(ending) if ending.is_terminated => match ending.reason {
                Reason::Canceled => ExitCause::Canceled,
                Reason::Deadline => ExitCause::Deadline,
                Reason::Shutdown => ExitCause::Shutdown,
            },
            Some(_) | None => ExitCause::Own,
        }
    }

    fn observe_deadline(&mut self, now: Instant) {
        if self.ending.is_none()
            && let Some(deadline) = self.deadline.filter(|deadline| *deadline <= now)
        {
            self.begin(deadline, Reason::Deadline);
        }
    }

    fn begin(&mut self, at: Instant, reason: Reason) {
        self.ending = Some(Ending {
            reason,
            kill_at: at.checked_add(self.kill_after),
            is_terminated: false,
            is_killed: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_run_without_a_deadline_is_left_alone() {
        let start = Instant::now();
        let mut stop = Stop::new(start, None, SECOND);
        assert_eq!(stop.due(start + 1_000_000 * SECOND), Due::Nothing(None));
        assert_eq!(stop.cause(), ExitCause::Own);
    }

    #[test]
    fn a_deadline_is_sigterm_and_the_stop_timeout_later_sigkill() {
        let start = Instant::now();
        let mut stop = Stop::new(start, Some(5 * SECOND), 3 * SECOND);
        assert_eq!(stop.due(start), Due::Nothing(Some(start + 5 * SECOND)));
        assert_eq!(stop.cause(), ExitCause::Own);
        let late = start + 6 * SECOND;
        assert_eq!(stop.due(late), Due::Terminate);
        assert_eq!(stop.due(late), Due::Nothing(Some(start + 8 * SECOND)));
        assert_eq!(stop.due(start + 8 * SECOND), Due::Kill);
        assert_eq!(stop.due(start + 9 * SECOND), Due::Nothing(None));
        assert_eq!(stop.cause(), ExitCause::Deadline);
    }

    #[test]
    fn what_ends_a_run_first_stays_the_reason() {
        let start = Instant::now();
        let mut canceled = Stop::new(start, Some(5 * SECOND), 3 * SECOND);
        canceled.ask(start + SECOND, Reason::Canceled);
        assert_eq!(canceled.cause(), ExitCause::Own, "no signal has been sent yet");
        assert_eq!(canceled.due(start + SECOND), Due::Terminate);
        canceled.ask(start + 2 * SECOND, Reason::Shutdown);
        assert_eq!(canceled.due(start + 5 * SECOND), Due::Kill);
        assert_eq!(canceled.cause(), ExitCause::Canceled);

        let mut late = Stop::new(start, Some(5 * SECOND), 3 * SECOND);
        late.ask(start + 6 * SECOND, Reason::Canceled);
        assert_eq!(late.due(start + 6 * SECOND), Due::Terminate);
        assert_eq!(late.cause(), ExitCause::Deadline);
    }

    #[test]
    fn a_limit_shortens_the_stop_timeout_and_never_stretches_it() {
        let start = Instant::now();
        let mut stop = Stop::new(start, None, 60 * SECOND);
        stop.ask(start, Reason::Shutdown);
        stop.limit(start + 2 * SECOND);
        stop.limit(start + 5 * SECOND);
        assert_eq!(stop.due(start), Due::Terminate);
        assert_eq!(stop.due(start + 2 * SECOND), Due::Kill);
    }

    #[test]
    fn no_stop_timeout_is_sigkill_at_once() {
        let start = Instant::now();
        let mut stop = Stop::new(start, Some(Duration::ZERO), Duration::ZERO);
        assert_eq!(stop.due(start), Due::Terminate);
        assert_eq!(stop.due(start), Due::Kill);
    }

    #[test]
    fn times_beyond_the_clock_never_come() {
        let start = Instant::now();
        let mut stop = Stop::new(start, Some(Duration::MAX), Duration::MAX);
        assert_eq!(stop.due(start), Due::Nothing(None));
        stop.ask(start, Reason::Canceled);
        assert_eq!(stop.due(start), Due::Terminate);
        assert_eq!(stop.due(start + 1_000_000 * SECOND), Due::Nothing(None));
    }
}
