//! Another configuration while it works: what it offers from now on.

use stint_core::{Command, Offer};

use crate::worker::warn_of_limits;

use super::answers::Ask;
use super::{Agent, shared};

/// What the cluster has not heard yet of what the worker offers.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How often it was configured anew. An offer that reaches the log after a later one is void.
    number: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// It has heard all of it.
    #[default]
    Told,
    Untold,
    UnderWay,
    /// Something is under way, and there is more.
    UnderWayAndMore,
}

impl News {
    fn add(&mut self) {
        self.number += 1;
        self.state = match self.state {
            State::Told | State::Untold => State::Untold,
            State::UnderWay | State::UnderWayAndMore => State::UnderWayAndMore,
        };
    }

    /// Whether something is to be told now; it is under way then.
    fn take(&mut self) -> bool {
        let is_due = self.state == State::Untold;
        if is_due {
            self.state = State::UnderWay;
        }
        is_due
    }

    /// What was under way has arrived, or has not.
    pub(super) fn answered(&mut self, has_arrived: bool) {
        self.state = match self.state {
            State::UnderWay if has_arrived => State::Told,
            State::Told => State::Told,
            State::Untold | State::UnderWay | State::UnderWayAndMore => State::Untold,
        };
    }

    /// The next registration tells all of it.
    pub(super) fn forget(&mut self) {
        self.state = State::Told;
    }
}

impl Agent {
    /// Goes on by the configuration that it was given last. What runs keeps what it began with.
    pub(super) fn reconfigure(&mut self) {
        let config = self.configs.borrow_and_update().clone();
        warn_of_limits(&config, &self.context.notes.cgroups);
        self.former_actions = std::mem::replace(&mut self.actions, shared(&config.actions));
        self.config = config;
        self.news.add();
        self.wants_work = true;
    }

    /// Tells the cluster what it offers, under the life that it has: another registration would
    /// begin a new one, and end what runs.
    pub(super) fn offer(&mut self) {
        let Some(epoch) = self.life.epoch() else { return };
        if self.paused_until.is_some() || !self.news.take() {
            return;
        }
        let offer = Offer {
            worker: self.me,
            epoch,
            number: self.news.number,
            capacity: self.config.capacity.clone(),
            actions: self.config.offers(),
        };
        self.propose(Ok(()), Ask::Offer, Command::Offer(Box::new(offer)));
    }
}
