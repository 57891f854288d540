//! Clients that submit without pause, whatever happens to the replicas, and keep what was accepted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::harness::http;

const CLIENTS: usize = 2;

/// How long a client waits before its next request.
const PACE: Duration = Duration::from_millis(25);

/// What is found again in a log, to be damaged there.
pub(super) const MARK: &str = "uniform-in-the-log";

/// A job that was answered with 202.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) body: String,
    /// Its parameter `N`.
    pub(super) number: String,
}

/// The clients, and what they share.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    addresses: Mutex<Vec<String>>,
    accepted: Mutex<Vec<Accepted>>,
    is_over: AtomicBool,
}

impl Load {
    pub(super) fn start() -> Self {
        let shared = Arc::new(Shared {
            addresses: Mutex::default(),
            accepted: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let client = |client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || submit(client, &shared))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    /// Tells the clients which replicas there are.
    pub(super) fn ask(&self, addresses: Vec<String>) {
        *lock(&self.shared.addresses) = addresses;
    }

    /// All that was accepted so far, oldest first.
    pub(super) fn accepted(&self) -> MutexGuard<'_, Vec<Accepted>> {
        lock(&self.shared.accepted)
    }

    pub(super) fn end(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client ends");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // After a failure the clients end by themselves.
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Each job until it is accepted, by one replica after the other.
fn submit(client: usize, shared: &Shared) {
    let mut at = client;
    for turn in 0_u64.. {
        let (number, key) = (format!("{client}.{turn}"), format!("power-{client}-{turn}"));
        // Of four jobs one is a process, one waits for ever, and two are over at once.
        let (action, later) = match turn % 4 {
            0 => ("say", ""),
            1 => ("noop", r#","scheduledAt":"2099-01-01T00:00:00Z""#),
            _ => ("noop", ""),
        };
        let body = format!(
            r#"{{"action":"{action}","parameters":{{"N":"{number}","MARK":"{MARK}"}}{later}}}"#
        );
        loop {
            if shared.is_over.load(Ordering::Relaxed) {
                return;
            }
            let address = {
                let known = lock(&shared.addresses);
                known.get(at % known.len().max(1)).cloned()
            };
            let answer = address.map(|address| http::submit_once(&address, &key, &body));
            if let Some(Ok(answer)) = answer {
                if answer.status == 202 {
                    let id = answer.json()["id"].as_str().expect("an id").to_owned();
                    lock(&shared.accepted).push(Accepted { id, key, body, number });
                    break;
                }
                // Before the first worker is registered, right after the first start, no action is known.
                let is_too_early = answer.status == 404 && answer.body.contains("NO_SUCH_ACTION");
                assert!(is_too_early || matches!(answer.status, 503 | 500), "{answer:?}");
            }
            at += 1;
            thread::sleep(PACE);
        }
        thread::sleep(PACE);
    }
}
