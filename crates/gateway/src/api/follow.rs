//! Tells those who follow a job what happens to it.
//!
//! One task reads the replica's events for all followers and wakes those whose job it is about:
//! were each of a thousand followers to read all events, each entry of the log would wake all of
//! them. While nobody follows, nobody reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stint_consensus::{Error, Events, Replica};
use stint_core::{Event, Job, JobId};
use tokio::sync::{Notify, watch};

use super::stopped;

/// The last that is known of a job that is followed.
#[derive(Debug, Clone, Default)]
pub(super) enum News {
    /// Something may have happened: read the job.
    #[default]
    Unknown,
    /// The job is not over, and stands so.
    Live(Arc<Job>),
    /// The job is over, and stands so.
    Over(Arc<Job>),
    /// The job was deleted.
    Gone,
}

/// Who follows which job.
#[derive(Debug, Default)]
pub(super) struct Hub {
    followed: Mutex<BTreeMap<JobId, watch::Sender<News>>>,
    wake: Notify,
    phase: watch::Sender<Phase>,
}

/// Whether events reach the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nobody follows, so nobody listens.
    #[default]
    Idle,
    /// All that is applied from now on reaches the followers.
    Listening,
    /// The replica has stopped, or the gateway.
    Stopped,
}

/// One follower's end: it hears of its job until it is dropped.
#[derive(Debug)]
pub(super) struct Following {
    hub: Arc<Hub>,
    id: JobId,
    /// Taken only by `drop`.
    news: Option<watch::Receiver<News>>,
}

impl Hub {
    /// Follows a job from now on: what was applied before this returns must be read.
    pub(super) async fn follow(self: &Arc<Self>, id: JobId) -> Result<Following, Error> {
        let news = self.followed().entry(id).or_default().subscribe();
        let following = Following { hub: Arc::clone(self), id, news: Some(news) };
        self.wake.notify_one();
        let mut phase = self.phase.subscribe();
        let reached = phase.wait_for(|phase| *phase != Phase::Idle).await.map(|phase| *phase);
        match reached {
            Ok(Phase::Listening) => Ok(following),
            Ok(Phase::Idle | Phase::Stopped) | Err(_) => Err(Error::ShuttingDown),
        }
    }

    /// Reads events for as long as somebody follows, until the replica or the gateway stops.
    pub(super) async fn run(&self, replica: &Replica, mut stopping: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => break,
                () = self.wake.notified() => {}
            }
            if self.followed().is_empty() {
                continue;
            }
            let events = replica.subscribe();
            self.phase.send_replace(Phase::Listening);
            tokio::select! {
                () = stopped(&mut stopping) => break,
                is_open = self.listen(events) => if !is_open { break },
            }
        }
        self.phase.send_replace(Phase::Stopped);
    }

    /// Passes events on until nobody follows; false says that there are no more events.
    async fn listen(&self, mut events: Events) -> bool {
        loop {
            match events.next().await {
                Ok(Some(happening)) => happening.events.iter().for_each(|event| self.tell(event)),
                Ok(None) => self.tell_all_to_read(),
                Err(_) => return false,
            }
            // Under the lock, so that nobody begins to follow between the look and the phase.
            let followed = self.followed();
            if followed.is_empty() {
                self.phase.send_replace(Phase::Idle);
                return true;
            }
        }
    }

    fn tell(&self, event: &Event) {
        if let Event::Compacted(ids) = event {
            let followed = self.followed();
            for follower in ids.iter().filter_map(|id| followed.get(id)) {
                follower.send_replace(News::Gone);
            }
            return;
        }
        let (id, news) = match event {
            Event::Submitted(job)
            | Event::Due(job)
            | Event::Claimed(job)
            | Event::CancelRequested(job)
            | Event::WorkerLost(job)
            | Event::WorkerReturned(job)
            | Event::Resurrected(job)
            | Event::AwaitsChildren(job)
            | Event::LinesAppended { job, .. } => (job.id, News::Live(Arc::clone(job))),
            Event::Ended(job) => (job.id, News::Over(Arc::clone(job))),
            Event::Deleted(id) => (*id, News::Gone),
            Event::Compacted(_)
            | Event::Retried { .. }
            | Event::QueuePaused(_)
            | Event::QueueResumed(_)
            | Event::WorkerChanged(_)
            | Event::CronChanged(_)
            | Event::CronDeleted(_)
            | Event::CronTicked(_)
            | Event::ActionConfigChanged(_)
            | Event::ActionConfigDeleted(_)
            | Event::SettingsChanged(_)
            | Event::TokenCreated(_)
            | Event::TokenRevoked(_) => return,
        };
        if let Some(follower) = self.followed().get(&id) {
            follower.send_replace(news);
        }
    }

    fn tell_all_to_read(&self) {
        for follower in self.followed().values() {
            follower.send_replace(News::Unknown);
        }
    }

    /// A panic of a holder leaves the map whole: each change of it is one call.
    fn followed(&self) -> MutexGuard<'_, BTreeMap<JobId, watch::Sender<News>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Following {
    /// Waits for news. An error says that there will be none.
    pub(super) async fn next(&mut self) -> Result<News, Error> {
        let Some(news) = &mut self.news else { return Err(Error::ShuttingDown) };
        let mut phase = self.hub.phase.subscribe();
        tokio::select! {
            biased;
            changed = news.changed() => match changed {
                Ok(()) => Ok(news.borrow_and_update().clone()),
                Err(_) => Err(Error::ShuttingDown),
            },
            _ = phase.wait_for(|phase| *phase == Phase::Stopped) => Err(Error::ShuttingDown),
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.news = None;
        let mut followed = self.hub.followed();
        if followed.get(&self.id).is_some_and(|news| news.receiver_count() == 0) {
            followed.remove(&self.id);
        }
    }
}
