//! Another configuration while it works: what it offers from now on.

use stint_core::{Command, Offer};

use super::answers::Ask;
use super::life::Life;
use super::{Agent, shared};

impl Agent {
    /// Goes on by the configuration that it was given last. What runs keeps what it began with.
    pub(super) fn reconfigure(&mut self) {
        let config = self.configs.borrow_and_update().clone();
        self.former_actions = std::mem::replace(&mut self.actions, shared(&config.actions));
        self.config = config;
        self.has_new_offer = true;
        self.wants_work = true;
    }

    /// Tells the cluster what it offers, under the life that it has: another registration would
    /// begin a new one, and end what runs.
    pub(super) fn offer(&mut self) {
        let Some(epoch) = self.life.epoch() else { return };
        let is_held_back = self.in_flight.is_offer || self.paused_until.is_some();
        if !self.has_new_offer || is_held_back || self.life == Life::Settling {
            return;
        }
        self.has_new_offer = false;
        self.in_flight.is_offer = true;
        let offer = Offer {
            worker: self.me,
            epoch,
            capacity: self.config.capacity.clone(),
            actions: self.config.offers(),
        };
        self.propose(Ask::Offer, Command::Offer(Box::new(offer)));
    }
}
