//! That something has changed: told by the watch of the cluster.

use std::sync::Arc;

use stint_client::{Client, WatchRange};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::tell;
use crate::app::{Tab, Wanted};
use crate::limits;
use crate::picture::{News, Topic};

/// How often things of each kind have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    jobs: u64,
    workers: u64,
    crons: u64,
    queues: u64,
}

impl Changes {
    /// Counts an event of this kind.
    fn count(&mut self, kind: &str) {
        match kind.split_once('_').map_or(kind, |(about, _)| about) {
            "job" => self.jobs += 1,
            "worker" => self.workers += 1,
            "cron" => self.crons += 1,
            "queue" => self.queues += 1,
            _ => {}
        }
    }

    /// Counts something of each kind: what was missed is not known.
    const fn count_all(&mut self) {
        self.jobs += 1;
        self.workers += 1;
        self.crons += 1;
        self.queues += 1;
    }

    /// Whether there is something to look at that was not there `before`.
    pub(crate) const fn matter_to(&self, wanted: &Wanted, before: &Self) -> bool {
        let jobs = self.jobs != before.jobs;
        let workers = self.workers != before.workers;
        let queues = self.queues != before.queues;
        // The line above everything counts jobs, and says which queues are paused.
        jobs || queues
            || match wanted.tab {
                Tab::Jobs | Tab::Workers | Tab::Queues => workers,
                Tab::Crons => self.crons != before.crons,
                Tab::Cluster => false,
            }
    }
}

/// Counts what happens for as long as somebody wants to know.
pub(crate) async fn watch(
    client: Client,
    changes: Arc<watch::Sender<Changes>>,
    sender: mpsc::Sender<News>,
) {
    loop {
        let mut events = client.watch(WatchRange::default());
        loop {
            match events.next().await {
                Ok(event) if event.kind == "bookmark" => tell(&sender, News::Watching).await,
                Ok(event) => changes.send_modify(|changes| changes.count(&event.kind)),
                Err(error) => {
                    tell(&sender, News::Trouble(Topic::Changes, error.to_string())).await;
                    break;
                }
            }
        }
        if sender.is_closed() {
            return;
        }
        sleep(limits::FAILURE_PAUSE).await;
        changes.send_modify(Changes::count_all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn only_what_is_shown_is_looked_at_again() {
        let wanted =
            |tab| Wanted { tab, filter: Filter::default(), limit: 1, job: None, output: None };
        let before = Changes::default();
        for (kind, tab, matters) in [
            ("job_claimed", Tab::Jobs, true),
            ("job_claimed", Tab::Workers, true),
            ("cron_skipped", Tab::Jobs, false),
            ("cron_skipped", Tab::Crons, true),
            ("worker_lost", Tab::Crons, false),
            ("worker_lost", Tab::Workers, true),
            ("queue_paused", Tab::Cluster, true),
            ("something_new", Tab::Jobs, false),
        ] {
            let mut after = before;
            after.count(kind);
            assert_eq!(after.matter_to(&wanted(tab), &before), matters, "{kind} {tab:?}");
        }
    }
}
