//! The end of a replica by its own fault: said once, heard by all.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use stint_core::WorkerId;
use tokio::sync::watch;

use crate::blocking::has_threads;
use crate::codec::Garbled;
use crate::error::Error;

/// Where the first fatal error of this replica is kept. Clones share it.
#[derive(Clone)]
pub(crate) struct Failure(Arc<Kept>);

struct Kept {
    replica: WorkerId,
    error: watch::Sender<Option<Error>>,
    is_stopping: Mutex<bool>,
    stopped: Condvar,
}

impl Failure {
    pub(crate) fn new(replica: WorkerId) -> Self {
        let (is_stopping, stopped) = (Mutex::new(false), Condvar::new());
        Self(Arc::new(Kept { replica, error: watch::Sender::new(None), is_stopping, stopped }))
    }

    /// Takes note that this replica is being stopped: nothing is waited out any more.
    pub(crate) fn stop(&self) {
        *self.0.is_stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.stopped.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.is_stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits on a thread that may wait, until the replica stops at the latest; not at all where there
    /// is none.
    pub(crate) fn pause(&self, pause: Duration) {
        if !has_threads() {
            return;
        }
        let is_stopping = self.0.is_stopping.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it ended early is asked for by whoever goes on.
        drop(self.0.stopped.wait_timeout_while(is_stopping, pause, |is_stopping| !*is_stopping));
    }

    /// Takes note of an error of storage, and gives it on to openraft.
    pub(crate) fn report(&self, what: &str, error: &stint_storage::Error) -> io::Error {
        let words = crate::damage::in_words(error, self.0.replica);
        self.note(Error::Failed(format!("{what}: {words}")));
        io::Error::other(error.clone())
    }

    /// Takes note that what has to be understood cannot be, and gives it on to openraft.
    pub(crate) fn unreadable(&self, what: &str, garbled: &Garbled) -> io::Error {
        let why = format!("{what}: {garbled}");
        self.note(Error::Failed(why.clone()));
        io::Error::other(why)
    }

    /// Only the first is kept: the others follow from it.
    pub(crate) fn note(&self, error: Error) {
        self.0.error.send_if_modified(|kept| {
            let is_first = kept.is_none();
            if is_first {
                tracing::error!(%error, "this replica has failed");
                *kept = Some(error);
            }
            is_first
        });
    }

    /// Why this replica does not serve any more, if it does not.
    pub(crate) fn seen(&self) -> Option<Error> {
        let error = self.0.error.borrow().clone();
        error.or_else(|| self.is_stopping().then_some(Error::ShuttingDown))
    }

    pub(crate) async fn wait(&self) -> Error {
        let mut seen = self.0.error.subscribe();
        let found = seen.wait_for(Option::is_some).await.ok().and_then(|kept| kept.clone());
        found.unwrap_or(Error::ShuttingDown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A simulation has one thread, on which nothing else would ever happen.
    #[tokio::test]
    async fn nobody_waits_on_the_only_thread() {
        let failure = Failure::new(WorkerId::new(7).unwrap());
        failure.pause(Duration::MAX);
        assert!(!failure.is_stopping());
    }

    #[test]
    fn a_thread_waits_until_the_replica_stops() {
        let failure = Failure::new(WorkerId::new(7).unwrap());
        let other = failure.clone();
        let waiting = std::thread::spawn(move || {
            other.pause(Duration::from_hours(1));
            other.is_stopping()
        });
        failure.stop();
        assert!(waiting.join().unwrap());
    }
}
