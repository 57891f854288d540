//! Events as browsers read them: the text of one, the id of the last, and signs of life.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use serde::Serialize;

use crate::api::ApiError;

/// What a client says that it has seen last, when it comes back.
const LAST_EVENT_ID: &str = "last-event-id";

/// A comment, which no reader hears of.
const HEARTBEAT: &[u8] = b": still here\n\n";

/// Appends an event. Its data is JSON, which has no line feed of its own.
pub(super) fn put(
    bytes: &mut Vec<u8>,
    id: Option<&dyn Display>,
    kind: &str,
    data: &impl Serialize,
) {
    let sure = "writing to memory does not fail";
    if let Some(id) = id {
        writeln!(bytes, "id: {id}").expect(sure);
    }
    write!(bytes, "event: {kind}\ndata: ").expect(sure);
    serde_json::to_writer(bytes.by_ref(), data).expect(sure);
    bytes.extend_from_slice(b"\n\n");
}

/// The id that the client has seen last; empty if it has seen none.
pub(super) fn last_id(headers: &HeaderMap) -> Result<&str, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok("") };
    value.to_str().map_err(|_| wrong_id("what is no text"))
}

/// The refusal of an id that was never given.
pub(super) fn wrong_id(got: &str) -> ApiError {
    ApiError::field("Last-Event-ID", "the id of an event of this stream", got)
}

/// The same pieces, and a comment whenever none has come for a while.
pub(super) fn with_heartbeat<S>(
    pieces: S,
    interval: Duration,
) -> impl Stream<Item = Result<Bytes, ApiError>> + Send
where
    S: Stream<Item = Result<Bytes, ApiError>> + Send + 'static,
{
    stream::unfold(Box::pin(pieces), move |mut pieces| async move {
        match tokio::time::timeout(interval, pieces.next()).await {
            Ok(piece) => piece.map(|piece| (piece, pieces)),
            Err(_) => Some((Ok(Bytes::from_static(HEARTBEAT)), pieces)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_id_a_kind_and_a_line_of_json() {
        let mut bytes = Vec::new();
        put(&mut bytes, Some(&7), "line", &"a\nb");
        put(&mut bytes, None, "end", &());
        let expected = "id: 7\nevent: line\ndata: \"a\\nb\"\n\nevent: end\ndata: null\n\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[tokio::test]
    async fn silence_is_filled_with_comments() {
        let one = stream::once(async { Ok(Bytes::from_static(b"one")) });
        let pieces = with_heartbeat(one.chain(stream::pending()), Duration::from_millis(1));
        let seen: Vec<_> = pieces.take(3).map(Result::unwrap).collect().await;
        assert_eq!(seen, [b"one", HEARTBEAT, HEARTBEAT]);
    }
}
