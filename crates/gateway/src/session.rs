//! The session of a browser: a cookie that holds the token with which somebody has signed in, and what
//! keeps other pages from using it.
//!
//! Whoever has a cookie sends it without knowing, and so may be made to (cross-site request forgery). A
//! cookie therefore counts only where the browser says that the request comes from a page of this very
//! address, or, for what changes nothing, that the user has typed it; and a change also needs a header
//! that no page of elsewhere can send without being asked first.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

use crate::api::ApiError;
use crate::credentials::{Credentials, Sent};
use crate::limits;
use crate::token::Secret;

/// The cookie where the connection is encrypted. Browsers take one with this prefix only over such a
/// connection, for the host itself and the whole of it (RFC 6265bis, 4.1.3.2).
const ENCRYPTED_NAME: &str = "__Host-stint";

/// The cookie on a plain connection.
const PLAIN_NAME: &str = "stint";

/// What our own modules send with each change. A page of elsewhere that sent it would be asked for by a
/// preflight, which does not allow it.
const PAGE_HEADER: HeaderName = HeaderName::from_static("x-stint-page");

const SITE_HEADER: &str = "sec-fetch-site";

/// From where a browser says that a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// It says nothing: most likely it is no browser.
    Unsaid,
    /// A page of this address.
    Own,
    /// Nowhere: the user has typed the address, or opened a bookmark.
    Typed,
    /// A page of another address.
    Foreign,
}

impl From {
    /// What the headers say. Scripts of a page can write neither of the two.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        if let Some(site) = headers.get(SITE_HEADER) {
            return match site.as_bytes() {
                b"same-origin" => Self::Own,
                b"none" => Self::Typed,
                _ => Self::Foreign,
            };
        }
        // Older browsers, and all of them on a plain connection to other machines.
        let Some(origin) = headers.get(header::ORIGIN) else { return Self::Unsaid };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = request.uri().authority().map(http::uri::Authority::as_str).or(host);
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        match (origin, host) {
            (Some((_, origin)), Some(host)) if origin.eq_ignore_ascii_case(host) => Self::Own,
            _ => Self::Foreign,
        }
    }
}

/// Whether a method changes nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Cookies of this replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) is_encrypted: bool,
}

impl Session {
    const fn name(self) -> &'static str {
        if self.is_encrypted { ENCRYPTED_NAME } else { PLAIN_NAME }
    }

    /// What the cookie says of its sender, if there is one and nothing else says it.
    pub(crate) fn credentials<B>(
        self,
        request: &Request<B>,
    ) -> Result<Option<Credentials>, ApiError> {
        if request.headers().contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let Some(secret) = self.secret(request.headers()) else { return Ok(None) };
        let is_safe = is_safe(request.method());
        let is_ours = match From::of(request) {
            From::Own => true,
            // A browser says nothing only where nothing is changed.
            From::Typed | From::Unsaid => is_safe,
            From::Foreign => false,
        };
        if !is_ours || !is_safe && !request.headers().contains_key(PAGE_HEADER) {
            return Err(ApiError::NotAuthorized(
                "the session of a browser is for the pages of this address alone: this request comes \
                 from elsewhere. A program sends its token in the header Authorization"
                    .to_owned(),
            ));
        }
        Ok(Some(Credentials { user: None, token: Sent::User(secret.hash()) }))
    }

    /// The same for a document, which a link of elsewhere may lead to: it says nothing but who has signed
    /// in, and no page of elsewhere can read it.
    pub(crate) fn of_document(self, headers: &HeaderMap) -> Option<Credentials> {
        let secret = self.secret(headers)?;
        Some(Credentials { user: None, token: Sent::User(secret.hash()) })
    }

    fn secret(self, headers: &HeaderMap) -> Option<Secret> {
        let values = headers.get_all(header::COOKIE).iter();
        let mut pairs = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(';'));
        let found = pairs
            .find_map(|pair| pair.trim().split_once('=').filter(|(name, _)| *name == self.name()));
        found.and_then(|(_, value)| Secret::parse(value))
    }

    /// The header that begins a session.
    pub(crate) fn begin(self, secret: &Secret) -> HeaderValue {
        self.cookie(&secret.reveal(), limits::SESSION_AGE.as_secs())
    }

    /// The header that ends it.
    pub(crate) fn end(self) -> HeaderValue {
        self.cookie("", 0)
    }

    fn cookie(self, value: &str, seconds: u64) -> HeaderValue {
        let name = self.name();
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        let text =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        let mut header =
            HeaderValue::try_from(text).expect("letters, digits and signs are a header value");
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Session = Session { is_encrypted: false };

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri("/api/v0/jobs");
        request = request.header("host", "a.example:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_cookie_counts_from_our_own_pages_and_for_changes_only_with_our_header() {
        let cookie = format!("x=y; stint={}; z", Secret::draw().unwrap().reveal());
        let own = ("sec-fetch-site", "same-origin");
        let typed = ("sec-fetch-site", "none");
        let page = ("x-stint-page", "1");
        let origin = ("origin", "https://a.example:8443");
        let foreign = ("origin", "https://b.example");
        for (method, headers, is_taken) in [
            ("GET", &[own][..], true),
            ("GET", &[typed], true),
            ("GET", &[], true),
            ("GET", &[("sec-fetch-site", "cross-site")], false),
            ("GET", &[("sec-fetch-site", "same-site")], false),
            ("GET", &[foreign], false),
            ("GET", &[own, foreign], true),
            ("POST", &[own, page], true),
            ("POST", &[origin, page], true),
            ("POST", &[own], false),
            ("POST", &[origin], false),
            ("POST", &[page], false),
            ("POST", &[typed, page], false),
            ("POST", &[foreign, page], false),
            ("POST", &[("origin", "null"), page], false),
            ("POST", &[("sec-fetch-site", "cross-site"), origin, page], false),
            ("DELETE", &[own, page], true),
            ("DELETE", &[own], false),
        ] {
            let mut headers = headers.to_vec();
            headers.push(("cookie", &cookie));
            let outcome = PLAIN.credentials(&request(method, &headers));
            let seen = outcome.as_ref().is_ok_and(Option::is_some);
            assert_eq!(seen, is_taken, "{method} {headers:?}: {outcome:?}");
            assert_eq!(outcome.is_err(), !is_taken, "{method} {headers:?}");
        }
    }

    #[test]
    fn who_sends_a_token_is_known_by_that_and_not_by_a_cookie() {
        let cookie = format!("stint={}", Secret::draw().unwrap().reveal());
        let headers = [("cookie", cookie.as_str()), ("authorization", "Bearer x")];
        assert!(PLAIN.credentials(&request("POST", &headers)).unwrap().is_none());
        assert!(PLAIN.credentials(&request("POST", &[])).unwrap().is_none());
        let other = [("cookie", "stint=nonsense; __Host-stint=x")];
        assert!(PLAIN.credentials(&request("POST", &other)).unwrap().is_none());
    }

    #[test]
    fn an_encrypted_connection_has_a_cookie_that_no_plain_one_can_set_or_see() {
        let secret = Secret::draw().unwrap();
        let encrypted = Session { is_encrypted: true };
        let text = encrypted.begin(&secret).to_str().unwrap().to_owned();
        assert!(text.starts_with("__Host-stint=stint_"), "{text}");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=43200"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!PLAIN.begin(&secret).to_str().unwrap().contains("Secure"));
        assert!(PLAIN.end().to_str().unwrap().contains("stint=; Path=/; Max-Age=0"));
        let mut headers = HeaderMap::new();
        headers.insert("cookie", format!("stint={}", secret.reveal()).parse().unwrap());
        assert!(encrypted.of_document(&headers).is_none());
    }
}
