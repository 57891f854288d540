//! JSON in. Parsed by hand, field by field, so that an error names the field, what it should be
//! and what came.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use stint_core::{CapacityMap, JobSpec, Parameters, Policy, Timeout, limits::RETRIES_MAX};

use super::super::time;
use crate::api::{
    ActionConfigForm, ApiError, BulkForm, CronForm, Selection, SettingsForm, Submission,
    TokenRequest,
};
use crate::limits;
use crate::parse::{self, quoted, shown};

/// The fields of a form. What nobody asks for is ignored, and null is as good as missing.
#[derive(Debug)]
pub(in crate::http) struct Fields(Map<String, Value>);

/// The fields that any form or filter has, in order. Values of others are passed over without being
/// made: a megabyte of JSON may be fourteen of values.
const NAMES: &[&str] = &[
    "action",
    "all",
    "capacityMap",
    "cron",
    "deadline",
    "description",
    "dryRun",
    "endedSince",
    "endedUntil",
    "expiresAt",
    "expiresIn",
    "failed",
    "filter",
    "jitter",
    "jobHistoryCompactionEnabled",
    "jobHistoryMaxAge",
    "jobHistoryToKeep",
    "limit",
    "missed",
    "missedWindow",
    "next",
    "operation",
    "overlap",
    "parameters",
    "parent",
    "priority",
    "reason",
    "retries",
    "role",
    "running",
    "schedule",
    "scheduledAt",
    "since",
    "startedSince",
    "startedUntil",
    "status",
    "stopTimeout",
    "text",
    "timeZone",
    "uniqueKey",
    "until",
    "user",
    "worker",
];

/// What a client wants to run. Its key is in a header.
pub(in crate::http) fn submission(mut fields: Fields) -> Result<Submission, ApiError> {
    Ok(Submission {
        spec: fields.spec()?,
        retries: fields.count_if_given("retries", RETRIES_MAX)?,
        scheduled_at: time::parse("scheduledAt", &fields.text("scheduledAt")?)?,
        policy: Policy {
            priority: parse::priority(fields.if_given("priority", number)?)?,
            unique_key: fields.if_given("uniqueKey", text)?.filter(|key| !key.is_empty()),
            expires_at: time::parse("expiresAt", &fields.text("expiresAt")?)?,
        },
        key: None,
    })
}

/// What a client wants to do to many jobs.
pub(in crate::http) fn bulk(mut fields: Fields) -> Result<BulkForm, ApiError> {
    let filter = match fields.take("filter") {
        None => Fields(Map::new()),
        Some(Value::Object(filter)) => Fields(filter),
        Some(other) => return Err(wrong("filter", "an object", &other)),
    };
    Ok(BulkForm {
        operation: fields.text("operation")?,
        selection: selection(filter)?,
        is_all: fields.if_given("all", boolean)?.unwrap_or(false),
        is_dry_run: fields.if_given("dryRun", boolean)?.unwrap_or(false),
        next: fields.text("next")?,
        key: None,
    })
}

/// A filter, with the names of the parameters of a list. One that is not known is no filter, and so
/// would be more jobs than are meant.
fn selection(mut fields: Fields) -> Result<Selection, ApiError> {
    let instant = |name: &str, fields: &mut Fields| time::parse(name, &fields.text(name)?);
    let selection = Selection {
        action: fields.text("action")?,
        worker: fields.text("worker")?,
        running: fields.flag_or_text("running")?,
        status: fields.text_or_texts("status")?,
        since: instant("since", &mut fields)?,
        until: instant("until", &mut fields)?,
        started_since: instant("startedSince", &mut fields)?,
        started_until: instant("startedUntil", &mut fields)?,
        ended_since: instant("endedSince", &mut fields)?,
        ended_until: instant("endedUntil", &mut fields)?,
        parent: fields.text("parent")?,
        cron: fields.text("cron")?,
        text: fields.text("text")?,
        priority: fields.if_given("priority", number)?,
        unique_key: fields.text("uniqueKey")?,
        is_failed: fields.if_given("failed", boolean)?.unwrap_or(false),
    };
    match fields.0.keys().next() {
        None => Ok(selection),
        Some(name) => {
            let field = format!("filter.{}", shown(name));
            Err(ApiError::field(field, "a parameter of a list of jobs", "a name that is none"))
        }
    }
}

/// What a client wants to be run by a schedule.
pub(in crate::http) fn cron(mut fields: Fields) -> Result<CronForm, ApiError> {
    Ok(CronForm {
        spec: fields.spec()?,
        retries: fields.count("retries", RETRIES_MAX)?,
        schedule: fields.text("schedule")?,
        time_zone: fields.text("timeZone")?,
        policy: parse::cron_policy(
            (&fields.text("missed")?, &fields.text("missedWindow")?),
            &fields.text("overlap")?,
            &fields.text("jitter")?,
        )?,
    })
}

/// What every job of an action is to be told.
pub(in crate::http) fn action_config(mut fields: Fields) -> Result<ActionConfigForm, ApiError> {
    let (action, parameters) = (fields.text("action")?, fields.texts("parameters")?);
    Ok(ActionConfigForm { action, parameters })
}

/// What a client wants of the settings.
pub(in crate::http) fn settings(mut fields: Fields) -> Result<SettingsForm, ApiError> {
    Ok(SettingsForm {
        compaction_enabled: fields.if_given("jobHistoryCompactionEnabled", boolean)?,
        to_keep: fields.if_given("jobHistoryToKeep", number)?,
        max_age: fields.if_given("jobHistoryMaxAge", text)?,
    })
}

/// What a worker is to have.
pub(in crate::http) fn capacity(mut fields: Fields) -> Result<Option<CapacityMap>, ApiError> {
    fields.amounts("capacityMap")
}

/// How long a worker that takes no more jobs may run what it has.
pub(in crate::http) fn drain_limit(mut fields: Fields) -> Result<Option<Timeout>, ApiError> {
    parse::timeout("limit", &fields.text("limit")?)
}

/// How long an invitation is good for, if it is said.
pub(in crate::http) fn invitation_time(mut fields: Fields) -> Result<Option<Timeout>, ApiError> {
    parse::timeout("expiresIn", &fields.text("expiresIn")?)
}

/// Why a queue is paused.
pub(in crate::http) fn pause_reason(mut fields: Fields) -> Result<String, ApiError> {
    fields.text("reason")
}

/// What an administrator wants to give to somebody.
pub(in crate::http) fn token_request(mut fields: Fields) -> Result<TokenRequest, ApiError> {
    Ok(TokenRequest {
        user: fields.text("user")?,
        role: parse::role(&fields.text("role")?)?,
        expires_in: parse::timeout("expiresIn", &fields.text("expiresIn")?)?,
        description: fields.text("description")?,
    })
}

impl Fields {
    /// Reads a JSON object.
    pub(in crate::http) fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.is_empty() {
            return Err(ApiError::InvalidJson("the body is empty; a JSON object is needed".into()));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ApiError::InvalidJson(format!("the body is not UTF-8: {error}")))?;
        check_depth(text)?;
        let fields = if text.trim_ascii_start().starts_with(['{', '[']) {
            read_known(text)
        } else {
            serde_json::from_str(text).map(Err)
        };
        match fields {
            Ok(Ok(fields)) => Ok(Self(fields)),
            Ok(Err(other)) => {
                let message = format!("the body is {}, not an object", kind(&other));
                Err(ApiError::InvalidJson(message))
            }
            Err(error) => Err(ApiError::InvalidJson(format!("the body is not JSON: {error}"))),
        }
    }

    /// Reads a JSON object where there is one. Nothing is as good as no fields.
    pub(in crate::http) fn parse_or_none(bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.is_empty() { Ok(Self(Map::new())) } else { Self::parse(bytes) }
    }

    /// Takes the field, unless it is missing or null.
    fn take(&mut self, name: &str) -> Option<Value> {
        debug_assert!(NAMES.contains(&name), "{name} would be passed over");
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// The value of the field, or `None` if there is none.
    fn if_given<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str, Value) -> Result<T, ApiError>,
    ) -> Result<Option<T>, ApiError> {
        self.take(name).map(|value| read(name, value)).transpose()
    }

    /// What is to be run.
    fn spec(&mut self) -> Result<JobSpec, ApiError> {
        Ok(JobSpec {
            action: self.text("action")?,
            parameters: self.texts("parameters")?,
            capacity_map: self.amounts("capacityMap")?,
            deadline: parse::timeout("deadline", &self.text("deadline")?)?,
            stop_timeout: parse::timeout("stopTimeout", &self.text("stopTimeout")?)?,
        })
    }

    /// A text; empty by default.
    fn text(&mut self, name: &str) -> Result<String, ApiError> {
        self.take(name).map_or_else(|| Ok(String::new()), |value| text(name, value))
    }

    /// A text, or several, which are put together with commas between them.
    fn text_or_texts(&mut self, name: &str) -> Result<String, ApiError> {
        match self.take(name) {
            Some(Value::Array(texts)) => {
                let texts = texts.into_iter().map(|value| text(name, value));
                Ok(texts.collect::<Result<Vec<_>, _>>()?.join(","))
            }
            Some(value) => text(name, value),
            None => Ok(String::new()),
        }
    }

    /// A boolean, or a text in its place.
    fn flag_or_text(&mut self, name: &str) -> Result<String, ApiError> {
        match self.take(name) {
            Some(Value::Bool(flag)) => Ok(flag.to_string()),
            Some(value) => text(name, value),
            None => Ok(String::new()),
        }
    }

    /// A number of things that fits into 32 bits; 0 by default.
    fn count(&mut self, name: &str, max: u32) -> Result<u32, ApiError> {
        self.count_if_given(name, max).map(Option::unwrap_or_default)
    }

    /// A number of things that fits into 32 bits, if there is one.
    fn count_if_given(&mut self, name: &str, max: u32) -> Result<Option<u32>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let expected = || wrong(name, &format!("an integer from 0 to {max}"), &value);
        number.map(Some).ok_or_else(expected)
    }

    /// Texts by name.
    fn texts(&mut self, name: &str) -> Result<Option<Parameters>, ApiError> {
        self.entries(name, "an object of strings", text)
    }

    /// Amounts by name.
    fn amounts(&mut self, name: &str) -> Result<Option<CapacityMap>, ApiError> {
        let entries = self.entries(name, "an object of integers", number)?;
        Ok(entries.map(CapacityMap::from_iter))
    }

    /// An object with values of one kind, or `None` if nobody set any. A value that is null has
    /// its default, as in Go.
    fn entries<T: Default>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl Fn(&str, Value) -> Result<T, ApiError>,
    ) -> Result<Option<BTreeMap<String, T>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(entries)) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    if value.is_null() {
                        return Ok((key, T::default()));
                    }
                    let value = read(&format!("{name}.{}", shown(&key)), value)?;
                    Ok((key, value))
                });
                entries.collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(wrong(name, expected, &other)),
        }
    }
}

/// The fields of an object that have a name in [`NAMES`]; or an array, without what is in it.
fn read_known(text: &str) -> serde_json::Result<Result<Map<String, Value>, Value>> {
    struct Known;

    impl<'de> Visitor<'de> for Known {
        type Value = Result<Map<String, Value>, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Map::new();
            while let Some(name) = map.next_key::<String>()? {
                if NAMES.binary_search(&name.as_str()).is_ok() {
                    fields.insert(name, map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(Ok(fields))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Err(Value::Array(Vec::new())))
        }
    }

    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_any(Known)?;
    json.end()?;
    Ok(read)
}

fn text(name: &str, value: Value) -> Result<String, ApiError> {
    if let Value::String(text) = value { Ok(text) } else { Err(wrong(name, "a string", &value)) }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands beside readers that keep the value")]
fn number(name: &str, value: Value) -> Result<u64, ApiError> {
    value.as_u64().ok_or_else(|| wrong(name, "an integer of at least 0", &value))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands beside readers that keep the value")]
fn boolean(name: &str, value: Value) -> Result<bool, ApiError> {
    value.as_bool().ok_or_else(|| wrong(name, "true or false", &value))
}

fn wrong(field: &str, expected: &str, got: &Value) -> ApiError {
    ApiError::field(field, expected, kind(got))
}

/// A value in words.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Refuses deep nesting before the parser, which recurses, sees it.
fn check_depth(text: &str) -> Result<(), ApiError> {
    let (mut depth, mut is_in_string, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_string => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            b'[' | b'{' if !is_in_string => depth += 1,
            b']' | b'}' if !is_in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::JSON_DEPTH_MAX {
            let message = format!("the body is nested deeper than {}", limits::JSON_DEPTH_MAX);
            return Err(ApiError::InvalidJson(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
