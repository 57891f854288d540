//! The output of one job, for as long as it is wanted.

use std::convert::Infallible;
use std::time::Duration;

use stint_client::v0::LogLine;
use stint_client::{Client, Error, LogRange, Logs};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::tell;
use crate::app::Wanted;
use crate::limits;
use crate::picture::{News, Topic};

/// Lines that come within so short a time are shown together.
const TOGETHER: Duration = Duration::from_millis(50);
/// As many of them as that.
const TOGETHER_MAX: usize = 2_000;

/// Follows whatever output is wanted.
pub(super) async fn follow(
    client: Client,
    mut wanted: watch::Receiver<Wanted>,
    sender: mpsc::Sender<News>,
) {
    loop {
        let output = wanted.borrow_and_update().output.clone();
        let is_other = |now: &Wanted| now.output != output;
        let changed = match &output {
            None => wanted.wait_for(is_other).await,
            Some(job) => tokio::select! {
                changed = wanted.wait_for(is_other) => changed,
                never = all_lines(&client, job, &sender) => match never {},
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

/// The lines of one job, and then nothing.
async fn all_lines(client: &Client, job: &str, sender: &mpsc::Sender<News>) -> Infallible {
    lines(client, job, sender).await;
    std::future::pending().await
}

/// The lines of one job, from some screens before its end on, until there are no more.
async fn lines(client: &Client, job: &str, sender: &mpsc::Sender<News>) {
    let mut offset = None;
    loop {
        let outcome = async {
            let from = match offset {
                Some(offset) => offset,
                None => client.get_job(job).await?.line_count.saturating_sub(limits::LINES_BEFORE),
            };
            offset = Some(from);
            let range = LogRange { follow: true, offset: from, limit: 0 };
            let mut logs = client.job_logs(job, range);
            while let Some(lines) = some(&mut logs).await? {
                offset = lines.last().map(|line| line.line_num + 1).or(offset);
                tell(sender, News::Lines(job.to_owned(), lines)).await;
            }
            Ok::<_, Error>(())
        };
        match outcome.await {
            Ok(()) => return tell(sender, News::OutputEnded(job.to_owned())).await,
            Err(error) => {
                tell(sender, News::Trouble(Topic::Output, error.to_string())).await;
                if error.code().is_some() {
                    return;
                }
                sleep(limits::FAILURE_PAUSE).await;
            }
        }
    }
}

/// The next line, and those that come right after it.
async fn some(logs: &mut Logs) -> Result<Option<Vec<LogLine>>, Error> {
    let Some(first) = logs.next().await? else { return Ok(None) };
    let mut lines = vec![first];
    let until = Instant::now() + TOGETHER;
    while lines.len() < TOGETHER_MAX {
        match timeout_at(until, logs.next()).await {
            Ok(Ok(Some(line))) => lines.push(line),
            // The end and an error come again.
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    Ok(Some(lines))
}
