//! What replicas cost that have nothing to do.

use std::time::Duration;

use tokio::time::sleep;

use super::Target;
use crate::print::{Row, Unit};

/// How often it is looked whether a signal ends the measurement early.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

pub(super) async fn run(target: &Target, seconds: u64) -> anyhow::Result<Vec<Row>> {
    // What the first questions cost, connections and all, is not what is asked.
    target.meter.read().await?;
    let before = target.meter.read().await?;
    for _ in 0..seconds * 10 {
        if target.is_stopped() {
            break;
        }
        sleep(LOOK_INTERVAL).await;
    }
    let after = target.meter.read().await?;
    let passed = before.took_until(&after);
    let mut rows = vec![Row::new("seconds", "seconds", Unit::Count(passed.as_secs()))];
    rows.extend(before.rows_until(&after, passed.as_secs(), "second"));
    Ok(rows)
}
