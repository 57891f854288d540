//! What may be asked twice: the only place that decides it.
//!
//! A failed attempt is one of three: the replica has answered; it certainly has not carried the
//! call out; or nobody knows. Only the last needs care.

use std::error::Error as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code as Grpc, ConnectError, Status};
use tonic_types::{ErrorInfo, StatusExt as _};

use crate::endpoints::{Endpoint, Endpoints};
use crate::error::{Code, Error, Failure};
use crate::limits;

/// What a repetition of a call could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing that the first one would not have done.
    Harmless,
    /// The same once more: it is repeated only if it has certainly not been carried out.
    Harmful,
}

/// Why an attempt gave no result.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The replica said no, under this code.
    Answered(Code, String),
    /// It was not sent, or the replica says that nothing was done.
    NotCarriedOut(String),
    /// It was sent, and nobody knows.
    Unknown(String),
}

impl Attempt {
    pub(crate) fn of(status: &Status) -> Self {
        let info = status.get_details_error_info();
        let info_is_missing = info.is_none();
        let is_unknown = info.as_ref().is_some_and(says_unknown);
        let code = info.map(|info| Code::from(info.reason.as_str()));
        let grpc = status.code();
        if info_is_missing && grpc == Grpc::PermissionDenied && is_of_hyper(status) {
            return Self::NotCarriedOut(
                "it speaks TLS only: use https:// and give the CA certificate (--ca FILE, \
                 STINT_CA or Builder::ca_certificate)"
                    .to_owned(),
            );
        }
        if info_is_missing && !was_sent(status) {
            // Such as what still waited for a connection that a replica which stops has closed.
            return Self::NotCarriedOut(describe(status));
        }
        if code == Some(Code::NoLeader) || grpc == Grpc::Unavailable {
            let says_so = code == Some(Code::NoLeader) && !is_unknown;
            let reason = describe(status);
            return if says_so || !was_sent(status) {
                Self::NotCarriedOut(reason)
            } else {
                Self::Unknown(reason)
            };
        }
        // A deadline that passed somewhere on the way, or a stream that was reset; and without our
        // details, the transport, or something in between.
        let is_unclear = matches!(grpc, Grpc::DeadlineExceeded | Grpc::Cancelled | Grpc::Aborted);
        match code {
            Some(code) if !is_unclear => Self::Answered(code, status.message().to_owned()),
            None if !is_unclear && !is_of_the_transport(grpc) => {
                Self::Answered(named(grpc), status.message().to_owned())
            }
            Some(_) | None => Self::Unknown(describe(status)),
        }
    }

    /// The replica said nothing for too long.
    pub(crate) fn silence(waited: Duration) -> Self {
        Self::Unknown(format!("no answer within {:.1} s", waited.as_secs_f32()))
    }
}

/// Whether the replica itself does not know if the call was carried out.
fn says_unknown(info: &ErrorInfo) -> bool {
    info.metadata.get("outcome").is_some_and(|outcome| outcome == "unknown")
}

/// Whether HTTP/2 itself speaks, and not a server: that is how a port that speaks TLS refuses plain
/// text, before it looks at any request.
fn is_of_hyper(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<hyper::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether a code without our details comes from the transport rather than from a server.
fn is_of_the_transport(grpc: Grpc) -> bool {
    matches!(grpc, Grpc::Unknown | Grpc::Internal | Grpc::DataLoss | Grpc::Ok)
}

/// Whether the request may have been looked at. What never left is known by its cause, and so is what
/// a replica that stops has said it did not begin with.
fn was_sent(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        let was_dropped = |error: &hyper::Error| error.is_canceled();
        let was_ignored = |error: &h2::Error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        };
        if error.is::<ConnectError>()
            || error.downcast_ref().is_some_and(was_dropped)
            || error.downcast_ref().is_some_and(was_ignored)
        {
            return false;
        }
        cause = error.source();
    }
    true
}

/// The message with its innermost cause, which is where the operating system speaks.
fn describe(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        cause = error.source();
        let innermost = error.to_string();
        if cause.is_none() && !text.contains(&innermost) {
            text = if text.is_empty() { innermost } else { format!("{text}: {innermost}") };
        }
    }
    if text.is_empty() {
        return status.code().description().to_owned();
    }
    match advice(&text) {
        Some(advice) => format!("{text}; {advice}"),
        None => text,
    }
}

/// What to do about a handshake that failed, known by the words of TLS.
fn advice(text: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["UnknownIssuer", "BadSignature"]) {
        return Some(
            "its certificate is not signed by the CA certificate that was given (--ca FILE, \
             STINT_CA or Builder::ca_certificate)",
        );
    }
    if says(&["not valid for name", "NotValidForName"]) {
        return Some("address it by a name or number that its certificate has");
    }
    says(&["InvalidContentType"]).then_some("it does not speak TLS: use http://host:port")
}

/// The v0 code that comes closest to a gRPC code without details.
fn named(code: Grpc) -> Code {
    match code {
        Grpc::InvalidArgument | Grpc::OutOfRange => Code::InvalidParameters,
        Grpc::NotFound => Code::NotFound,
        Grpc::AlreadyExists | Grpc::FailedPrecondition | Grpc::Aborted => Code::Conflict,
        Grpc::PermissionDenied => Code::NotAuthorized,
        Grpc::Unauthenticated => Code::NotAuthenticated,
        Grpc::ResourceExhausted => Code::TooManyRequests,
        Grpc::Unimplemented => Code::Other("UNIMPLEMENTED".to_owned()),
        Grpc::Ok
        | Grpc::Cancelled
        | Grpc::Unknown
        | Grpc::DeadlineExceeded
        | Grpc::Internal
        | Grpc::Unavailable
        | Grpc::DataLoss => Code::InternalError,
    }
}

/// The search of one call for a replica that answers: whose turn it is, and how long still.
#[derive(Debug)]
pub(crate) struct Search {
    number: usize,
    began: Instant,
    length: Duration,
    in_this_round: usize,
    pause: Duration,
    /// The last failure of each endpoint, by its place.
    failures: Vec<Option<String>>,
}

impl Search {
    /// Begins with the endpoint that answered last.
    pub(crate) fn begin(endpoints: &Endpoints, length: Duration) -> Self {
        Self {
            number: endpoints.last_good(),
            began: Instant::now(),
            length,
            in_this_round: 0,
            pause: limits::PAUSE_MIN,
            failures: vec![None; endpoints.len()],
        }
    }

    /// Begins anew where it stands, with the whole time before it.
    pub(crate) fn renew(&mut self) {
        self.began = Instant::now();
        self.in_this_round = 0;
        self.pause = limits::PAUSE_MIN;
        self.failures.fill(None);
    }

    /// Whose turn it is.
    pub(crate) fn endpoint<'a>(&self, endpoints: &'a Endpoints) -> &'a Endpoint {
        endpoints.get(self.number)
    }

    /// It has answered: others are to ask it first.
    pub(crate) fn has_answered(&self, endpoints: &Endpoints) {
        endpoints.has_answered(self.number);
    }

    /// How long it may take to answer.
    pub(crate) fn attempt_max(&self) -> Duration {
        self.left().min(limits::ATTEMPT_MAX)
    }

    fn left(&self) -> Duration {
        self.length.saturating_sub(self.began.elapsed())
    }

    /// Goes on to the next endpoint; after a whole round in vain not without a pause.
    pub(crate) async fn go_on(
        &mut self,
        endpoints: &Endpoints,
        reason: String,
    ) -> Result<(), Error> {
        let endpoint = self.endpoint(endpoints);
        tracing::debug!(endpoint = endpoint.url, reason, "no answer, asking the next replica");
        let place = self.number % endpoints.len();
        if let Some(failure) = self.failures.get_mut(place) {
            *failure = Some(reason);
        }
        self.number = place + 1;
        self.in_this_round += 1;
        let pause = if self.in_this_round < endpoints.len() {
            Duration::ZERO
        } else {
            self.in_this_round = 0;
            let longest = self.pause;
            self.pause = (longest * 2).min(limits::PAUSE_MAX);
            jittered(longest)
        };
        if pause >= self.left() {
            return Err(self.unreachable(endpoints));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn unreachable(&self, endpoints: &Endpoints) -> Error {
        let failure = |(place, reason): (usize, &Option<String>)| {
            let endpoint = endpoints.get(place).url.clone();
            reason.clone().map(|reason| Failure { endpoint, reason })
        };
        Error::Unreachable {
            waited: self.began.elapsed(),
            failures: self.failures.iter().enumerate().filter_map(failure).collect(),
        }
    }
}

/// Between half of `longest` and all of it, so that clients that failed together do not come back
/// together. The standard library's hash keys are random, which is random enough here.
pub(crate) fn jittered(longest: Duration) -> Duration {
    let drawn = RandomState::new().build_hasher().finish() % 512;
    let share = u32::try_from(512 + drawn).unwrap_or(512);
    longest * share / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use tonic_types::ErrorDetails;

    fn answer(grpc: Grpc, reason: &str, metadata: &[(&str, &str)]) -> Status {
        let metadata: HashMap<String, String> =
            metadata.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let details = ErrorDetails::with_error_info(reason, "stint", metadata);
        Status::with_error_details(grpc, "no", details)
    }

    fn kind(status: &Status) -> String {
        match Attempt::of(status) {
            Attempt::Answered(code, _) => code.as_str().to_owned(),
            Attempt::NotCarriedOut(_) => "not carried out".to_owned(),
            Attempt::Unknown(_) => "unknown".to_owned(),
        }
    }

    #[test]
    fn only_what_was_certainly_not_carried_out_counts_as_such() {
        let unreachable = Status::from_error(Box::new(ConnectError("connection refused".into())));
        for (status, expected) in [
            (answer(Grpc::Unavailable, "NO_LEADER", &[]), "not carried out"),
            (answer(Grpc::Unavailable, "NO_LEADER", &[("outcome", "unknown")]), "unknown"),
            (unreachable, "not carried out"),
            (Status::unavailable("connection reset"), "unknown"),
            (Status::deadline_exceeded("late"), "unknown"),
            (Status::internal("h2 protocol error"), "unknown"),
            (answer(Grpc::Internal, "INTERNAL_ERROR", &[]), "INTERNAL_ERROR"),
            (answer(Grpc::NotFound, "NO_SUCH_JOB", &[]), "NO_SUCH_JOB"),
            (Status::not_found("no such job"), "NOT_FOUND"),
            (Status::unimplemented("no such call"), "UNIMPLEMENTED"),
        ] {
            assert_eq!(kind(&status), expected, "{status:?}");
        }
    }

    #[test]
    fn a_failure_is_described_by_its_innermost_cause() {
        let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let status = Status::from_error(Box::new(ConnectError(Box::new(cause))));
        assert!(describe(&status).contains("connection refused"), "{}", describe(&status));
    }

    #[test]
    fn a_pause_is_at_least_half_and_at_most_all_of_its_length() {
        let longest = Duration::from_secs(1);
        for _ in 0..1_000 {
            let pause = jittered(longest);
            assert!((longest / 2..=longest).contains(&pause), "{pause:?}");
        }
    }
}
