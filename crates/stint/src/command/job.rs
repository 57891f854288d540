//! `stint job`.

use std::io::{IsTerminal as _, stderr};

use stint_client::{Error, LogRange, v0};
use tokio::time::{Instant, timeout_at};

use super::worker::amounts;
use super::{Caller, bulk, parameters};
use crate::args::job::{Command, List, Logs, Submit};
use crate::exit::{Exit, Usage};
use crate::print;

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Submit(args) => return submit(caller, args).await,
        Command::List(args) => {
            let jobs = caller.client.list_jobs(which(args)).await?;
            caller.printer.jobs(&jobs)?;
        }
        Command::Get(one) => {
            let job = caller.client.get_job(&one.id).await?;
            caller.printer.job(&job)?;
        }
        Command::Logs(args) => {
            let Logs { id, follow, offset, limit } = args;
            logs(caller, &id, LogRange { follow, offset, limit }).await?;
        }
        Command::Attempts(one) => {
            let runs = caller.client.list_job_attempts(&one.id).await?;
            caller.printer.attempts(&runs)?;
        }
        Command::Retry(many) => bulk::run(caller, bulk::Operation::Retry, many).await?,
        Command::Cancel(many) => bulk::run(caller, bulk::Operation::Cancel, many).await?,
        Command::Delete(many) => bulk::run(caller, bulk::Operation::Delete, many).await?,
        Command::Wait(one) if one.children => {
            let job = caller.client.wait_children(&one.id, caller.patience).await?;
            return Ok(Exit::of_children(&job));
        }
        Command::Wait(one) => {
            let job = wait(caller, &one.id).await?;
            caller.printer.job(&job)?;
            return Ok(Exit::of_job(&job));
        }
    }
    Ok(Exit::Done)
}

async fn submit(caller: &Caller, args: Submit) -> anyhow::Result<Exit> {
    let (is_followed, is_waited_for) = (args.follow, args.wait);
    let job = caller.client.submit_job(submission(args)?).await?;
    if job.existing {
        print::note(&format!("job {}: it has this unique key, and is not over yet", job.id));
    }
    if is_followed {
        print::note(&format!("job {}", job.id));
        logs(caller, &job.id, LogRange { follow: true, ..LogRange::default() }).await?;
        let job = wait(caller, &job.id).await?;
        return Ok(Exit::of_job(&job));
    }
    if is_waited_for {
        let job = wait(caller, &job.id).await?;
        caller.printer.job(&job)?;
        return Ok(Exit::of_job(&job));
    }
    caller.printer.submitted(&job)?;
    if stderr().is_terminal() {
        print::note(&format!("follow it with: stint job logs -f {}", job.id));
    }
    Ok(Exit::Done)
}

fn submission(args: Submit) -> Result<v0::SubmitJobRequest, Usage> {
    let parameters = parameters(args.params)?;
    let capacity = amounts(&args.capacity)?;
    Ok(v0::SubmitJobRequest {
        action: args.action,
        parameters: Some(v0::StringMap { entries: parameters })
            .filter(|map| !map.entries.is_empty()),
        retries: args.retries,
        capacity_map: Some(v0::CapacityMap { entries: capacity })
            .filter(|map| !map.entries.is_empty()),
        deadline: args.deadline.unwrap_or_default(),
        stop_timeout: args.stop_timeout.unwrap_or_default(),
        scheduled_at: args.at,
        idempotency_key: args.idempotency_key.unwrap_or_default(),
        priority: args.priority,
        unique_key: args.unique.unwrap_or_default(),
        expires_at: args.expires,
    })
}

fn which(args: List) -> v0::ListJobsRequest {
    let List { filter, start, order, limit } = args;
    v0::ListJobsRequest {
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
        start,
        limit: Some(limit),
        after: String::new(),
        order,
    }
}

/// Prints the lines of a job as they come.
async fn logs(caller: &Caller, id: &str, range: LogRange) -> anyhow::Result<()> {
    let began = Instant::now();
    let patience = caller.patience.filter(|_| range.follow);
    let mut logs = caller.client.job_logs(id, range);
    loop {
        let next = match patience {
            Some(patience) => timeout_at(began + patience, logs.next()).await,
            None => Ok(logs.next().await),
        };
        match next {
            Ok(Ok(Some(line))) => caller.printer.log_line(&line)?,
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                let status = caller.client.get_job(id).await?.status;
                let waited = began.elapsed();
                return Err(Error::StillWaiting { id: id.to_owned(), status, waited }.into());
            }
        }
    }
}

/// Waits until a job is over, and says on standard error what becomes of it.
async fn wait(caller: &Caller, id: &str) -> Result<v0::Job, Error> {
    let mut said = String::new();
    let progress = |job: &v0::Job| {
        let text = progress(job);
        if text != said {
            print::note(&text);
            said = text;
        }
    };
    let job = caller.client.wait_job_with(id, caller.patience, progress).await?;
    if job.status == "error" && job.retries_left > 0 {
        print::note(&format!(
            "job {id}: it is run again as another job; `stint job list --action {}` shows it",
            job.action
        ));
    }
    Ok(job)
}

fn progress(job: &v0::Job) -> String {
    let mut text = format!("job {}: {}", job.id, job.status);
    if !job.worker_id.is_empty() {
        text = format!("{text} on worker {}, attempt {}", job.worker_id, job.attempt);
    }
    if !job.wait_reason.is_empty() {
        text = format!("{text}: {}", job.wait_reason);
    }
    match job.attempts.last() {
        Some(last) if !last.reason.is_empty() => format!("{text}: {}", last.reason),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command as Verb};
    use clap::Parser as _;

    fn submission_of(args: &[&str]) -> Result<v0::SubmitJobRequest, String> {
        let all = [&["stint", "job", "submit"], args].concat();
        let verb = Cli::try_parse_from(all).map_err(|error| error.to_string())?.command;
        let Verb::Job(Command::Submit(args)) = verb else { panic!("{verb:?}") };
        submission(args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_submission_says_what_the_command_line_says() {
        let job = submission_of(&[
            "scan",
            "-p",
            "A=b=c",
            "--param",
            "B=",
            "--capacity",
            "scan=1,io=2",
            "--retries",
            "3",
            "--deadline",
            "1h30m",
            "--stop-timeout",
            "5s",
            "--at",
            "2030-01-31T12:00:00Z",
            "--idempotency-key",
            "build-42",
        ])
        .unwrap();
        assert_eq!(job.action, "scan");
        assert_eq!(job.idempotency_key, "build-42");
        let parameters = [("A".to_owned(), "b=c".to_owned()), ("B".to_owned(), String::new())];
        assert_eq!(job.parameters.unwrap().entries, parameters.into());
        let capacity = [("scan".to_owned(), 1), ("io".to_owned(), 2)];
        assert_eq!(job.capacity_map.unwrap().entries, capacity.into());
        assert_eq!(
            (job.retries, job.deadline.as_str(), job.stop_timeout.as_str()),
            (Some(3), "1h30m", "5s")
        );
        assert_eq!(job.scheduled_at.unwrap().to_string(), "2030-01-31T12:00:00Z");
    }

    #[test]
    fn what_nobody_set_is_not_set() {
        let job = submission_of(&["noop"]).unwrap();
        let expected = v0::SubmitJobRequest { action: "noop".into(), ..Default::default() };
        assert_eq!(job, expected);
    }

    #[test]
    fn a_wrong_submission_does_not_leave_the_command_line() {
        for (args, complaint) in [
            (&["noop", "-p", "A"][..], "NAME=VALUE"),
            (&["noop", "-p", "=b"], "NAME=VALUE"),
            (&["noop", "-p", "A=1", "-p", "A=2"], "twice"),
            (&["noop", "--capacity", "scan=many"], "amount"),
            (&["noop", "--deadline", "5"], "duration"),
            (&["noop", "--at", "soon"], "2030-01-31T12:00:00Z"),
            (&["noop", "--retries=-1"], "--retries"),
            (&["noop", "--idempotency-key", ""], "--idempotency-key"),
            (&[], "ACTION"),
        ] {
            let error = submission_of(args).unwrap_err();
            assert!(error.contains(complaint), "{args:?}: {error}");
        }
    }

    #[test]
    fn progress_says_why_a_job_waits_and_how_it_ended() {
        let mut job = v0::Job { id: "a".into(), status: "waiting".into(), ..Default::default() };
        job.wait_reason = "the capacity scan: 1 is in use".into();
        assert_eq!(progress(&job), "job a: waiting: the capacity scan: 1 is in use");
        job.wait_reason.clear();
        (job.status, job.worker_id, job.attempt) = ("error".into(), "00000000002a".into(), 1);
        job.attempts =
            vec![v0::Attempt { reason: "it exited with code 1".into(), ..Default::default() }];
        let expected = "job a: error on worker 00000000002a, attempt 1: it exited with code 1";
        assert_eq!(progress(&job), expected);
    }
}
