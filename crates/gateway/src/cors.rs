//! Which pages in browsers may read answers: those of the origins that an operator has listed, and
//! none by default (CORS, of the Fetch standard).
//!
//! No cookie counts that a page of elsewhere sends, so nothing is allowed that would take
//! `Allow-Credentials`; and there is no
//! `*`: a list is short. It stands before the question who calls, which preflights cannot answer, and
//! around the answer to it, so that a page can read why it was refused. That is why it is not one of
//! the layers there are for routers, which also answer every `OPTIONS`.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use thiserror::Error;

use crate::limits;
use crate::operation::Operation;

/// What a page may send beyond what any page may.
const ALLOWED_HEADERS: &str =
    "authorization, content-type, idempotency-key, last-event-id, x-request-id";

/// What a page may read beyond the body and what it may always read.
const EXPOSED_HEADERS: &str = "retry-after, www-authenticate, x-request-id";

/// By what a preflight is answered, so that no cache gives one page the answer to another.
const PREFLIGHT_VARY: &str =
    "origin, access-control-request-method, access-control-request-headers";

/// All methods of the API.
static METHODS: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut methods: Vec<_> = Operation::ALL.map(|operation| operation.http().0.to_string()).into();
    methods.sort();
    methods.dedup();
    HeaderValue::try_from(methods.join(", ")).expect("names of methods are a header value")
});

/// An origin as browsers write it: `https://host`, with a port if it is not the scheme's own.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Why a text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadOrigin {
    /// All origins at once.
    #[error("* would let every page in the world read answers; list each origin")]
    All,
    /// Something else.
    #[error(
        "\"{0}\" is not an origin as browsers send it: https://host or http://host, in lower case, with \
         :port unless it is 443 or 80, and without a slash at the end"
    )]
    Other(String),
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        if text.contains('*') {
            return Err(BadOrigin::All);
        }
        let other = || BadOrigin::Other(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| other())?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let scheme = scheme.ok_or_else(other)?;
        let own_port = if scheme == "https" { 443 } else { 80 };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(other)?;
        let port = uri.port_u16().filter(|port| *port != own_port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        // There is one way to write it, since browsers and this are compared byte by byte.
        if text != format!("{scheme}://{host}{port}").to_ascii_lowercase() {
            return Err(other());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| other())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The origins whose pages may read answers.
#[derive(Debug, Clone)]
pub(crate) struct Cors(Arc<[Origin]>);

impl Cors {
    pub(crate) fn new(origins: Arc<[Origin]>) -> Self {
        Self(origins)
    }

    /// The origin of the page that asks, if it is one of ours.
    fn origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut sent = headers.get_all(header::ORIGIN).iter();
        let origin = sent.next().filter(|_| sent.next().is_none())?;
        self.0.iter().any(|Origin(known)| known == origin).then_some(origin)
    }

    /// Whether a request comes from a page of a listed origin.
    pub(crate) fn lists(&self, headers: &HeaderMap) -> bool {
        self.origin(headers).is_some()
    }

    /// The answer to the question of a browser whether a page may ask, if it is one and may.
    pub(crate) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let is_asked = *request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_asked || self.origin(request.headers()).is_none() {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS.clone());
        let allowed = HeaderValue::from_static(ALLOWED_HEADERS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        let seconds = HeaderValue::from(limits::PREFLIGHT_AGE.as_secs());
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, seconds);
        headers.insert(header::VARY, HeaderValue::from_static(PREFLIGHT_VARY));
        Some(response)
    }

    /// Who may read the answer to a request; `None` if no origin is listed, and nothing is to be said.
    pub(crate) fn readable_by(&self, asked: &HeaderMap) -> Option<Readable> {
        (!self.0.is_empty()).then(|| Readable(self.origin(asked).cloned()))
    }
}

/// Who may read an answer: pages of this origin, or none.
pub(crate) struct Readable(Option<HeaderValue>);

impl Readable {
    /// Says it in the answer, and that it depends on who asks.
    pub(crate) fn mark(self, answer: &mut HeaderMap) {
        if !answer.contains_key(header::VARY) {
            answer.insert(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = self.0 {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let exposed = HeaderValue::from_static(EXPOSED_HEADERS);
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_in_one_way() {
        for good in [
            "https://console.example.org",
            "http://localhost:3000",
            "https://10.0.0.1:8443",
            "http://[::1]:8080",
        ] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "null",
            "console.example.org",
            "https://",
            "https://a.example/",
            "https://a.example/path",
            "https://a.example?x",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example:",
            "https://a.example:x",
            "https://user@a.example",
            "ftp://a.example",
            " https://a.example",
            "https://a.example\n",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(BadOrigin::Other(bad.to_owned())), "{bad}");
        }
        for all in ["*", "https://*.example.org"] {
            assert_eq!(all.parse::<Origin>(), Err(BadOrigin::All), "{all}");
        }
    }
}
