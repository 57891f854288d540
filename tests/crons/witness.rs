//! What the cluster tells of its ticks while they happen: the watch, from any replica that answers.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use stint_client::{Client, WatchRange};
use tokio::sync::watch;

/// What became of a tick, or of several in a row.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) action: String,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) count: u64,
    pub(crate) decided_ms: u64,
    pub(crate) job: String,
    /// Empty if it became the job.
    pub(crate) reason: String,
}

/// Whoever writes down all that is told.
pub(crate) struct Witness {
    told: Arc<Mutex<Vec<Told>>>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Witness {
    pub(crate) fn watch(addresses: &str) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopping) = watch::channel(false);
        let endpoints: Vec<_> = addresses.split(',').map(str::to_owned).collect();
        let thread = std::thread::spawn({
            let told = Arc::clone(&told);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(follow(&endpoints, &told, stopping));
            }
        });
        Self { told, stop, thread }
    }

    /// All that was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().expect("nobody panics with it").clone()
    }

    pub(crate) fn end(self) {
        self.stop.send_replace(true);
        self.thread.join().expect("the watch goes on without a gap");
    }
}

async fn follow(
    endpoints: &[String],
    told: &Mutex<Vec<Told>>,
    mut stopping: watch::Receiver<bool>,
) {
    let client = Client::builder()
        .endpoints(endpoints.iter().map(String::as_str))
        .deadline(Duration::from_mins(1))
        .build()
        .expect("a client");
    let mut watch = client.watch(WatchRange { from: Some(0), kinds: vec!["crons".to_owned()] });
    loop {
        let event = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            event = watch.next() => event.expect("the watch goes on"),
        };
        let Some(tick) = event.tick else { continue };
        let ms = |at: Option<stint_client::Timestamp>| {
            let at = at.expect("it has a time");
            u64::try_from(at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000).expect("a time")
        };
        told.lock().expect("nobody panics with it").push(Told {
            action: event.name,
            first_ms: ms(tick.first),
            last_ms: ms(tick.last),
            count: tick.count,
            decided_ms: ms(tick.decided_at),
            job: tick.job_id,
            reason: tick.skip_reason,
        });
    }
}
