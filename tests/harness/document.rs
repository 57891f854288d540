//! What a server says of its HTTP paths: `docs.json`, read for those who make requests from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::http;

/// One operation as `docs.json` describes it.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    /// Its name, which is that of its gRPC method.
    pub(crate) name: String,
    pub(crate) method: String,
    /// Below the base path, with `{id}` for what it is about.
    pub(crate) path: String,
    /// The weakest role that may do it.
    pub(crate) role: String,
    /// The fields of its body by name, with their schemas.
    pub(crate) fields: Option<BTreeMap<String, Value>>,
    /// Its query parameters: name and type.
    pub(crate) queries: Vec<(String, String)>,
    /// The schema of its answer, if it has a body.
    pub(crate) answer: Option<Value>,
}

/// The whole document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Described>,
    json: Value,
}

impl Document {
    /// The document of the server at `address`.
    pub(crate) fn of(address: &str) -> Self {
        let json = http::get(address, "/api/v0/docs.json").expect("the document").json();
        let mut document = Self { operations: Vec::new(), json };
        let paths = document.json["paths"].as_object().expect("paths");
        let described = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods.iter().map(|(method, described)| document.operation(path, method, described))
        });
        document.operations = described.collect();
        document
    }

    fn operation(&self, path: &str, method: &str, described: &Value) -> Described {
        let none = Vec::new();
        let parameters = described["parameters"].as_array().unwrap_or(&none);
        let body = parameters.iter().find(|parameter| parameter["in"] == "body");
        let fields = body.map(|body| {
            let fields = self.resolved(&body["schema"])["properties"].as_object().expect("fields");
            fields.iter().map(|(name, field)| (name.clone(), field.clone())).collect()
        });
        let queries = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let queries = queries.map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            (text("name"), if one["enum"].is_array() { "enum".into() } else { text("type") })
        });
        let answers = described["responses"].as_object().expect("answers");
        let answer = answers.iter().find(|(status, _)| status.starts_with('2')).expect("a yes");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Described {
            name: text(&described["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            role: text(&described["x-stint-role"]),
            fields,
            queries: queries.collect(),
            answer: answer.1.get("schema").cloned(),
        }
    }

    /// A schema, or the one that it refers to.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        self.json.pointer(pointer).expect("the schema")
    }

    pub(crate) fn methods_of(&self, path: &str) -> Vec<&str> {
        let same = self.operations.iter().filter(|operation| operation.path == path);
        same.map(|operation| operation.method.as_str()).collect()
    }
}

impl Described {
    /// The path of a request about what has this id.
    pub(crate) fn path_of(&self, id: &str) -> String {
        format!("/api/v0{}", self.path.replace("{id}", id))
    }
}
