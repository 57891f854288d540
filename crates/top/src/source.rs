//! Where news come from: tasks that watch, look and do, until they are dropped.

mod changes;
mod eyes;
mod follow;

use std::sync::Arc;
use std::time::Duration;

use stint_client::{Client, Code, Error};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::app::{Tab, Wanted};
use crate::deed::Deed;
use crate::picture::{News, Topic};
use crate::{Options, limits};
use changes::Changes;
pub(crate) use eyes::Eyes;

/// The role that may look and nothing else.
const VIEWER: &str = "viewer";

/// Who calls, and whether that user may change anything.
///
/// # Errors
/// Why the cluster does not say.
pub(crate) async fn whoami(options: &Options) -> Result<(String, bool), Error> {
    let client = (options.connect)(&options.addresses, options.patience)?;
    match client.caller().await {
        Ok(caller) => Ok((caller.user, caller.role != VIEWER)),
        // An older replica does not say: then all is offered, and what is refused is shown.
        Err(Error::Refused { code: Code::Other(_), .. }) => Ok((String::new(), true)),
        Err(error) => Err(error),
    }
}

/// All that is found out, and done.
pub(crate) struct Source {
    sender: mpsc::Sender<News>,
    wanted: watch::Sender<Wanted>,
    /// It looks longer for a replica: a change is asked for once.
    client: Client,
    tasks: JoinSet<()>,
}

impl Source {
    /// Begins, and says where the news come.
    ///
    /// # Errors
    /// That the cluster does not answer, or what is wrong with its addresses.
    pub(crate) async fn start(
        options: &Options,
        first: Wanted,
    ) -> Result<(Self, mpsc::Receiver<News>), Error> {
        let eyes = Eyes::open(options).await?;
        let client = (options.connect)(eyes.addresses(), options.patience)?;
        let (sender, news) = mpsc::channel(limits::NEWS_MAX);
        let (wanted, wanted_here) = watch::channel(first);
        let changes = Arc::new(watch::Sender::new(Changes::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(changes::watch(eyes.client(), Arc::clone(&changes), sender.clone()));
        tasks.spawn(look(eyes.clone(), wanted_here.clone(), changes.subscribe(), sender.clone()));
        tasks.spawn(ask_replicas(eyes, wanted_here.clone(), sender.clone()));
        tasks.spawn(follow::follow(client.clone(), wanted_here, sender.clone()));
        Ok((Self { sender, wanted, client, tasks }, news))
    }

    /// Something else may be wanted now.
    pub(crate) fn want(&self, wanted: Wanted) {
        self.wanted.send_if_modified(|before| {
            let is_other = *before != wanted;
            *before = wanted;
            is_other
        });
    }

    /// Does it, and tells what came of it.
    pub(crate) fn carry_out(&mut self, deed: Deed) {
        let (client, sender) = (self.client.clone(), self.sender.clone());
        self.tasks.spawn(async move {
            let outcome = deed.carry_out(&client).await.map_err(|error| error.to_string());
            tell(&sender, News::Done(outcome)).await;
        });
    }

    /// Returns when a change has been carried out.
    ///
    /// # Panics
    /// If a task has.
    pub(crate) async fn failed(&mut self) {
        match self.tasks.join_next().await {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

/// Nobody may be left who wants to know.
async fn tell(sender: &mpsc::Sender<News>, news: News) {
    drop(sender.send(news).await);
}

/// Looks at what is shown whenever it has changed, and seldom otherwise.
async fn look(
    mut eyes: Eyes,
    mut wanted: watch::Receiver<Wanted>,
    mut changes: watch::Receiver<Changes>,
    sender: mpsc::Sender<News>,
) {
    loop {
        let now = wanted.borrow_and_update().clone();
        let seen = *changes.borrow_and_update();
        let mut again = pause_of(&now);
        match eyes.look(&now).await {
            Ok(all) => {
                for news in all {
                    tell(&sender, news).await;
                }
            }
            Err(error) => {
                again = limits::FAILURE_PAUSE;
                let topic = if now.job.is_some() { Topic::Job } else { topic_of(now.tab) };
                tell(&sender, News::Trouble(topic, error.to_string())).await;
            }
        }
        let due = Instant::now() + again;
        // Changes of the place are seen to at once, changes of the cluster at most so often.
        let soon = Instant::now() + limits::LOOK_PAUSE;
        loop {
            let matters = changes.borrow().matter_to(&now, &seen);
            let until = if matters { soon.min(due) } else { due };
            tokio::select! {
                moved = wanted.changed() => {
                    if moved.is_err() {
                        return;
                    }
                    break;
                }
                happened = timeout_at(until, changes.changed()) => match happened {
                    Ok(Ok(())) if Instant::now() < until => {}
                    Ok(Ok(())) | Err(_) => break,
                    Ok(Err(_)) => return,
                }
            }
        }
    }
}

/// How soon it is looked at again though nothing has been heard.
const fn pause_of(wanted: &Wanted) -> Duration {
    match wanted.tab {
        Tab::Workers if wanted.job.is_none() => limits::LEASES_AGAIN,
        Tab::Workers | Tab::Jobs | Tab::Queues | Tab::Crons | Tab::Cluster => limits::LOOK_AGAIN,
    }
}

const fn topic_of(tab: Tab) -> Topic {
    match tab {
        Tab::Jobs => Topic::Jobs,
        Tab::Workers => Topic::Workers,
        Tab::Queues | Tab::Cluster => Topic::Queues,
        Tab::Crons => Topic::Crons,
    }
}

/// Asks how the replicas are, all of them only where that is shown.
async fn ask_replicas(
    mut eyes: Eyes,
    mut wanted: watch::Receiver<Wanted>,
    sender: mpsc::Sender<News>,
) {
    let mut statistics_at = Instant::now();
    loop {
        let is_shown = wanted.borrow_and_update().tab == Tab::Cluster;
        let news = eyes.status(is_shown).await;
        let trouble = |topic| move |error: Error| News::Trouble(topic, error.to_string());
        tell(&sender, news.unwrap_or_else(trouble(Topic::Cluster))).await;
        if Instant::now() >= statistics_at {
            let news = eyes.statistics().await;
            tell(&sender, news.unwrap_or_else(trouble(Topic::Statistics))).await;
            statistics_at = Instant::now() + limits::STATISTICS_PAUSE;
        }
        tokio::select! {
            () = sleep(limits::STATUS_PAUSE) => {}
            // Whoever goes to the cluster sees all of it at once.
            changed = wanted.wait_for(|now| (now.tab == Tab::Cluster) && !is_shown) => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
