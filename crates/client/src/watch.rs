//! What happens in the cluster, from whichever replica answers.

use futures_util::Stream;
use stint_proto::v0;
use tokio::time::{Instant, timeout};
use tonic::Streaming;

use crate::client::{self, Client};
use crate::error::{Code, Error};
use crate::limits;
use crate::retry::{Attempt, Search};

/// What is to be watched; by default all that happens from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchRange {
    /// From the entry of this index of the log on, which may be in the future.
    pub from: Option<u64>,
    /// Of these only: `jobs`, `workers`, `crons`. None is all.
    pub kinds: Vec<String>,
}

impl Client {
    /// What happens in the cluster. If the replica fails in between, another one goes on: each
    /// event comes once, in the order of the log. Bookmarks, which say how far that is, come too.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::WatchRange;
    ///
    /// let kinds = vec!["jobs".to_owned()];
    /// let mut watch = client.watch(WatchRange { kinds, ..Default::default() });
    /// loop {
    ///     let event = watch.next().await?;
    ///     println!("{} {} {}", event.index, event.kind, event.name);
    ///     // Whoever keeps `event.next` can go on there another time.
    /// }
    /// # }
    /// ```
    pub fn watch(&self, range: WatchRange) -> Watch {
        Watch {
            search: self.search(),
            client: self.clone(),
            range,
            seen: None,
            stream: None,
            opened_at: None,
            has_progressed: false,
            compacted: Vec::new(),
        }
    }
}

/// What happens, as it happens. It has no end.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    /// What is still to come.
    range: WatchRange,
    /// The index and the number of the last event, of whose entry there may be more.
    seen: Option<(u64, u32)>,
    stream: Option<Box<Streaming<v0::WatchResponse>>>,
    search: Search,
    /// Since when the stream is open.
    opened_at: Option<Instant>,
    /// Whether a message has come since the stream was opened last.
    has_progressed: bool,
    /// Replicas that do not have what comes next, and what each said.
    compacted: Vec<(String, Error)>,
}

impl Watch {
    /// The next event or bookmark. Waiting can be given up and taken up again without losing one.
    ///
    /// # Errors
    /// [`Code::Compacted`](crate::Code::Compacted) if what comes next is not kept any more by any
    /// replica that answers: read the jobs and workers there are, and watch from the index that the
    /// error says, or from now on; [`Error::Unreachable`] if no replica has answered for as long as the client's deadline.
    pub async fn next(&mut self) -> Result<v0::WatchResponse, Error> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.open().await?;
                continue;
            };
            match timeout(limits::WATCH_SILENCE_MAX, stream.message()).await {
                Ok(Ok(Some(message))) => {
                    if let Some(message) = self.take(message) {
                        return Ok(message);
                    }
                }
                Ok(Ok(None)) => {
                    let reason = "the replica has ended the stream".to_owned();
                    self.give_up(Attempt::NotCarriedOut(reason)).await?;
                }
                Ok(Err(status)) => self.give_up(Attempt::of(&status)).await?,
                Err(_) => self.give_up(Attempt::silence(limits::WATCH_SILENCE_MAX)).await?,
            }
        }
    }

    /// The index from which another watch would go on: all before it has come.
    pub fn next_index(&self) -> Option<u64> {
        self.range.from
    }

    /// The events and bookmarks as a [`Stream`], which ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<v0::WatchResponse, Error>> + Send {
        futures_util::stream::try_unfold(self, |mut watch| async {
            let message = watch.next().await?;
            Ok(Some((message, watch)))
        })
    }

    async fn open(&mut self) -> Result<(), Error> {
        let WatchRange { from, kinds } = self.range.clone();
        let line = self.client.line(self.search.endpoint(self.client.endpoints()));
        let attempt_max = self.search.attempt_max();
        let mut events = client::events(line);
        match timeout(attempt_max, events.watch(v0::WatchRequest { from, kinds })).await {
            Ok(Ok(response)) => {
                self.search.has_answered(self.client.endpoints());
                self.opened_at = Some(Instant::now());
                self.has_progressed = false;
                self.stream = Some(Box::new(response.into_inner()));
                Ok(())
            }
            Ok(Err(status)) => self.give_up(Attempt::of(&status)).await,
            Err(_) => self.give_up(Attempt::silence(attempt_max)).await,
        }
    }

    /// Moves the range past a message, unless it has come before.
    fn take(&mut self, message: v0::WatchResponse) -> Option<v0::WatchResponse> {
        let is_known = self.range.from.is_some_and(|from| message.next < from);
        let is_bookmark = message.kind == "bookmark";
        let place = Some((message.index, message.number));
        if is_known || !is_bookmark && place <= self.seen {
            return None;
        }
        self.has_progressed = true;
        self.compacted.clear();
        self.range.from = Some(message.next);
        if !is_bookmark {
            self.seen = place;
        }
        Some(message)
    }

    /// Closes the stream, to be opened again on the next replica, unless the failure is an answer.
    async fn give_up(&mut self, failure: Attempt) -> Result<(), Error> {
        self.stream = None;
        // A stream that did its work, and not one that fails whenever it is opened, gives the
        // search its whole time back.
        let opened_at = self.opened_at.take();
        let has_lasted = opened_at.is_some_and(|at| at.elapsed() > limits::PAUSE_MAX);
        if has_lasted || opened_at.is_some() && self.has_progressed {
            self.search.renew();
        }
        match failure {
            Attempt::Answered(code, message) => {
                let endpoint = self.search.endpoint(self.client.endpoints()).url.clone();
                let is_compacted = code == Code::Compacted;
                let reason = message.clone();
                let refused = Error::Refused { code, message, endpoint, is_repetition: false };
                if !is_compacted {
                    return Err(refused);
                }
                self.look_elsewhere(refused, reason).await
            }
            Attempt::NotCarriedOut(reason) | Attempt::Unknown(reason) => {
                let outcome = self.search.go_on(self.client.endpoints(), reason).await;
                outcome.map_err(|error| self.compacted.pop().map_or(error, |(_, refused)| refused))
            }
        }
    }

    /// A replica that has started anew, or was sent a snapshot, has less than the others: only when
    /// all have been asked is it true that nobody has it.
    async fn look_elsewhere(&mut self, refused: Error, reason: String) -> Result<(), Error> {
        let endpoint = self.search.endpoint(self.client.endpoints()).url.clone();
        self.compacted.retain(|(known, _)| *known != endpoint);
        self.compacted.push((endpoint, refused));
        let is_left = self.compacted.len() < self.client.endpoints().len();
        if is_left && self.search.go_on(self.client.endpoints(), reason).await.is_ok() {
            return Ok(());
        }
        Err(self.compacted.pop().map(|(_, refused)| refused).expect("one has just said so"))
    }
}
