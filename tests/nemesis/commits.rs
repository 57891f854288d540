//! What was committed, in the order of the log: the watch, from the beginning on, by whichever replica
//! answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use stint_client::v0::WatchResponse;
use stint_client::{Client, Code, Error, WatchRange};
use tokio::sync::watch;

/// Whoever writes down all that happens.
pub(super) struct Commits {
    seen: Arc<Mutex<Vec<WatchResponse>>>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Commits {
    pub(super) fn watch(client: Client) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(follow(&client, &seen, stopping));
            }
        });
        Self { seen, stop, thread }
    }

    /// All that has happened so far.
    pub(super) fn seen(&self) -> Vec<WatchResponse> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn has_ended(&self, job: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().rev().any(|event| event.name == job && event.kind == "job_ended")
    }

    pub(super) fn end(self) {
        self.stop.send_replace(true);
        self.thread.join().expect("the watch goes on without a gap");
    }
}

/// Whether events before this one may be missing: all that were kept of them were lost in restarts.
pub(super) fn is_gap(event: &WatchResponse) -> bool {
    event.kind == "gap"
}

async fn follow(
    client: &Client,
    seen: &Mutex<Vec<WatchResponse>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut from = Some(0);
    loop {
        let mut watch = client.watch(WatchRange { from, kinds: Vec::new() });
        let error = loop {
            let event = tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                event = watch.next() => event,
            };
            match event {
                Ok(event) if event.kind == "bookmark" => {}
                Ok(event) => seen.lock().unwrap_or_else(PoisonError::into_inner).push(event),
                Err(error) => break error,
            }
        };
        // Replicas keep the latest events in memory, and after a restart those since their last
        // checkpoint. Where all of them have restarted, some may be kept by none.
        if matches!(error, Error::Refused { code: Code::Compacted, .. }) {
            let gap = WatchResponse { kind: "gap".to_owned(), ..WatchResponse::default() };
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(gap);
            from = None;
        } else {
            assert!(matches!(error, Error::Unreachable { .. }), "the watch: {error}");
            from = watch.next_index();
        }
    }
}
