//! How late ticks of crons become jobs.

use std::time::Duration;

use anyhow::{Context as _, bail};
use stint_client::v0;
use tokio::time::sleep;

use super::times::{Times, between};
use super::{ACTION, Target, distribution};
use crate::exit::Usage;
use crate::print::{self, Row, Unit};

/// A tick a second.
const SCHEDULE: &str = "* * * * * *";

/// How often it is looked whether a signal ends the measurement early.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What became of the ticks.
#[derive(Default)]
struct Ticks {
    lateness: Times,
    skipped: u64,
}

pub(super) async fn run(
    target: &Target,
    actions: &[String],
    seconds: u64,
) -> anyhow::Result<Vec<Row>> {
    let client = target.client()?;
    for cron in client.list_crons().await? {
        if actions.contains(&cron.action) {
            let action = cron.action;
            bail!(Usage(format!("{action} has a cron, which this would replace: name another")));
        }
    }
    let before = target.meter.read().await?;
    let mut put = Vec::new();
    let measured = async {
        for action in actions {
            let cron = v0::PutCronRequest {
                action: action.clone(),
                schedule: SCHEDULE.to_owned(),
                ..Default::default()
            };
            client.put_cron(cron).await.with_context(|| format!("the cron of {action}"))?;
            put.push(action.as_str());
        }
        for _ in 0..seconds * 10 {
            if target.is_stopped() {
                break;
            }
            sleep(LOOK_INTERVAL).await;
        }
        let mut ticks = Ticks::default();
        for action in actions {
            for tick in client.cron_history(action).await? {
                ticks.note(&tick);
            }
        }
        anyhow::Ok(ticks)
    };
    let ticks = measured.await;
    for action in put {
        if let Err(error) = client.delete_cron(action).await {
            print::note(&format!("the cron of {action} is still there: {error}"));
        }
    }
    let ticks = ticks?;
    let after = target.meter.read().await?;
    let count = ticks.lateness.count();
    let crons = u64::try_from(actions.len()).unwrap_or(u64::MAX);
    let mut rows = vec![
        Row::new("crons", "crons of every second", Unit::Count(crons)),
        Row::new("ticks", "ticks that became jobs", Unit::Count(count)),
        Row::new("skipped", "ticks that became none", Unit::Count(ticks.skipped)),
    ];
    let names = ["latenessP50", "latenessP90", "latenessP99", "latenessLongest"];
    rows.extend(distribution(names, "tick to job, in log time", &ticks.lateness));
    rows.extend(before.rows_until(&after, count, "tick"));
    if count == 0 {
        bail!("no tick has become a job: `stint cron get {}` may say why", {
            actions.first().map_or(ACTION, String::as_str)
        });
    }
    Ok(rows)
}

impl Ticks {
    fn note(&mut self, tick: &v0::CronTick) {
        match (&tick.first, &tick.decided_at) {
            (Some(due), Some(decided)) if tick.skip_reason.is_empty() => {
                self.lateness.add(between(due, decided));
            }
            _ => self.skipped += tick.count,
        }
    }
}
