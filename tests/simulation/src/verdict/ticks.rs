//! Each tick of a cron is exactly one job, or one recorded reason: the records of a cron follow its
//! schedule without gap, each job of a cron belongs to one, and none comes before its time.

use std::collections::{BTreeMap, BTreeSet};

use stint_core::{Cron, Event, Fate, Generation, JobId, TickRecord, Timestamp};

use crate::replica::period_of;
use crate::trace::{Entry, Seen};

/// One cron, as its records have it so far.
struct Course {
    action: String,
    period_ms: u64,
    /// The first tick that nothing is known of.
    next: Timestamp,
}

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut courses: BTreeMap<Generation, Course> = BTreeMap::new();
    let mut fired: BTreeSet<JobId> = BTreeSet::new();
    for (index, entry) in &seen.entries {
        let mut say = |what: String| wrong.push(format!("entry {index}: {what}"));
        for event in entry.events.iter() {
            match event {
                Event::CronChanged(cron) => change(&mut courses, cron, &mut say),
                Event::CronTicked(ticked) => {
                    let Some(course) = courses.get_mut(&ticked.generation) else {
                        say(format!("a tick of a cron of {} that nobody has put", ticked.action));
                        continue;
                    };
                    tick(course, &ticked.record, entry, &mut say);
                    if let Fate::Fired(job) = ticked.record.fate
                        && !fired.insert(job)
                    {
                        say(format!("job {job} is two ticks"));
                    }
                }
                Event::CronDeleted(cron) => {
                    // One tick that is due goes with its cron, and that is told.
                    if let Some(course) = courses.remove(&cron.generation)
                        && !cron.is_paused()
                        && after(course.next, course.period_ms) <= entry.time
                    {
                        let next = course.next;
                        say(format!("{} goes, and nobody knows of {next:?}", course.action));
                    }
                }
                _ => {}
            }
        }
        for event in entry.events.iter() {
            if let Event::Submitted(job) = event
                && job.cron.is_some_and(|cron| cron.tick.is_some())
                && job.retry_from == job.id
                && !fired.contains(&job.id)
            {
                say(format!("job {} of a cron belongs to no tick", job.id));
            }
        }
    }
    if seen.rest_from.is_some() {
        for course in courses.values() {
            wrong.push(format!("the cron of {} was not looked after to its end", course.action));
        }
    }
    wrong
}

fn after(tick: Timestamp, period_ms: u64) -> Timestamp {
    Timestamp::from_ms(tick.as_ms() + period_ms)
}

fn change(courses: &mut BTreeMap<Generation, Course>, cron: &Cron, say: &mut impl FnMut(String)) {
    let Some(next) = cron.next_run else { return say("a schedule without end has ended".into()) };
    if let Some(course) = courses.get(&cron.generation) {
        if course.next != next {
            say(format!("{} goes on with {next:?}, {:?} was next", course.action, course.next));
        }
        return;
    }
    // Another one takes the place of this one, with what is due of it.
    courses.retain(|_, course| course.action != cron.spec.action);
    let Some(period_ms) = period_of(&cron.schedule) else {
        return say(format!("nobody knows the schedule {}", cron.schedule));
    };
    let action = cron.spec.action.clone();
    courses.insert(cron.generation, Course { action, period_ms, next });
}

fn tick(course: &mut Course, record: &TickRecord, entry: &Entry, say: &mut impl FnMut(String)) {
    let TickRecord { first, last, count, fate, .. } = record;
    let action = &course.action;
    if *first != course.next {
        say(format!("{action} ticks at {first:?}, and {:?} was next", course.next));
    }
    if last.as_ms() != first.as_ms() + (count - 1) * course.period_ms {
        say(format!("{action}: {count} ticks from {first:?} to {last:?}"));
    }
    if *last > entry.time {
        say(format!("{action} ticks at {last:?}, when it is {:?}", entry.time));
    }
    course.next = after(*last, course.period_ms);
    let Fate::Fired(fired) = fate else { return };
    let is_it = |event: &&Event| {
        matches!(event, Event::Submitted(job) if job.id == *fired
            && job.cron.is_some_and(|cron| cron.tick == Some(*first)))
    };
    let jobs = entry.events.iter().filter(is_it).count();
    if jobs != 1 || *count != 1 {
        say(format!("{action}: {count} ticks at {first:?} made {jobs} jobs"));
    }
}
