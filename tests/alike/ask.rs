//! One example, asked by either door.

use prost_reflect::{MethodDescriptor, ReflectMessage as _};
use serde_json::{Map, Value};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::examples::{Asked, Example};
use super::shape;
use crate::harness::Cluster;
use crate::harness::document::Described;
use crate::harness::http;
use crate::harness::reflection::Methods;

/// An answer, without the door that it came by.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// What was sent: one object, or those of a list or a stream.
    Yes(Vec<Value>),
    /// Why not.
    No {
        /// The status of HTTP, or the one that the code of gRPC stands for.
        status: &'static [u16],
        code: String,
        message: String,
        detail: Value,
    },
}

/// Which statuses of HTTP a code of gRPC stands for, as docs/api.md says.
const STATUSES: &[(Code, &[u16])] = &[
    (Code::InvalidArgument, &[400]),
    (Code::Unauthenticated, &[401]),
    (Code::PermissionDenied, &[403]),
    (Code::NotFound, &[404]),
    (Code::DeadlineExceeded, &[408]),
    (Code::FailedPrecondition, &[409]),
    (Code::OutOfRange, &[410]),
    (Code::ResourceExhausted, &[413, 429, 507]),
    (Code::Internal, &[500]),
    (Code::Unavailable, &[503]),
];

pub(super) fn by_http(cluster: &Cluster, operation: &Described, example: &Example) -> Answer {
    let Asked { id, query, body } = &example.by_http;
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = operation.path_of(id.as_deref().unwrap_or_default());
    let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    let bearer = cluster.admin.as_ref().map(|token| format!("Bearer {token}"));
    let address = &cluster.replicas[0].address;
    let body = body.as_ref().map(Value::to_string);
    let asked = (operation.method.as_str(), path.as_str());
    let lines =
        http::ask_for(address, asked, bearer.as_deref(), body.as_deref(), example.count_max);
    let (status, lines) = lines.expect("an answer");
    let mut values: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    if status < 400 {
        // A list by itself is what gRPC sends as a stream.
        let values = match values.as_mut_slice() {
            [Value::Array(items)] => std::mem::take(items),
            _ => values,
        };
        return yes(values, example);
    }
    let statuses = STATUSES.iter().find(|(_, statuses)| statuses.contains(&status));
    let error = &values[0]["errors"][0];
    let text = |name: &str| error[name].as_str().expect("a text").to_owned();
    Answer::No {
        status: statuses.unwrap_or_else(|| panic!("no code of gRPC is {status}: {error}")).1,
        code: text("code"),
        message: text("message"),
        detail: shape::compared(error["detail"].clone(), &[]),
    }
}

pub(super) fn by_grpc(methods: &Methods, method: &MethodDescriptor, example: &Example) -> Answer {
    let Asked { id, query, body } = &example.by_grpc;
    let input = method.input();
    let mut fields = body.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    fields.extend(query.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    if let Some(id) = id {
        fields.insert(shape::id_field(&input), Value::from(id.as_str()));
    }
    match methods.call(method, shape::message(&input, &fields), example.count_max) {
        Ok(answers) => {
            let is_of_items = method.is_server_streaming()
                && answers
                    .first()
                    .is_some_and(|answer| shape::of_items(&answer.descriptor()).is_some());
            let mut values: Vec<_> = answers.iter().map(shape::json).collect();
            if is_of_items {
                let inner = |value: Value| value.as_object()?.values().next().cloned();
                let lists = values.into_iter().filter_map(inner);
                values =
                    lists.flat_map(|list| list.as_array().cloned().unwrap_or_default()).collect();
            }
            yes(values, example)
        }
        Err(status) => no(&status),
    }
}

/// What is sent, in the form in which it can be compared. No body is an empty message.
fn yes(values: Vec<Value>, example: &Example) -> Answer {
    let values = values.into_iter().map(|value| shape::compared(value, example.differs));
    Answer::Yes(values.filter(|value| *value != Value::Object(Map::new())).collect())
}

fn no(status: &Status) -> Answer {
    let statuses = STATUSES.iter().find(|(code, _)| *code == status.code());
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"));
    let detail: Map<_, _> =
        info.metadata.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    let detail = if detail.is_empty() { Value::Null } else { Value::Object(detail) };
    Answer::No {
        status: statuses.unwrap_or_else(|| panic!("no status of HTTP is {status:?}")).1,
        code: info.reason,
        message: status.message().to_owned(),
        detail: shape::compared(detail, &[]),
    }
}
