//! Bodies and queries, whatever they are: read, or refused by the contract's codes.

use super::query::Query;
use super::shape::{self, Fields};
use super::{jobs, time};
use crate::api::ApiError;
use crate::parse;

/// A client is told by its own fault, in words that do not grow with what it sent.
fn is_told(refused: &ApiError) {
    let told = refused.to_string();
    assert!(!told.is_empty() && told.len() < 2_048, "{told}");
    let code = refused.code();
    assert!(!matches!(code, "INTERNAL_ERROR" | "NO_LEADER"), "{code}: {told}");
}

#[test]
fn a_json_body_is_read_or_refused_by_the_clients_own_fault() {
    bolero::check!().for_each(|bytes| {
        let Some((choice, body)) = bytes.split_first() else { return };
        let fields = || Fields::parse(body);
        let read = match choice % 10 {
            0 => fields().and_then(shape::submission).map(drop),
            1 => fields().and_then(shape::bulk).map(drop),
            2 => fields().and_then(shape::cron).map(drop),
            3 => fields().and_then(shape::action_config).map(drop),
            4 => fields().and_then(shape::settings).map(drop),
            5 => fields().and_then(shape::capacity).map(drop),
            6 => Fields::parse_or_none(body).and_then(shape::drain_limit).map(drop),
            7 => Fields::parse_or_none(body).and_then(shape::invitation_time).map(drop),
            8 => Fields::parse_or_none(body).and_then(shape::pause_reason).map(drop),
            _ => fields().and_then(shape::token_request).map(drop),
        };
        if let Err(refused) = read {
            is_told(&refused);
        }
    });
}

#[test]
fn a_query_is_read_or_refused_by_the_clients_own_fault() {
    bolero::check!().for_each(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let read = Query::parse(&text).and_then(|query| {
            jobs::selection(&query)?;
            query.number("limit")?;
            query.boolean("stream")?;
            parse::timeout("deadline", query.text("deadline"))?;
            time::parse("at", query.text("at"))?;
            parse::job_id(query.text("id"))?;
            parse::worker_id(query.text("worker")).map(drop)
        });
        if let Err(refused) = read {
            is_told(&refused);
        }
    });
}
