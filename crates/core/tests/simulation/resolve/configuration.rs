//! What clients and operators set.

use stint_core::{
    ActionConfig, ActionConfigId, Change, Command, Cron, CronId, CronPolicy, Firing, Generation,
    Missed, NewCron, Overlap, Parameters, Passed, SettingsChange, Timeout, Timestamp,
};

use super::{action, numbered, pick, spec};
use crate::simulation::model::Model;
use crate::simulation::script::Op;

/// The command; nothing if the step is of another kind, or asks for what is not there.
pub(super) fn resolve(op: &Op, model: &Model) -> Option<Command> {
    let action_of = |number: u64| action(number).to_owned();
    Some(match op {
        Op::PutCron { .. } => Command::PutCron(Box::new(new_cron(op, model)?)),
        Op::PutCronAgain { number, is_altered } => {
            let crons = &model.configuration.crons;
            let cron = crons.get(pick(*number, crons.len().max(1)))?;
            Command::PutCron(Box::new(again(cron, *is_altered)))
        }
        Op::DeleteCron(number) => Command::DeleteCron {
            action: action_of(*number),
            undecided: undecided(action(*number), number / 7, model).map(Box::new),
        },
        Op::Fire { .. } => Command::Fire(firings(op, model)?),
        Op::PauseCron(number) => Command::PauseCron { action: cron_of(*number, model) },
        Op::ResumeCron(number) => Command::ResumeCron { action: cron_of(*number, model) },
        Op::RunCron { number, id, lag } => Command::RunCron {
            action: cron_of(*number, model),
            job: numbered(*id),
            drawn: model.sequence.saturating_sub(*lag),
        },
        Op::PutActionConfig { id, kind, parameters } => Command::PutActionConfig(ActionConfig {
            id: ActionConfigId::from_bytes(numbered(*id).to_bytes()),
            action: action_of(*kind),
            parameters: configured(*parameters),
        }),
        Op::PutActionConfigAgain(number) => {
            let configs = &model.configuration.action_configs;
            Command::PutActionConfig(configs.get(pick(*number, configs.len().max(1)))?.clone())
        }
        Op::DeleteActionConfig(number) => {
            Command::DeleteActionConfig { action: action_of(*number) }
        }
        Op::PutSettings(number) => Command::PutSettings(settings(*number, model)),
        _ => return None,
    })
}

fn new_cron(op: &Op, model: &Model) -> Option<NewCron> {
    let Op::PutCron { id, kind, need, retries, ticks } = op else { return None };
    // The clock of whoever evaluates the schedule is not the leader's.
    let anchor = (model.now + ticks % 100).saturating_sub(50);
    let is_too_early = ticks.is_multiple_of(17);
    let longest = if ticks.is_multiple_of(4) { 100_000 } else { 300 };
    let wait = if is_too_early { 0 } else { 1 + ticks % longest };
    Some(NewCron {
        id: CronId::from_bytes(numbered(*id).to_bytes()),
        spec: spec(*kind, *need),
        retries: *retries,
        schedule: if ticks.is_multiple_of(19) { "*".repeat(257) } else { "@hourly".to_owned() },
        time_zone: ticks.is_multiple_of(3).then(|| "Europe/Berlin".to_owned()),
        policy: policy(ticks / 128),
        anchor: Timestamp::from_ms(anchor),
        next_run: Timestamp::from_ms(anchor + wait),
        undecided: undecided(spec(*kind, *need).action.as_str(), ticks / 7, model),
    })
}

/// What a gateway sends along, by chance of an action that a cron runs already.
fn compaction_cron(number: u64, model: &Model) -> Option<Box<NewCron>> {
    let op = Op::PutCron { id: number, kind: number / 7, need: 1, retries: 0, ticks: number };
    new_cron(&op, model).map(Box::new)
}

/// The command that has put this cron, or one that differs from it.
fn again(cron: &Cron, is_altered: bool) -> NewCron {
    NewCron {
        id: cron.id,
        spec: cron.spec.clone(),
        retries: cron.retries + u32::from(is_altered),
        schedule: cron.schedule.clone(),
        time_zone: cron.time_zone.clone(),
        policy: cron.policy.clone(),
        anchor: cron.anchor,
        // What has fired since was its first.
        next_run: Timestamp::from_ms(cron.anchor.as_ms() + 1),
        undecided: None,
    }
}

fn policy(number: u64) -> CronPolicy {
    let span = |text: &str| Timeout::parse(text).expect("a duration");
    CronPolicy {
        missed: Missed::ALL[pick(number, 3)],
        window: span(["", "", "100ms", "0s", "1s"][pick(number / 3, 5)]),
        overlap: Overlap::ALL[pick(number / 15, 3)],
        jitter: match number / 45 % 40 {
            0 => span("25h"),
            1..8 => span("200ms"),
            _ => None,
        },
    }
}

/// The action of a cron that there is, mostly.
fn cron_of(number: u64, model: &Model) -> String {
    let crons = &model.configuration.crons;
    match crons.get(pick(number, crons.len() + 1)) {
        Some(cron) => cron.spec.action.clone(),
        None => action(number).to_owned(),
    }
}

/// What a leader says of the ticks of a few crons; some of it is wrong.
fn firings(op: &Op, model: &Model) -> Option<Vec<Firing>> {
    let Op::Fire { numbers, lie } = op else { return None };
    let crons = &model.configuration.crons;
    let mut all: Vec<_> = numbers
        .iter()
        .filter_map(|number| {
            Some(firing(crons.get(pick(*number, crons.len().max(1)))?, *number, model))
        })
        .collect();
    if lie.is_some() {
        // A wrong mark becomes the right one once another of the same cron has been carried out, and
        // no leader sends two.
        let mut named = std::collections::BTreeSet::new();
        all.retain(|firing| named.insert(firing.action.clone()));
    }
    let firing = all.first_mut()?;
    let tick = |ms| Timestamp::from_ms(ms);
    match lie {
        None => {}
        Some(0) => firing.generation = Generation(firing.generation.0 + 1),
        Some(1) => firing.mark = tick(firing.mark.as_ms() + 1),
        Some(2) => firing.ticks.reverse(),
        Some(3) => firing.ticks.push(tick(model.now + 100_000)),
        Some(4) => firing.next_run = Some(firing.mark),
        Some(5) => (firing.ticks, firing.passed) = (Vec::new(), None),
        Some(6) => firing.passed = Some(Passed { last: firing.mark, count: 0 }),
        Some(7) => firing.ticks = vec![firing.mark; 513],
        Some(8) => all = vec![all[0].clone(); 257],
        Some(_) => "unheard".clone_into(&mut firing.action),
    }
    Some(all)
}

fn firing(cron: &Cron, number: u64, model: &Model) -> Firing {
    let mark = cron.next_run.unwrap_or(Timestamp::from_ms(model.now));
    let step = [1, 10, 100, 1_000][pick(number / 8, 4)];
    let nth = |n: u64| Timestamp::from_ms(mark.as_ms() + n * step);
    let is_due = |tick: &Timestamp| cron.put_off(*tick).as_ms() <= model.now;
    let wanted = 1 + number / 32 % 6;
    let mut ticks: Vec<_> = (0..wanted).map(nth).take_while(is_due).collect();
    let mut passed = None;
    if number.is_multiple_of(7) && !ticks.is_empty() {
        let count = 1 + usize::try_from(number / 64 % 3).expect("few").min(ticks.len() - 1);
        let gone: Vec<_> = ticks.drain(..count).collect();
        let count = u64::try_from(gone.len()).expect("few");
        passed = gone.last().map(|last| Passed { last: *last, count });
    }
    Firing {
        action: cron.spec.action.clone(),
        generation: cron.generation,
        mark,
        passed,
        ticks,
        has_more: number.is_multiple_of(5),
        next_run: (!number.is_multiple_of(23)).then(|| nth(wanted)),
    }
}

/// What a gateway says of the ticks that go with a cron: right mostly, or from before others were
/// decided, or nothing, as gateways once did.
fn undecided(action: &str, number: u64, model: &Model) -> Option<Firing> {
    let cron = &model.configuration.crons[model.configuration.cron(action)?];
    let mut named = firing(cron, number, model);
    if number.is_multiple_of(5) {
        return None;
    }
    // Those that are yet to come are named, too, so many that none is missing, or too few.
    let step = [1, 10, 100, 1_000][pick(number / 8, 4)];
    let ahead = [4, 100, 1_000][pick(number / 3, 3)];
    let last = named.ticks.last().copied().or(named.passed.map(|passed| passed.last));
    let first = last.map_or(named.mark.as_ms(), |last| last.as_ms() + step);
    let more = (0..ahead).map(|n| Timestamp::from_ms(first + n * step));
    named.ticks.extend(more);
    named.next_run = (!number.is_multiple_of(3)).then(|| Timestamp::from_ms(first + ahead * step));
    if number.is_multiple_of(11) {
        named.generation = Generation(named.generation.0 + 1);
    }
    if number.is_multiple_of(13) {
        let later = named.mark.as_ms().saturating_sub(step);
        named.passed = None;
        named.mark = Timestamp::from_ms(later);
        named.ticks.insert(0, named.mark);
    }
    Some(named)
}

/// Parameters of a config; jobs have `a` themselves, or nothing.
fn configured(number: u64) -> Option<Parameters> {
    let table: [Option<&[(&str, &str)]>; 5] = [
        None,
        Some(&[]),
        Some(&[("a", "config")]),
        Some(&[("a", "config"), ("c", "config")]),
        Some(&[("d", ""), ("e", "other")]),
    ];
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    table[pick(number, 5)].map(|list| list.iter().map(owned).collect())
}

fn settings(number: u64, model: &Model) -> SettingsChange {
    let age = |text: &str| Timeout::parse(text).expect("a duration");
    SettingsChange {
        job_history_compaction_enabled: match number % 3 {
            0 => Change::Keep,
            other => Change::To(other == 1),
        },
        job_history_to_keep: match number / 3 % 3 {
            0 => Change::Keep,
            1 => Change::To(None),
            _ => Change::To(Some(number % 7)),
        },
        job_history_max_age: match number / 9 % 3 {
            0 => Change::Keep,
            1 => Change::To(None),
            _ if number.is_multiple_of(5) => Change::To(age(&format!("{:0>65}", "1s"))),
            _ => Change::To(age(["24h", "1.5h"][pick(number / 27, 2)])),
        },
        compaction_cron: number.is_multiple_of(2).then(|| compaction_cron(number, model)).flatten(),
    }
}
