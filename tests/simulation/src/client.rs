//! A client: one request after the other, to whichever replica, over the simulated network.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stint_core::{JobId, Timestamp};
use turmoil::net::TcpStream;

use crate::dice::Dice;
use crate::replica::{ACTION, CAPACITY, CLIENTS, CRONS, KEY};
use crate::trace::{Answer, Ask, Call, Trace, now};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(300);
/// Bytes of a parameter that no job may have.
const TOO_MUCH: usize = 257 * 1024;

/// One client.
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) dice: Dice,
    pub(crate) trace: Trace,
    /// The jobs that all clients work on.
    pub(crate) jobs: Vec<JobId>,
}

/// An answer, or why there is none: then nobody knows whether it was carried out.
type Told = Result<(StatusCode, Value), String>;

/// Asks one replica.
pub(crate) async fn ask(
    host: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
    key: Option<&str>,
) -> Told {
    let asking = async {
        let stream =
            TcpStream::connect((host, CLIENTS)).await.map_err(|error| error.to_string())?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
        let connection = tokio::spawn(connection);
        let mut request =
            Request::builder().method(method).uri(format!("/api/v0{path}")).header("host", host);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
        connection.abort();
        let body = body.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err("no answer".to_owned()))
}

impl Client {
    /// Works until then.
    pub(crate) async fn work(mut self, until: Duration) {
        let mut number = 0;
        while now() < until {
            match self.dice.below(40) {
                0..12 => {
                    number += 1;
                    self.submit(number).await;
                }
                12..30 => self.read().await,
                30..33 => self.end(Ask::Cancel).await,
                33..36 => self.end(Ask::Delete).await,
                36..38 => self.change_cron().await,
                _ => self.try_limits().await,
            }
            let pause = self.dice.ms(10, 400);
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> (Duration, Told) {
        let host = self.dice.of(&self.hosts).clone();
        let began = now();
        let answer = ask(&host, method.clone(), path, body, key).await;
        let brief = match &answer {
            Ok((status, body)) => {
                let of = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("");
                format!("{} {} {}", status.as_u16(), of("id"), of("status"))
            }
            Err(why) => format!("unknown: {why}"),
        };
        self.trace.say(now(), &self.name, &format!("{host} {method} {path}: {brief}"));
        (began, answer)
    }

    fn note(&self, began: Duration, job: Option<JobId>, ask: Ask, answer: Answer) {
        self.trace.seen().calls.push(Call { began, ended: now(), job, ask, answer });
    }

    /// Submits a job, and sends it again under the same key until its fate is known, for a while.
    async fn submit(&mut self, number: u64) {
        let ms = *self.dice.of(&[0, 50, 500, 2_000, 2_500, 6_000]);
        let lines = *self.dice.of(&[0, 1, 2, 3, 5, 12]);
        let code = u64::from(self.dice.one_in(5));
        let key = format!("{}-{number}", self.name);
        let parameters = json!({
            "ms": ms.to_string(), "lines": lines.to_string(), "code": code.to_string(), KEY: key,
        });
        let body = json!({
            "action": ACTION, "parameters": parameters, "retries": self.dice.below(2),
            "capacityMap": {CAPACITY.0: 1},
        });
        let mut is_again = false;
        for _ in 0..8 {
            if is_again {
                self.trace.count("repeated submission");
            }
            let (began, told) =
                self.ask(Method::POST, "/jobs", Some(body.clone()), Some(&key)).await;
            let id =
                told.as_ref().ok().and_then(|(_, body)| body.get("id").and_then(Value::as_str));
            let id = id.and_then(|id| id.parse::<JobId>().ok());
            let answer = brief(&told, StatusCode::ACCEPTED);
            self.note(began, id, Ask::Submit(key.clone()), answer.clone());
            if answer == Answer::Done {
                let id = id.expect("a job that was accepted has an id");
                if !self.jobs.contains(&id) {
                    self.jobs.push(id);
                }
                // Some are sent again although they were answered.
                if !self.dice.one_in(6) {
                    return;
                }
            }
            is_again = true;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) {
        let Some(id) = self.some_job() else { return };
        let (began, told) = self.ask(Method::GET, &format!("/jobs/{id}"), None, None).await;
        let answer = match &told {
            Ok((StatusCode::OK, body)) => {
                let text = |name: &str| {
                    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                Answer::Shown(text("status"), text("lastUpdated"))
            }
            told => brief(told, StatusCode::OK),
        };
        self.note(began, Some(id), Ask::Read, answer);
    }

    async fn end(&mut self, ask: Ask) {
        let Some(id) = self.some_job() else { return };
        let (method, path) = match ask {
            Ask::Cancel => (Method::POST, format!("/jobs/{id}/cancel")),
            _ => (Method::DELETE, format!("/jobs/{id}")),
        };
        let (began, told) = self.ask(method, &path, None, None).await;
        self.note(began, Some(id), ask, brief(&told, StatusCode::NO_CONTENT));
    }

    /// Asks for a page, or for what no limit allows.
    async fn try_limits(&mut self) {
        if self.dice.one_in(3) {
            let parameters = json!({"ms": "x".repeat(TOO_MUCH)});
            let body = json!({"action": ACTION, "parameters": parameters});
            let (began, told) = self.ask(Method::POST, "/jobs", Some(body), None).await;
            self.note(began, None, Ask::TooMuch, brief(&told, StatusCode::ACCEPTED));
            return;
        }
        let limit = usize::try_from(self.dice.between(1, 12)).unwrap_or(1);
        let (began, told) =
            self.ask(Method::GET, &format!("/jobs?limit={limit}"), None, None).await;
        let listed = told.as_ref().ok().and_then(|(_, body)| body.get("jobs")?.as_array());
        if let Some(count) = listed.map(Vec::len) {
            self.note(began, None, Ask::Page(limit), Answer::Listed(count));
        }
    }

    /// Puts, pauses or resumes a cron.
    async fn change_cron(&mut self) {
        let (action, more) = *self.dice.of(&CRONS);
        let (path, body) = match self.dice.below(4) {
            0 => (format!("/crons/{action}/pause"), None),
            1 => (format!("/crons/{action}/resume"), None),
            _ => {
                let mut body: Value = serde_json::from_str(more).expect("it is in the source");
                let members = body.as_object_mut().expect("it is an object");
                members.insert("action".to_owned(), json!(action));
                members.insert("parameters".to_owned(), json!({"ms": "80", "lines": "1"}));
                members.insert("capacityMap".to_owned(), json!({CAPACITY.0: 1}));
                ("/crons".to_owned(), Some(body))
            }
        };
        // The log says what has come of it.
        let _told = self.ask(Method::POST, &path, body, None).await;
    }

    fn some_job(&mut self) -> Option<JobId> {
        // Mostly the latest, since much happens to them.
        let from = self.jobs.len().saturating_sub(6);
        let latest = self.jobs.get(from..).filter(|latest| !latest.is_empty())?;
        Some(*self.dice.of(latest))
    }
}

/// What an answer says, where `done` is the code that says that it is done.
fn brief(told: &Told, done: StatusCode) -> Answer {
    match told {
        Ok((code, _)) if *code == done => Answer::Done,
        Ok((StatusCode::NOT_FOUND, _)) => Answer::NotFound,
        Ok((code, _)) if code.is_client_error() => Answer::Refused(code.as_u16()),
        Ok(_) | Err(_) => Answer::Unknown,
    }
}

/// The instant that a text says.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(at.timestamp_millis()).ok().map(Timestamp::from_ms)
}
