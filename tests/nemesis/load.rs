//! Clients of all kinds, which ask whichever replica they please whatever happens to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stint_client::{Client, LogRange};

use crate::harness::dice::Dice;
use crate::harness::http::Answer;
use crate::harness::{PATIENCE, tls, wait_for};

use super::history::{History, Operation, Outcome, Wish};
use super::site::Site;

/// Clients that submit, read, cancel and delete; one more follows the output of jobs.
const CLIENTS: u64 = 4;

/// How long a client waits before its next request.
const PACE: Duration = Duration::from_millis(30);

/// How long a client waits for an answer. Shorter than faults last.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Where clients ask, and as whom.
#[derive(Debug, Clone)]
pub(super) struct Door {
    addresses: Vec<String>,
    ca: PathBuf,
    header: String,
    token: String,
}

/// The clients of one cell.
pub(super) struct Load {
    pub(super) history: Arc<History>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Door {
    pub(super) fn of(site: &Site) -> Self {
        let token = site.cluster.admin.clone().expect("it is closed");
        Self {
            addresses: site.cluster.addresses().split(',').map(str::to_owned).collect(),
            ca: site.ca().to_owned(),
            header: format!("Authorization: Bearer {token}\r\n"),
            token,
        }
    }

    pub(super) fn client(&self) -> Client {
        let builder = Client::builder().endpoints(self.addresses.clone()).token(self.token.clone());
        builder.ca_certificate(&self.ca).deadline(2 * PATIENCE).build().expect("a client")
    }

    fn ask(
        &self,
        address: &str,
        what: (&str, &str),
        key: Option<&str>,
        body: &str,
    ) -> Result<Answer, String> {
        let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let header = format!("{}{key}", self.header);
        tls::ask_within(ANSWER_MAX, address, &self.ca, what, &header, body)
    }
}

impl Door {
    /// Submits a job, by whichever replica accepts it, and gives its id.
    pub(super) fn submit(&self, key: &str, body: &str) -> String {
        let mut at = 0;
        wait_for("a job to be accepted", || {
            let address = &self.addresses[at % self.addresses.len()];
            at += 1;
            let outcome = Outcome::of(self.ask(address, ("POST", "/api/v0/jobs"), Some(key), body));
            match &outcome {
                Outcome::Done(job) => Ok(job["id"].as_str().expect("an id").to_owned()),
                Outcome::Refused(..) | Outcome::Unknown(_) => Err(outcome),
            }
        })
    }

    /// Asks one replica after the other until one has done it, but for each once, or until then.
    pub(super) fn until(&self, until: Instant, what: (&str, &str), body: &str) -> Outcome {
        let mut last = Outcome::Unknown("nobody was asked".to_owned());
        loop {
            for address in &self.addresses {
                last = Outcome::of(self.ask(address, what, None, body));
                if matches!(last, Outcome::Done(_)) {
                    return last;
                }
            }
            if Instant::now() >= until {
                return last;
            }
            thread::sleep(PACE);
        }
    }
}

impl Load {
    /// Clients whose jobs have a parameter `CELL` of this name.
    pub(super) fn start(door: &Door, cell: &str, seed: u64) -> Self {
        let (history, is_over) = (Arc::new(History::default()), Arc::new(AtomicBool::new(false)));
        let clients = (0..=CLIENTS).map(|number| {
            let mut person = Person {
                door: door.clone(),
                history: Arc::clone(&history),
                is_over: Arc::clone(&is_over),
                dice: Dice::new(seed * 100 + number),
                cell: cell.to_owned(),
                number,
            };
            thread::spawn(move || if number < CLIENTS { person.asks() } else { person.follows() })
        });
        let clients = clients.collect();
        Self { history, is_over, clients }
    }

    pub(super) fn end(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client ends");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

struct Person {
    door: Door,
    history: Arc<History>,
    is_over: Arc<AtomicBool>,
    dice: Dice,
    cell: String,
    number: u64,
}

impl Person {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn asks(&mut self) {
        for turn in 0_u64.. {
            if self.is_over() {
                return;
            }
            let known = self.history.known();
            let some = (!known.is_empty()).then(|| known[self.dice.index(known.len())].clone());
            match (self.dice.below(20), some) {
                (0..=4, _) | (_, None) => self.submits(turn, false),
                (5..=7, _) => self.submits(turn, true),
                (8, Some(id)) => self.one(&Wish::Cancel { id }),
                (9, Some(id)) => self.one(&Wish::Delete { id }),
                (_, Some(id)) => self.one(&Wish::Read { id }),
            }
            thread::sleep(PACE);
        }
    }

    fn submits(&mut self, turn: u64, has_key: bool) {
        let number = format!("{}.{}.{turn}", self.cell, self.number);
        let key = has_key.then(|| number.clone());
        let wish = Wish::Submit { number, key };
        loop {
            self.one(&wish);
            let last = self.history.operations();
            let is_done = last.iter().rev().find(|one| one.wish == wish);
            let is_done = is_done.is_some_and(|one| matches!(one.outcome, Outcome::Done(_)));
            if !has_key || is_done || self.is_over() {
                return;
            }
            thread::sleep(PACE);
        }
    }

    /// Asks once, at some replica, and notes what came of it.
    fn one(&mut self, wish: &Wish) {
        let by = self.door.addresses[self.dice.index(self.door.addresses.len())].clone();
        let began = Instant::now();
        let answer = match wish {
            Wish::Submit { number, key } => {
                let body = self.submission(number);
                self.door.ask(&by, ("POST", "/api/v0/jobs"), key.as_deref(), &body)
            }
            Wish::Cancel { id } => {
                let path = format!("/api/v0/jobs/{id}/cancel");
                self.door.ask(&by, ("POST", &path), None, "")
            }
            Wish::Delete { id } => {
                self.door.ask(&by, ("DELETE", &format!("/api/v0/jobs/{id}")), None, "")
            }
            Wish::Read { id } => {
                self.door.ask(&by, ("GET", &format!("/api/v0/jobs/{id}")), None, "")
            }
        };
        let ended = Instant::now();
        let outcome = Outcome::of(answer);
        self.history.add(Operation { wish: wish.clone(), by, began, ended, outcome });
    }

    /// The same for the same number: repetitions have to be the same submission.
    fn submission(&self, number: &str) -> String {
        let turn: u64 = number.rsplit('.').next().and_then(|turn| turn.parse().ok()).unwrap_or(0);
        let action = if turn.is_multiple_of(3) { "say" } else { "noop" };
        let cell = &self.cell;
        format!(
            r#"{{"action":"{action}","capacityMap":{{"slots":1}},"parameters":{{"N":"{number}","CELL":"{cell}"}}}}"#
        )
    }

    /// Follows the output of one job after the other to its end.
    fn follows(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = self.door.client();
        let mut turn = 0;
        while !self.is_over() {
            let number = format!("{}.follower.{}", self.cell, 3 * turn);
            turn += 1;
            let wish = Wish::Submit { number, key: None };
            self.one(&wish);
            let last = self.history.operations();
            let mine = last.iter().rev().find(|one| one.wish == wish);
            if let Some(Outcome::Done(job)) = mine.map(|one| &one.outcome) {
                let id = job["id"].as_str().expect("an id").to_owned();
                let lines = runtime.block_on(lines(&client, &id));
                if let Some(lines) = lines {
                    self.history.followed(&id, lines);
                }
            }
            thread::sleep(PACE);
        }
    }
}

/// All lines of a job, as they came; nothing if it was deleted meanwhile.
async fn lines(client: &Client, id: &str) -> Option<Vec<(u64, String)>> {
    let range = LogRange { follow: true, ..LogRange::default() };
    let mut logs = client.job_logs(id, range);
    let mut lines = Vec::new();
    loop {
        match logs.next().await {
            Ok(Some(line)) => lines.push((line.line_num, line.data)),
            Ok(None) => return Some(lines),
            // Whether it may be gone is looked at by those who check what was deleted.
            Err(_) => return None,
        }
    }
}
