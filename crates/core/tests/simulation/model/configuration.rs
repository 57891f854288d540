//! What clients and operators set: crons, action configs, settings. Lists in no order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stint_core::{
    ActionConfig, Change, Compaction, Cron, Event, Firing, Generation, JobId, JobSpec, NewCron,
    NewJob, Parameters, Policy, Refusal, Reply, Settings, SettingsChange, SkipReason, TickHistory,
    TickRecord, Timeout, limits,
};

use super::{Answer, Model, capacity_limits, over_limit};

#[derive(Default)]
pub(crate) struct Configuration {
    pub(crate) crons: Vec<Cron>,
    pub(crate) action_configs: Vec<ActionConfig>,
    pub(crate) settings: Settings,
    /// All ticks that were ever decided, one by one.
    pub(crate) ticks: BTreeMap<Generation, Vec<TickRecord>>,
    /// How many crons there ever were.
    pub(super) cron_count: u64,
}

impl Configuration {
    pub(crate) fn cron(&self, action: &str) -> Option<usize> {
        self.crons.iter().position(|cron| cron.spec.action == action)
    }

    pub(crate) fn action_config(&self, action: &str) -> Option<usize> {
        self.action_configs.iter().position(|config| config.action == action)
    }
}

impl Model {
    pub(super) fn put_cron(&mut self, new: &NewCron) -> Answer {
        let action = &new.spec.action;
        let former = self.configuration.cron(action);
        let cron = Cron {
            id: new.id,
            generation: Generation(self.configuration.cron_count + 1),
            spec: new.spec.clone(),
            retries: new.retries,
            schedule: new.schedule.clone(),
            time_zone: new.time_zone.clone(),
            policy: new.policy.clone(),
            anchor: new.anchor,
            last_tick: None,
            next_run: Some(new.next_run),
            pause: None,
            history: TickHistory::default(),
        };
        if let Some(former) = former.map(|c| &self.configuration.crons[c]) {
            let wanted = Cron {
                generation: former.generation,
                last_tick: former.last_tick,
                next_run: former.next_run,
                pause: former.pause,
                history: former.history.clone(),
                ..cron.clone()
            };
            if wanted == *former {
                return Ok(Reply::Ok);
            }
        }
        self.known(action)?;
        over_limit(u64::from(new.retries), u64::from(limits::RETRIES_MAX))?;
        new.spec.capacity_map.as_ref().map_or(Ok(()), capacity_limits)?;
        let bytes = u64::try_from(new.schedule.len()).expect("few");
        over_limit(bytes, u64::try_from(limits::SCHEDULE_BYTES_MAX).expect("few"))?;
        for span in [&new.policy.window, &new.policy.jitter].into_iter().flatten() {
            over_limit(span.span().as_ms(), 24 * 3_600_000)?;
        }
        if new.next_run <= new.anchor {
            return Err(Refusal::NextRunTooEarly { next_run: new.next_run, anchor: new.anchor });
        }
        self.whole(&NewJob {
            id: JobId::from_bytes([0; 16]),
            drawn: 0,
            spec: new.spec.clone(),
            scheduled_at: None,
            retries: Some(new.retries),
            parent: None,
            policy: Policy::default(),
            retry_from: None,
        })?;
        let lost = match former.map(|c| &self.configuration.crons[c]) {
            Some(cron) => self.lost_ticks(cron, new.undecided.as_ref(), SkipReason::Replaced)?,
            None => None,
        };
        self.configuration.cron_count += 1;
        if let Some(former) = former {
            let former = self.configuration.crons.remove(former);
            self.tell_of_lost(&former, lost);
        }
        self.configuration.crons.push(cron.clone());
        self.events.push(Event::CronChanged(Arc::new(cron)));
        Ok(Reply::Ok)
    }

    pub(super) fn delete_cron(&mut self, action: &str, undecided: Option<&Firing>) -> Answer {
        let c = self.configuration.cron(action);
        let c = c.ok_or_else(|| Refusal::NoSuchCron(action.to_owned()))?;
        let lost = self.lost_ticks(&self.configuration.crons[c], undecided, SkipReason::Deleted)?;
        let cron = self.configuration.crons.remove(c);
        self.tell_of_lost(&cron, lost);
        self.events.push(Event::CronDeleted(Arc::new(cron)));
        Ok(Reply::Ok)
    }

    pub(super) fn put_action_config(&mut self, config: &ActionConfig) -> Answer {
        if self.configuration.action_configs.contains(config) {
            return Ok(Reply::Ok);
        }
        self.known(&config.action)?;
        if let Some(former) = self.configuration.action_config(&config.action) {
            self.configuration.action_configs.remove(former);
        }
        self.configuration.action_configs.push(config.clone());
        self.events.push(Event::ActionConfigChanged(Arc::new(config.clone())));
        Ok(Reply::Ok)
    }

    pub(super) fn delete_action_config(&mut self, action: &str) -> Answer {
        let c = self.configuration.action_config(action);
        let c = c.ok_or_else(|| Refusal::NoSuchActionConfig(action.to_owned()))?;
        let config = self.configuration.action_configs.remove(c);
        self.events.push(Event::ActionConfigDeleted(Arc::new(config)));
        Ok(Reply::Ok)
    }

    pub(super) fn put_settings(&mut self, change: &SettingsChange) -> Answer {
        if let Change::To(Some(age)) = &change.job_history_max_age {
            let bytes = u64::try_from(age.text().len()).expect("few");
            over_limit(bytes, u64::try_from(limits::TIMEOUT_BYTES_MAX).expect("few"))?;
        }
        let former = self.configuration.settings.clone();
        let settings = &mut self.configuration.settings;
        if let Change::To(enabled) = change.job_history_compaction_enabled {
            settings.job_history_compaction_enabled = enabled;
        }
        if let Change::To(count) = change.job_history_to_keep {
            settings.job_history_to_keep = count;
        }
        if let Change::To(age) = &change.job_history_max_age {
            settings.job_history_max_age.clone_from(age);
        }
        let is_first =
            settings.job_history_compaction_enabled && !former.job_history_compaction_enabled;
        let settings = settings.clone();
        if let Some(new) = &change.compaction_cron
            && is_first
            && self.configuration.cron(&new.spec.action).is_none()
            && let Err(refusal) = self.put_cron(new)
        {
            self.configuration.settings = former;
            return Err(refusal);
        }
        if settings != former {
            self.events.push(Event::SettingsChanged(settings));
        }
        Ok(Reply::Ok)
    }

    pub(super) fn compact(&mut self, step: &Compaction) -> Answer {
        let size = |n: usize| u64::try_from(n).expect("few");
        over_limit(size(step.jobs.len()), size(limits::COMPACTED_PER_ENTRY_MAX))?;
        self.living(step.worker, step.epoch)?;
        self.held(step.worker, step.job, step.lease)?;
        let settings = &self.configuration.settings;
        let age = settings.job_history_max_age.as_ref().map(Timeout::span);
        let is_in_force = settings.job_history_compaction_enabled
            && step.by.to_keep == settings.job_history_to_keep
            && step.by.max_age == age;
        if !is_in_force {
            return Err(Refusal::OtherRetention);
        }
        let over: Vec<_> =
            step.jobs.iter().copied().filter(|id| self.live(*id).is_none()).collect();
        if !over.is_empty() {
            self.events.push(Event::Compacted(over));
        }
        Ok(Reply::Ok)
    }

    /// What a job of this spec is told, and what of that only the config of its action says.
    pub(super) fn told(&self, spec: &JobSpec) -> (Option<Parameters>, BTreeSet<String>) {
        let own = spec.parameters.clone().unwrap_or_default();
        let config = self.configuration.action_config(&spec.action);
        let config = config.and_then(|c| self.configuration.action_configs[c].parameters.clone());
        let config = config.unwrap_or_default();
        let only: BTreeSet<_> = config.keys().filter(|name| !own.contains_key(*name)).collect();
        let only = only.into_iter().cloned().collect::<BTreeSet<_>>();
        if only.is_empty() {
            return (spec.parameters.clone(), only);
        }
        // The later of two parameters of one name is the one that counts.
        (Some(config.into_iter().chain(own).collect()), only)
    }
}
