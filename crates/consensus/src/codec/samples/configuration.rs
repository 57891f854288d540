//! The commands that set what stays, and those of crons.

use stint_core::{
    ActionConfig, ActionConfigId, Command, CronId, CronPolicy, Firing, Generation, Missed, NewCron,
    Overlap, Passed, Timeout, Timestamp,
};

use super::{JOB, spec};

/// The commands that set what stays.
pub(super) fn settings() -> Vec<Command> {
    vec![
        Command::PutCron(Box::new(NewCron {
            id: CronId::from_bytes([2; 16]),
            spec: spec(),
            retries: 2,
            schedule: "57 54 3 * * *".to_owned(),
            time_zone: Some("Europe/Berlin".to_owned()),
            policy: cron_policy(),
            anchor: Timestamp::from_ms(1_700_000_000_000),
            next_run: Timestamp::from_ms(1_700_000_001_000),
            undecided: Some(firing()),
        })),
        Command::DeleteCron { action: "encode".to_owned(), undecided: Some(Box::new(firing())) },
        Command::Fire(vec![firing()]),
        Command::PauseCron { action: "encode".to_owned() },
        Command::ResumeCron { action: "encode".to_owned() },
        Command::RunCron { action: "encode".to_owned(), job: JOB, drawn: 300 },
        Command::PutActionConfig(ActionConfig {
            id: ActionConfigId::from_bytes([3; 16]),
            action: "encode".to_owned(),
            parameters: Some([("depth".to_owned(), "16".to_owned())].into()),
        }),
        Command::DeleteActionConfig { action: "encode".to_owned() },
    ]
}

fn firing() -> Firing {
    Firing {
        action: "encode".to_owned(),
        generation: Generation(4),
        mark: Timestamp::from_ms(1_700_000_000_000),
        passed: Some(Passed { last: Timestamp::from_ms(1_700_000_001_000), count: 2 }),
        ticks: vec![Timestamp::from_ms(1_700_000_002_000)],
        has_more: true,
        next_run: Some(Timestamp::from_ms(1_700_000_003_000)),
    }
}

pub(crate) fn cron_policy() -> CronPolicy {
    CronPolicy {
        missed: Missed::All,
        window: Timeout::parse("90s").expect("a duration"),
        overlap: Overlap::Replace,
        jitter: Timeout::parse("1.5m").expect("a duration"),
    }
}
