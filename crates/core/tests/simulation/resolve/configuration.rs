//! What clients and operators set.

use stint_core::{
    ActionConfig, ActionConfigId, Change, Command, Cron, CronId, NewCron, Parameters,
    SettingsChange, Timeout, Timestamp,
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
        Op::DeleteCron(number) => Command::DeleteCron { action: action_of(*number) },
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
    let wait = if is_too_early { 0 } else { 1 + ticks % 100_000 };
    Some(NewCron {
        id: CronId::from_bytes(numbered(*id).to_bytes()),
        spec: spec(*kind, *need),
        retries: *retries,
        schedule: if ticks.is_multiple_of(19) { "*".repeat(257) } else { "@hourly".to_owned() },
        time_zone: ticks.is_multiple_of(3).then(|| "Europe/Berlin".to_owned()),
        anchor: Timestamp::from_ms(anchor),
        next_run: Timestamp::from_ms(anchor + wait),
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
        anchor: cron.anchor,
        next_run: cron.next_run.expect("nothing has fired"),
    }
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
