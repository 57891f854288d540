//! What happens to jobs, told as traces by the replica that leads.

use stint_consensus::{Error, Replica};
use stint_trace::Traces;

/// Tells what is applied while this replica leads. Returns when it cannot go on.
pub(crate) async fn tell(replica: &Replica, traces: &Traces) -> Error {
    if !traces.is_on() {
        return std::future::pending().await;
    }
    let mut watcher = replica.watch(None);
    loop {
        match watcher.next().await {
            // Two may believe so for a moment, and a span is told twice, or nobody does, and it is
            // not told at all: traces are for people, the record is the job's.
            Ok(batch) if replica.is_leader() => {
                for occurrence in &batch {
                    traces.happened(&occurrence.event);
                }
            }
            Ok(_) => {}
            Err(Error::Compacted { oldest, .. }) => watcher = replica.watch(Some(oldest)),
            Err(error) => return error,
        }
    }
}
