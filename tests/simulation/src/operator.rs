//! The operator: hands leadership over, drains workers, has a replica join, and removes one, while all
//! goes wrong.

use std::sync::PoisonError;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use stint_core::WorkerId;

use crate::client::ask;
use crate::dice::Dice;
use crate::replica::Invitation;
use crate::trace::{Trace, now};

const PAUSE: Duration = Duration::from_millis(400);

/// What is to become of the members.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    /// When the fourth replica is invited.
    pub(crate) joins_at: Option<Duration>,
    /// When which one is removed; not before the fourth is a member, if it is to be one.
    pub(crate) removes: Option<(Duration, usize)>,
    /// Whether workers are drained now and then, with little time for what they run.
    pub(crate) has_drains: bool,
}

impl Changes {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let joins_at = dice.one_in(2).then(|| dice.ms(3_000, 15_000));
        let size = if joins_at.is_some() { 4 } else { 3 };
        let whom = usize::try_from(dice.below(size)).unwrap_or(0);
        // Of three founders one goes now and then, too.
        let is_removing = if joins_at.is_some() { dice.one_in(2) } else { dice.one_in(4) };
        let removes = is_removing.then(|| (dice.ms(12_000, 27_000), whom));
        Self { joins_at, removes, has_drains: !dice.one_in(3) }
    }
}

pub(crate) struct Operator {
    pub(crate) hosts: Vec<(String, WorkerId)>,
    pub(crate) dice: Dice,
    pub(crate) trace: Trace,
    pub(crate) changes: Changes,
    pub(crate) invitation: Invitation,
    /// Somebody is invited, and no member yet.
    pub(crate) is_waiting: bool,
    /// Whose workers may be draining, and until when.
    pub(crate) draining: Vec<(Duration, WorkerId)>,
}

impl Operator {
    /// Works until then, and until what was begun is done.
    pub(crate) async fn work(mut self, until: Duration) {
        let mut next_transfer = self.dice.ms(2_000, 6_000);
        let mut next_drain = self.dice.ms(2_000, 5_000);
        loop {
            if self.changes.joins_at.is_some_and(|at| at <= now()) {
                self.invite().await;
            } else if self.changes.removes.is_some_and(|(at, _)| at <= now()) && !self.is_joining()
            {
                self.remove().await;
            } else if now() >= next_transfer && now() < until {
                next_transfer = now() + self.dice.ms(2_000, 9_000);
                self.transfer().await;
            } else if self.draining.iter().any(|(at, _)| *at <= now() || until <= now()) {
                self.resume(now() >= until).await;
            } else if self.changes.has_drains && now() >= next_drain && now() < until {
                next_drain = now() + self.dice.ms(600, 2_500);
                self.drain().await;
            }
            let is_done = self.changes.joins_at.is_none() && self.changes.removes.is_none();
            let is_done = is_done && self.draining.is_empty();
            if is_done && !self.is_joining() {
                self.trace.seen().is_changing = false;
                if now() >= until {
                    return;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether somebody is invited, and no member yet.
    fn is_joining(&mut self) -> bool {
        let last = self.hosts.last().map(|(name, _)| name.clone()).unwrap_or_default();
        self.is_waiting &= !self.trace.seen().members.contains(&last);
        self.is_waiting
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<(StatusCode, Value)> {
        let (host, _) = self.dice.of(&self.hosts).clone();
        let told = ask(&host, method.clone(), path, body, None).await;
        let brief = match &told {
            Ok((code, body)) => {
                let detail = body.get("message").and_then(Value::as_str).unwrap_or_default();
                format!("{} {detail}", code.as_u16())
            }
            Err(why) => format!("unknown: {why}"),
        };
        self.trace.say(now(), "operator", &format!("{host} {method} {path}: {brief}"));
        told.ok()
    }

    async fn transfer(&mut self) {
        let (_, to) = self.dice.of(&self.hosts).clone();
        let told = self.ask(Method::POST, &format!("/meta/members/{to}/lead"), None).await;
        if told.is_some_and(|(code, _)| code == StatusCode::NO_CONTENT) {
            self.trace.count("leader transfer");
        }
    }

    async fn drain(&mut self) {
        let (_, whom) = self.dice.of(&self.hosts).clone();
        let body = json!({"limit": format!("{}ms", self.dice.between(50, 800))});
        // Whatever the answer is, it may be done.
        self.draining.push((now() + self.dice.ms(300, 3_000), whom));
        let told = self.ask(Method::POST, &format!("/workers/{whom}/drain"), Some(body)).await;
        if told.is_some_and(|(code, _)| code.is_success()) {
            self.trace.count("drain");
        }
    }

    /// Has a worker take jobs again whose time has come, or any.
    async fn resume(&mut self, is_all: bool) {
        let is_due = |(at, _): &(Duration, WorkerId)| is_all || *at <= now();
        let Some(place) = self.draining.iter().position(is_due) else { return };
        let Some((_, whom)) = self.draining.get(place).copied() else { return };
        let told = self.ask(Method::POST, &format!("/workers/{whom}/resume"), None).await;
        // One that was removed is no worker any more.
        let is_over = |code: StatusCode| code.is_success() || code == StatusCode::NOT_FOUND;
        if told.is_some_and(|(code, _)| is_over(code)) {
            self.draining.remove(place);
        }
    }

    async fn invite(&mut self) {
        let body = json!({"expiresIn": "24h"});
        let Some((StatusCode::CREATED, body)) =
            self.ask(Method::POST, "/meta/invitations", Some(body)).await
        else {
            return;
        };
        let secret = body.get("invitation").and_then(Value::as_str).map(str::to_owned);
        *self.invitation.lock().unwrap_or_else(PoisonError::into_inner) = secret;
        self.changes.joins_at = None;
        self.is_waiting = true;
    }

    async fn remove(&mut self) {
        let Some((_, whom)) = self.changes.removes else { return };
        let Some((name, id)) = self.hosts.get(whom).cloned() else { return };
        let told = self.ask(Method::DELETE, &format!("/meta/members/{id}"), None).await;
        if told.is_some_and(|(code, _)| {
            code == StatusCode::NO_CONTENT || code == StatusCode::NOT_FOUND
        }) {
            self.trace.seen().members.remove(&name);
            self.trace.count("member removed");
            self.changes.removes = None;
        }
    }
}
