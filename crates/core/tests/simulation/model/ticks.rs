//! Ticks of crons: which become jobs, and what becomes of the others.

use std::sync::Arc;

use stint_core::{
    Cron, CronLink, Event, Fate, Firing, JobId, Missed, NewJob, Overlap, Pause, Policy, Refusal,
    Reply, Skip, SkipReason, TickCounts, TickHistory, TickRecord, Ticked, Timestamp, limits,
};

use super::{Answer, Model, over_limit};

/// Ticks of one fate that follow each other are one record.
fn grouped(ticks: &[TickRecord]) -> Vec<TickRecord> {
    let mut groups: Vec<TickRecord> = Vec::new();
    for tick in ticks {
        match groups.last_mut() {
            Some(group) if group.fate == tick.fate => {
                *group =
                    TickRecord { first: group.first, count: group.count + tick.count, ..*tick };
            }
            _ => groups.push(*tick),
        }
    }
    groups
}

/// What a cron's record says of all its ticks.
fn history(ticks: &[TickRecord]) -> TickHistory {
    let mut records = grouped(ticks);
    let surplus = records.len().saturating_sub(limits::TICK_RECORDS_KEPT);
    records.drain(..surplus);
    let mut counts = TickCounts::default();
    for tick in ticks {
        match tick.fate {
            Fate::Fired(_) => counts.fired += tick.count,
            Fate::Skipped(skip) => *counts.skipped.entry(skip.reason).or_default() += tick.count,
        }
    }
    TickHistory { records: records.into(), counts }
}

fn nothing(reason: SkipReason) -> Fate {
    Fate::Skipped(Skip { reason, job: None })
}

/// The instants that a firing names, in its order; nothing if it contradicts itself.
fn named(firing: &Firing) -> Option<Vec<Timestamp>> {
    let mut all = Vec::new();
    if let Some(passed) = firing.passed {
        all.push(firing.mark);
        let is_one = passed.last == firing.mark;
        if passed.count == 0 || is_one != (passed.count == 1) {
            return None;
        }
        if !is_one {
            all.push(passed.last);
        }
    }
    all.extend(&firing.ticks);
    let last = *all.last()?;
    all.extend(firing.next_run);
    let is_right = all[0] == firing.mark && all.windows(2).all(|pair| pair[0] < pair[1]);
    is_right.then(|| all.into_iter().filter(|tick| *tick <= last).collect())
}

impl Model {
    pub(super) fn fire(&mut self, firings: &[Firing]) -> Answer {
        let count = |n: usize| u64::try_from(n).expect("few");
        over_limit(count(firings.len()), count(limits::FIRINGS_PER_ENTRY_MAX))?;
        let ticks = firings.iter().map(|firing| firing.ticks.len()).sum();
        over_limit(count(ticks), count(limits::TICKS_PER_ENTRY_MAX))?;
        for firing in firings {
            self.fire_one(firing);
        }
        Ok(Reply::Ok)
    }

    fn fire_one(&mut self, firing: &Firing) {
        let Some(c) = self.configuration.cron(&firing.action) else { return };
        let cron = self.configuration.crons[c].clone();
        let Some(all) = named(firing) else { return };
        let last = *all.last().expect("it names some");
        let is_for_it = cron.generation == firing.generation
            && cron.next_run == Some(firing.mark)
            && cron.pause.is_none_or(|pause| pause.until.is_some())
            && cron.put_off(last).as_ms() <= self.now;
        if !is_for_it {
            return;
        }
        let now = Timestamp::from_ms(self.now);
        let window = cron.policy.window.as_ref().map_or(10_000, |window| window.span().as_ms());
        let resumed = cron.pause.and_then(|pause| pause.until);
        let is_late = |tick: Timestamp| {
            let due = cron.put_off(tick);
            due.as_ms() + window < self.now || resumed.is_some_and(|resumed| resumed >= due)
        };
        let why = |tick: Timestamp| {
            let due = cron.put_off(tick);
            match cron.pause {
                Some(Pause { from, until: Some(until) }) if from <= due && due <= until => {
                    SkipReason::Paused
                }
                _ => SkipReason::Missed,
            }
        };
        let mut decided = Vec::new();
        if let Some(passed) = firing.passed {
            let is_missed = cron.policy.missed != Missed::All && is_late(passed.last);
            let reason = if is_missed { why(passed.last) } else { SkipReason::TooMany };
            let (last, count) = (passed.last, passed.count);
            let fate = nothing(reason);
            decided.push(TickRecord { first: firing.mark, last, count, at: now, fate });
        }
        let in_time = firing.ticks.iter().any(|tick| !is_late(*tick));
        let to_run: Vec<bool> = firing
            .ticks
            .iter()
            .map(|tick| {
                !is_late(*tick)
                    || cron.policy.missed == Missed::All
                    || cron.policy.missed == Missed::One
                        && *tick == last
                        && !in_time
                        && !firing.has_more
            })
            .collect();
        let reasons: Vec<_> = firing.ticks.iter().map(|tick| why(*tick)).collect();
        for ((tick, runs), reason) in firing.ticks.iter().zip(to_run).zip(reasons) {
            let fate = if runs { self.run_tick(&cron, *tick) } else { nothing(reason) };
            decided.push(TickRecord { first: *tick, last: *tick, count: 1, at: now, fate });
        }
        for record in grouped(&decided) {
            self.tell_of(&cron, record);
        }
        let ticks = self.configuration.ticks.entry(cron.generation).or_default();
        ticks.extend(decided);
        let cron = &mut self.configuration.crons[c];
        cron.history = history(ticks);
        cron.last_tick = Some(last);
        cron.next_run = firing.next_run;
    }

    pub(super) fn tell_of(&mut self, cron: &Cron, record: TickRecord) {
        self.events.push(Event::CronTicked(Arc::new(Ticked {
            id: cron.id,
            generation: cron.generation,
            action: cron.spec.action.clone(),
            record,
        })));
    }

    /// Whoever takes a cron away takes away its ticks that are due, and has to have named them all.
    pub(super) fn lost_ticks(
        &self,
        cron: &Cron,
        told: Option<&Firing>,
        reason: SkipReason,
    ) -> Result<Option<TickRecord>, Refusal> {
        let is_due = |tick: Timestamp| cron.put_off(tick).as_ms() <= self.now;
        let Some(first) = cron.next_run.filter(|tick| is_due(*tick)) else { return Ok(None) };
        let (at, fate) = (Timestamp::from_ms(self.now), nothing(reason));
        let Some(told) = told else {
            return Ok(Some(TickRecord { first, last: first, count: 1, at, fate }));
        };
        let wrong = Refusal::OtherTicks(cron.spec.action.clone());
        let is_of_it = told.generation == cron.generation && named(told).is_some();
        if !is_of_it || told.next_run.is_some_and(is_due) {
            return Err(wrong);
        }
        let mut due: Vec<Timestamp> =
            told.ticks.iter().copied().filter(|tick| *tick >= first && is_due(*tick)).collect();
        let mut count = u64::try_from(due.len()).expect("few");
        match told.passed {
            Some(passed) if told.mark == first && is_due(passed.last) => {
                due.insert(0, passed.last);
                count += passed.count;
            }
            Some(_) if told.mark == first => return Err(wrong),
            _ if due.first() != Some(&first) => return Err(wrong),
            _ => {}
        }
        let last = *due.last().expect("the first is due");
        Ok(Some(TickRecord { first, last, count, at, fate }))
    }

    pub(super) fn tell_of_lost(&mut self, cron: &Cron, lost: Option<TickRecord>) {
        if let Some(record) = lost {
            self.tell_of(cron, record);
        }
    }

    fn run_tick(&mut self, cron: &Cron, tick: Timestamp) -> Fate {
        let mut former: Vec<JobId> = self
            .live_jobs()
            .filter(|job| job.cron.is_some() && job.spec.action == cron.spec.action)
            .map(|job| job.id)
            .collect();
        former.sort();
        match (cron.policy.overlap, former.first()) {
            (Overlap::Skip, Some(job)) => {
                let skip = Skip { reason: SkipReason::Overlap, job: Some(*job) };
                return Fate::Skipped(skip);
            }
            (Overlap::Replace, _) => {
                for job in former {
                    let _live = self.cancel(job);
                }
            }
            _ => {}
        }
        let base = JobId::from_bytes(cron.id.to_bytes());
        let new = NewJob {
            id: base.derive(tick, &format!("tick of {}", cron.generation)),
            drawn: self.sequence,
            spec: cron.spec.clone(),
            scheduled_at: Some(cron.put_off(tick)),
            retries: Some(cron.retries).filter(|retries| *retries != 0),
            parent: None,
            policy: Policy::default(),
            retry_from: None,
        };
        match self.create_for(cron, &new, Some(tick)) {
            Ok(_) => Fate::Fired(new.id),
            Err(Refusal::NoSuchAction(_)) => nothing(SkipReason::NoSuchAction),
            Err(Refusal::BadParameter { .. }) => nothing(SkipReason::BadParameters),
            Err(other) => panic!("a simulation is too small for {other}"),
        }
    }

    /// A job of a cron.
    pub(super) fn create_for(
        &mut self,
        cron: &Cron,
        new: &NewJob,
        tick: Option<Timestamp>,
    ) -> Answer {
        let i = self.create_whole(new)?;
        self.jobs[i].job.cron = Some(CronLink { id: cron.id, tick });
        self.announce_new(i);
        Ok(Reply::Submitted(Arc::new(self.jobs[i].job.clone())))
    }

    pub(super) fn run_cron(&mut self, action: &str, id: JobId, drawn: u64) -> Answer {
        if let Some(i) = self.live(id) {
            let job = &self.jobs[i].job;
            let is_same =
                job.spec.action == action && job.cron.is_some_and(|link| link.tick.is_none());
            let same = Reply::Submitted(Arc::new(job.clone()));
            return if is_same { Ok(same) } else { Err(Refusal::IdTaken(id)) };
        }
        if let Some(answer) = self.had_before(id, drawn) {
            return answer;
        }
        let c = self.configuration.cron(action);
        let c = c.ok_or_else(|| Refusal::NoSuchCron(action.to_owned()))?;
        let cron = self.configuration.crons[c].clone();
        let spec = cron.spec.clone();
        let retries = Some(cron.retries).filter(|retries| *retries != 0);
        self.create_for(
            &cron,
            &NewJob {
                id,
                drawn,
                spec,
                scheduled_at: None,
                retries,
                parent: None,
                policy: Policy::default(),
                retry_from: None,
            },
            None,
        )
    }

    pub(super) fn pause_cron(&mut self, action: &str, is_paused: bool) -> Answer {
        let c = self.configuration.cron(action);
        let c = c.ok_or_else(|| Refusal::NoSuchCron(action.to_owned()))?;
        let now = Timestamp::from_ms(self.now);
        let cron = &mut self.configuration.crons[c];
        let open = cron.pause.filter(|pause| pause.until.is_none());
        cron.pause = match (open, is_paused) {
            (None, true) => Some(Pause { from: now, until: None }),
            (Some(pause), false) => Some(Pause { until: Some(now), ..pause }),
            _ => return Ok(Reply::Ok),
        };
        let cron = cron.clone();
        self.events.push(Event::CronChanged(Arc::new(cron)));
        Ok(Reply::Ok)
    }

    /// When the first cron is due.
    pub(crate) fn next_cron_due(&self) -> Option<Timestamp> {
        let crons = self.configuration.crons.iter();
        let going = crons.filter(|cron| cron.pause.is_none_or(|pause| pause.until.is_some()));
        going.filter_map(|cron| cron.next_run.map(|tick| cron.put_off(tick))).min()
    }
}
