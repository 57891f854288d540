//! A disk as openraft's rules for stores have it: what is written can be read at once, is durable
//! after a sync, and is reported only then. A crash takes what no sync has covered.
//!
//! Syncs are in groups, as a log with one writer has them: what is written while one is under way waits
//! for the next. Writes become durable in their order.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::AsyncRuntime as _;
use openraft::storage::IOFlushed;
use tokio::sync::{Notify, oneshot};

use crate::trace::{Trace, what};
use crate::{Entry, LogId, Runtime, Types, Vote};

/// What a log store holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) entries: BTreeMap<u64, Entry>,
}

/// One write.
pub(crate) enum Write {
    Vote(Vote),
    Committed(Option<LogId>),
    Append(Vec<Entry>),
    TruncateFrom(u64),
}

/// Who hears that a write is durable.
pub(crate) enum Done {
    Nobody,
    Openraft(IOFlushed<Types>),
    Waiter(oneshot::Sender<()>),
}

impl Image {
    fn take(&mut self, write: &Write) {
        match write {
            Write::Vote(vote) => self.vote = Some(*vote),
            Write::Committed(committed) => self.committed = *committed,
            Write::Append(entries) => {
                self.entries
                    .extend(entries.iter().map(|entry| (entry.log_id.index, entry.clone())));
            }
            Write::TruncateFrom(index) => {
                self.entries.split_off(index);
            }
        }
    }

    fn last(&self) -> String {
        let last = self.entries.last_key_value();
        last.map_or("nothing".to_owned(), |(_, entry)| entry.log_id.to_string())
    }
}

/// The disk of one node, which survives its crashes.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) node: u64,
    sync: Duration,
    trace: Trace,
    contents: Arc<Mutex<Contents>>,
}

#[derive(Default)]
struct Contents {
    /// Counts the starts of the node; even while it is down.
    life: u64,
    durable: Image,
    /// What is durable, and what is written.
    readable: Image,
    queue: VecDeque<(Write, Done)>,
}

/// The disk as one life of its node has it: of no use once that is over.
#[derive(Clone)]
pub(crate) struct Handle {
    disk: Disk,
    life: u64,
    written: Arc<Notify>,
}

impl Disk {
    pub(crate) fn new(node: u64, sync: Duration, trace: Trace) -> Self {
        Self { node, sync, trace, contents: Arc::default() }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node starts: what is durable is all there is.
    pub(crate) fn start(&self) -> Handle {
        let (life, durable) = {
            let mut contents = self.contents();
            contents.life += 1;
            contents.readable = contents.durable.clone();
            (contents.life, contents.durable.clone())
        };
        let vote = durable.vote.map_or("none".to_owned(), |vote| vote.to_string());
        let last = durable.last();
        self.trace.started(self.node, &format!("starts: vote {vote}, the log ends at {last}"));
        let handle = Handle { disk: self.clone(), life, written: Arc::default() };
        drop(Runtime::spawn(handle.clone().write()));
        handle
    }

    /// The node is gone, and what no sync has covered.
    pub(crate) fn crash(&self) {
        let mut lost = Vec::new();
        let mut contents = self.contents();
        contents.life += 1;
        for (write, _) in contents.queue.drain(..) {
            match write {
                Write::Append(entries) => {
                    lost.extend(
                        entries.iter().map(|entry| format!("{} {}", entry.log_id, what(entry))),
                    );
                }
                Write::Vote(vote) => lost.push(format!("vote {vote}")),
                Write::TruncateFrom(index) => lost.push(format!("truncation from {index}")),
                Write::Committed(_) => {}
            }
        }
        contents.readable = Image::default();
        self.trace.say(self.node, &format!("CRASHES; lost: [{}]", lost.join(", ")));
    }
}

impl Handle {
    pub(crate) fn node(&self) -> u64 {
        self.disk.node
    }

    pub(crate) fn life(&self) -> u64 {
        self.life
    }

    pub(crate) fn trace(&self) -> &Trace {
        &self.disk.trace
    }

    fn alive(&self) -> Result<MutexGuard<'_, Contents>, io::Error> {
        let contents = self.disk.contents();
        if contents.life == self.life {
            return Ok(contents);
        }
        Err(io::Error::other("this node has crashed"))
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive().is_ok()
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Image) -> T) -> Result<T, io::Error> {
        Ok(read(&self.alive()?.readable))
    }

    /// Writes: to be read at once, and durable after a sync.
    pub(crate) fn put(&self, write: Write, done: Done) -> Result<(), io::Error> {
        let mut contents = self.alive()?;
        contents.readable.take(&write);
        contents.queue.push_back((write, done));
        self.written.notify_one();
        Ok(())
    }

    /// Writes, and returns when it is durable.
    pub(crate) async fn put_and_wait(&self, write: Write) -> Result<(), io::Error> {
        let (sender, receiver) = oneshot::channel();
        self.put(write, Done::Waiter(sender))?;
        receiver.await.map_err(|_| io::Error::other("this node has crashed"))
    }

    /// Makes it durable at once, before anything that is still to be written.
    pub(crate) fn put_at_once(&self, write: &Write) -> Result<(), io::Error> {
        let mut contents = self.alive()?;
        contents.readable.take(write);
        contents.durable.take(write);
        Ok(())
    }

    /// The one writer: takes what there is, syncs, says so.
    async fn write(self) {
        while let Ok(count) = self.alive().map(|contents| contents.queue.len()) {
            if count == 0 {
                self.written.notified().await;
                continue;
            }
            Runtime::sleep(self.disk.sync).await;
            let synced: Vec<_> = {
                let Ok(mut contents) = self.alive() else { return };
                let synced: Vec<_> = contents.queue.drain(..count).collect();
                for (write, _) in &synced {
                    contents.durable.take(write);
                }
                self.disk.trace.say(
                    self.disk.node,
                    &format!("synced, the log up to {}", contents.durable.last()),
                );
                synced
            };
            for (_, done) in synced {
                match done {
                    Done::Nobody => {}
                    Done::Openraft(callback) => callback.io_completed(Ok(())),
                    // Whoever waited may be gone with its node.
                    Done::Waiter(sender) => drop(sender.send(())),
                }
            }
        }
    }
}
