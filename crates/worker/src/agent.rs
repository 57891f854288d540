//! The agent: one loop that hears what happens and does what is due.
//!
//! It acts on what its replica has applied, never on the answer to a claim: an answer can be lost,
//! an applied entry cannot. After each thing that it hears it looks at what is due now, so that
//! nothing depends on the order in which things are heard.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use stint_consensus::{Error, Events, Happening, Replica};
use stint_core::{Exit, LeaseId, WorkerId};
use tokio::sync::{oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::config::{Action, Config};
use crate::inventory::Inventory;
use crate::limits::{LEFTOVER_PAUSE, PAUSE_MIN};
use crate::proc::Mark;
use crate::run::{Context, sleep_until};

mod answers;
mod farewell;
mod life;
mod offer;
mod work;

use answers::Answer;
use farewell::Farewell;
use life::{Arrival, Life, Renewal};
use offer::News;

/// The worker of one replica at work.
pub(crate) struct Agent {
    me: WorkerId,
    config: Config,
    configs: watch::Receiver<Config>,
    actions: BTreeMap<String, Arc<Action>>,
    /// What it offered before it was told otherwise: a job may have been claimed until the cluster
    /// hears of that.
    former_actions: BTreeMap<String, Arc<Action>>,
    news: News,
    context: Context,
    events: Events,
    shutdown: oneshot::Receiver<()>,

    life: Life,
    arrival: Option<Arrival>,
    renewal: Renewal,
    inventory: Inventory,
    runs: JoinSet<Option<Exit>>,
    /// The largest lease that it has heard of. Numbers only grow: what is not above is known.
    last_lease: LeaseId,
    /// Something has happened since it last looked whether there is work for it.
    wants_work: bool,

    proposals: JoinSet<Answer>,
    in_flight: InFlight,
    /// After a failed proposal, nothing but renewals is proposed before this.
    paused_until: Option<Instant>,
    pause: Duration,

    /// Runs that have ended, and of which something may have escaped.
    ended_marks: BTreeSet<Mark>,
    /// At most one search for processes that are to be ended.
    searches: JoinSet<Searched>,
    search_at: Instant,
    /// The next pause after a search that has found something.
    search_pause: Duration,
    /// When it was last said that a search has found something, if nothing has been in between.
    search_told_at: Option<Instant>,

    farewell: Option<Farewell>,
    /// When what runs is to be stopped, because an operator has given this worker so long to drain.
    drained_at: Option<Instant>,
    /// The replica has stopped, and this is why.
    stopped: Option<Error>,
}

/// What has been proposed in this life and not answered.
#[derive(Debug, Default)]
struct InFlight {
    /// A registration, a confirmation or a goodbye.
    is_life: bool,
    renewals: usize,
    is_claim: bool,
    is_finish: bool,
}

/// What processes are searched for.
#[derive(Debug)]
enum Search {
    /// Whatever runs under any note.
    Leftovers,
    /// What has escaped from these runs, which have ended.
    Escaped(BTreeSet<Mark>),
}

/// What a search came to.
#[derive(Debug)]
struct Searched {
    search: Search,
    /// How many processes there were; they have been sent SIGKILL.
    found: io::Result<usize>,
    took: Duration,
}

/// What an agent hears.
enum Wake {
    Happened(Result<Option<Happening>, Error>),
    Answered(Answer),
    RunEnded(Id, Result<Option<Exit>, JoinError>),
    Searched(Searched),
    LeaseLapsed,
    ShutdownAsked,
    Reconfigured,
    TimerDue,
}

impl Agent {
    pub(crate) fn new(
        context: Context,
        mut configs: watch::Receiver<Config>,
        shutdown: oneshot::Receiver<()>,
    ) -> Self {
        let config = configs.borrow_and_update().clone();
        Self {
            me: context.replica.id(),
            actions: shared(&config.actions),
            former_actions: BTreeMap::new(),
            news: News::default(),
            config,
            configs,
            events: context.replica.subscribe(),
            context,
            shutdown,
            life: Life::Settling,
            arrival: None,
            renewal: Renewal::new(),
            inventory: Inventory::default(),
            runs: JoinSet::new(),
            last_lease: LeaseId::default(),
            wants_work: false,
            proposals: JoinSet::new(),
            in_flight: InFlight::default(),
            paused_until: None,
            pause: PAUSE_MIN,
            ended_marks: BTreeSet::new(),
            searches: JoinSet::new(),
            search_at: Instant::now(),
            search_pause: LEFTOVER_PAUSE,
            search_told_at: None,
            farewell: None,
            drained_at: None,
            stopped: None,
        }
    }

    /// Works until it is asked to stop, or until the replica has stopped.
    pub(crate) async fn work(mut self) -> Result<(), Error> {
        loop {
            self.act(Instant::now());
            if self.is_done(Instant::now()) {
                break;
            }
            let wake = self.next_wake().await;
            self.hear(wake);
        }
        self.context.lease.end();
        self.proposals.shutdown().await;
        self.runs.shutdown().await;
        self.searches.shutdown().await;
        self.stopped.take().map_or(Ok(()), Err)
    }

    fn replica(&self) -> &Replica {
        &self.context.replica
    }

    /// Waits for the next thing to hear. Nothing is lost if one is heard and others are ready.
    async fn next_wake(&mut self) -> Wake {
        let timer = self.next_timer();
        tokio::select! {
            () = self.context.lease.lapsed() => Wake::LeaseLapsed,
            happened = self.events.next(), if self.stopped.is_none() => Wake::Happened(happened),
            Some(ended) = self.runs.join_next_with_id() => match ended {
                Ok((task, exit)) => Wake::RunEnded(task, Ok(exit)),
                Err(error) => Wake::RunEnded(error.id(), Err(error)),
            },
            answer = next(&mut self.proposals) => Wake::Answered(answer),
            searched = next(&mut self.searches) => Wake::Searched(searched),
            _ = &mut self.shutdown, if self.farewell.is_none() => Wake::ShutdownAsked,
            Ok(()) = self.configs.changed() => Wake::Reconfigured,
            () = sleep_until(timer) => Wake::TimerDue,
        }
    }

    fn hear(&mut self, wake: Wake) {
        match wake {
            Wake::Happened(Ok(Some(happening))) => self.hear_events(&happening),
            Wake::Happened(Ok(None)) => self.reconcile(),
            Wake::Happened(Err(error)) => self.hear_stop(error),
            Wake::Answered(answer) => self.hear_answer(answer),
            Wake::RunEnded(task, result) => self.hear_end(task, result),
            Wake::Searched(searched) => self.hear_search(searched),
            Wake::LeaseLapsed => self.check_lease(),
            Wake::ShutdownAsked => self.begin_farewell(),
            Wake::Reconfigured => self.reconfigure(),
            Wake::TimerDue => {}
        }
    }

    /// The replica applies and proposes nothing any more.
    fn hear_stop(&mut self, error: Error) {
        if self.stopped.is_none() {
            self.end_life("its replica has stopped");
            self.stopped = Some(error);
        }
    }

    /// Does all that is due.
    fn act(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        self.search(now);
        self.live(now);
        self.end_drain(now);
        self.report();
        self.offer();
        self.claim();
        self.leave(now);
    }

    /// When something is due that nothing else would wake it for.
    fn next_timer(&self) -> Option<Instant> {
        let drained_at = self.drained_at;
        [self.paused_until, self.renewal_due(), self.search_due(), self.farewell_due(), drained_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn is_done(&self, now: Instant) -> bool {
        self.farewell.as_ref().is_some_and(|farewell| farewell.is_over(now))
            || (self.stopped.is_some() && self.life == Life::Absent)
    }
}

fn shared(actions: &BTreeMap<String, Action>) -> BTreeMap<String, Arc<Action>> {
    actions.iter().map(|(name, action)| (name.clone(), Arc::new(action.clone()))).collect()
}

impl Drop for Agent {
    /// Whether it is dropped by its owner or by a panic: nothing that it runs goes on.
    fn drop(&mut self) {
        self.context.lease.end();
    }
}

/// The next task that ends by itself: the others were aborted. Waits for ever if there is none.
async fn next<T: 'static>(tasks: &mut JoinSet<T>) -> T {
    loop {
        match tasks.join_next().await {
            Some(Ok(result)) => return result,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(Err(_)) => {}
            None => std::future::pending::<()>().await,
        }
    }
}

#[cfg(test)]
mod tests;
