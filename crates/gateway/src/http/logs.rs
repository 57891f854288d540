//! The output of a job: a JSON array of what there is, or an object a line for as long as it runs,
//! or events.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, StatusCode};

use super::accept::Kind;
use super::query::Query;
use super::{answer, shape, sse};
use crate::api::{Api, ApiError, Caller, LogQuery, LogReader, Page};
use crate::limits::HEARTBEAT_INTERVAL;
use crate::parse::{self, quoted};

/// Answers with what there is at once if that is a page, and page by page otherwise.
pub(super) async fn get(
    api: &Arc<Api>,
    caller: &Caller,
    id: &str,
    kind: Kind,
    (query, headers): (&str, &HeaderMap),
) -> Result<Response, ApiError> {
    let id = parse::job_id(id)?;
    let query = Query::parse(query)?;
    let is_followed = query.boolean("stream")?;
    let offset = query.number("offset")?.unwrap_or(0);
    let limit = query.number("limit")?.unwrap_or(0);
    let query = LogQuery { offset, limit, is_followed };
    match kind {
        Kind::Events => events(api, caller, id, query, sse::last_id(headers)?).await,
        Kind::Json if is_followed => {
            let reader = api.job_logs(caller, id, query).await?;
            Ok(answer::lines(Body::from_stream(pages(reader, lines))))
        }
        Kind::Json => array(api.job_logs(caller, id, query).await?).await,
    }
}

/// Each page as bytes, sent when its lines are committed. It has no end if the gateway stops
/// first, so that nobody takes that for the end of the job.
fn pages(
    reader: LogReader,
    bytes_of: fn(&Page) -> Vec<u8>,
) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
    stream::try_unfold(reader, move |mut reader| async move {
        let page = reader.next().await?;
        Ok::<_, ApiError>(page.map(|page| (bytes_of(&page).into(), reader)))
    })
}

fn lines(page: &Page) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, line) in page {
        put(&mut bytes, *number, line);
        bytes.push(b'\n');
    }
    bytes
}

/// An event for each line, from the one behind `last_id` on, and one for the end. A client that
/// comes back after the end is told that there is no more, which browsers take as an order not to
/// come again.
async fn events(
    api: &Arc<Api>,
    caller: &Caller,
    id: stint_core::JobId,
    query: LogQuery,
    last_id: &str,
) -> Result<Response, ApiError> {
    let is_back = !last_id.is_empty();
    let Some(query) = after(query, last_id)? else {
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    };
    let reader = api.job_logs(caller, id, query).await?;
    if is_back && reader.is_at_end() {
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    let end = stream::once(async { Ok(Bytes::from_static(END)) });
    // The end is said only where the lines came to theirs.
    let pieces = pages(reader, line_events).chain(end).scan(false, |has_failed, piece| {
        let is_said = !*has_failed;
        *has_failed |= piece.is_err();
        std::future::ready(is_said.then_some(piece))
    });
    Ok(answer::events(Body::from_stream(sse::with_heartbeat(pieces, HEARTBEAT_INTERVAL))))
}

/// The event that says that all lines have been sent.
const END: &[u8] = b"event: end\ndata: {}\n\n";

fn line_events(page: &Page) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, line) in page {
        sse::put(&mut bytes, Some(number), "line", &shape::LogLine::of(*number, line));
    }
    bytes
}

/// What is left of a query behind the line of this number; `None` if nothing is.
fn after(query: LogQuery, last_id: &str) -> Result<Option<LogQuery>, ApiError> {
    if last_id.is_empty() {
        return Ok(Some(query));
    }
    let last: u64 = last_id.parse().map_err(|_| sse::wrong_id(&quoted(last_id)))?;
    let offset = last.saturating_add(1).max(query.offset);
    let limit = query.limit.saturating_sub(offset - query.offset);
    let is_left = query.limit == 0 || limit > 0;
    Ok(is_left.then_some(LogQuery { offset, limit, ..query }))
}

/// An error on the first page is an answer; a later one can only break the answer off.
async fn array(mut reader: LogReader) -> Result<Response, ApiError> {
    let first = reader.next().await?;
    let head = elements(b'[', &first.unwrap_or_default());
    if reader.is_at_end() {
        let mut bytes = head;
        bytes.push(b']');
        return Ok(answer::json_bytes(StatusCode::OK, bytes));
    }
    let stage = (Stage::Head(head), reader);
    let body = Body::from_stream(stream::try_unfold(stage, async |(stage, mut reader)| {
        Ok::<_, ApiError>(match stage {
            Stage::Head(head) => Some((Bytes::from(head), (Stage::Rest, reader))),
            Stage::Rest => Some(match reader.next().await? {
                Some(page) => (elements(b',', &page).into(), (Stage::Rest, reader)),
                None => (Bytes::from_static(b"]"), (Stage::End, reader)),
            }),
            Stage::End => None,
        })
    }));
    Ok(answer::json_bytes(StatusCode::OK, body))
}

/// How far an array has been sent.
enum Stage {
    Head(Vec<u8>),
    Rest,
    End,
}

/// The lines as elements of an array, the first behind `before`.
fn elements(before: u8, page: &Page) -> Vec<u8> {
    let mut bytes = vec![before];
    for (i, (number, line)) in page.iter().enumerate() {
        if i > 0 {
            bytes.push(b',');
        }
        put(&mut bytes, *number, line);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, number: u64, line: &stint_core::Line) {
    let shape = shape::LogLine::of(number, line);
    serde_json::to_writer(bytes.by_ref(), &shape)
        .expect("a line is a text and numbers, and writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_gets_what_is_left() {
        let query = |offset, limit| LogQuery { offset, limit, is_followed: true };
        for (asked, last_id, left) in [
            (query(0, 0), "", Some(query(0, 0))),
            (query(0, 0), "6", Some(query(7, 0))),
            (query(10, 0), "6", Some(query(10, 0))),
            (query(5, 10), "", Some(query(5, 10))),
            (query(5, 10), "7", Some(query(8, 7))),
            (query(5, 10), "14", None),
            (query(5, 10), "99", None),
        ] {
            assert_eq!(after(asked, last_id), Ok(left), "{asked:?} after {last_id}");
        }
        assert_eq!(after(query(0, 0), "x").unwrap_err().code(), "INVALID_PARAMETERS");
    }
}
