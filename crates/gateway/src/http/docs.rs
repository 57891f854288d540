//! The API described for programs: `GET /api/v0/docs.json`, a Swagger 2.0 document.

use std::sync::LazyLock;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer;
use crate::VERSION;
use crate::operation::Operation;

/// The version of the API that we mirror.
pub(super) const API_VERSION: &str = "2.6.0";

/// Where the document is, beside the paths that it describes.
pub(super) const PATH: &str = "/api/v0/docs.json";

/// What stands under `paths`, `definitions` and `responses`, by topic.
const TOPICS: &[&str] = &[
    include_str!("docs/jobs.json"),
    include_str!("docs/crons.json"),
    include_str!("docs/workers.json"),
    include_str!("docs/actions.json"),
    include_str!("docs/action_configs.json"),
    include_str!("docs/meta.json"),
    include_str!("docs/statistics.json"),
    include_str!("docs/queues.json"),
    include_str!("docs/watch.json"),
    include_str!("docs/tokens.json"),
    include_str!("docs/audit.json"),
    include_str!("docs/errors.json"),
];

/// What one topic brings to each section.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sections {
    paths: Map<String, Value>,
    definitions: Map<String, Value>,
    responses: Map<String, Value>,
}

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    serde_json::to_vec(&document()).expect("a value of JSON can be written to memory")
});

/// The document needs no authentication, as in v0.
pub(super) fn router() -> Router {
    let mut router = Router::new();
    for slash in ["", "/"] {
        router = router.route(&format!("{PATH}{slash}"), get(|| async { serve() }));
    }
    router
}

fn serve() -> Response {
    answer::json_bytes(StatusCode::OK, DOCUMENT.as_slice())
}

fn document() -> Value {
    let mut all = Sections::default();
    for topic in TOPICS {
        let topic: Sections =
            serde_json::from_str(topic).expect("the topics are JSON: a test reads them all");
        all.paths.extend(topic.paths);
        all.definitions.extend(topic.definitions);
        all.responses.extend(topic.responses);
    }
    for operation in Operation::ALL {
        say_role(&mut all.paths, operation);
    }
    json!({
        "swagger": "2.0",
        "info": {
            "title": "stint: the v0 job API",
            "description": "Each path is answered with and without a slash at its end.",
            "version": API_VERSION,
            "x-stint-version": VERSION,
        },
        "basePath": Operation::BASE_PATH,
        "consumes": ["application/json"],
        "securityDefinitions": {
            "basic": {"type": "basic", "description": "A user and one of its tokens."},
            "bearer": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "The word Bearer, a space, and a token.",
            },
        },
        "security": [{"basic": []}, {"bearer": []}],
        "paths": all.paths,
        "responses": all.responses,
        "definitions": all.definitions,
    })
}

/// Says beside an operation which role it takes.
fn say_role(paths: &mut Map<String, Value>, operation: Operation) {
    let (method, path) = operation.http();
    let method = method.as_str().to_ascii_lowercase();
    // A test reads that all of them are described.
    let described = paths.get_mut(path).and_then(|methods| methods.get_mut(method));
    if let Some(Value::Object(described)) = described {
        described.insert("x-stint-role".to_owned(), json!(operation.role().name()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_describes_each_operation_and_no_other() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().iter();
                methods.map(move |(method, operation)| {
                    let id = operation["operationId"].as_str().unwrap().to_owned();
                    (path.clone(), method.to_uppercase(), id)
                })
            })
            .collect();
        let there: BTreeSet<_> = Operation::ALL
            .into_iter()
            .map(|operation| {
                let (method, path) = operation.http();
                (path.to_owned(), method.to_string(), operation.grpc().1.to_owned())
            })
            .collect();
        assert_eq!(described, there);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{} references", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
