//! What a job is that says less than it could: the rest is its action's, or the config's of it.

use std::collections::{BTreeMap, BTreeSet};

use stint_core::{
    ActionOffer, JobSpec, LeftOut, NewJob, Offer, Parameters, Refusal, Reply, WorkerStatus,
};

use super::{Answer, Model, capacity_limits};

impl Model {
    pub(super) fn offer(&mut self, new: &Offer) -> Answer {
        let w = self.living(new.worker, new.epoch)?;
        if self.workers[w].offer_number >= new.number {
            return Ok(Reply::Ok);
        }
        capacity_limits(&new.capacity)?;
        self.workers[w].offer_number = new.number;
        self.workers[w].actions = new.actions.clone();
        self.workers[w].capacity_declared = new.capacity.clone();
        self.tell_of_worker(w);
        Ok(Reply::Ok)
    }

    /// What the worker with the lowest id says of the action; those that live come before others.
    pub(super) fn offered(&self, action: &str) -> Option<ActionOffer> {
        let offering = self.workers.iter().filter(|worker| worker.actions.contains_key(action));
        let best = offering.min_by_key(|w| (w.status != WorkerStatus::Running, w.id));
        best.map(|worker| worker.actions[action].clone())
    }

    /// The spec and the retries of a new job, and what of them its submitter has not written.
    pub(super) fn whole(
        &self,
        new: &NewJob,
    ) -> Result<(JobSpec, u32, BTreeSet<String>, BTreeSet<LeftOut>), Refusal> {
        let mut spec = new.spec.clone();
        let (parameters, mut from_config) = self.told(&new.spec);
        spec.parameters = parameters;
        let mut left_out = BTreeSet::new();
        let Some(offer) = self.offered(&spec.action) else {
            return Ok((spec, new.retries.unwrap_or(0), from_config, left_out));
        };
        let mut all: BTreeMap<_, _> = spec.parameters.clone().unwrap_or_default();
        for (name, declared) in &offer.declarations.parameters {
            if let (Some(default), false) = (&declared.default, all.contains_key(name)) {
                from_config.insert(name.clone());
                all.insert(name.clone(), default.clone());
                spec.parameters = Some(all.clone());
            }
        }
        Self::as_declared(&spec.action, &offer, &all)?;
        for (what, is_missing) in [
            (LeftOut::Deadline, spec.deadline.is_none() && offer.defaults.deadline.is_some()),
            (
                LeftOut::StopTimeout,
                spec.stop_timeout.is_none() && offer.defaults.stop_timeout.is_some(),
            ),
            (
                LeftOut::CapacityMap,
                spec.capacity_map.is_none() && offer.defaults.capacity_map.is_some(),
            ),
            (LeftOut::Retries, new.retries.is_none() && offer.defaults.retries > 0),
        ] {
            if is_missing {
                left_out.insert(what);
            }
        }
        let defaults = offer.defaults;
        spec.deadline = spec.deadline.or(defaults.deadline);
        spec.stop_timeout = spec.stop_timeout.or(defaults.stop_timeout);
        spec.capacity_map = spec.capacity_map.or(defaults.capacity_map);
        Ok((spec, new.retries.unwrap_or(defaults.retries), from_config, left_out))
    }

    /// The rules that the simulation's actions have.
    pub(super) fn as_declared(
        action: &str,
        offer: &ActionOffer,
        all: &Parameters,
    ) -> Result<(), Refusal> {
        let declared = &offer.declarations;
        let problem = |(name, value): (&String, &String)| match declared.parameters.get(name) {
            Some(rule)
                if rule
                    .bytes_max
                    .is_some_and(|max| value.len() > usize::try_from(max).expect("few")) =>
            {
                let most = rule.bytes_max.unwrap_or_default();
                Some((0, name.clone(), format!("has {} bytes, more than {most}", value.len())))
            }
            None if declared.is_closed => {
                Some((1, name.clone(), "is none that this action has".to_owned()))
            }
            Some(_) | None => None,
        };
        // What is declared and wrong is told before what is not declared.
        match all.iter().filter_map(problem).min() {
            Some((_, parameter, problem)) => {
                Err(Refusal::BadParameter { action: action.to_owned(), parameter, problem })
            }
            None => Ok(()),
        }
    }
}
