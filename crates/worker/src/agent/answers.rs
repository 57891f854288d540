//! What the agent proposes, and what it does with the answers.

use stint_consensus::Error;
use stint_core::{Command, Epoch, Finished, Refusal, Reply};
use stint_failpoint::Injected;
use tokio::time::Instant;

use crate::clock::Boottime;
use crate::limits::{PAUSE_MAX, PAUSE_MIN, REFUSED_PAUSE, RENEWAL_TRIES_PER_LEASE};

use super::Agent;
use super::life::Life;

/// What was asked for.
#[derive(Debug)]
pub(super) enum Ask {
    Register,
    Confirm,
    Renew { sent: Boottime },
    Claim,
    Finish(Vec<Finished>),
    Offer,
    Leave,
}

/// What came of it.
pub(super) struct Answer {
    /// The life in which it was asked.
    epoch: Option<Epoch>,
    ask: Ask,
    result: Result<Result<Reply, Refusal>, Error>,
}

impl Agent {
    /// Proposes `command`, unless a test wants that this fails at the place where it is asked for.
    pub(super) fn propose(&mut self, place: Result<(), Injected>, ask: Ask, command: Command) {
        let (replica, epoch) = (self.replica().clone(), self.life.epoch());
        self.proposals.spawn(async move {
            let result = match place {
                Ok(()) => replica.propose(command).await,
                Err(why) => Err(Error::Unavailable(why.to_string())),
            };
            Answer { epoch, ask, result }
        });
    }

    pub(super) fn hear_answer(&mut self, answer: Answer) {
        if answer.epoch != self.life.epoch() || self.life == Life::Settling {
            // What a former life asked for means nothing to this one.
            return;
        }
        match answer.ask {
            Ask::Register | Ask::Confirm | Ask::Leave => self.in_flight.is_life = false,
            Ask::Renew { .. } => self.in_flight.renewals -= 1,
            Ask::Claim => self.in_flight.is_claim = false,
            Ask::Finish(_) => self.in_flight.is_finish = false,
            Ask::Offer => {}
        }
        match answer.result {
            Ok(Ok(reply)) => self.accepted(answer.ask, &reply),
            Ok(Err(refusal)) => self.refused(&answer.ask, &refusal),
            Err(error) => self.failed(answer.ask, &error),
        }
    }

    fn accepted(&mut self, ask: Ask, reply: &Reply) {
        (self.paused_until, self.pause) = (None, PAUSE_MIN);
        match ask {
            Ask::Register => {
                if let Reply::Registered { epoch } = reply {
                    self.arrived(*epoch);
                }
            }
            Ask::Confirm => {
                if let Life::Arrived(epoch) = self.life {
                    self.life = Life::Living(epoch);
                    self.wants_work = true;
                }
            }
            Ask::Renew { sent } => self.renewed(sent),
            // What it has got, or met and found to be expired, was in the way of more.
            Ask::Claim => self.wants_work = true,
            Ask::Finish(runs) => {
                self.inventory.forget(&runs);
                self.wants_work = true;
                if let Reply::Finished(answers) = reply {
                    for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
                        // Said twice, because the first answer was lost; or no longer ours to say.
                        tracing::debug!(%refusal, "a result is not wanted");
                    }
                }
            }
            Ask::Offer => {
                self.news.answered(true);
                tracing::info!(worker = %self.me, "the cluster knows what the worker offers now");
                self.wants_work = true;
            }
            Ask::Leave => self.left(),
        }
    }

    fn refused(&mut self, ask: &Ask, refusal: &Refusal) {
        match (ask, refusal) {
            (Ask::Register, _) => {
                tracing::error!(%refusal, "the cluster does not take this worker; trying again");
                self.arrival = None;
                self.paused_until = Instant::now().checked_add(REFUSED_PAUSE);
            }
            (Ask::Leave, _) => self.left(),
            (Ask::Claim, Refusal::NotConfirmed(_)) => {
                self.life = self.life.epoch().map_or(self.life, Life::Arrived);
            }
            (Ask::Offer, Refusal::OverLimit { .. }) => {
                self.news.answered(true);
                tracing::error!(%refusal, "the cluster does not take what the worker offers now");
            }
            (Ask::Confirm | Ask::Renew { .. } | Ask::Claim | Ask::Finish(_) | Ask::Offer, _) => {
                self.end_life(&refusal.to_string());
            }
        }
    }

    /// It may or may not have been carried out. Everything that a worker asks for can be asked for
    /// again: what a claim gave, its replica tells.
    fn failed(&mut self, ask: Ask, error: &Error) {
        if let Error::ShuttingDown = error {
            self.hear_stop(error.clone());
            return;
        }
        tracing::debug!(?ask, %error, "a proposal of the worker failed; trying again");
        let now = Instant::now();
        match ask {
            Ask::Renew { .. } => {
                // The lease does not wait: nothing else makes this one pause.
                let next = now + self.config.ttl / RENEWAL_TRIES_PER_LEASE;
                self.renewal.at = self.renewal.at.min(next);
                return;
            }
            Ask::Claim => self.wants_work = true,
            Ask::Finish(runs) => self.inventory.put_back(runs),
            Ask::Offer => self.news.answered(false),
            Ask::Register | Ask::Confirm | Ask::Leave => {}
        }
        self.paused_until = now.checked_add(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}
