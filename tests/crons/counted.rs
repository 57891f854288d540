//! A cron's own count against its jobs: each tick up to the last one that was decided is one job, or
//! was counted as none.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan::ms_of;
use crate::harness::{Cluster, wait_for};

/// Waits until the count is right for a cron of every second, which was this when it was put. Two
/// jobs of one tick are a failure at once.
pub(crate) fn has_each_tick_once(cluster: &Cluster, first: &Value) {
    let action = first["action"].as_str().expect("a text");
    wait_for("each tick to be one job or a reason", || {
        let cron = cluster.get(0, &format!("/api/v0/crons/{action}"))?.json();
        let Some(last) = cron["lastTick"].as_str().map(ms_of) else {
            return Err(cron.to_string());
        };
        let ticks = ticks_of(cluster, first)?;
        let decided = ticks.range(..=last).count();
        let fired = cron["fired"].as_u64().ok_or("fired is no number")?;
        let skips = cron["skipped"].as_object().into_iter().flatten();
        let skipped: u64 = skips.filter_map(|(_, count)| count.as_u64()).sum();
        let due = (last - ms_of(first["nextRun"].as_str().expect("a time"))) / 1_000 + 1;
        let is_true = u64::try_from(decided) == Ok(fired) && fired + skipped == due;
        if is_true { Ok(()) } else { Err(format!("{decided} jobs, {due} ticks, {cron}")) }
    });
}

/// The job of each tick of a cron.
fn ticks_of(cluster: &Cluster, cron: &Value) -> Result<BTreeMap<u64, String>, String> {
    let cron = cron["id"].as_str().expect("an id");
    let mut ticks = BTreeMap::new();
    for job in cluster.list(0, &format!("cron={cron}"))? {
        // A retry has the tick of the job that it retries.
        if job["retryFromID"] != job["id"] {
            continue;
        }
        let tick = ms_of(job["cronTick"].as_str().expect("the tick of its cron"));
        let id = job["id"].as_str().expect("an id").to_owned();
        let other = ticks.insert(tick, id);
        assert_eq!(other, None, "one tick has become two jobs, of which one is {job}");
    }
    Ok(ticks)
}
