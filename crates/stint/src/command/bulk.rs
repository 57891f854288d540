//! The same for many jobs: `stint job cancel`, `delete` and `retry`.

use std::time::{SystemTime, UNIX_EPOCH};

use stint_client::v0;

use super::Caller;
use crate::args::job::{Filter, Many};
use crate::exit::Usage;
use crate::print;

/// What is done to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Cancel,
    Delete,
    Retry,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Delete => "delete",
            Self::Retry => "retry",
        }
    }
}

/// Does it to the jobs that are named, one after the other, or to all that the filter is about.
pub(super) async fn run(caller: &Caller, operation: Operation, many: Many) -> anyhow::Result<()> {
    let Some(request) = request(operation, &many)? else {
        for id in &many.ids {
            match operation {
                Operation::Cancel => caller.client.cancel_job(id).await?,
                Operation::Delete => caller.client.delete_job(id).await?,
                Operation::Retry => {
                    let job = caller.client.retry_job(id, "").await?;
                    caller.printer.submitted(&job)?;
                }
            }
        }
        return Ok(());
    };
    // A replica may die before it has said where to go on.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let key = format!("stint-{}-{}-{now}", operation.name(), std::process::id());
    let mut request = v0::BulkJobsRequest { idempotency_key: key, ..request };
    let mut total = v0::BulkJobsResponse::default();
    loop {
        let done = match caller.client.bulk_jobs(request.clone()).await {
            Ok(done) => done,
            Err(error) => {
                if total.matched > 0 {
                    print::note(&format!("{}; then:", print::bulk_in_words(&total)));
                }
                return Err(error.into());
            }
        };
        total.matched += done.matched;
        total.changed += done.changed;
        total.refused += done.refused;
        if total.ids.is_empty() {
            total.ids = done.ids;
        }
        (total.operation, total.dry_run) = (done.operation, done.dry_run);
        if done.next.is_empty() {
            caller.printer.bulk(&total)?;
            return Ok(());
        }
        request.next = done.next;
    }
}

/// What is asked; `None` if the jobs are named.
fn request(operation: Operation, many: &Many) -> Result<Option<v0::BulkJobsRequest>, Usage> {
    let name = operation.name();
    let filter = filter((*many.filter).clone());
    let has_filter = filter != v0::JobFilter::default() || many.all;
    match (many.ids.is_empty(), has_filter) {
        (false, false) if many.dry_run => {
            Err(Usage(format!("--dry-run is for filters, and not for jobs to {name} by their ids")))
        }
        (false, false) => Ok(None),
        (false, true) => Err(Usage("give either ids or a filter, not both".to_owned())),
        (true, false) => Err(Usage(format!(
            "which jobs to {name}? Give their ids, or a filter such as --action or --failed"
        ))),
        (true, true) => Ok(Some(v0::BulkJobsRequest {
            operation: name.to_owned(),
            filter: Some(filter),
            all: many.all,
            dry_run: many.dry_run,
            next: String::new(),
            idempotency_key: String::new(),
        })),
    }
}

fn filter(filter: Filter) -> v0::JobFilter {
    v0::JobFilter {
        action: filter.action,
        worker: filter.worker,
        running: filter.running,
        status: filter.status.join(","),
        since: filter.since,
        until: filter.until,
        started_since: filter.started_since,
        started_until: filter.started_until,
        ended_since: filter.ended_since,
        ended_until: filter.ended_until,
        parent: filter.parent,
        cron: filter.cron,
        text: filter.text,
        priority: filter.priority,
        unique_key: filter.unique,
        failed: filter.failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command as Verb, job};
    use clap::Parser as _;

    fn request_of(args: &[&str]) -> Result<Option<v0::BulkJobsRequest>, String> {
        let all = [&["stint", "job"], args].concat();
        let verb = Cli::try_parse_from(all).map_err(|error| error.to_string())?.command;
        let Verb::Job(command) = verb else { panic!("{verb:?}") };
        let (operation, many) = match command {
            job::Command::Cancel(many) => (Operation::Cancel, many),
            job::Command::Delete(many) => (Operation::Delete, many),
            job::Command::Retry(many) => (Operation::Retry, many),
            job::Command::Submit(_)
            | job::Command::List(_)
            | job::Command::Get(_)
            | job::Command::Logs(_)
            | job::Command::Attempts(_)
            | job::Command::Wait(_) => panic!("{command:?}"),
        };
        request(operation, &many).map_err(|error| error.to_string())
    }

    #[test]
    fn jobs_are_named_or_filtered() {
        assert_eq!(request_of(&["retry", "a", "b"]), Ok(None));
        let all = request_of(&["delete", "--all"]).expect("it can be read").expect("a bulk");
        assert!(all.all && all.operation == "delete");
        let args = ["retry", "--failed", "--action", "scan", "--dry-run", "--since", "24h"];
        let bulk = request_of(&args).expect("it can be read").expect("a bulk");
        let filter = bulk.filter.expect("a filter");
        assert!(filter.failed && filter.action == "scan" && filter.since.is_some());
        assert!(bulk.dry_run && !bulk.all && bulk.operation == "retry");
        let bulk =
            request_of(&["cancel", "--status", "waiting,running", "--status", "worker_dead"]);
        let filter = bulk.expect("it can be read").expect("a bulk").filter.expect("a filter");
        assert_eq!(filter.status, "waiting,running,worker_dead");
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_not_done() {
        for (args, complaint) in [
            (&["cancel"][..], "which jobs to cancel"),
            (&["delete", "--dry-run"], "which jobs to delete"),
            (&["retry", "a", "--failed"], "not both"),
            (&["retry", "a", "--all"], "not both"),
            (&["cancel", "a", "--dry-run"], "--dry-run is for filters"),
            (&["cancel", "--since", "soon"], "2030-01-31T12:00:00Z"),
        ] {
            let error = request_of(args).unwrap_err();
            assert!(error.contains(complaint), "{args:?}: {error}");
        }
    }
}
