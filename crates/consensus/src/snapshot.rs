//! A snapshot on its way: read from disk frame by frame, or received onto it.
//!
//! A snapshot may have gigabytes, and no connection is for ever: one that was cut goes on where it was.
//! The sender keeps the view of its disk that it was reading, and the frames that may have been on
//! their way; the receiver keeps what it has written. Either forgets it after a while, and then the
//! snapshot begins anew, as it does when there is a newer one meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use stint_failpoint::failpoint;
use stint_proto::peer::v1 as pb;
use stint_storage::{CheckpointHeader, Received, SnapshotReader, SnapshotWriter, StateStore};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tonic::Status;

use crate::limits::{
    SNAPSHOT_FRAME_TIMEOUT, SNAPSHOT_KEPT, SNAPSHOT_TURN_TIMEOUT, SNAPSHOT_WINDOW_BYTES,
};

/// What openraft hands around as a snapshot. Neither kind is in memory.
pub(crate) enum SnapshotData {
    /// The last checkpoint and the history of this replica; opened when it is sent.
    Stored(StateStore),
    /// Received whole and checked, waiting to be installed.
    Received(Box<Received>),
}

/// A snapshot that is being sent to a peer, or was when the connection was cut.
pub(crate) struct Sending {
    /// Drawn for it: by this the receiver knows it again.
    pub(crate) transfer: u64,
    reader: SnapshotReader,
    /// The number of the next frame that is read.
    next: u32,
    /// The frames before it that may not have arrived.
    recent: VecDeque<Bytes>,
    recent_bytes: usize,
}

impl Sending {
    /// The snapshot of this replica, from its beginning, under a number drawn for it; `None` if there
    /// is none.
    pub(crate) fn begin(
        store: &StateStore,
        transfer: u64,
    ) -> Result<Option<Self>, stint_storage::Error> {
        let reader = store.snapshot()?;
        let recent = VecDeque::new();
        Ok(reader.map(|reader| Self { transfer, reader, next: 0, recent, recent_bytes: 0 }))
    }

    /// The checkpoint that it holds.
    pub(crate) fn index(&self) -> u64 {
        self.reader.checkpoint().index
    }

    /// Whether it can go on with this frame.
    pub(crate) fn has(&self, frame: u32) -> bool {
        let kept = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        frame <= self.next && frame >= self.next - kept
    }

    /// The frames that are kept, from this number on.
    fn again(&self, from: u32) -> Vec<Bytes> {
        let count = usize::try_from(self.next.saturating_sub(from)).unwrap_or(usize::MAX);
        self.recent.iter().skip(self.recent.len().saturating_sub(count)).cloned().collect()
    }

    /// The next frame, which is kept for a while.
    fn read(&mut self) -> Result<Option<Bytes>, stint_storage::Error> {
        failpoint!("consensus::snapshot::send")?;
        let Some(frame) = self.reader.next_frame()? else { return Ok(None) };
        let frame = Bytes::from(frame);
        self.next += 1;
        self.recent_bytes += frame.len();
        self.recent.push_back(frame.clone());
        while self.recent_bytes > SNAPSHOT_WINDOW_BYTES
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_bytes -= oldest.len();
        }
        Ok(Some(frame))
    }
}

/// How snapshots leave: how fast, and those whose sending was cut off, by peer.
pub(crate) struct Outgoing {
    /// To one peer, at most.
    bytes_per_second: u64,
    kept: Mutex<BTreeMap<u64, (Instant, Sending)>>,
    /// Those who send or have sent, by peer: what they were sending is kept when they have ended.
    senders: Mutex<BTreeMap<u64, JoinHandle<()>>>,
}

impl Outgoing {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, kept: Mutex::default(), senders: Mutex::default() }
    }

    /// As fast, for one that nobody goes on with.
    pub(crate) fn apart(&self) -> Self {
        Self::new(self.bytes_per_second)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<u64, (Instant, Sending)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn senders(&self) -> MutexGuard<'_, BTreeMap<u64, JoinHandle<()>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was being sent to this peer, if it is this checkpoint. Whoever was sending it may not have
    /// heard yet that nobody takes it any more.
    pub(crate) async fn take(&self, peer: u64, index: u64) -> Option<Sending> {
        let sender = self.senders().remove(&peer);
        if let Some(sender) = sender {
            timeout(SNAPSHOT_TURN_TIMEOUT, sender).await.ok();
        }
        let (_, sending) = self.kept().remove(&peer)?;
        (sending.index() == index).then_some(sending)
    }

    /// Keeps what goes on when the peer is reached again.
    pub(crate) fn keep(&self, peer: u64, sending: Sending) {
        self.kept().insert(peer, (Instant::now(), sending));
    }

    /// It has arrived.
    pub(crate) fn forget(&self, peer: u64) {
        self.kept().remove(&peer);
    }

    /// Forgets what was kept for too long: each holds room on the disk.
    pub(crate) fn expire(&self) {
        self.kept().retain(|_, (since, _)| since.elapsed() < SNAPSHOT_KEPT);
    }
}

/// The frames of a snapshot from this number on, each read when the peer has room for it, and not
/// faster than the bound. What was not sent to the end is kept in `outgoing`.
pub(crate) fn frames(
    mut sending: Sending,
    (peer, from): (u64, u32),
    mut header: pb::SnapshotHeader,
    outgoing: Arc<Outgoing>,
) -> impl Stream<Item = pb::SnapshotFrame> + Send + 'static {
    let (sender, receiver) = mpsc::channel(2);
    let kept_by = Arc::clone(&outgoing);
    let task = tokio::spawn(async move {
        header.transfer = sending.transfer;
        header.from_frame = from;
        let first = pb::SnapshotFrame { header: Some(header), data: Bytes::new() };
        let mut pace = Pace::new(outgoing.bytes_per_second);
        let mut is_going = send(&sender, first).await;
        for data in sending.again(from) {
            is_going = is_going && send(&sender, pb::SnapshotFrame { header: None, data }).await;
        }
        while is_going {
            // A stream that ends early lacks its last frame, and the receiver refuses it.
            let reading = crate::blocking::blocking(move || {
                let read = sending.read();
                (sending, read)
            });
            let read;
            (sending, read) = match reading.await {
                Ok(done) => done,
                Err(error) => return tracing::error!(%error, "the snapshot cannot be read"),
            };
            match read {
                Ok(Some(data)) => {
                    tokio::select! {
                        () = tokio::time::sleep(pace.pause(data.len())) => {}
                        () = sender.closed() => {}
                    }
                    is_going = send(&sender, pb::SnapshotFrame { header: None, data }).await;
                }
                Ok(None) => break,
                Err(error) => return tracing::error!(%error, "the snapshot cannot be read"),
            }
        }
        // Before the stream ends: whoever hears of its end forgets this again.
        outgoing.keep(peer, sending);
        drop(sender);
    });
    kept_by.senders().insert(peer, task);
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

/// Whether somebody takes it, in time.
async fn send(sender: &Sender<pb::SnapshotFrame>, frame: pb::SnapshotFrame) -> bool {
    sender.send_timeout(frame, SNAPSHOT_FRAME_TIMEOUT).await.is_ok()
}

/// A bound on bytes by time.
struct Pace {
    began: Instant,
    bytes: u64,
    bytes_per_second: u64,
}

impl Pace {
    fn new(bytes_per_second: u64) -> Self {
        Self { began: Instant::now(), bytes: 0, bytes_per_second }
    }

    /// How long to wait before so many more bytes.
    fn pause(&mut self, bytes: usize) -> Duration {
        let due_ms = self.bytes.saturating_mul(1_000) / self.bytes_per_second.max(1);
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        Duration::from_millis(due_ms).saturating_sub(self.began.elapsed())
    }
}

/// The snapshots that come in, of which one does at a time.
pub(crate) struct Incoming {
    /// Held by the one that does.
    turn: Semaphore,
    /// Rung to end the one that does: its connection is dead, or another one is wanted.
    interrupts: watch::Sender<u64>,
    partial: Mutex<Option<Partial>>,
}

/// What has come of a snapshot whose connection was cut.
struct Partial {
    transfer: u64,
    writer: SnapshotWriter,
    since: Instant,
}

impl Incoming {
    pub(crate) fn new() -> Self {
        let interrupts = watch::Sender::new(0);
        Self { turn: Semaphore::new(1), interrupts, partial: Mutex::new(None) }
    }

    fn partial(&self) -> MutexGuard<'_, Option<Partial>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Status> {
        self.interrupts.send_modify(|count| *count += 1);
        let turn = timeout(SNAPSHOT_TURN_TIMEOUT, self.turn.acquire()).await;
        let turn = turn.map_err(|_| Status::unavailable("another snapshot is coming in"))?;
        turn.map_err(|_| Status::unavailable("this replica is shutting down"))
    }

    /// The frame with which this transfer can go on; 0 if it has to begin.
    pub(crate) async fn place(&self, transfer: u64) -> Result<u32, Status> {
        let _turn = self.turn().await?;
        let partial = self.partial();
        let partial = partial.as_ref().filter(|partial| partial.transfer == transfer);
        Ok(partial.map_or(0, |partial| partial.writer.frames()))
    }

    /// Forgets what was kept for too long.
    pub(crate) fn expire(&self) {
        let is_old = |partial: &mut Partial| partial.since.elapsed() >= SNAPSHOT_KEPT;
        drop(self.partial().take_if(is_old));
    }

    /// Writes the frames of a peer's snapshot beside our own state, and checks the whole. What its head
    /// says is judged before more of it is received.
    pub(crate) async fn receive(
        &self,
        store: &StateStore,
        (transfer, from): (u64, u32),
        frames: impl Stream<Item = Result<pb::SnapshotFrame, Status>>,
        judge: impl Fn(&CheckpointHeader) -> Result<(), Status>,
    ) -> Result<Received, Status> {
        let _turn = self.turn().await?;
        let mut interrupts = self.interrupts.subscribe();
        let former = self.partial().take();
        let mut writer = match former {
            Some(former) if from > 0 => {
                if former.transfer != transfer || former.writer.frames() != from {
                    return Err(Status::aborted("the snapshot cannot go on there"));
                }
                former.writer
            }
            _ if from > 0 => return Err(Status::aborted("nothing of this snapshot is here")),
            _ => {
                let store = store.clone();
                blocking(move || store.receive()).await?
            }
        };
        let mut frames = std::pin::pin!(frames);
        loop {
            let next = tokio::select! {
                next = frames.next() => next,
                _ = interrupts.changed() => Some(Err(Status::aborted("another one is wanted"))),
            };
            match next {
                Some(Ok(frame)) => {
                    let is_head = writer.checkpoint().is_none();
                    writer = blocking(move || {
                        failpoint!("consensus::snapshot::receive")?;
                        writer.write_frame(&frame.data)?;
                        Ok::<SnapshotWriter, stint_storage::Error>(writer)
                    })
                    .await?;
                    if is_head && let Some(head) = writer.checkpoint() {
                        judge(head)?;
                    }
                }
                None if writer.is_ended() => return blocking(move || writer.finish()).await,
                end @ (None | Some(Err(_))) => {
                    let since = Instant::now();
                    *self.partial() = Some(Partial { transfer, writer, since });
                    let why = end.and_then(Result::err);
                    return Err(why.unwrap_or_else(|| Status::aborted("it is cut short")));
                }
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, stint_storage::Error> + Send + 'static,
) -> Result<T, Status> {
    crate::blocking::blocking(work)
        .await
        .map_err(|error| Status::internal(error.to_string()))?
        .map_err(|error| Status::aborted(error.to_string()))
}

#[cfg(test)]
mod tests;
