//! Submissions alone: jobs that nobody claims.

use stint_client::v0;

use super::times::in_a_year;
use super::{ACTION, Target, load, remove};
use crate::args::bench::Load;
use crate::print::Row;

pub(super) async fn run(target: &Target, args: Load) -> anyhow::Result<Vec<Row>> {
    let job = v0::SubmitJobRequest {
        action: ACTION.to_owned(),
        scheduled_at: Some(in_a_year()),
        ..Default::default()
    };
    let before = target.meter.read().await?;
    let load = load::submit(target, args, &job).await?;
    let after = target.meter.read().await?;
    let ids = load.all();
    let mut rows = load.rows(args, &load::SUBMISSIONS);
    rows.extend(before.rows_until(&after, load.count(), "job"));
    if !args.keep {
        remove(&target.connections, ids).await?;
    }
    Ok(rows)
}
