//! Ticks that have come due, as a leader plans them and as they are then carried out.

use stint_core::{CronId, CronPolicy, NewCron, Outcome, SkipReason, State, Timeout};

use super::*;

const SECOND: u64 = 1_000;
/// The start of a minute.
const START: u64 = 1_700_000_040_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn put(state: &mut State, action: &str, schedule: &str, policy: CronPolicy) {
    let anchor = at(START);
    let cron = NewCron {
        id: CronId::from_bytes([7; 16]),
        spec: JobSpec {
            action: action.to_owned(),
            parameters: None,
            capacity_map: None,
            deadline: None,
            stop_timeout: None,
        },
        retries: 0,
        schedule: schedule.to_owned(),
        time_zone: None,
        policy,
        anchor,
        next_run: Schedule::first_run(schedule, None, anchor).unwrap(),
        undecided: None,
    };
    let outcome: Outcome = state.apply(anchor, Command::PutCron(Box::new(cron)));
    assert!(outcome.reply.is_ok(), "{outcome:?}");
}

fn with_cron(schedule: &str, policy: CronPolicy) -> State {
    let mut state = State::default();
    put(&mut state, "sleep", schedule, policy);
    state
}

fn planned(state: &State, now: u64, ticks_max: usize) -> Firing {
    let cron = state.crons_due(at(now)).next().expect("it is due");
    plan_one(cron, at(now), ticks_max).unwrap()
}

#[test]
fn what_is_due_is_named_and_what_comes_next_is_not_due() {
    let state = with_cron("*/10 * * * * *", CronPolicy::default());
    assert_eq!(state.next_cron_due(), Some(at(START + 10 * SECOND)));
    let firing = planned(&state, START + 35 * SECOND, 128);
    assert_eq!(firing.ticks, [10, 20, 30].map(|s| at(START + s * SECOND)));
    assert_eq!((firing.passed, firing.has_more), (None, false));
    assert_eq!(firing.next_run, Some(at(START + 40 * SECOND)));

    let firing = planned(&state, START + 35 * SECOND, 2);
    assert_eq!(firing.ticks, [10, 20].map(|s| at(START + s * SECOND)));
    assert!(firing.has_more);
    assert_eq!(firing.next_run, Some(at(START + 30 * SECOND)));
}

#[test]
fn a_tick_that_is_put_off_is_not_due_before() {
    let jitter = Timeout::parse("1h").unwrap();
    let state = with_cron("*/10 * * * * *", CronPolicy { jitter, ..CronPolicy::default() });
    let due = state.next_cron_due().unwrap();
    assert!(due > at(START + 10 * SECOND), "the share of the action is none");
    assert!(state.crons_due(at(due.as_ms() - 1)).next().is_none());
    let firing = planned(&state, due.as_ms(), 128);
    assert_eq!(firing.ticks, [at(START + 10 * SECOND)]);
    assert_eq!(firing.next_run, Some(at(START + 20 * SECOND)));
}

/// Plays what the leader does until nothing is due, and gives the number of entries.
fn catch_up(state: &mut State, now: u64) -> usize {
    for entries in 0..10_000 {
        let due: Vec<_> = state.crons_due(at(now)).map(Arc::clone).collect();
        if due.is_empty() {
            return entries;
        }
        let plan = plan_all(&due, at(now));
        assert!(plan.failed.is_empty());
        assert!(state.apply(at(now), Command::Fire(plan.firings)).reply.is_ok());
    }
    panic!("it goes on for ever");
}

#[test]
fn after_a_day_without_a_leader_each_tick_is_counted() {
    for (missed, name) in stint_core::Missed::ALL.map(|one| (one, one.name())) {
        let mut state = with_cron("* * * * * *", CronPolicy { missed, ..CronPolicy::default() });
        let now = START + 86_400 * SECOND;
        let entries = catch_up(&mut state, now);
        let cron = state.cron("sleep").unwrap();
        let counts = &cron.history.counts;
        let skipped: u64 = counts.skipped.values().sum();
        assert_eq!(counts.fired + skipped, 86_400, "{name}");
        // Those of the last ten seconds are in time: 11 with both ends.
        let fired = if missed == stint_core::Missed::All { 1_000 } else { 11 };
        assert_eq!(counts.fired, fired, "{name}");
        let too_many = counts.skipped.get(&SkipReason::TooMany).copied().unwrap_or(0);
        assert_eq!(too_many > 0, missed == stint_core::Missed::All, "{name}: {counts:?}");
        assert_eq!(cron.next_run, Some(at(now + SECOND)), "{name}");
        assert!(entries <= 20, "{name}: {entries} entries");
        stint_core::invariant::check(&state).unwrap();
    }
}

#[test]
fn of_what_was_missed_long_ago_one_is_made_up_for() {
    let mut state = with_cron("@hourly", CronPolicy::default());
    // 35 minutes after the last.
    let now = at(START).as_ms() / 3_600_000 * 3_600_000 + 10 * 3_600_000 + 2_100_000;
    catch_up(&mut state, now);
    let counts = &state.cron("sleep").unwrap().history.counts;
    assert_eq!(counts.fired, 1);
    assert_eq!(counts.skipped.values().sum::<u64>(), 9);
}

#[test]
fn many_crons_come_in_few_entries_and_each_gets_its_turn() {
    let mut due = Vec::new();
    for _ in 0..FIRINGS_PER_ENTRY_MAX {
        let state = with_cron("* * * * * *", CronPolicy::default());
        due.extend(state.crons_due(at(START + 60 * SECOND)).map(Arc::clone));
    }
    let plan = plan_all(&due, at(START + 60 * SECOND));
    assert_eq!(plan.firings.len(), FIRINGS_PER_ENTRY_MAX);
    let ticks: usize = plan.firings.iter().map(|firing| firing.ticks.len()).sum();
    assert!(ticks <= TICKS_PER_ENTRY_MAX);
    assert!(plan.firings.iter().all(|firing| !firing.ticks.is_empty() && firing.has_more));
}

#[test]
fn large_jobs_are_few_in_one_entry() {
    let mut cron = Cron::clone(
        with_cron("* * * * * *", CronPolicy::default()).cron("sleep").expect("it was put"),
    );
    let value = "x".repeat(200 * 1024);
    cron.spec.parameters = Some([("a".to_owned(), value)].into());
    let cron = Arc::new(cron);
    let due: Vec<_> = (0..FIRINGS_PER_ENTRY_MAX).map(|_| Arc::clone(&cron)).collect();
    let plan = plan_all(&due, at(START + SECOND));
    assert!((1..=32).contains(&plan.firings.len()), "{}", plan.firings.len());
}

#[test]
fn a_schedule_that_means_nothing_here_hinders_no_other() {
    let state = with_cron("* * * * * *", CronPolicy::default());
    let cron = state.cron("sleep").unwrap();
    let mut strange = Cron::clone(cron);
    strange.time_zone = Some("Mars/Olympus".to_owned());
    let plan = plan_all(&[Arc::new(strange), Arc::clone(cron)], at(START + SECOND));
    assert_eq!((plan.failed.len(), plan.firings.len()), (1, 1));
}
