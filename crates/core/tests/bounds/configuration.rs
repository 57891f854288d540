//! What bounds crons, action configs and settings, each at its edge, and what a checkpoint of them
//! may not be.

use std::sync::Arc;

use stint_core::invariant::Violation;
use stint_core::{
    ActionConfig, ActionConfigId, Change, Command, Cron, CronId, CronPolicy, Fate, Firing,
    Generation, JobSpec, NewCron, NewJob, Parameters, Parts, Refusal, Reply, Schedule,
    ScheduleError, SettingsChange, Span, State, TickRecord, Timeout, Timestamp, limits,
};

use super::cluster::{ACTION, Cluster, job, new_job, spec, with_actions};

fn new_cron() -> NewCron {
    NewCron {
        id: CronId::from_bytes([1; 16]),
        spec: spec(None),
        retries: 0,
        schedule: "@hourly".to_owned(),
        time_zone: None,
        policy: CronPolicy::default(),
        anchor: Timestamp::from_ms(1_000),
        next_run: Timestamp::from_ms(1_001),
        undecided: None,
    }
}

fn cron_of(action: &str) -> NewCron {
    NewCron { spec: JobSpec { action: action.to_owned(), ..spec(None) }, ..new_cron() }
}

/// Puts this cron.
fn put(new: NewCron) -> Command {
    Command::PutCron(Box::new(new))
}

fn config_of(action: &str, parameters: Option<Parameters>) -> ActionConfig {
    let id = ActionConfigId::from_bytes([1; 16]);
    ActionConfig { id, action: action.to_owned(), parameters }
}

/// One parameter of this name, so that both have so many bytes.
fn of_bytes(name: &str, bytes: usize) -> Parameters {
    Parameters::from([(name.to_owned(), "x".repeat(bytes - name.len()))])
}

/// So many parameters, whose names begin so.
fn many(begin: &str, count: usize) -> Parameters {
    (0..count).map(|n| (format!("{begin}{n}"), String::new())).collect()
}

fn timeout(bytes: usize) -> Option<Timeout> {
    Timeout::parse(&format!("{:0>bytes$}", "1s")).expect("a duration")
}

#[test]
fn a_cron_may_be_as_large_as_each_limit_and_no_larger() {
    let with = |spec| NewCron { spec, ..new_cron() };
    let told = |parameters| with(JobSpec { parameters: Some(parameters), ..spec(None) });
    let needs = |count: usize| with(spec(Some((0..count).map(|n| (n.to_string(), 0)).collect())));
    let retries = |retries| NewCron { retries, ..new_cron() };
    let schedule = |bytes| NewCron { schedule: "*".repeat(bytes), ..new_cron() };
    let zone = |bytes| NewCron { time_zone: Some("a".repeat(bytes)), ..new_cron() };
    let deadline = |bytes| with(JobSpec { deadline: timeout(bytes), ..spec(None) });
    let stop = |bytes| with(JobSpec { stop_timeout: timeout(bytes), ..spec(None) });
    let (bytes, names) = (limits::PARAMETER_BYTES_MAX, limits::CAPACITY_NAMES_MAX);
    let (text, name) = (limits::TIMEOUT_BYTES_MAX, limits::NAME_BYTES_MAX);
    let line = limits::SCHEDULE_BYTES_MAX;
    let span = |ms: u64| Timeout::parse(&format!("{ms}ms")).expect("a duration");
    let with_policy = |policy| NewCron { policy, ..new_cron() };
    let window = |ms| with_policy(CronPolicy { window: span(ms), ..CronPolicy::default() });
    let jitter = |ms| with_policy(CronPolicy { jitter: span(ms), ..CronPolicy::default() });
    let (window_ms, jitter_ms) = (limits::WINDOW_MAX.as_ms(), limits::JITTER_MAX.as_ms());
    for (what, fits, is_too_large) in [
        ("retries", retries(limits::RETRIES_MAX), retries(limits::RETRIES_MAX + 1)),
        ("bytes of parameters", told(of_bytes("a", bytes)), told(of_bytes("a", bytes + 1))),
        ("capacity map", needs(names), needs(names + 1)),
        ("schedule", schedule(line), schedule(line + 1)),
        ("time zone", zone(name), zone(name + 1)),
        ("deadline", deadline(text), deadline(text + 1)),
        ("stop timeout", stop(text), stop(text + 1)),
        ("window", window(window_ms), window(window_ms + 1)),
        ("jitter", jitter(jitter_ms), jitter(jitter_ms + 1)),
    ] {
        let mut cluster = Cluster::with_worker(&[]);
        cluster.refused_over(what, put(is_too_large));
        cluster.ok(put(fits));
        cluster.check();
    }
}

#[test]
fn a_cron_whose_first_run_is_not_after_its_anchor_is_refused() {
    let mut cluster = Cluster::with_worker(&[]);
    let (anchor, next_run) = (Timestamp::from_ms(u64::MAX), Timestamp::ZERO);
    let reply = cluster.apply(put(NewCron { anchor, next_run, ..new_cron() })).reply;
    assert_eq!(reply, Err(Refusal::NextRunTooEarly { next_run, anchor }));
    cluster.check();
}

#[test]
fn a_config_may_be_as_large_as_each_limit_and_no_larger() {
    let bytes = limits::PARAMETER_BYTES_MAX;
    for (what, fits, is_too_large) in [
        ("parameters", many("", limits::PARAMETERS_MAX), many("", limits::PARAMETERS_MAX + 1)),
        ("bytes of parameters", of_bytes("a", bytes), of_bytes("a", bytes + 1)),
        (
            "name of a parameter",
            of_bytes(&"a".repeat(limits::NAME_BYTES_MAX), 200),
            of_bytes(&"a".repeat(limits::NAME_BYTES_MAX + 1), 200),
        ),
    ] {
        let mut cluster = Cluster::with_worker(&[]);
        let put = |parameters| Command::PutActionConfig(config_of(ACTION, Some(parameters)));
        cluster.refused_over(what, put(is_too_large));
        cluster.ok(put(fits));
        cluster.check();
    }
}

#[test]
fn a_job_and_its_config_have_no_more_parameters_together_than_one_job_may_have() {
    let (bytes, count) = (limits::PARAMETER_BYTES_MAX, limits::PARAMETERS_MAX);
    for (what, config, fits, is_too_large) in [
        ("bytes", of_bytes("a", 100), of_bytes("b", bytes - 100), of_bytes("b", bytes - 99)),
        ("parameters", many("a", 24), many("b", count - 24), many("b", count - 23)),
    ] {
        let mut cluster = Cluster::with_worker(&[]);
        cluster.ok(Command::PutActionConfig(config_of(ACTION, Some(config))));
        let new = |number, parameters| NewJob {
            spec: JobSpec { parameters: Some(parameters), ..spec(None) },
            ..new_job(number)
        };
        cluster.refused_over(what, Command::Submit(new(1, is_too_large)));
        cluster.submit(new(1, fits));
        // What the job says itself takes no room beside the config's word for it.
        if what == "bytes" {
            cluster.submit(new(2, of_bytes("a", bytes)));
        }
        cluster.check();
    }
}

#[test]
fn a_maximum_age_has_a_text_that_is_bounded() {
    let mut cluster = Cluster::with_worker(&[]);
    let put = |bytes| {
        let job_history_max_age = Change::To(timeout(bytes));
        Command::PutSettings(SettingsChange { job_history_max_age, ..SettingsChange::default() })
    };
    cluster.refused_over("maximum age", put(limits::TIMEOUT_BYTES_MAX + 1));
    cluster.ok(put(limits::TIMEOUT_BYTES_MAX));
    cluster.check();
}

#[test]
fn so_many_actions_have_a_cron_and_no_more_but_each_may_be_replaced() {
    let limit = limits::CRONS_MAX;
    let mut cluster = with_actions(limit + 1);
    for n in 0..limit {
        cluster.ok(put(cron_of(&n.to_string())));
    }
    let one_more = || put(cron_of(&limit.to_string()));
    assert_eq!(cluster.apply(one_more()).reply, Err(Refusal::TooManyCrons { limit }));
    cluster.ok(put(NewCron { retries: 1, ..cron_of("7") }));
    cluster.ok(Command::DeleteCron { action: "8".to_owned(), undecided: None });
    cluster.ok(one_more());
    assert_eq!(cluster.state.crons().len(), limit);
    cluster.check();
}

#[test]
fn all_crons_together_are_as_large_as_their_limit_and_no_larger() {
    let mut cluster = with_actions(1_000);
    let most = limits::PARAMETER_BYTES_MAX;
    let of = |n: usize, bytes: usize| {
        let parameters = Some(of_bytes("a", bytes));
        let new = cron_of(&n.to_string());
        put(NewCron { spec: JobSpec { parameters, ..new.spec.clone() }, ..new })
    };
    let mut n = 0;
    let refused = loop {
        let outcome = cluster.apply(of(n, most));
        match outcome.reply {
            Ok(_) => n += 1,
            Err(refusal) => break refusal,
        }
    };
    let Refusal::OverLimit { what, got, limit } = refused else { panic!("{refused:?}") };
    assert_eq!((what.as_ref(), limit), ("bytes of all crons", limits::CRONS_BYTES_MAX));
    // What is replaced or deleted makes room.
    let surplus = usize::try_from(got - limit).expect("few");
    cluster.ok(of(0, most - surplus));
    cluster.ok(of(n, most));
    assert!(cluster.apply(of(1, most + 1)).reply.is_err());
    cluster.ok(Command::DeleteCron { action: "1".to_owned(), undecided: None });
    // The name of its action is longer.
    cluster.ok(of(n + 1, most - 8));
    cluster.check();
}

#[test]
fn so_many_actions_have_a_config_and_no_more_but_each_may_be_replaced() {
    let limit = limits::ACTION_CONFIGS_MAX;
    let mut cluster = with_actions(limit + 1);
    for n in 0..limit {
        cluster.ok(Command::PutActionConfig(config_of(&n.to_string(), None)));
    }
    let one_more = || Command::PutActionConfig(config_of(&limit.to_string(), None));
    assert_eq!(cluster.apply(one_more()).reply, Err(Refusal::TooManyActionConfigs { limit }));
    cluster.ok(Command::PutActionConfig(config_of("7", Some(Parameters::new()))));
    cluster.ok(Command::DeleteActionConfig { action: "8".to_owned() });
    cluster.ok(one_more());
    assert_eq!(cluster.state.action_configs().len(), limit);
    cluster.check();
}

#[test]
fn no_refusal_repeats_more_than_a_name_of_an_action() {
    let mut cluster = Cluster::with_worker(&[]);
    let action = "\u{20ac}".repeat(100_000);
    let shown = "\u{20ac}".repeat(limits::NAME_BYTES_MAX);
    for (command, refusal) in [
        (put(cron_of(&action)), Refusal::NoSuchAction(shown.clone())),
        (
            Command::DeleteCron { action: action.clone(), undecided: None },
            Refusal::NoSuchCron(shown.clone()),
        ),
        (Command::PutActionConfig(config_of(&action, None)), Refusal::NoSuchAction(shown.clone())),
        (Command::DeleteActionConfig { action }, Refusal::NoSuchActionConfig(shown)),
    ] {
        assert_eq!(cluster.apply(command).reply, Err(refusal));
    }
}

/// The first tick of the cron.
fn first_tick(cluster: &Cluster) -> Firing {
    let cron = cluster.state.cron(ACTION).expect("it was put");
    let tick = cron.next_run.expect("it has one");
    Firing {
        action: ACTION.to_owned(),
        generation: cron.generation,
        mark: tick,
        passed: None,
        ticks: vec![tick],
        has_more: false,
        next_run: Some(tick.plus(Span::from_ms(5))),
    }
}

#[test]
fn a_cron_that_has_fired_stays_so_when_its_command_comes_once_more() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.ok(put(new_cron()));
    cluster.ok(Command::Fire(vec![first_tick(&cluster)]));
    let fired = cluster.state.cron(ACTION).cloned();

    let (reply, events) = cluster.ok(put(new_cron()));

    assert_eq!((reply, events), (Reply::Ok, Vec::new()));
    assert_eq!(cluster.state.cron(ACTION).cloned(), fired);
}

/// Spoils parts that have one cron and a job with a parameter of its config.
type Spoil = fn(&mut Parts) -> Violation;

fn cron(parts: &mut Parts) -> &mut Cron {
    Arc::make_mut(parts.crons.first_mut().expect("a cron"))
}

fn fired_at(at: Timestamp) -> TickRecord {
    TickRecord { first: at, last: at, count: 1, at, fate: Fate::Fired(job(1)) }
}

#[test]
fn a_checkpoint_with_a_cron_or_a_config_that_cannot_be_is_an_error() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.ok(put(new_cron()));
    cluster.ok(Command::PutActionConfig(config_of(ACTION, Some(of_bytes("a", 2)))));
    cluster.submit(new_job(1));
    let spoils: [Spoil; 11] = [
        |parts| {
            let twin = Arc::clone(&parts.crons[0]);
            parts.crons.push(twin);
            Violation::TwoOfAction(ACTION.to_owned())
        },
        |parts| {
            let twin = Arc::clone(&parts.action_configs[0]);
            parts.action_configs.push(twin);
            Violation::TwoOfAction(ACTION.to_owned())
        },
        |parts| {
            parts.last_generation = Generation(0);
            Violation::Generation(Generation(1))
        },
        |parts| {
            let mut twin = cron(parts).clone();
            twin.spec.action = "twin".to_owned();
            parts.crons.push(Arc::new(twin));
            Violation::Generation(Generation(1))
        },
        |parts| {
            cron(parts).next_run = Some(cron(parts).anchor);
            Violation::Ticks(ACTION.to_owned())
        },
        |parts| {
            cron(parts).last_tick = cron(parts).next_run;
            Violation::Ticks(ACTION.to_owned())
        },
        |parts| {
            (cron(parts).last_tick, cron(parts).next_run) = (Some(cron(parts).anchor), None);
            Violation::Ticks(ACTION.to_owned())
        },
        |parts| {
            let at = cron(parts).anchor;
            cron(parts).history.records.push_back(fired_at(at));
            Violation::Ticks(ACTION.to_owned())
        },
        |parts| {
            let parameters = of_bytes("a", 65 * 1024 * 1024);
            cron(parts).spec.parameters = Some(parameters);
            Violation::Crons
        },
        |parts| {
            let record = &mut parts.jobs[0];
            Arc::make_mut(record).spec.parameters = None;
            Violation::FromConfig(record.id)
        },
        |parts| {
            let action_configs = limits::ACTION_CONFIGS_MAX + 1;
            let configs = (0..action_configs).map(|n| Arc::new(config_of(&n.to_string(), None)));
            parts.action_configs = configs.collect();
            Violation::TooMany { crons: 1, action_configs }
        },
    ];
    for spoil in spoils {
        let mut parts = cluster.state.parts();
        let violation = spoil(&mut parts);
        assert_eq!(State::from_parts(parts).err(), Some(violation));
    }
    cluster.check();
}

#[test]
fn the_first_run_of_a_schedule_is_its_first_tick_after_the_anchor() {
    let anchor = Timestamp::from_ms(1_487_296_187_771); // 2017-02-17T01:49:47.771Z
    for (text, zone, first_ms) in [
        ("57 54 3 * * *", None, 1_487_303_697_000),
        ("57 54 3 * * *", Some("Europe/Berlin"), 1_487_300_097_000),
        ("@every 1h30m", None, 1_487_301_587_771),
    ] {
        let first = Schedule::first_run(text, zone, anchor);
        assert_eq!(first, Ok(Timestamp::from_ms(first_ms)), "{text} in {zone:?}");
    }
    let ended = Schedule::first_run("@daily", None, limits::SCHEDULE_END);
    assert_eq!(ended, Err(ScheduleError::Ended("@daily".to_owned())));
    let never = Schedule::first_run("0 0 0 30 2 *", None, anchor);
    assert!(matches!(never, Err(ScheduleError::NeverFires { .. })), "{never:?}");
}

#[test]
fn a_job_is_asked_for_by_its_own_submission_and_by_no_other() {
    let mut cluster = Cluster::with_worker(&[]);
    let config = Some(of_bytes("a", 100));
    cluster.ok(Command::PutActionConfig(config_of(ACTION, config)));
    // A time that is not the one of its creation.
    let at = cluster.state.now().plus(Span::from_ms(60_000));
    let later = NewJob { scheduled_at: Some(at), retries: Some(2), ..new_job(1) };
    let job = cluster.submit(later.clone());
    assert!(job.is_asked_for_by(&later), "the config has completed it: {job:?}");
    let parameters = Some(of_bytes("b", 100));
    for other in [
        NewJob { scheduled_at: None, ..later.clone() },
        NewJob { scheduled_at: Some(at.plus(Span::from_ms(1))), ..later.clone() },
        NewJob { retries: Some(1), ..later.clone() },
        NewJob { spec: JobSpec { parameters, ..spec(None) }, ..later.clone() },
        NewJob { spec: JobSpec { action: "noop".to_owned(), ..spec(None) }, ..later },
    ] {
        assert!(!job.is_asked_for_by(&other), "{other:?}");
    }
    let at_once = cluster.submit(new_job(2));
    assert!(at_once.is_asked_for_by(&new_job(2)));
    cluster.check();
}
