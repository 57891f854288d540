//! Carries committed entries out: into the state, into history, into output, and to those who
//! wait or follow.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use openraft::{EntryPayload, OptionalSend};
use stint_core::{Event, Job, JobId, State};
use stint_failpoint::failpoint;
use stint_storage::{Audited, Store};
use tokio::sync::{Notify, watch};

use crate::audit::AuditRecord;
use crate::backlog::{Backlog, Listener};
use crate::blocking::{blocking, in_place};
use crate::codec::{
    Garbled, decode_audited, decode_header, kind_of_job, level_of_header, wire_level,
};
use crate::consequences::{Unwritten, changes_history};
use crate::error::Error;
use crate::failure::Failure;
use crate::limits::{APPLY_BATCH_BYTES, APPLY_BATCH_MAX, DISK_FULL_PAUSE};
use crate::recent::Mark;
use crate::replica::Happening;
use crate::snapshot::SnapshotData;
use crate::types::{
    Answer, Entry, LogId, StoredMembership, Types, log_id_of, stored_membership_of,
};
use crate::watch::Watched;
use crate::witness::{Seen, Witness};

mod checkpoint;

use checkpoint::{Checkpointer, current};

/// What is applied, shared by the one who applies and all who read.
pub(crate) struct Applied {
    view: RwLock<View>,
    store: Arc<Store>,
    events: Backlog,
    /// The latest of what happened, for those who watch.
    pub(crate) watched: Arc<Watched>,
    /// The last entry whose consequences are all in their places; changes after each batch. The
    /// state itself may be ahead of it.
    progress: watch::Sender<Option<u64>>,
    /// Held while entries are on their way from the state to history and output, so that a
    /// checkpoint finds all three at the same entry, once it has written down what is left.
    whole: Mutex<Unwritten>,
    /// Held while the checkpoint is replaced, by a new one or by a received one.
    checkpointing: Mutex<()>,
    /// Rung when a received snapshot has taken the place of the state: output may be missing.
    pub(crate) jumped: Notify,
    /// Rung when jobs have gone from history: their lines may go, and their room come back.
    pub(crate) compacted: Notify,
    /// Bytes of entries applied since the start.
    bytes: AtomicU64,
    /// Of these, those that the last checkpoint contains.
    bytes_checkpointed: AtomicU64,
    pub(crate) failure: Failure,
    witness: Option<Arc<dyn Witness>>,
}

/// One moment of the applied log.
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
    /// Jobs that have left the state and are on their way into history.
    pub(crate) leaving: BTreeMap<JobId, Arc<Job>>,
    /// Records of the audit log that are on their way there too, the oldest first.
    pub(crate) audited: Vec<Audited>,
}

impl View {
    /// The last applied entry.
    fn mark(&self) -> Option<Mark> {
        self.applied.as_ref().map(|id| Mark { index: id.index, at: self.state.now() })
    }
}

impl Applied {
    /// Restores what the last checkpoint has.
    pub(crate) fn restore(
        store: Arc<Store>,
        failure: Failure,
        witness: Option<Arc<dyn Witness>>,
    ) -> Result<Self, io::Error> {
        let counting = store.state.count_by(kind_of_job);
        counting.map_err(|error| failure.report("history", &error))?;
        let view = restore_view(&store, &failure)?;
        let progress = watch::Sender::new(view.applied.as_ref().map(|id| id.index));
        let watched = Arc::new(Watched::after(view.mark()));
        Ok(Self {
            view: RwLock::new(view),
            store,
            events: Backlog::default(),
            watched,
            progress,
            whole: Mutex::default(),
            checkpointing: Mutex::new(()),
            jumped: Notify::new(),
            compacted: Notify::new(),
            bytes: AtomicU64::new(0),
            bytes_checkpointed: AtomicU64::new(0),
            failure,
            witness,
        })
    }

    fn show(&self, entry: &Entry, events: &[Event], state: &State) {
        let Some(witness) = &self.witness else { return };
        let command = match &entry.payload {
            EntryPayload::Normal(payload) => Some(payload.0.as_ref()),
            EntryPayload::Blank | EntryPayload::Membership(_) => None,
        };
        let (index, term) = (entry.log_id.index, entry.log_id.leader_id.term);
        witness.applied(Seen { index, term, command, events, state });
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listen(&self) -> Listener {
        self.events.listen()
    }

    /// The last entry whose consequences all readers see; wakes whenever there are more.
    pub(crate) fn progress(&self) -> watch::Receiver<Option<u64>> {
        self.progress.subscribe()
    }

    /// Bytes of entries applied since the start.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes of entries that the last checkpoint does not contain.
    pub(crate) fn bytes_since_checkpoint(&self) -> u64 {
        let checkpointed = self.bytes_checkpointed.load(Ordering::Relaxed);
        self.bytes().saturating_sub(checkpointed)
    }

    pub(crate) fn whole(&self) -> MutexGuard<'_, Unwritten> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same without waiting for the disk on a thread that must not.
    fn whole_in_place(&self) -> MutexGuard<'_, Unwritten> {
        match self.whole.try_lock() {
            Ok(whole) => whole,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => in_place(|| self.whole()),
        }
    }

    fn checkpointing(&self) -> MutexGuard<'_, ()> {
        self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn fail(&self, what: &str, error: &stint_storage::Error) -> io::Error {
        self.failure.report(what, error)
    }

    /// Does what must be done to go on. A full disk is waited out; any other error is the end.
    pub(crate) fn insist<T>(
        &self,
        what: &str,
        mut work: impl FnMut() -> Result<T, stint_storage::Error>,
    ) -> Result<T, io::Error> {
        loop {
            match work() {
                Err(stint_storage::Error::DiskFull { .. }) if !self.failure.is_stopping() => {
                    self.failure.pause(DISK_FULL_PAUSE);
                }
                done => return done.map_err(|error| self.fail(what, &error)),
            }
        }
    }
}

fn restore_view(store: &Store, failure: &Failure) -> Result<View, io::Error> {
    let failed = |error: &stint_storage::Error| failure.report("the checkpoint", error);
    let Some(header) = store.state.checkpoint().map_err(|error| failed(&error))? else {
        return Ok(View {
            state: State::default(),
            applied: None,
            membership: StoredMembership::default(),
            leaving: BTreeMap::new(),
            audited: Vec::new(),
        });
    };
    let (mut restored, applied, membership) = decode_header(&header.header)?;
    store
        .state
        .read_checkpoint(|chunk| {
            restored.add(&chunk).map_err(|garbled| RestoreError(garbled.into()))
        })
        .map_err(|RestoreError(error)| error)?;
    Ok(View {
        state: restored.finish()?,
        applied: applied.as_ref().map(log_id_of),
        membership: stored_membership_of(membership)?,
        leaving: BTreeMap::new(),
        audited: Vec::new(),
    })
}

struct RestoreError(io::Error);

impl From<stint_storage::Error> for RestoreError {
    fn from(error: stint_storage::Error) -> Self {
        Self(io::Error::other(error))
    }
}

/// openraft's end of it: the only one who applies.
pub(crate) struct StateMachine(pub(crate) Arc<Applied>);

/// One applied entry whose consequences are not announced yet.
struct Unannounced {
    mark: Mark,
    answer: Answer,
    responder: Option<ApplyResponder<Types>>,
    events: Vec<Event>,
}

impl StateMachine {
    fn apply_batch(
        &self,
        batch: Vec<Result<EntryResponder<Types>, io::Error>>,
    ) -> Result<(), io::Error> {
        failpoint!("consensus::apply::begin")?;
        let mut decoded = Vec::with_capacity(batch.len());
        let mut bytes = 0;
        for item in batch {
            let (entry, responder) = item?;
            let command = match &entry.payload {
                EntryPayload::Normal(payload) => {
                    bytes += payload.0.len();
                    let decoded = decode_audited(&payload.0);
                    Some(decoded.map_err(|garbled| self.garbled(&entry, &garbled))?)
                }
                EntryPayload::Blank | EntryPayload::Membership(_) => None,
            };
            decoded.push((entry, responder, command));
        }
        let mut done = Vec::with_capacity(decoded.len());
        let mut audited = Vec::new();
        let mut whole = self.0.whole_in_place();
        {
            let mut view = self.0.write();
            for (entry, responder, command) in decoded {
                let mut events = Vec::new();
                let mut answer = None;
                if let Some((at, command, origin)) = command {
                    let index = entry.log_id.index;
                    let audit =
                        origin.map(|origin| AuditRecord::begin(index, at, origin, &command));
                    let state = &mut view.state;
                    // Whatever a command says ends in an answer: a panic says that the state
                    // itself is wrong, and then this replica stops.
                    let outcome = catch_unwind(AssertUnwindSafe(|| state.apply(at, command)));
                    let outcome =
                        outcome.map_err(|panic| self.impossible(&entry, panic.as_ref()))?;
                    if let Some(mut audit) = audit {
                        audit.refusal = outcome.reply.as_ref().err().cloned();
                        audited.push(audit.store());
                    }
                    answer = Some(outcome.reply);
                    events = outcome.events;
                }
                if let EntryPayload::Membership(membership) = &entry.payload {
                    let id = Some(entry.log_id);
                    view.membership = StoredMembership::new(id, membership.clone());
                }
                for event in &events {
                    if let Event::Ended(job) = event {
                        view.leaving.insert(job.id, Arc::clone(job));
                    }
                }
                view.applied = Some(entry.log_id);
                self.0.show(&entry, &events, &view.state);
                let mark = Mark { index: entry.log_id.index, at: view.state.now() };
                done.push(Unannounced { mark, answer, responder, events });
            }
            whole.note_audited(&audited);
            view.audited.append(&mut audited);
        }
        failpoint!("consensus::apply::applied")?;
        self.keep(&done, &mut whole)?;
        drop(whole);
        failpoint!("consensus::apply::kept")?;
        self.0.bytes.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
        self.announce(done);
        Ok(())
    }

    /// Notes for the disk what has happened, and writes it down if that cannot wait, or is enough.
    /// Only then this thread may have to wait.
    fn keep(&self, done: &[Unannounced], unwritten: &mut Unwritten) -> Result<(), io::Error> {
        let any = |is: fn(&Event) -> bool| done.iter().flat_map(|entry| &entry.events).any(is);
        let cannot_wait = any(changes_history);
        let has_lines = any(|event| matches!(event, Event::LinesAppended { .. }));
        let note = |unwritten: &mut Unwritten| {
            done.iter().try_for_each(|entry| self.0.keep(&entry.events, unwritten))
        };
        if cannot_wait || has_lines {
            in_place(|| note(unwritten))?;
        } else {
            note(unwritten)?;
        }
        if cannot_wait || unwritten.is_enough() {
            in_place(|| self.0.write_down(unwritten))?;
        }
        Ok(())
    }

    /// What is committed cannot be carried out: this replica would go another way than the others.
    fn garbled(&self, entry: &Entry, garbled: &Garbled) -> io::Error {
        self.0.failure.unreadable(&format!("entry {}", entry.log_id.index), garbled)
    }

    fn impossible(&self, entry: &Entry, panic: &(dyn std::any::Any + Send)) -> io::Error {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let why = format!("entry {}: the state is impossible: {text}", entry.log_id.index);
        self.0.failure.note(Error::Failed(why.clone()));
        io::Error::other(why)
    }

    fn announce(&self, done: Vec<Unannounced>) {
        // Before the progress: who waits for an entry finds there what it made happen.
        self.0.watched.add(done.iter().map(|entry| (entry.mark, entry.events.as_slice())));
        if let Some(last) = done.last() {
            self.0.progress.send_replace(Some(last.mark.index));
        }
        for Unannounced { mark, answer, responder, events } in done {
            if let Some(responder) = responder {
                responder.send(answer);
            }
            if !events.is_empty() {
                self.0.events.tell(Happening { index: mark.index, events: events.into() });
            }
        }
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Checkpointer;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let view = self.0.read();
        Ok((view.applied, view.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(first) = entries.next().await {
            let mut bytes = size(&first);
            let mut batch = vec![first];
            // What is there already comes along, within bounds.
            while batch.len() < APPLY_BATCH_MAX
                && bytes < APPLY_BATCH_BYTES
                && let Some(Some(next)) = entries.next().now_or_never()
            {
                bytes += size(&next);
                batch.push(next);
            }
            self.apply_batch(batch)?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Checkpointer {
        Checkpointer(Arc::clone(&self.0))
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMetaOf<Types>,
        snapshot: SnapshotData,
    ) -> Result<(), io::Error> {
        let applied = Arc::clone(&self.0);
        let install = blocking(move || {
            let SnapshotData::Received(received) = snapshot else {
                return Err(io::Error::other("a snapshot of our own is installed already"));
            };
            failpoint!("consensus::snapshot::install")?;
            let _alone = applied.checkpointing();
            let level = level_of_header(&received.checkpoint().header);
            let level =
                level.map_err(|garbled| applied.failure.unreadable("a snapshot", &garbled))?;
            let raised = applied.store.level().raise(wire_level(level));
            raised.map_err(|error| applied.fail("the data directory", &error))?;
            let marked = crate::refill::mark(&applied.store.log);
            marked.map_err(|error| applied.fail("the log", &error))?;
            let mut whole = applied.whole();
            let mut view = applied.write();
            let installed = applied.store.state.install(*received);
            installed.map_err(|error| applied.fail("the snapshot", &error))?;
            *view = restore_view(&applied.store, &applied.failure)?;
            whole.forget();
            let index = view.applied.as_ref().map(|id| id.index);
            applied.watched.jump(view.mark());
            if let Some((witness, index)) = applied.witness.as_ref().zip(index) {
                witness.installed(index, &view.state);
            }
            drop(view);
            drop(whole);
            applied
                .bytes_checkpointed
                .store(applied.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
            applied.progress.send_replace(index);
            // History has jumped.
            applied.events.tell_of_gap();
            applied.jumped.notify_one();
            Ok(())
        });
        install.await.map_err(io::Error::other)?
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> Result<Option<SnapshotOf<Types, SnapshotData>>, io::Error> {
        current(&self.0)
    }
}

/// Bytes of what an entry says.
fn size(entry: &Result<EntryResponder<Types>, io::Error>) -> usize {
    match entry {
        Ok((entry, _)) => match &entry.payload {
            EntryPayload::Normal(payload) => payload.0.len(),
            EntryPayload::Blank | EntryPayload::Membership(_) => 0,
        },
        Err(_) => 0,
    }
}
