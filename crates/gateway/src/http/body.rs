//! The body of a request that needs one: JSON, bounded in size.

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use stint_consensus::blocking;

use super::shape::Fields;
use crate::api::{Api, ApiError, Caller};
use crate::inbound;
use crate::limits;
use crate::parse::quoted;

/// What a body says, which is a JSON object.
pub(super) async fn form<T: Send + 'static>(
    api: &Api,
    caller: &Caller,
    request: Request,
    shape: fn(Fields) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let body = read(request).await?;
    parsed(api, caller, body, move |body| shape(Fields::parse(body)?)).await
}

/// The same of a body that may be left out.
pub(super) async fn form_or_none<T: Send + 'static>(
    api: &Api,
    caller: &Caller,
    request: Request,
    shape: fn(Fields) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let body = read(request).await?;
    parsed(api, caller, body, move |body| shape(Fields::parse_or_none(body)?)).await
}

/// A large body takes milliseconds, and several times its room: it is read where nobody waits for that,
/// when it is the caller's turn.
async fn parsed<T: Send + 'static>(
    api: &Api,
    caller: &Caller,
    body: Bytes,
    parse: impl FnOnce(&[u8]) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if body.len() <= limits::SMALL_BODY_BYTES_MAX {
        return parse(&body);
    }
    let _turn = api.turn_to_page(caller).await?;
    let parsed = blocking(move || parse(&body)).await;
    parsed.unwrap_or_else(|_| Err(stint_consensus::Error::ShuttingDown.into()))
}

/// Reads the whole body.
async fn read(request: Request) -> Result<Bytes, ApiError> {
    let (head, body) = request.into_parts();
    if !body.is_end_stream() {
        check_kind(&head.headers)?;
    }
    let declared = body.size_hint().lower();
    let limit = limits::BODY_BYTES_MAX;
    let readable = limit.saturating_add(limits::BODY_DRAINED_BYTES_MAX);
    let is_over = |max: usize| u64::try_from(max).is_ok_and(|max| declared > max);
    // A client that asks first is told before it sends, and one that sends far more is cut off.
    if is_over(readable) || is_over(limit) && head.headers.contains_key(header::EXPECT) {
        return Err(ApiError::TooLarge { what: "the body", limit });
    }
    collect(body, limit, readable).await
}

/// Reads a form as browsers send it, which is a short text.
pub(super) async fn read_form(request: Request) -> Result<String, ApiError> {
    let limit = limits::FORM_BYTES_MAX;
    let bytes = collect(request.into_body(), limit, limit).await?;
    let undecodable = || ApiError::InvalidParameters("the form is no text in UTF-8".to_owned());
    String::from_utf8(bytes.to_vec()).map_err(|_| undecodable())
}

/// All frames as one. What is over `limit` is read up to `readable`, and thrown away.
async fn collect(mut body: Body, limit: usize, readable: usize) -> Result<Bytes, ApiError> {
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    let mut bytes = 0_usize;
    while let Some(frame) = next_frame(&mut body).await? {
        bytes = bytes.saturating_add(frame.len());
        if bytes > readable {
            break;
        }
        if bytes > limit {
            joined = BytesMut::new();
            whole = Bytes::new();
        } else if whole.is_empty() && joined.is_empty() {
            // Most bodies are one frame, which needs no copy.
            whole = frame;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut whole));
            joined.extend_from_slice(&frame);
        }
    }
    if bytes > limit {
        return Err(ApiError::TooLarge { what: "the body", limit });
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

/// The next piece of data; trailers are skipped.
async fn next_frame(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(inbound::refusal(&error)),
        }
    }
}

/// No content type is as good as the right one: old scripts send none. What is compressed is not read
/// (RFC 9110, 15.5.16): a megabyte of it could be a gigabyte.
fn check_kind(headers: &HeaderMap) -> Result<(), ApiError> {
    let coded = headers.get_all(header::CONTENT_ENCODING).iter().find(|coding| {
        let coding = coding.as_bytes().trim_ascii();
        !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
    });
    if let Some(coding) = coded {
        let coding = String::from_utf8_lossy(coding.as_bytes());
        let kind = format!("in the content encoding {}", quoted(&coding));
        return Err(ApiError::UnsupportedMediaType(kind));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind.is_empty() || kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::UnsupportedMediaType(quoted(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(value: &str) -> Result<(), ApiError> {
        sent(header::CONTENT_TYPE, value)
    }

    fn sent(name: header::HeaderName, value: &str) -> Result<(), ApiError> {
        check_kind(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn what_is_compressed_is_of_another_kind() {
        for coding in ["", "identity", " Identity "] {
            assert_eq!(sent(header::CONTENT_ENCODING, coding), Ok(()), "{coding}");
        }
        for coding in ["gzip", "deflate, identity", "x"] {
            let refusal = sent(header::CONTENT_ENCODING, coding).unwrap_err();
            assert_eq!(refusal.code(), "UNSUPPORTED_MEDIA_TYPE", "{coding}");
        }
    }

    #[test]
    fn json_may_say_its_charset_or_nothing() {
        for value in ["application/json", "Application/JSON;charset=UTF-8", "", " ; x=y"] {
            assert_eq!(kind(value), Ok(()), "{value}");
        }
        assert_eq!(check_kind(&HeaderMap::new()), Ok(()));
        for value in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
            assert_eq!(kind(value).unwrap_err().code(), "UNSUPPORTED_MEDIA_TYPE", "{value}");
        }
    }
}
