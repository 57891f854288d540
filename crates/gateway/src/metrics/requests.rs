//! Requests by what they asked for and how they were answered, counted without a lock.

use std::time::Duration;

use stint_measure::{Count, Times};

use crate::operation::Operation;

/// What a request asked for, as far as it is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// One of the API.
    Operation(Operation),
    /// How this replica is.
    Probe,
    /// Something else, or somebody who was not let in as far as to say what.
    Other,
}

/// How it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The status of HTTP.
    Http(u16),
    /// The code of gRPC.
    Grpc(tonic::Code),
}

/// The statuses that the doors answer with; all others are counted together.
const STATUSES: [u16; 20] = [
    200, 201, 202, 204, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 415, 429, 500, 503, 507,
    0,
];

/// The codes of gRPC in the order of their numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// One route.
#[derive(Debug, Default)]
struct OfRoute {
    statuses: [Count; STATUSES.len()],
    codes: [Count; CODES.len()],
    times: Times,
}

/// All routes.
#[derive(Debug)]
pub(crate) struct Requests(Vec<(Route, OfRoute)>);

impl Default for Requests {
    fn default() -> Self {
        let operations = Operation::ALL.into_iter().map(Route::Operation);
        let routes = operations.chain([Route::Probe, Route::Other]);
        Self(routes.map(|route| (route, OfRoute::default())).collect())
    }
}

impl Requests {
    /// An answer has begun, so long after its request came.
    pub(crate) fn note(&self, route: Route, code: Code, time: Duration) {
        let Some((_, of)) = self.0.iter().find(|(known, _)| *known == route) else { return };
        let count = match code {
            Code::Http(status) => {
                let place = STATUSES.iter().position(|known| *known == status);
                of.statuses.get(place.unwrap_or(STATUSES.len() - 1))
            }
            Code::Grpc(code) => usize::try_from(i32::from(code)).ok().and_then(|n| of.codes.get(n)),
        };
        if let Some(count) = count {
            count.add_one();
        }
        of.times.note(time);
    }

    /// Route, code and count of all that there were.
    pub(super) fn counts(&self) -> Vec<(&'static str, String, u64)> {
        let mut all = Vec::new();
        for (route, of) in &self.0 {
            let status =
                |status: u16| if status == 0 { "other".to_owned() } else { status.to_string() };
            let statuses = STATUSES.iter().map(|known| status(*known)).zip(&of.statuses);
            let codes = CODES.iter().map(|code| (*code).to_owned()).zip(&of.codes);
            let counted =
                statuses.chain(codes).map(|(code, count)| (route.name(), code, count.read()));
            all.extend(counted.filter(|(_, _, count)| *count > 0));
        }
        all
    }

    /// How long the routes took that somebody has asked for.
    pub(super) fn times(&self) -> Vec<(&'static str, stint_measure::Distribution)> {
        let all = self.0.iter().map(|(route, of)| (route.name(), of.times.read()));
        all.filter(|(_, times)| times.count > 0).collect()
    }
}

impl Code {
    /// As it is known: `202`, `NOT_FOUND`.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Http(status) => status.to_string(),
            Self::Grpc(code) => {
                let place = usize::try_from(i32::from(code)).ok();
                place.and_then(|n| CODES.get(n)).copied().unwrap_or("UNKNOWN").to_owned()
            }
        }
    }

    /// Whether it says that the client asks for too much.
    pub(crate) fn is_too_many(self) -> bool {
        match self {
            Self::Http(status) => status == http::StatusCode::TOO_MANY_REQUESTS.as_u16(),
            Self::Grpc(code) => code == tonic::Code::ResourceExhausted,
        }
    }

    /// Whether it says that this replica could not do what it should have done.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Self::Http(status) => status >= 500,
            Self::Grpc(code) => {
                use tonic::Code;
                matches!(code, Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss)
            }
        }
    }
}

impl Route {
    pub(crate) fn name(self) -> &'static str {
        match self {
            // The name of the method is that of the operation.
            Self::Operation(operation) => operation.grpc().1,
            Self::Probe => "probe",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_route_and_code_of_either_door() {
        let requests = Requests::default();
        let submit = Route::Operation(Operation::SubmitJob);
        for (route, code) in [
            (submit, Code::Http(202)),
            (submit, Code::Http(202)),
            (submit, Code::Grpc(tonic::Code::Ok)),
            (submit, Code::Http(418)),
            (Route::Other, Code::Http(404)),
            (Route::Probe, Code::Grpc(tonic::Code::Unauthenticated)),
        ] {
            requests.note(route, code, Duration::from_millis(1));
        }
        let expected = [
            ("SubmitJob", "202", 2),
            ("SubmitJob", "other", 1),
            ("SubmitJob", "OK", 1),
            ("probe", "UNAUTHENTICATED", 1),
            ("other", "404", 1),
        ]
        .map(|(route, code, count)| (route, code.to_owned(), count));
        assert_eq!(requests.counts(), expected);
        let times: Vec<_> =
            requests.times().into_iter().map(|(route, t)| (route, t.count)).collect();
        assert_eq!(times, [("SubmitJob", 4), ("probe", 1), ("other", 1)]);
    }
}
