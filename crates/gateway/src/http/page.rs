//! The page for browsers: which requests are about it, and how they are answered.
//!
//! It is for requests that ask for HTML, so that whoever asks for `/` as ever gets what there ever was.
//! Documents need no token: who has none is shown where to sign in.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use stint_web::{Asset, Frame, Login, Notice, Page, VERSION as ASSETS};

use super::query::Query;
use super::{answer, body};
use crate::VERSION;
use crate::api::{Api, ApiError, Caller, Whence};
use crate::credentials::{Credentials, Sent};
use crate::operation::Operation;
use crate::session::{From, Session};
use crate::token::Secret;

const ASSETS_PATH: &str = "/assets/";
const LOGIN_PATH: &str = "/login";
const LOGOUT_PATH: &str = "/logout";

/// What a document may load: what this replica has, and nothing that stands in the document itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// What a browser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Visit {
    Page(Page),
    Asset(Asset, bool),
    Login,
    SignIn,
    SignOut,
}

impl Visit {
    /// What this request asks for, if it is about the page at all.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let path = request.uri().path();
        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        if let Some(rest) = path.strip_prefix(ASSETS_PATH).filter(|_| is_read) {
            let (version, name) = rest.split_once('/')?;
            return Some(Self::Asset(Asset::named(name)?, version == *ASSETS));
        }
        if *request.method() == Method::POST && is_form(request.headers()) {
            return match path {
                LOGIN_PATH => Some(Self::SignIn),
                LOGOUT_PATH => Some(Self::SignOut),
                _ => None,
            };
        }
        if !is_read || !wants_html(request.headers()) {
            return None;
        }
        if path == LOGIN_PATH { Some(Self::Login) } else { Page::at(path).map(Self::Page) }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded"))
}

fn wants_html(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::ACCEPT).iter().filter_map(|kind| kind.to_str().ok());
    kinds.any(|kinds| kinds.contains("text/html"))
}

/// Answers to a browser.
pub(crate) async fn receive(
    api: &Api,
    session: Session,
    visit: Visit,
    whence: Whence,
    request: Request<Body>,
) -> Response {
    let mut response = match visit {
        Visit::Asset(asset, is_current) => return serve(asset, is_current),
        Visit::Page(page) => {
            let credentials = session.of_document(request.headers());
            let caller = api.authenticate(whence, credentials).await;
            show(api, page, caller, &request)
        }
        Visit::Login if api.is_open() => see("/"),
        Visit::Login => {
            let query = Query::parse(request.uri().query().unwrap_or_default());
            let next = query.map(|query| query.text("next").to_owned()).unwrap_or_default();
            login(api, StatusCode::OK, "", &next)
        }
        Visit::SignIn => sign_in(api, session, whence, request).await,
        Visit::SignOut if From::of(&request) == From::Foreign => see("/"),
        Visit::SignOut => {
            let mut response = see(LOGIN_PATH);
            response.headers_mut().insert(header::SET_COOKIE, session.end());
            response
        }
    };
    protect(response.headers_mut());
    response
}

/// A page for whoever has signed in; for others, where to do that.
fn show(
    api: &Api,
    page: Page,
    caller: Result<Caller, ApiError>,
    request: &Request<Body>,
) -> Response {
    let caller = match caller {
        Ok(caller) => caller,
        Err(ApiError::NotAuthenticated(_)) => {
            let here = request.uri().path_and_query().map_or("/", |here| here.as_str());
            return see(&format!("{LOGIN_PATH}?next={}", encode(here)));
        }
        Err(error) => return notice(&error),
    };
    let may: Vec<_> = Operation::ALL
        .into_iter()
        .filter(|operation| caller.may(*operation).is_ok())
        .map(|operation| operation.grpc().1)
        .collect();
    let frame = Frame {
        page,
        user: caller.user().unwrap_or_default(),
        role: caller.role().map_or("", stint_core::Role::name),
        may: &may.join(" "),
        is_open: caller.user().is_none(),
        replica: &api.cluster_status().status.id.to_string(),
        version: VERSION,
    };
    html(StatusCode::OK, frame.html())
}

/// Takes a token, and begins a session if it is worth something.
async fn sign_in(api: &Api, session: Session, whence: Whence, request: Request<Body>) -> Response {
    if matches!(From::of(&request), From::Foreign) {
        return login(api, StatusCode::FORBIDDEN, "That form came from another page.", "/");
    }
    let form = match body::read_form(request).await {
        Ok(form) => form,
        Err(error) => return login(api, StatusCode::BAD_REQUEST, &error.to_string(), "/"),
    };
    let (token, next) = match Query::parse(&form) {
        Ok(form) => (form.text("token").trim().to_owned(), form.text("next").to_owned()),
        Err(error) => return login(api, StatusCode::BAD_REQUEST, &error.to_string(), "/"),
    };
    let Some(secret) = Secret::parse(&token) else {
        let problem = "That is no token: a token is the word stint_ and 43 characters.";
        return login(api, StatusCode::UNAUTHORIZED, problem, &next);
    };
    let credentials = Credentials { user: None, token: Sent::User(secret.hash()) };
    match api.authenticate(whence, Some(credentials)).await {
        Ok(_) => {
            let mut response = see(local(&next));
            response.headers_mut().insert(header::SET_COOKIE, session.begin(&secret));
            response
        }
        Err(ApiError::NotAuthenticated(_)) => {
            let problem =
                "That token is not valid: it is not known, has been revoked, or has expired.";
            login(api, StatusCode::UNAUTHORIZED, problem, &next)
        }
        Err(error) => login(api, StatusCode::SERVICE_UNAVAILABLE, &error.to_string(), &next),
    }
}

/// The same path if it is one of this address: a link must lead nobody elsewhere.
fn local(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { next } else { "/" }
}

fn login(api: &Api, status: StatusCode, problem: &str, next: &str) -> Response {
    let replica = api.cluster_status().status.id.to_string();
    html(status, Login { problem, next: local(next), replica: &replica }.html())
}

fn notice(error: &ApiError) -> Response {
    let title = "This replica cannot tell who you are right now";
    let text = error.to_string();
    html(StatusCode::SERVICE_UNAVAILABLE, Notice { title, text: &text }.html())
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn see(path: &str) -> Response {
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    let place = HeaderValue::try_from(path).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, place);
    response
}

/// A file. Its address changes with its text, so it may be kept for ever; under the address of another
/// build it is what this one has, and not to be kept.
fn serve(asset: Asset, is_current: bool) -> Response {
    let mut response = Response::new(Body::from(asset.text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind()));
    let age = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(age));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What a browser is told about a document.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept, cookie"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let name = http::HeaderName::from_static("cross-origin-opener-policy");
    headers.insert(name, HeaderValue::from_static("same-origin"));
}

/// A text as a value of a query.
fn encode(text: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    let mut encoded = String::new();
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_asks_for_html_gets_a_page() {
        let visit = |method: &str, path: &str, accept: &str| {
            let request = Request::builder().method(method).uri(path).header("accept", accept);
            Visit::of(&request.body(()).unwrap())
        };
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        assert_eq!(visit("GET", "/", browser), Some(Visit::Page(Page::Jobs)));
        assert_eq!(visit("GET", "/?status=done", browser), Some(Visit::Page(Page::Jobs)));
        assert_eq!(visit("GET", "/login", browser), Some(Visit::Login));
        for (method, path, accept) in [
            ("GET", "/", "*/*"),
            ("GET", "/", "application/json"),
            ("POST", "/", browser),
            ("GET", "/api/v0/jobs", browser),
            ("GET", "/healthz", browser),
            ("GET", "/nothing", browser),
            ("POST", "/login", browser),
            ("GET", "/assets/x/nothing.js", "*/*"),
        ] {
            assert_eq!(visit(method, path, accept), None, "{method} {path} {accept}");
        }
    }

    #[test]
    fn signing_in_leads_to_no_other_address() {
        for (next, place) in [
            ("/crons?x=1", "/crons?x=1"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ] {
            assert_eq!(local(next), place, "{next}");
        }
        assert_eq!(encode("/jobs/a?b=c d"), "/jobs/a%3Fb%3Dc%20d");
    }
}
