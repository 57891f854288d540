//! Clients that submit all the time, and when each of their jobs was accepted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::{Cluster, PATIENCE, http, wait_for};

/// Enough that one of them always asks, and few enough that they are no load.
const CLIENTS: usize = 4;

/// How long a client waits between two submissions: far less than what is measured.
const PACE: Duration = Duration::from_millis(2);

/// So many jobs accepted behind a change say that it is over.
const ACCEPTED_BEHIND: usize = 20;

/// Submissions under way, by clients that know all replicas and begin with different ones.
pub(super) struct Acceptance {
    accepted: Arc<Mutex<Vec<(Instant, String)>>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Acceptance {
    pub(super) fn begin(cluster: &Cluster) -> Self {
        let addresses: Vec<_> = cluster.replicas.iter().map(|one| one.address.clone()).collect();
        let (accepted, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let clients = (0..CLIENTS).map(|client| {
            let (accepted, is_over) = (Arc::clone(&accepted), Arc::clone(&is_over));
            let addresses = addresses.clone();
            thread::spawn(move || submit(client, &addresses, &accepted, &is_over))
        });
        let clients = clients.collect();
        Self { accepted, is_over, clients }
    }

    /// The longest time without an accepted job from `since` on, until some were accepted again
    /// after now.
    pub(super) fn longest_gap_since(&self, since: Instant) -> Duration {
        let now = Instant::now();
        wait_for("jobs to be accepted again", || {
            let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
            let mut times: Vec<_> = accepted.iter().map(|(at, _)| *at).collect();
            times.sort_unstable();
            let behind = times.iter().filter(|at| **at > now).count();
            if behind < ACCEPTED_BEHIND {
                return Err(behind);
            }
            times.retain(|at| *at > since);
            times.insert(0, since);
            let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
            Ok(gaps.max().unwrap_or_default())
        })
    }

    /// The ids of all jobs that were accepted.
    pub(super) fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("a client ends");
        }
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.drain(..).map(|(_, id)| id).collect()
    }
}

fn submit(
    client: usize,
    addresses: &[String],
    accepted: &Mutex<Vec<(Instant, String)>>,
    is_over: &AtomicBool,
) {
    let mut at = client;
    for number in 0.. {
        let (key, began) = (format!("{client}-{number}"), Instant::now());
        loop {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let address = &addresses[at % addresses.len()];
            match http::submit_once(address, &key, r#"{"action":"noop"}"#) {
                Ok(answer) if answer.status == 202 => {
                    let id = answer.json()["id"].as_str().expect("an id").to_owned();
                    let now = Instant::now();
                    accepted.lock().unwrap_or_else(PoisonError::into_inner).push((now, id));
                    break;
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => {}
            }
            assert!(began.elapsed() < PATIENCE, "a job was not accepted");
            at += 1;
            thread::sleep(PACE);
        }
        thread::sleep(PACE);
    }
}
