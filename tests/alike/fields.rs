//! The fields of `docs.json` and those of the messages.

use std::collections::BTreeSet;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;

use super::shape;
use crate::harness::document::{Described, Document};

/// Over HTTP it is the header `Idempotency-Key`.
const OF_A_HEADER: &str = "idempotencyKey";

/// What is different between the parameters and the body of a request and its message.
pub(super) fn of_request(operation: &Described, message: &MessageDescriptor) -> Option<String> {
    let mut there: BTreeSet<_> = operation.fields.iter().flatten().map(|(name, _)| name).collect();
    there.extend(operation.queries.iter().map(|(name, _)| name));
    let mut there: BTreeSet<_> = there.into_iter().map(String::as_str).collect();
    let id = operation.path.contains("{id}").then(|| shape::id_field(message));
    there.extend(id.as_deref());
    let fields: Vec<_> = message.fields().collect();
    let mut here: BTreeSet<_> = fields.iter().map(FieldDescriptor::json_name).collect();
    here.remove(OF_A_HEADER);
    (there != here).then(|| format!("{}: asked with {there:?} and {here:?}", operation.name))
}

/// What is different between the answers.
pub(super) fn of_answer(
    document: &Document,
    operation: &Described,
    message: &MessageDescriptor,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let empty = Value::Null;
    let schema = document.resolved(operation.answer.as_ref().unwrap_or(&empty));
    // A file is bytes here, and messages with its bytes there.
    if schema["type"] == "file" {
        return wrong;
    }
    match (shape::of_items(message), schema.get("items")) {
        // A stream whose messages carry several of what HTTP has in an array.
        (Some(item), Some(items)) if schema["type"] == "array" => {
            compare(document, &operation.name, items, &item, &mut wrong);
        }
        _ => compare(document, &operation.name, schema, message, &mut wrong),
    }
    wrong
}

fn compare(
    document: &Document,
    place: &str,
    schema: &Value,
    message: &MessageDescriptor,
    wrong: &mut Vec<String>,
) {
    let none = serde_json::Map::new();
    let schema = document.resolved(schema);
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let there: BTreeSet<_> = properties.keys().map(String::as_str).collect();
    let fields: Vec<_> = message.fields().collect();
    let here: BTreeSet<_> = fields.iter().map(FieldDescriptor::json_name).collect();
    if there != here {
        wrong.push(format!("{place}: answers {there:?} and {here:?}"));
        return;
    }
    for field in &fields {
        let place = format!("{place}.{}", field.json_name());
        let property = document.resolved(&properties[field.json_name()]);
        let Kind::Message(inner) = field.kind() else { continue };
        if field.is_map() || shape::is_text_or_map(&inner) {
            continue;
        }
        let property = if field.is_list() { &property["items"] } else { property };
        compare(document, &place, property, &inner, wrong);
    }
}
