//! A client: one request after the other, to whichever replica, over the simulated network.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stint_core::JobId;
use turmoil::net::TcpStream;

use crate::dice::Dice;
use crate::replica::{ACTION, CAPACITY, CLIENTS};
use crate::trace::{Call, Trace, What, now};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(300);

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
type Answer = Result<(StatusCode, Value), String>;

/// Asks one replica.
pub(crate) async fn ask(
    host: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
    key: Option<&str>,
) -> Answer {
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
            match self.dice.below(10) {
                0..3 => {
                    number += 1;
                    self.submit(number).await;
                }
                3..8 => self.read().await,
                8 => self.end("cancel").await,
                _ => self.end("delete").await,
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
    ) -> (Duration, Answer) {
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

    fn note(&self, began: Duration, job: JobId, what: What) {
        let call = Call { began, ended: now(), job, what };
        self.trace.seen().calls.push(call);
    }

    /// Submits a job, and sends it again under the same key until its fate is known, for a while.
    async fn submit(&mut self, number: u64) {
        let ms = *self.dice.of(&[0, 50, 500, 2_000, 6_000]);
        let lines = self.dice.below(6);
        let code = u64::from(self.dice.one_in(5));
        let parameters =
            json!({"ms": ms.to_string(), "lines": lines.to_string(), "code": code.to_string()});
        let body = json!({
            "action": ACTION, "parameters": parameters, "retries": self.dice.below(2),
            "capacityMap": {CAPACITY.0: 1},
        });
        let key = format!("{}-{number}", self.name);
        for _ in 0..8 {
            let (began, answer) =
                self.ask(Method::POST, "/jobs", Some(body.clone()), Some(&key)).await;
            if let Ok((StatusCode::ACCEPTED, body)) = answer {
                let id = body.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
                let id: JobId = id.expect("a job that was accepted has an id");
                self.note(began, id, What::Accepted);
                if !self.jobs.contains(&id) {
                    self.jobs.push(id);
                }
                // Some are sent again although they were answered.
                if !self.dice.one_in(6) {
                    return;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) {
        let Some(id) = self.some_job() else { return };
        let (began, answer) = self.ask(Method::GET, &format!("/jobs/{id}"), None, None).await;
        match answer {
            Ok((StatusCode::OK, body)) => {
                let text = |name: &str| {
                    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                self.note(began, id, What::Read(text("status"), text("lastUpdated")));
            }
            Ok((StatusCode::NOT_FOUND, _)) => self.note(began, id, What::NotFound),
            Ok(_) | Err(_) => {}
        }
    }

    async fn end(&mut self, how: &str) {
        let Some(id) = self.some_job() else { return };
        let (method, path, what) = if how == "cancel" {
            (Method::POST, format!("/jobs/{id}/cancel"), What::Canceled)
        } else {
            (Method::DELETE, format!("/jobs/{id}"), What::Deleted)
        };
        let (began, answer) = self.ask(method, &path, None, None).await;
        if let Ok((StatusCode::NO_CONTENT, _)) = answer {
            self.note(began, id, what);
        }
    }

    fn some_job(&mut self) -> Option<JobId> {
        // Mostly the latest, since much happens to them.
        let from = self.jobs.len().saturating_sub(6);
        let latest = self.jobs.get(from..).filter(|latest| !latest.is_empty())?;
        Some(*self.dice.of(latest))
    }
}
