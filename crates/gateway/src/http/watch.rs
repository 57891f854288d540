//! What happens in the cluster, a JSON object a line or as events.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::HeaderMap;

use super::accept::Kind;
use super::query::Query;
use super::{answer, shape, sse, status};
use crate::api::{Api, ApiError, Caller, Message, Place, Topics, WatchQuery, WatchReader};
use crate::limits::HEARTBEAT_INTERVAL;
use crate::parse::quoted;

/// Answers with all that happens. An error after the beginning is the last that is sent.
pub(super) async fn get(
    api: &Arc<Api>,
    caller: &Caller,
    kind: Kind,
    (query, headers): (&str, &HeaderMap),
) -> Result<Response, ApiError> {
    let query = Query::parse(query)?;
    let names = query.text("kinds").split(',').map(str::trim).filter(|name| !name.is_empty());
    let topics = Topics::named(names)?;
    let from = query.number("from")?;
    let query = match sse::last_id(headers)? {
        "" => WatchQuery { from, seen: None, topics },
        id => after(id, topics)?,
    };
    let reader = api.watch(caller, query).await?;
    let pieces = pieces(reader, kind);
    Ok(match kind {
        Kind::Json => answer::lines(Body::from_stream(pieces)),
        Kind::Events => {
            answer::events(Body::from_stream(sse::with_heartbeat(pieces, HEARTBEAT_INTERVAL)))
        }
    })
}

/// From where to go on after the event of this id.
fn after(id: &str, topics: Topics) -> Result<WatchQuery, ApiError> {
    let wrong = || sse::wrong_id(&quoted(id));
    let parsed = match id.split_once('.') {
        None => id.parse().ok().and_then(|index: u64| Some((index.checked_add(1)?, None))),
        Some((index, number)) => index
            .parse()
            .ok()
            .zip(number.parse().ok())
            .map(|(index, number)| (index, Some(Place { index, number }))),
    };
    let (from, seen) = parsed.ok_or_else(wrong)?;
    Ok(WatchQuery { from: Some(from), seen, topics })
}

fn pieces(
    reader: WatchReader,
    kind: Kind,
) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
    stream::unfold(Some(reader), move |reader| async move {
        let mut reader = reader?;
        let mut bytes = Vec::new();
        let goes_on = match reader.next().await {
            Ok(messages) => {
                for message in &messages? {
                    put(&mut bytes, message, kind);
                }
                true
            }
            Err(error) => {
                put_error(&mut bytes, &error, kind);
                false
            }
        };
        Some((Ok(bytes.into()), Some(reader).filter(|_| goes_on)))
    })
}

fn put(bytes: &mut Vec<u8>, message: &Message, kind: Kind) {
    let shape = shape::Message::of(message);
    match kind {
        Kind::Json => put_line(bytes, &shape),
        Kind::Events => {
            let Place { index, number } = message.place;
            // Of an entry that is not complete yet the number says what has been seen of it.
            let is_complete = message.next > index;
            let id = if is_complete { index.to_string() } else { format!("{index}.{number}") };
            sse::put(bytes, Some(&id), message.kind, &shape);
        }
    }
}

fn put_error(bytes: &mut Vec<u8>, error: &ApiError, kind: Kind) {
    match kind {
        Kind::Json => put_line(bytes, &status::shape(error)),
        Kind::Events => sse::put(bytes, None, "error", &status::shape(error)),
    }
}

fn put_line(bytes: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(&mut *bytes, value)
        .expect("the shapes of the API have texts for names, and writing to memory does not fail");
    bytes.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_to_go_on() {
        for (id, from, seen) in
            [("0", 1, None), ("41", 42, None), ("41.3", 41, Some(Place { index: 41, number: 3 }))]
        {
            let query = after(id, Topics::default()).unwrap();
            assert_eq!((query.from, query.seen), (Some(from), seen), "{id}");
        }
        for id in ["x", "-1", "1.", ".1", "1.2.3", "18446744073709551615"] {
            let code = after(id, Topics::default()).unwrap_err().code();
            assert_eq!(code, "INVALID_PARAMETERS", "{id}");
        }
    }
}
