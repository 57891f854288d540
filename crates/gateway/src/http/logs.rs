//! The output of a job: a JSON array of what there is, or an object a line for as long as it runs.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;

use super::query::Query;
use super::{answer, shape};
use crate::api::{Api, ApiError, LogQuery, LogReader, Page};
use crate::parse;

/// Answers with what there is at once if that is a page, and page by page otherwise.
pub(super) async fn get(api: &Arc<Api>, id: &str, query: &str) -> Result<Response, ApiError> {
    let id = parse::job_id(id)?;
    let query = Query::parse(query)?;
    let is_followed = query.boolean("stream")?;
    let offset = query.number("offset")?.unwrap_or(0);
    let limit = query.number("limit")?.unwrap_or(0);
    let reader = api.job_logs(id, LogQuery { offset, limit, is_followed }).await?;
    if is_followed {
        return Ok(answer::json_bytes(StatusCode::OK, follow(reader)));
    }
    array(reader).await
}

/// One JSON object a line, each sent when its line is committed. It has no end if the gateway
/// stops first, so that nobody takes that for the end of the job.
fn follow(reader: LogReader) -> Body {
    Body::from_stream(stream::try_unfold(reader, async |mut reader| {
        let page = reader.next().await?;
        Ok::<_, ApiError>(page.map(|page| (lines(&page), reader)))
    }))
}

fn lines(page: &Page) -> Bytes {
    let mut bytes = Vec::new();
    for (number, line) in page {
        put(&mut bytes, *number, line);
        bytes.push(b'\n');
    }
    bytes.into()
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
