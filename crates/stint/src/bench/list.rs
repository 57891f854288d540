//! Pages of jobs.

use stint_client::v0;

use super::load::{self, Words};
use super::{Target, finished, remove};
use crate::args::bench::Load;
use crate::print::Row;

const WORDS: Words = Words {
    rate: "list",
    times: ["listP50", "listP90", "listP99", "listLongest"],
    accepted: "pages read in that time",
    failed: "pages failed",
    a_second: "pages read",
    took: "asked to read",
};

pub(super) async fn run(target: &Target, args: Load, limit: u32) -> anyhow::Result<Vec<Row>> {
    // So that a page is full also on a cluster that is new.
    let ids = finished(target, limit).await?;
    let before = target.meter.read().await?;
    let load = load::run(target, args, move |client| async move {
        let which = v0::ListJobsRequest { limit: Some(limit), ..Default::default() };
        client.list_jobs(which).await.map(drop)
    });
    let load = load.await?;
    let after = target.meter.read().await?;
    let mut rows = load.rows(args, &WORDS);
    rows.extend(before.rows_until(&after, load.count(), "page"));
    if !args.keep {
        remove(&target.connections, ids).await?;
    }
    Ok(rows)
}
