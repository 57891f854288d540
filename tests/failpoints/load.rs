//! Clients that submit while replicas fail, and remember what was accepted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};

use crate::harness::{Cluster, PATIENCE, http, wait_for};

/// How long a client waits before its next job.
const PACE: Duration = Duration::from_millis(60);

/// Jobs that could not be started, because a test wanted that: one at each place of a start.
const COULD_NOT_START_MAX: usize = 3;

/// Clients at work, until [`Load::end`] or the end of the test.
pub(super) struct Load {
    is_over: Arc<AtomicBool>,
    accepted: Arc<Mutex<Vec<String>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(super) fn start(cluster: &Cluster) -> Self {
        let cron = r#"{"action":"tick","schedule":"@every 1s"}"#;
        wait_for("a cron", || match cluster.post(0, "/api/v0/crons", cron) {
            Ok(answer) if answer.status == 202 => Ok(()),
            other => Err(other),
        });
        let addresses: Vec<_> =
            cluster.replicas.iter().map(|replica| replica.address.clone()).collect();
        let (is_over, accepted) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let clients = (0..2).map(|client| {
            let (is_over, accepted) = (Arc::clone(&is_over), Arc::clone(&accepted));
            let addresses = addresses.clone();
            thread::spawn(move || submit_all(client, &addresses, &is_over, &accepted))
        });
        let clients = clients.collect();
        Self { is_over, accepted, clients }
    }

    /// Ends it, and makes sure that everything that was accepted is there, and was carried out.
    pub(super) fn end(mut self, cluster: &Cluster) {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client had every job accepted in time");
        }
        let accepted = std::mem::take(&mut *held(&self.accepted));
        assert!(accepted.len() > 20, "only {} jobs were accepted", accepted.len());
        let mut failed = 0;
        for (n, id) in accepted.iter().enumerate() {
            let i = n % 3;
            let status = wait_for(&format!("job {id}, which was accepted, to be over"), || {
                let answer = cluster.get(i, &format!("/api/v0/jobs/{id}"))?;
                let said = format!("{answer:?}");
                let job = if answer.status == 200 { answer.json() } else { return Err(said) };
                let status = job["status"].as_str().unwrap_or_default().to_owned();
                if status == "done" || status == "error" { Ok(status) } else { Err(said) }
            });
            failed += usize::from(status == "error");
        }
        // One that could not be started has a retry, which is another job.
        assert!(failed <= COULD_NOT_START_MAX, "{failed} jobs have failed");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn submit_all(
    client: usize,
    addresses: &[String],
    is_over: &AtomicBool,
    accepted: &Mutex<Vec<String>>,
) {
    for n in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let soon: DateTime<Utc> = (SystemTime::now() + Duration::from_millis(500)).into();
        let body = match n % 4 {
            0 => r#"{"action":"say","retries":20}"#.to_owned(),
            1 => format!(
                r#"{{"action":"noop","retries":20,"scheduledAt":"{}"}}"#,
                soon.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
            ),
            _ => r#"{"action":"noop","retries":20}"#.to_owned(),
        };
        let key = format!("client-{client}-{n}");
        let Some(id) = submit(&key, &body, addresses, n, is_over) else { return };
        // And is there at once, for whoever answers.
        drop(http::get(&addresses[(n + 1) % addresses.len()], &format!("/api/v0/jobs/{id}")));
        held(accepted).push(id);
        thread::sleep(PACE);
    }
}

/// Submits until somebody accepts. A client that was told to end gives up.
fn submit(
    key: &str,
    body: &str,
    addresses: &[String],
    first: usize,
    is_over: &AtomicBool,
) -> Option<String> {
    let end = Instant::now() + PATIENCE;
    let mut seen = String::new();
    for n in first.. {
        assert!(Instant::now() < end, "{key} was not accepted: {seen}");
        match http::submit_once(&addresses[n % addresses.len()], key, body) {
            Ok(answer) if answer.status == 202 => {
                return answer.json()["id"].as_str().map(str::to_owned);
            }
            Ok(answer) => seen = format!("{answer:?}"),
            Err(error) => seen = error,
        }
        if is_over.load(Ordering::Relaxed) {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}
