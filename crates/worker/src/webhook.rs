//! The built-in action `webhook`: a job is one POST, made by the worker itself.
//!
//! It succeeds if the answer is a 2xx. Redirects are not followed, and no proxy is asked: the
//! address that was checked is the one that is connected to. A job's deadline, its cancellation and
//! the loss of its lease end it in the middle.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use stint_core::{
    ActionOffer, Attempt, Declaration, Declarations, Exit, ExitCause, Job, Line, Span, Stream,
};
use stint_tls::{Outgoing, Outward};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{
    LINE_BYTES_MAX_DEFAULT, STOP_TIMEOUT_DEFAULT, WEBHOOK_ANSWER_BYTES_MAX, WEBHOOK_URL_BYTES_MAX,
};
use crate::orders::{self, Orders};
use crate::output::lines_of;
use crate::proc::Mark;
use crate::pump::{Channel, append_lines};
use crate::run::{self, Context, sleep_until};
use crate::stop::{Due, Stop};

mod request;
mod retry_after;
mod target;

pub use target::Allowed;

use request::Delivery;

/// What an operator says of webhooks.
#[derive(Debug, Default)]
pub struct Webhooks {
    /// The places inside that they may reach.
    pub allow: Vec<Allowed>,
    /// What signs them, by the name that jobs know.
    pub secrets: BTreeMap<String, Secret>,
    /// The certificates of authorities that are believed beside those of the system, in PEM.
    pub ca: Option<PathBuf>,
    /// Made of these when the first is sent.
    connector: OnceLock<Result<Outgoing, String>>,
}

/// What signs a request. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret that is these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Webhooks {
    /// Webhooks to these places, signed by these secrets.
    pub fn new(
        allow: Vec<Allowed>,
        secrets: BTreeMap<String, Secret>,
        ca: Option<PathBuf>,
    ) -> Self {
        Self { allow, secrets, ca, connector: OnceLock::new() }
    }

    fn connector(&self) -> Result<Outgoing, String> {
        let load = || Outgoing::load(self.ca.as_deref()).map_err(|error| error.to_string());
        self.connector.get_or_init(load).clone()
    }
}

/// What the worker tells the cluster of the action.
pub(crate) fn offer() -> ActionOffer {
    let declared = [
        ("url", true, "Where the payload is sent, by https:// or http://."),
        ("payload", false, "The body; empty if left out."),
        ("contentType", false, "What the body is; application/json if left out."),
        ("headers", false, "More headers, a line like Name: value for each."),
        ("timeout", false, "How long it may take; 30s if left out, 10m at most."),
        ("secret", false, "The name of the secret, in the worker's configuration, that signs it."),
    ];
    let declared = declared.map(|(name, is_required, description)| {
        let description = description.to_owned();
        let bytes_max = (name == "url").then_some(u64::try_from(WEBHOOK_URL_BYTES_MAX));
        let bytes_max = bytes_max.and_then(Result::ok);
        let declared =
            Declaration { description, is_required, bytes_max, ..Declaration::default() };
        (name.to_owned(), declared)
    });
    ActionOffer {
        description: "Sends a payload to a URL by POST; a 2xx is success.".to_owned(),
        declarations: Declarations { parameters: declared.into(), is_closed: false },
        ..ActionOffer::default()
    }
}

/// Makes the request of `job` under `attempt`; nothing if the lease was lost.
pub(crate) async fn deliver(
    context: Context,
    (job, attempt): (Arc<Job>, Attempt),
    webhooks: Arc<Webhooks>,
    mut orders: watch::Receiver<Orders>,
) -> Option<Exit> {
    let delivery = match Delivery::of(&job, attempt.number, &webhooks) {
        Ok(delivery) => delivery,
        Err(reason) => return Some(run::could_not_start(reason)),
    };
    if !context.lease.is_valid() {
        return None;
    }
    let mut stop = Stop::new(Instant::now(), run::deadline(&job), STOP_TIMEOUT_DEFAULT);
    let attempted = until_stopped(post(delivery, webhooks), &mut stop, &mut orders).await;
    let answered = match attempted {
        Attempted::Done(answered) => answered,
        Attempted::Stopped => return Some(Exit { cause: stop.cause(), code: 0, signal: None }),
        Attempted::Lost => return None,
    };
    let (code, wait, lines) = match answered {
        Ok(answer) => (i32::from(!answer.is_success), answer.wait, answer.lines),
        Err(why) => (1, None, vec![Line { stream: Stream::Err, text: why }]),
    };
    let cause = wait.map_or(ExitCause::Own, |wait| {
        ExitCause::AskedToWait(Span::from_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    });
    let channel = Channel {
        replica: context.replica,
        worker: attempt.worker,
        epoch: attempt.epoch,
        mark: Mark { lease: attempt.lease, job: job.id },
    };
    // The request has been made: nothing but the loss of the lease keeps that from being told.
    let appending = append_lines(channel, job.line_count, lines);
    tokio::pin!(appending);
    loop {
        tokio::select! {
            appended = &mut appending => {
                appended.ok()?;
                return Some(Exit { cause, code, signal: None });
            }
            new = orders::next(&mut orders) => if new.is_lost { return None },
        }
    }
}

enum Attempted<T> {
    Done(T),
    /// It was ended before it was done.
    Stopped,
    Lost,
}

/// Goes on with `work` until it is done, its deadline is over, or somebody wants it ended.
async fn until_stopped<T>(
    work: impl Future<Output = T>,
    stop: &mut Stop,
    orders: &mut watch::Receiver<Orders>,
) -> Attempted<T> {
    tokio::pin!(work);
    let mut standing = *orders.borrow_and_update();
    loop {
        if standing.is_lost {
            return Attempted::Lost;
        }
        let now = Instant::now();
        standing.apply(now, stop);
        let until = match stop.due(now) {
            Due::Nothing(until) => until,
            Due::Terminate | Due::Kill => return Attempted::Stopped,
        };
        tokio::select! {
            done = &mut work => return Attempted::Done(done),
            new = orders::next(orders) => standing = new,
            () = sleep_until(until) => {}
        }
    }
}

/// What came back.
struct Answer {
    is_success: bool,
    /// How long it asks to wait before the next attempt, if it is no success.
    wait: Option<Duration>,
    lines: Vec<Line>,
}

async fn post(delivery: Delivery, webhooks: Arc<Webhooks>) -> Result<Answer, String> {
    let (timeout, shown) = (delivery.timeout, delivery.shown.clone());
    let answer = tokio::time::timeout(timeout, exchange(delivery, webhooks)).await;
    let late = |_| Err(format!("no whole answer within {timeout:?}"));
    answer.unwrap_or_else(late).map_err(|why| format!("POST {shown}: {why}"))
}

async fn exchange(delivery: Delivery, webhooks: Arc<Webhooks>) -> Result<Answer, String> {
    let stream = connect(&delivery, &webhooks.allow).await?;
    let stream = if delivery.is_encrypted {
        // Reading the authorities of the system takes the disk.
        let loading = tokio::task::spawn_blocking(move || webhooks.connector()).await;
        let connector = loading.map_err(|error| error.to_string())??;
        let secured = connector.connect(stream, &delivery.host).await;
        secured.map_err(|error| format!("no encrypted connection: {error}"))?
    } else {
        Outward::Left(stream)
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(WEBHOOK_ANSWER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let talk = async {
        let answer = sender.send_request(delivery.request).await;
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        let status = answer.status();
        let wait = if status.is_success() { None } else { retry_after::of(answer.headers()) };
        // What is beyond the bound is not read; the status has said what there is to say.
        let body = Limited::new(answer.into_body(), WEBHOOK_ANSWER_BYTES_MAX).collect().await;
        let mut lines =
            vec![Line { stream: Stream::Note, text: format!("POST {}: {status}", delivery.shown) }];
        if let Some(wait) = wait {
            let text = format!("it asks to wait {} s before a retry", wait.as_secs());
            lines.push(Line { stream: Stream::Note, text });
        }
        match body {
            Ok(body) => lines.extend(lines_of(&body.to_bytes(), LINE_BYTES_MAX_DEFAULT)),
            Err(error) => {
                let text = format!("the body of the answer is left out: {error}");
                lines.push(Line { stream: Stream::Note, text });
            }
        }
        Ok(Answer { is_success: status.is_success(), wait, lines })
    };
    tokio::pin!(talk);
    tokio::select! {
        answer = &mut talk => answer,
        // The other side may hang up right after its answer, which is here then, or will not come.
        _ = connection => talk.await,
    }
}

/// Connects to the host at one of the addresses that it may have.
async fn connect(delivery: &Delivery, allow: &[Allowed]) -> Result<TcpStream, String> {
    let Delivery { host, port, .. } = delivery;
    let resolved = tokio::net::lookup_host((host.as_str(), *port)).await;
    let resolved: Vec<_> = resolved.map_err(|error| format!("{host}: {error}"))?.collect();
    let may = |address: &SocketAddr| target::may_reach(allow, host, *address);
    let (reachable, inside): (Vec<_>, Vec<_>) = resolved.into_iter().partition(may);
    let mut failure = match inside.first() {
        Some(address) => format!(
            "{host} is {}, which is inside and not for webhooks, unless `allow` in [webhook] of the \
             worker's configuration says so",
            address.ip()
        ),
        None => format!("{host} has no address"),
    };
    for address in reachable {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("{address}: {error}"),
        }
    }
    Err(failure)
}
