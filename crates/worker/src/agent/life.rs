//! The lives of a worker: ended with the lease, begun by registering, kept by renewing.

use std::io;
use std::time::Duration;

use stint_core::{Command, Epoch, Incarnation, Registration, Span};
use stint_failpoint::failpoint;
use tokio::time::Instant;

use crate::clock::Boottime;
use crate::limits::{
    LEASE_MARGIN_PART, LEFTOVER_LOG_INTERVAL, LEFTOVER_PAUSE, LEFTOVER_PAUSE_MAX, PAUSE_MAX,
    RENEWALS_IN_FLIGHT_MAX, RENEWALS_PER_LEASE, SWEEP_PAUSE, SWEEP_REST,
};

use super::answers::Ask;
use super::{Agent, InFlight, Search, Searched};

/// Where a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Something of a former life may still run. Until it is gone there is no new one.
    Settling,
    /// Nothing runs, and the cluster does not know yet that the worker is here.
    Absent,
    /// Registered; the cluster does not know yet that nothing of a former life runs.
    Arrived(Epoch),
    /// It may claim.
    Living(Epoch),
}

impl Life {
    pub(super) fn epoch(self) -> Option<Epoch> {
        match self {
            Self::Settling | Self::Absent => None,
            Self::Arrived(epoch) | Self::Living(epoch) => Some(epoch),
        }
    }
}

/// One registration, however often it is proposed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    incarnation: Incarnation,
    /// When it was proposed first. Only the first that is committed begins a lease, so this is
    /// what the lease is counted from.
    sent: Boottime,
}

/// The worker's own view of its lease.
#[derive(Debug)]
pub(super) struct Renewal {
    /// When the next is due.
    pub(super) at: Instant,
    /// Whether the lease of this life has begun.
    has_begun: bool,
}

impl Renewal {
    pub(super) fn new() -> Self {
        Self { at: Instant::now(), has_begun: false }
    }
}

impl Agent {
    /// Registers, confirms and renews as it is due.
    pub(super) fn live(&mut self, now: Instant) {
        match self.life {
            Life::Settling => {}
            Life::Absent => self.register(now),
            Life::Arrived(epoch) => {
                self.renew(now, epoch);
                self.confirm(epoch);
            }
            Life::Living(epoch) => self.renew(now, epoch),
        }
    }

    /// The cluster gives this worker no job any more, or may have given its jobs to others.
    /// Everything it runs is killed; when that is gone, it registers anew.
    pub(super) fn end_life(&mut self, why: &str) {
        if let Some(epoch) = self.life.epoch() {
            let runs = self.inventory.running().len();
            tracing::warn!(%epoch, runs, why, "the worker's life is over: it ends what it runs");
        }
        self.context.lease.end();
        self.inventory.order_all(|orders| orders.is_lost = true);
        self.inventory.forget_all();
        self.proposals.abort_all();
        self.in_flight = InFlight::default();
        self.life = Life::Settling;
        self.arrival = None;
        self.news.forget();
        self.renewal.has_begun = false;
        self.ended_marks.clear();
        self.search_at = Instant::now();
    }

    /// Ends this life if its lease is over. That a former life's lease ran out may be heard late,
    /// and means nothing to a life with a lease of its own or with none yet.
    pub(super) fn check_lease(&mut self) {
        let has_life = self.life.epoch().is_some();
        if has_life && self.renewal.has_begun && !self.context.lease.is_valid() {
            self.end_life("it could not renew its lease in time");
        }
    }

    fn register(&mut self, now: Instant) {
        let is_leaving = self.farewell.is_some() || self.stopped.is_some();
        if is_leaving || self.in_flight.is_life || self.paused_until.is_some() {
            return;
        }
        let arrival = match self.arrival.map_or_else(|| arrive(self.context.lease.now()), Ok) {
            Ok(arrival) => *self.arrival.insert(arrival),
            Err(error) => {
                tracing::error!(%error, "the system gives no random number; trying again");
                self.paused_until = now.checked_add(PAUSE_MAX);
                return;
            }
        };
        let ttl_ms = u64::try_from(self.config.ttl.as_millis()).unwrap_or(u64::MAX);
        self.renewal.at = now + self.renewal_pause();
        self.in_flight.is_life = true;
        let registration = Registration {
            worker: self.me,
            incarnation: arrival.incarnation,
            capacity: self.config.capacity.clone(),
            actions: self.config.offers(),
            ttl: Span::from_ms(ttl_ms),
        };
        let place = failpoint!("worker::life::register");
        self.propose(place, Ask::Register, Command::Register(registration));
    }

    /// The registration is in the log.
    pub(super) fn arrived(&mut self, epoch: Epoch) {
        tracing::info!(worker = %self.me, %epoch, "the worker is registered");
        self.life = Life::Arrived(epoch);
        self.renewal.has_begun = false;
        if let Some(arrival) = self.arrival.take() {
            self.renewed(arrival.sent);
        }
        if !self.renewal.has_begun {
            // It took so long that the lease is over by this worker's own count. Nothing has run
            // under it, so that it can simply be renewed.
            self.renewal.at = Instant::now();
        }
    }

    fn confirm(&mut self, epoch: Epoch) {
        if !self.in_flight.is_life && self.paused_until.is_none() {
            self.in_flight.is_life = true;
            let place = failpoint!("worker::life::confirm");
            self.propose(place, Ask::Confirm, Command::Confirm { worker: self.me, epoch });
        }
    }

    fn renew(&mut self, now: Instant, epoch: Epoch) {
        if self.renewal_due().is_some_and(|at| at <= now) {
            self.renewal.at = now + self.renewal_pause();
            self.in_flight.renewals += 1;
            let ask = Ask::Renew { sent: self.context.lease.now() };
            let place = failpoint!("worker::life::renew");
            self.propose(place, ask, Command::Heartbeat { worker: self.me, epoch });
        }
    }

    /// A renewal that was sent then is in the log.
    pub(super) fn renewed(&mut self, sent: Boottime) {
        let margin = self.config.ttl / LEASE_MARGIN_PART;
        let until = sent.plus(self.config.ttl.saturating_sub(margin));
        if self.renewal.has_begun {
            self.context.lease.renew(until);
        } else if until > self.context.lease.now() {
            self.context.lease.begin(until);
            self.renewal.has_begun = true;
        }
    }

    pub(super) fn renewal_due(&self) -> Option<Instant> {
        let has_room = self.in_flight.renewals < RENEWALS_IN_FLIGHT_MAX;
        (self.life.epoch().is_some() && has_room).then_some(self.renewal.at)
    }

    fn renewal_pause(&self) -> Duration {
        self.config.ttl / RENEWALS_PER_LEASE
    }

    /// Searches for processes that are to be ended.
    pub(super) fn search(&mut self, now: Instant) {
        if self.search_due().is_none_or(|at| at > now) {
            return;
        }
        let notes = std::sync::Arc::clone(&self.context.notes);
        let search = if self.life == Life::Settling {
            Search::Leftovers
        } else {
            Search::Escaped(self.ended_marks.clone())
        };
        if self.context.runner.is_some() {
            // Nothing of it is a process.
            self.searches.spawn(async { Searched { search, found: Ok(0), took: Duration::ZERO } });
            return;
        }
        self.searches.spawn_blocking(move || {
            let start = Instant::now();
            let found = match &search {
                Search::Leftovers => notes.end_leftovers(),
                Search::Escaped(marks) => notes.end_runs(marks),
            };
            Searched { search, found, took: start.elapsed() }
        });
    }

    pub(super) fn search_due(&self) -> Option<Instant> {
        let is_wanted = if self.life == Life::Settling {
            self.runs.is_empty()
        } else {
            !self.ended_marks.is_empty()
        };
        (is_wanted && self.searches.is_empty()).then_some(self.search_at)
    }

    pub(super) fn hear_search(&mut self, searched: Searched) {
        if matches!(searched.found, Ok(0)) {
            (self.search_pause, self.search_told_at) = (LEFTOVER_PAUSE, None);
        }
        let pause = match (searched.search, searched.found) {
            (Search::Leftovers, Ok(0)) => {
                if self.life == Life::Settling && self.runs.is_empty() {
                    self.life = Life::Absent;
                }
                Duration::ZERO
            }
            (Search::Escaped(marks), Ok(0)) => {
                self.ended_marks.retain(|mark| !marks.contains(mark));
                SWEEP_PAUSE.max(searched.took * SWEEP_REST)
            }
            (search, Ok(count)) => {
                self.tell_of_leftovers(count, &search);
                let pause = self.search_pause;
                self.search_pause = (pause * 2).min(LEFTOVER_PAUSE_MAX);
                pause
            }
            (search, Err(error)) => {
                tracing::error!(%error, ?search, "processes cannot be searched for; trying again");
                PAUSE_MAX
            }
        };
        self.search_at = Instant::now() + pause;
    }

    /// Says so at first, and rarely after that: a process in a dead disk stays for as long as the disk.
    fn tell_of_leftovers(&mut self, count: usize, search: &Search) {
        let is_news = self.search_told_at.is_none_or(|at| at.elapsed() >= LEFTOVER_LOG_INTERVAL);
        if is_news {
            tracing::info!(count, ?search, "processes that should have ended are killed");
            self.search_told_at = Some(Instant::now());
        }
    }
}

fn arrive(sent: Boottime) -> io::Result<Arrival> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    let incarnation = Incarnation(u64::from_ne_bytes(bytes));
    Ok(Arrival { incarnation, sent })
}
