//! The ticks that a cron takes along when it goes: those that have come due, and that nothing has
//! decided, because it was paused, or because nobody could.

use std::sync::Arc;

use super::{Cron, Firing, Passed, SkipReason, TickRecord, Ticked, skip};
use crate::limits;
use crate::outcome::{Event, Refusal};
use crate::schedule::{Schedule, ScheduleError};
use crate::state::Transition;
use crate::time::Timestamp;

impl Cron {
    /// The ticks that nothing has decided: those that are due at `now`, and some of those that come
    /// after them, so that they are still right when they are in the log. None once the schedule has
    /// ended.
    ///
    /// At most [`limits::UNDECIDED_COUNTED_MAX`] are counted, and then the count says that many.
    pub fn undecided(&self, now: Timestamp) -> Result<Option<Firing>, ScheduleError> {
        let Some(mark) = self.next_run else { return Ok(None) };
        let schedule = Schedule::parse(&self.schedule, self.time_zone.as_deref())?;
        let is_due = |tick: &Timestamp| self.put_off(*tick) <= now;
        let after = |tick: Timestamp| schedule.next_after(tick, self.anchor);
        let (mut passed, mut next) = (None, Some(mark));
        while let Some(tick) = next.filter(is_due) {
            let count = passed.map_or(0, |passed: Passed| passed.count) + 1;
            if count > limits::UNDECIDED_COUNTED_MAX {
                let last = latest(&schedule, self.anchor, is_due, now).unwrap_or(tick);
                passed = passed.map(|passed| Passed { last, ..passed });
                next = after(last);
                break;
            }
            passed = Some(Passed { last: tick, count });
            next = after(tick);
        }
        let mut ticks = Vec::new();
        while let Some(tick) = next.filter(|_| ticks.len() < limits::UNDECIDED_AHEAD) {
            ticks.push(tick);
            next = after(tick);
        }
        Ok(Some(Firing {
            action: self.spec.action.clone(),
            generation: self.generation,
            mark,
            passed,
            ticks,
            has_more: false,
            next_run: next,
        }))
    }
}

/// The last tick that is due, found from behind: a schedule tells only what comes after.
fn latest(
    schedule: &Schedule,
    anchor: Timestamp,
    is_due: impl Fn(&Timestamp) -> bool,
    now: Timestamp,
) -> Option<Timestamp> {
    const MINUTE_MS: u64 = 60_000;
    // From a minute to ten years: with the jitter, a tick that is due may be a day back.
    [1, 60, 24 * 60, 31 * 24 * 60, 366 * 24 * 60, 3_660 * 24 * 60].into_iter().find_map(|minutes| {
        let from = Timestamp::from_ms(now.as_ms().saturating_sub(minutes * MINUTE_MS));
        let next = |tick: &Timestamp| schedule.next_after(*tick, anchor).filter(&is_due);
        std::iter::successors(next(&from), next).last()
    })
}

/// What is told of the ticks that go with a cron. Whoever takes it away has named them; where that
/// does not hold any more, it has to be done anew.
///
/// Without names, as in entries of before there were any, it is the one tick that is next.
pub(super) fn lost(
    cron: &Cron,
    named: Option<&Firing>,
    now: Timestamp,
    reason: SkipReason,
) -> Result<Option<TickRecord>, Refusal> {
    let Some(first) = cron.next_run.filter(|tick| cron.put_off(*tick) <= now) else {
        return Ok(None);
    };
    let Passed { last, count } = match named {
        None => Passed { last: first, count: 1 },
        Some(named) => due_of(named, cron, first, now)
            .ok_or_else(|| Refusal::OtherTicks(cron.spec.action.clone()))?,
    };
    Ok(Some(TickRecord { first, last, count, at: now, fate: skip(reason) }))
}

/// Those of the named ticks that are due, from the cron's next on, if all that are due were named.
fn due_of(named: &Firing, cron: &Cron, first: Timestamp, now: Timestamp) -> Option<Passed> {
    let is_due = |tick: Timestamp| cron.put_off(tick) <= now;
    if named.generation != cron.generation
        || !named.is_in_order()
        || named.next_run.is_some_and(is_due)
    {
        return None;
    }
    // Some may have been decided since they were named.
    let (passed, ticks) = if named.mark == first {
        (named.passed, named.ticks.as_slice())
    } else {
        let at = named.ticks.iter().position(|tick| *tick == first)?;
        (None, named.ticks.get(at..)?)
    };
    if passed.is_some_and(|passed| !is_due(passed.last)) {
        return None;
    }
    let due = ticks.iter().take_while(|tick| is_due(**tick));
    Some(due.fold(passed.unwrap_or(Passed { last: first, count: 0 }), |sum, tick| Passed {
        last: *tick,
        count: sum.count.saturating_add(1),
    }))
}

pub(super) fn tell(transition: &mut Transition, cron: &Cron, lost: Option<TickRecord>) {
    if let Some(record) = lost {
        let (id, generation, action) = (cron.id, cron.generation, cron.spec.action.clone());
        transition.announce(Event::CronTicked(Arc::new(Ticked { id, generation, action, record })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::{CronPolicy, TickHistory};
    use crate::id::{CronId, Generation};
    use crate::job::JobSpec;
    use crate::time::Timeout;

    /// 2023-11-14 22:13:20.
    const ANCHOR_MS: u64 = 1_700_000_000_000;

    fn cron(schedule: &str, jitter: &str) -> Cron {
        let anchor = Timestamp::from_ms(ANCHOR_MS);
        let spec = JobSpec {
            action: "scan".to_owned(),
            parameters: None,
            capacity_map: None,
            deadline: None,
            stop_timeout: None,
        };
        let jitter = Timeout::parse(jitter).expect("a duration");
        Cron {
            id: CronId::from_bytes([1; 16]),
            generation: Generation(3),
            spec,
            retries: 0,
            schedule: schedule.to_owned(),
            time_zone: None,
            policy: CronPolicy { jitter, ..CronPolicy::default() },
            anchor,
            last_tick: None,
            next_run: Schedule::first_run(schedule, None, anchor).ok(),
            pause: None,
            history: TickHistory::default(),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_ms(ANCHOR_MS + seconds * 1_000)
    }

    fn named(cron: &Cron, seconds: u64) -> Firing {
        let named = cron.undecided(at(seconds)).expect("a schedule").expect("a next tick");
        assert!(named.is_in_order(), "{named:?}");
        named
    }

    /// What is told of a cron that goes, by the names of one moment at another one.
    fn told(cron: &Cron, named_at: u64, gone_at: u64) -> Result<Option<(u64, u64, u64)>, Refusal> {
        let lost = lost(cron, Some(&named(cron, named_at)), at(gone_at), SkipReason::Deleted)?;
        let since = |tick: Timestamp| (tick.as_ms() - ANCHOR_MS) / 1_000;
        Ok(lost.map(|record| (since(record.first), since(record.last), record.count)))
    }

    #[test]
    fn what_is_due_is_counted_and_what_comes_while_it_is_proposed_is_named() {
        let cron = cron("@every 10s", "");
        assert_eq!(told(&cron, 5, 9), Ok(None));
        assert_eq!(told(&cron, 5, 10), Ok(Some((10, 10, 1))));
        assert_eq!(told(&cron, 35, 35), Ok(Some((10, 30, 3))));
        assert_eq!(told(&cron, 35, 65), Ok(Some((10, 60, 6))));
        let ahead = u64::try_from(limits::UNDECIDED_AHEAD).expect("few");
        assert_eq!(told(&cron, 35, 30 + ahead * 10), Ok(Some((10, 30 + ahead * 10, 3 + ahead))));
        let other = Err(Refusal::OtherTicks("scan".to_owned()));
        assert_eq!(told(&cron, 35, 40 + ahead * 10), other, "more than were named");
    }

    #[test]
    fn what_was_decided_since_is_not_counted_twice() {
        let before = cron("@every 10s", "");
        let names = named(&before, 5);
        let after = Cron { next_run: Some(at(40)), last_tick: Some(at(30)), ..before.clone() };
        let record = lost(&after, Some(&names), at(55), SkipReason::Replaced).expect("they hold");
        let record = record.expect("some are due");
        assert_eq!((record.first, record.last, record.count), (at(40), at(50), 2));
        // A count cannot be taken apart.
        let names = named(&before, 35);
        let other = Err(Refusal::OtherTicks("scan".to_owned()));
        let within = Cron { next_run: Some(at(20)), ..before.clone() };
        assert_eq!(lost(&within, Some(&names), at(35), SkipReason::Deleted), other);
        let another = Cron { generation: Generation(4), ..before };
        assert_eq!(lost(&another, Some(&names), at(35), SkipReason::Deleted), other);
    }

    #[test]
    fn jitter_puts_off_what_is_due() {
        let cron = cron("@every 10s", "1h");
        let share = cron.put_off(at(0)).as_ms() - ANCHOR_MS;
        let gone = share / 1_000 + 25;
        assert_eq!(told(&cron, gone, gone), Ok(Some((10, 20, 2))));
    }

    #[test]
    fn of_very_many_the_last_is_right_and_the_count_stops() {
        const YEAR: u64 = 365 * 24 * 60 * 60;
        let max = limits::UNDECIDED_COUNTED_MAX;
        assert_eq!(told(&cron("* * * * * *", ""), YEAR, YEAR), Ok(Some((1, YEAR, max))));
        assert_eq!(told(&cron("@every 1s", ""), YEAR, YEAR + 7), Ok(Some((1, YEAR + 7, max + 7))));
        // Each second of one day of a year, three years later: 2026-12-24 23:59:59 is the last.
        let (first, last) = (3_376_000, 1_798_156_799 - ANCHOR_MS / 1_000);
        let seldom = told(&cron("* * * 24 12 *", ""), last + YEAR / 2, last + YEAR / 2);
        assert_eq!(seldom, Ok(Some((first, last, max))));
    }
}
