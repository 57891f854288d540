//! Clients that submit without pause, and keep what was accepted and how long they had to wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::http;

const CLIENTS: usize = 3;

/// How long a client waits before its next job.
const PACE: Duration = Duration::from_millis(10);

/// Submissions under way.
pub(super) struct Load {
    addresses: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Submitted>>,
}

/// What clients have seen.
#[derive(Default)]
pub(super) struct Submitted {
    /// The ids of all accepted jobs.
    pub(super) jobs: Vec<String>,
    /// The longest time that one job took to be accepted, by whichever replica.
    pub(super) longest: Duration,
}

impl Load {
    pub(super) fn start(addresses: Vec<String>) -> Self {
        let addresses = Arc::new(Mutex::new(addresses));
        let is_over = Arc::new(AtomicBool::new(false));
        let clients = (0..CLIENTS).map(|client| {
            let (addresses, is_over) = (Arc::clone(&addresses), Arc::clone(&is_over));
            thread::spawn(move || submit(client, &addresses, &is_over))
        });
        let clients = clients.collect();
        Self { addresses, is_over, clients }
    }

    /// Tells the clients which replicas there are.
    pub(super) fn ask(&self, addresses: Vec<String>) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    pub(super) fn end(self) -> Submitted {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Submitted::default();
        for client in self.clients {
            let seen = client.join().expect("a client ends");
            all.jobs.extend(seen.jobs);
            all.longest = all.longest.max(seen.longest);
        }
        all
    }
}

fn submit(client: usize, addresses: &Mutex<Vec<String>>, is_over: &AtomicBool) -> Submitted {
    let mut seen = Submitted::default();
    let mut at = client;
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        let key = format!("{client}-{number}");
        loop {
            let known = addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let answer = http::submit_once(&known[at % known.len()], &key, r#"{"action":"noop"}"#);
            match answer {
                Ok(answer) if answer.status == 202 => {
                    seen.jobs.push(answer.json()["id"].as_str().expect("an id").to_owned());
                    break;
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => {}
            }
            assert!(began.elapsed() < crate::harness::PATIENCE, "a job was not accepted");
            at += 1;
            thread::sleep(PACE);
        }
        seen.longest = seen.longest.max(began.elapsed());
        thread::sleep(PACE);
    }
    seen
}
