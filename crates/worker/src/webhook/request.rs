//! What a job asks for: read from its parameters, and signed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use sha2::Sha256;
use stint_core::{Job, Parameters};

use super::Webhooks;
use crate::limits::{
    WEBHOOK_HEADERS_MAX, WEBHOOK_TIMEOUT_DEFAULT, WEBHOOK_TIMEOUT_MAX, WEBHOOK_URL_BYTES_MAX,
};

/// Where a request goes, and what it is.
#[derive(Debug)]
pub(super) struct Delivery {
    /// In lower case, without the brackets of an address of version 6.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_encrypted: bool,
    pub(super) timeout: Duration,
    pub(super) request: Request<Full<Bytes>>,
    /// The URL without what follows the path, which may be a secret.
    pub(super) shown: String,
}

impl Delivery {
    /// What the job asks for, or why that is nothing that can be sent.
    pub(super) fn of(job: &Job, attempt: u32, webhooks: &Webhooks) -> Result<Self, String> {
        let none = Parameters::new();
        let parameters = job.spec.parameters.as_ref().unwrap_or(&none);
        let given = |name: &str| parameters.get(name).map(String::as_str).filter(|v| !v.is_empty());
        let url = given("url").ok_or("the parameter \"url\" is missing")?;
        let (uri, host, port, is_encrypted) = place(url)?;
        let payload = given("payload").unwrap_or_default().to_owned();
        let mut headers = custom_headers(given("headers").unwrap_or_default())?;
        let value = |name: &str, text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| format!("the parameter \"{name}\" cannot be a header"))
        };
        let content_type = given("contentType").unwrap_or("application/json");
        headers.insert(CONTENT_TYPE, value("contentType", content_type)?);
        let id = job.id.to_string();
        headers.insert("stint-job-id", value("url", &id)?);
        headers.insert("stint-attempt", attempt.into());
        // The same for each attempt of the job: a receiver can drop what it has already.
        headers.insert("idempotency-key", value("url", &id)?);
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("stint/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(name) = given("secret") {
            let secret = webhooks.secrets.get(name).ok_or_else(|| {
                format!("the parameter \"secret\": this worker has no secret called \"{name}\"")
            })?;
            headers.insert(
                "stint-signature",
                value("secret", &signature(secret.bytes(), payload.as_bytes()))?,
            );
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        headers.insert(HOST, value("url", authority)?);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(Bytes::from(payload)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() =
            path.parse().map_err(|_| "the parameter \"url\" has no path".to_owned())?;
        *request.headers_mut() = headers;
        let scheme = if is_encrypted { "https" } else { "http" };
        let shown = format!("{scheme}://{authority}{}", uri.path());
        Ok(Self { host, port, is_encrypted, timeout: timeout(given("timeout"))?, request, shown })
    }
}

/// The parts of a URL that a webhook can go to.
fn place(url: &str) -> Result<(Uri, String, u16, bool), String> {
    let wrong = |why: &str| format!("the parameter \"url\" {why}");
    if url.len() > WEBHOOK_URL_BYTES_MAX {
        return Err(wrong(&format!("has more than {WEBHOOK_URL_BYTES_MAX} bytes")));
    }
    let uri: Uri = url.parse().map_err(|error| wrong(&format!("is no URL: {error}")))?;
    let is_encrypted = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(wrong("does not begin with https:// or http://")),
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("has a user in it, which is not sent"));
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let host = host.to_ascii_lowercase();
    if host.is_empty() {
        return Err(wrong("has no host"));
    }
    let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
    Ok((uri, host, port, is_encrypted))
}

fn timeout(text: Option<&str>) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(WEBHOOK_TIMEOUT_DEFAULT) };
    let parsed = stint_core::Timeout::parse(text).map_err(|error| error.to_string());
    let parsed = parsed.map_err(|why| format!("the parameter \"timeout\": {why}"))?;
    let timeout = parsed.map_or(Duration::ZERO, |time| Duration::from_millis(time.span().as_ms()));
    if timeout.is_zero() || timeout > WEBHOOK_TIMEOUT_MAX {
        let most = WEBHOOK_TIMEOUT_MAX.as_secs();
        return Err(format!(
            "the parameter \"timeout\" is {text}: it is more than nothing and at most {most}s"
        ));
    }
    Ok(timeout)
}

/// Lines of `Name: value`. What the connection and the worker need for themselves cannot be set.
fn custom_headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = |why: &str| {
            let shown: String = line.chars().take(64).collect();
            format!("the parameter \"headers\": {shown:?} {why}")
        };
        let (name, value) =
            line.split_once(':').ok_or_else(|| wrong("is no line like Name: value"))?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong("has no name of a header"))?;
        let is_ours = name.as_str().starts_with("stint-")
            || [
                "host",
                "content-length",
                "content-type",
                "transfer-encoding",
                "connection",
                "upgrade",
                "te",
                "trailer",
                "keep-alive",
                "proxy-connection",
                "expect",
                "idempotency-key",
            ]
            .contains(&name.as_str());
        if is_ours {
            return Err(wrong("is not a job's to set"));
        }
        let value =
            HeaderValue::from_str(value.trim()).map_err(|_| wrong("has no value of a header"))?;
        if headers.len() >= WEBHOOK_HEADERS_MAX {
            return Err(format!(
                "the parameter \"headers\" has more than {WEBHOOK_HEADERS_MAX} lines"
            ));
        }
        headers.append(name, value);
    }
    Ok(headers)
}

/// `t=` the time in seconds since the Unix epoch, `v1=` the HMAC-SHA256 of that time, a full stop
/// and the body, in hexadecimal digits: a receiver that checks the time as well cannot be told old
/// news as new.
fn signature(secret: &[u8], body: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("t={now},v1={}", mac(secret, now, body))
}

fn mac(secret: &[u8], at: u64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key may have any length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("{:x}", mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::job;

    fn delivery(parameters: &[(&str, &str)]) -> Result<Delivery, String> {
        let mut webhooks = Webhooks::default();
        webhooks
            .secrets
            .insert("main".to_owned(), super::super::Secret::new(b"0123456789abcdef".to_vec()));
        Delivery::of(&job("webhook", parameters), 1, &webhooks)
    }

    #[test]
    fn a_request_is_what_the_parameters_say() {
        let sent = delivery(&[
            ("url", "https://Hooks.example:8443/a/b?token=x"),
            ("payload", "{}"),
            ("headers", "X-One: 1\nx-two:  2 "),
            ("timeout", "5s"),
        ])
        .unwrap();
        assert_eq!(
            (sent.host.as_str(), sent.port, sent.is_encrypted),
            ("hooks.example", 8443, true)
        );
        assert_eq!(sent.shown, "https://Hooks.example:8443/a/b", "what follows may be a secret");
        assert_eq!(sent.timeout, Duration::from_secs(5));
        assert_eq!(sent.request.uri(), "/a/b?token=x");
        let header = |name: &str| sent.request.headers()[name].to_str().unwrap();
        assert_eq!((header("x-one"), header("x-two")), ("1", "2"));
        assert_eq!(header("host"), "Hooks.example:8443");
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("idempotency-key"), header("stint-job-id"));
        assert!(!sent.request.headers().contains_key("stint-signature"));
        let plain = delivery(&[("url", "http://[::1]")]).unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.is_encrypted), ("::1", 80, false));
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        let url = ("url", "https://a");
        for (parameters, complaint) in [
            (&[][..], "\"url\" is missing"),
            (&[("url", "")], "\"url\" is missing"),
            (&[("url", "ftp://a")], "does not begin with https://"),
            (&[("url", "/path")], "does not begin with https://"),
            (&[("url", "https://user:secret@a/")], "has a user in it"),
            (&[("url", "https://a b/")], "is no URL"),
            (&[url, ("timeout", "11m")], "at most 600s"),
            (&[url, ("timeout", "0s")], "at most 600s"),
            (&[url, ("timeout", "soon")], "\"soon\" is not a duration"),
            (&[url, ("secret", "other")], "no secret called \"other\""),
            (&[url, ("headers", "Host: b")], "is not a job's to set"),
            (&[url, ("headers", "Content-Length: 0")], "is not a job's to set"),
            (&[url, ("headers", "Stint-Signature: t=1")], "is not a job's to set"),
            (&[url, ("headers", "X")], "is no line like"),
            (&[url, ("headers", "X Y: 1")], "has no name of a header"),
            (&[url, ("headers", "X: a\u{7}b")], "has no value of a header"),
            (&[url, ("contentType", "a\nb")], "\"contentType\" cannot be a header"),
        ] {
            let error = delivery(parameters).unwrap_err();
            assert!(error.contains(complaint), "{complaint}: {error}");
        }
        let many = "X: 1\n".repeat(WEBHOOK_HEADERS_MAX + 1);
        assert!(delivery(&[url, ("headers", &many)]).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_signature_is_an_hmac_over_time_and_body() {
        // From: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23";
        assert_eq!(mac(b"0123456789abcdef", 1_700_000_000, br#"{"a":1}"#), expected);
        let sent = delivery(&[("url", "https://a"), ("secret", "main"), ("payload", "x")]).unwrap();
        let signature = sent.request.headers()["stint-signature"].to_str().unwrap().to_owned();
        let (time, mac_sent) = signature.split_once(",v1=").unwrap();
        let time: u64 = time.strip_prefix("t=").unwrap().parse().unwrap();
        assert_eq!(mac_sent, mac(b"0123456789abcdef", time, b"x"));
    }
}
