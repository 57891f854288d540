//! The built-in action that compacts the history of jobs: proposes what is to go, step by step.
//!
//! What goes is decided by the settings in the log, checked again where each step is applied. A
//! step that is refused because they have changed is chosen anew; one under a lost lease ends the run.

use std::sync::Arc;
use std::time::Duration;

use stint_consensus::Outdated;
use stint_core::limits::COMPACTED_PER_ENTRY_MAX;
use stint_core::{Command, Compaction, Exit, Job, Line, Refusal, Retention, Stream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{APPEND_RETRY_PAUSE, COMPACTION_REST_MIN, STOP_TIMEOUT_DEFAULT};
use crate::orders::{self, Orders};
use crate::pump::{Channel, Lost, append_lines};
use crate::run::{self, sleep_until};
use crate::stop::{Due, Stop};

/// One run of the action.
struct Run {
    channel: Channel,
    orders: watch::Receiver<Orders>,
    standing: Orders,
    stop: Stop,
    next_line: u64,
    started: Instant,
    removed: Removed,
}

/// What a run has removed so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Removed {
    jobs: u64,
    tombstones: u64,
    lines: u64,
    bytes: u64,
}

impl Removed {
    fn add(&mut self, step: &Outdated) {
        let all = u64::try_from(step.ids.len()).unwrap_or(u64::MAX);
        self.jobs += all - step.tombstones;
        self.tombstones += step.tombstones;
        self.lines += step.lines;
        self.bytes += step.bytes;
    }

    fn text(&self) -> String {
        let Self { jobs, tombstones, lines, bytes } = self;
        format!(
            "removed {jobs} jobs with {lines} lines of output, and what was left of {tombstones} \
             deleted jobs: {bytes} bytes of records"
        )
    }
}

/// What became of one step.
enum Step {
    /// It is done, or has to be chosen anew.
    Again,
    /// There is nothing more to remove.
    Done,
    /// The cluster could not be asked: try again a little later.
    Later,
}

/// Removes what the settings of the cluster do not want to be kept. Nothing if the lease was lost.
pub(crate) async fn compact(
    channel: Channel,
    job: Arc<Job>,
    mut orders: watch::Receiver<Orders>,
) -> Option<Exit> {
    let now = Instant::now();
    let standing = *orders.borrow_and_update();
    let mut run = Run {
        channel,
        orders,
        standing,
        stop: Stop::new(now, run::deadline(&job), STOP_TIMEOUT_DEFAULT),
        next_line: job.line_count,
        started: now,
        removed: Removed::default(),
    };
    run.run().await.ok()
}

impl Run {
    async fn run(&mut self) -> Result<Exit, Lost> {
        let text = self.retention().map_or_else(
            || "the job history is not compacted: jobHistoryCompactionEnabled is false".to_owned(),
            told,
        );
        self.say(text).await?;
        let mut rest = Duration::ZERO;
        while !self.is_to_stop(rest).await? {
            let start = Instant::now();
            // Others propose, too: at least half of the time is theirs.
            rest = match self.step().await? {
                Step::Again => start.elapsed().max(COMPACTION_REST_MIN),
                Step::Later => APPEND_RETRY_PAUSE,
                Step::Done => break,
            };
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let text = format!("{}, in {seconds:.1} s", self.removed.text());
        self.say(text).await?;
        Ok(Exit { cause: self.stop.cause(), code: 0, signal: None })
    }

    fn retention(&self) -> Option<Retention> {
        self.channel.replica.with_state(|state| state.settings().retention())
    }

    async fn step(&mut self) -> Result<Step, Lost> {
        let Some(by) = self.retention() else { return Ok(Step::Done) };
        let replica = &self.channel.replica;
        let outdated = match replica.outdated(by, COMPACTED_PER_ENTRY_MAX).await {
            Ok(outdated) => outdated,
            Err(error) => {
                tracing::warn!(%error, "the history cannot be read to be compacted");
                return Ok(Step::Later);
            }
        };
        if outdated.ids.is_empty() {
            return Ok(Step::Done);
        }
        let command = Command::Compact(Box::new(Compaction {
            worker: self.channel.worker,
            epoch: self.channel.epoch,
            job: self.channel.mark.job,
            lease: self.channel.mark.lease,
            by,
            jobs: outdated.ids.clone(),
        }));
        match replica.propose(command).await {
            Ok(Ok(_)) => {
                self.removed.add(&outdated);
                Ok(Step::Again)
            }
            Ok(Err(Refusal::OtherRetention)) => Ok(Step::Again),
            Ok(Err(refusal)) => {
                tracing::debug!(%refusal, "a step of a compaction was refused");
                Err(Lost)
            }
            Err(error) => {
                tracing::debug!(%error, "a step of a compaction is not made yet");
                Ok(Step::Later)
            }
        }
    }

    /// Rests, and says whether the run is to end.
    async fn is_to_stop(&mut self, rest: Duration) -> Result<bool, Lost> {
        let end = Instant::now() + rest;
        loop {
            if self.standing.is_lost {
                return Err(Lost);
            }
            let now = Instant::now();
            self.standing.apply(now, &mut self.stop);
            let until = match self.stop.due(now) {
                Due::Nothing(until) => until,
                Due::Terminate | Due::Kill => return Ok(true),
            };
            if now >= end {
                return Ok(false);
            }
            let until = until.map_or(end, |until| until.min(end));
            tokio::select! {
                new = orders::next(&mut self.orders) => self.standing = new,
                () = sleep_until(Some(until)) => {}
            }
        }
    }

    /// Says it in the output of the job, unless the lease is lost first.
    async fn say(&mut self, text: String) -> Result<(), Lost> {
        let lines = vec![Line { stream: Stream::Out, text }];
        let append = append_lines(self.channel.clone(), self.next_line, lines);
        tokio::pin!(append);
        loop {
            tokio::select! {
                appended = &mut append => {
                    // A job that may have no more lines has said enough.
                    self.next_line = appended?.unwrap_or(self.next_line);
                    return Ok(());
                }
                new = orders::next(&mut self.orders) => {
                    self.standing = new;
                    if new.is_lost {
                        return Err(Lost);
                    }
                }
            }
        }
    }
}

fn told(by: Retention) -> String {
    let count = by.to_keep.map(|count| format!("at most {count} jobs"));
    let age = by.max_age.map(|age| format!("each for {} s after its end", age.as_ms() / 1_000));
    let rules: Vec<_> = count.into_iter().chain(age).collect();
    if rules.is_empty() {
        return "the settings keep all jobs: neither jobHistoryToKeep nor jobHistoryMaxAge is set"
            .to_owned();
    }
    format!("the settings keep {}", rules.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stint_core::{JobId, Span};

    #[test]
    fn a_run_says_by_which_rule_and_what_it_removed() {
        let by = |to_keep, max_age| Retention { to_keep, max_age };
        let hour = Span::from_ms(3_600_000);
        for (by, text) in [
            (by(Some(10), None), "the settings keep at most 10 jobs"),
            (by(None, Some(hour)), "the settings keep each for 3600 s after its end"),
            (
                by(Some(10), Some(hour)),
                "the settings keep at most 10 jobs, each for 3600 s after its end",
            ),
        ] {
            assert_eq!(told(by), text);
        }
        assert!(told(by(None, None)).contains("keep all jobs"));
        let mut removed = Removed::default();
        let ids = vec![JobId::from_bytes([1; 16]); 3];
        removed.add(&Outdated { ids, tombstones: 1, lines: 7, bytes: 900 });
        assert_eq!(removed, Removed { jobs: 2, tombstones: 1, lines: 7, bytes: 900 });
        let text = "removed 2 jobs with 7 lines of output, and what was left of 1 deleted jobs: \
                    900 bytes of records";
        assert_eq!(removed.text(), text);
    }
}
