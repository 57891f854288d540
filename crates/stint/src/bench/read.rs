//! Jobs that are read by their ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::load::{self, Words};
use super::{Target, finished, remove};
use crate::args::bench::Load;
use crate::print::Row;

const WORDS: Words = Words {
    rate: "read",
    times: ["readP50", "readP90", "readP99", "readLongest"],
    accepted: "jobs read in that time",
    failed: "reads failed",
    a_second: "jobs read by id",
    took: "asked to read",
};

pub(super) async fn run(target: &Target, args: Load, jobs: u32) -> anyhow::Result<Vec<Row>> {
    let ids: Arc<[String]> = finished(target, jobs).await?.into();
    let next = Arc::new(AtomicUsize::new(0));
    let before = target.meter.read().await?;
    let all = Arc::clone(&ids);
    let load = load::run(target, args, move |client| {
        let (ids, next) = (Arc::clone(&all), Arc::clone(&next));
        async move {
            let turn = next.fetch_add(1, Ordering::Relaxed) % ids.len();
            match ids.get(turn) {
                Some(id) => client.get_job(id).await.map(drop),
                None => Ok(()),
            }
        }
    });
    let load = load.await?;
    let after = target.meter.read().await?;
    let mut rows = load.rows(args, &WORDS);
    rows.extend(before.rows_until(&after, load.count(), "read"));
    if !args.keep {
        remove(&target.connections, ids.to_vec()).await?;
    }
    Ok(rows)
}
