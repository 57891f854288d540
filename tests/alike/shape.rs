//! JSON as the v0 API has it, from and to messages that are known by their descriptions only.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};
use prost_types::Timestamp;
use serde_json::{Map, Value as Json};

const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// The field of a request that names what it is about: `{id}` in the path.
pub(super) fn id_field(message: &MessageDescriptor) -> String {
    let found = ["id", "action"]
        .into_iter()
        .find(|name| message.get_field_by_json_name(name).is_some_and(|field| field.number() == 1));
    let name = message.full_name();
    found.unwrap_or_else(|| panic!("{name} has neither an id nor an action first")).to_owned()
}

/// What a message has several of, if it has nothing else.
pub(super) fn of_items(message: &MessageDescriptor) -> Option<MessageDescriptor> {
    let mut fields = message.fields();
    match (fields.next(), fields.next()) {
        (Some(field), None) if field.is_list() => field.kind().as_message().cloned(),
        _ => None,
    }
}

/// Whether a message stands for what is a text or a map in JSON.
pub(super) fn is_text_or_map(message: &MessageDescriptor) -> bool {
    message.full_name() == TIMESTAMP || entries(message).is_some()
}

/// The one field of a map that can be absent.
fn entries(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    message.get_field_by_name("entries").filter(FieldDescriptor::is_map)
}

/// A message with these fields. A name that it does not have is a difference between the doors.
pub(super) fn message(
    descriptor: &MessageDescriptor,
    fields: &Map<String, Json>,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, json) in fields.iter().filter(|(_, json)| !json.is_null()) {
        let field = descriptor.get_field_by_json_name(name);
        let field =
            field.unwrap_or_else(|| panic!("{} has no field {name}", descriptor.full_name()));
        let value = if field.is_map() {
            map(&field, json)
        } else if field.is_list() {
            // As in a query: several with commas between them.
            let texts = json.as_str().map(|text| text.split(',').map(Json::from).collect());
            let items = texts.unwrap_or_else(|| json.as_array().cloned().unwrap_or_default());
            Value::List(items.iter().map(|item| value(&field.kind(), item)).collect())
        } else {
            value(&field.kind(), json)
        };
        message.set_field(&field, value);
    }
    message
}

fn map(field: &FieldDescriptor, json: &Json) -> Value {
    let Kind::Message(entry) = field.kind() else { panic!("a map without entries") };
    let kind = entry.map_entry_value_field().kind();
    let json = json.as_object().expect("an object");
    let entries =
        json.iter().map(|(name, json)| (MapKey::String(name.clone()), value(&kind, json)));
    Value::Map(entries.collect())
}

/// A value of this kind. A text stands for what can be read from it, as in a query.
fn value(kind: &Kind, json: &Json) -> Value {
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let number = || text.parse::<i64>().unwrap_or_else(|_| panic!("{text:?} is no number"));
    match kind {
        Kind::String => Value::String(text),
        Kind::Bool => Value::Bool(["true", "1"].contains(&text.as_str())),
        Kind::Uint32 => Value::U32(number().try_into().expect("32 bits")),
        Kind::Uint64 => Value::U64(number().try_into().expect("64 bits")),
        Kind::Int32 => Value::I32(number().try_into().expect("32 bits")),
        Kind::Int64 => Value::I64(number()),
        Kind::Message(inner) if inner.full_name() == TIMESTAMP => {
            let at: Timestamp = text.parse().expect("a time");
            let mut message = DynamicMessage::new(inner.clone());
            message.transcode_from(&at).expect("a timestamp");
            Value::Message(message)
        }
        Kind::Message(inner) => {
            let mut made = DynamicMessage::new(inner.clone());
            match entries(inner) {
                Some(field) => made.set_field(&field, map(&field, json)),
                None => made = message(inner, json.as_object().expect("an object")),
            }
            Value::Message(made)
        }
        other @ (Kind::Double
        | Kind::Float
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64
        | Kind::Bytes
        | Kind::Enum(_)) => {
            panic!("no request has had a field of the kind {other:?}: say here how it reads")
        }
    }
}

/// A message as JSON.
pub(super) fn json(message: &DynamicMessage) -> Json {
    let descriptor = message.descriptor();
    if descriptor.full_name() == TIMESTAMP {
        let at: Timestamp = message.transcode_to().expect("a timestamp");
        return Json::from(at.to_string());
    }
    if let Some(field) = entries(&descriptor) {
        return of_value(&message.get_field(&field));
    }
    let fields = message.fields();
    fields.map(|(field, value)| (field.json_name().to_owned(), of_value(value))).collect()
}

fn of_value(value: &Value) -> Json {
    match value {
        Value::Bool(is) => Json::from(*is),
        Value::I32(number) | Value::EnumNumber(number) => Json::from(*number),
        Value::I64(number) => Json::from(*number),
        Value::U32(number) => Json::from(*number),
        Value::U64(number) => Json::from(*number),
        Value::F32(number) => Json::from(*number),
        Value::F64(number) => Json::from(*number),
        Value::String(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => Json::from(bytes.to_vec()),
        Value::Message(message) => json(message),
        Value::List(list) => list.iter().map(of_value).collect(),
        Value::Map(map) => {
            let name = |key: &MapKey| key.as_str().expect("a name").to_owned();
            map.iter().map(|(key, value)| (name(key), of_value(value))).collect()
        }
    }
}

/// JSON in the one form in which both doors can be compared: a field that has its default is as good
/// as none, an instant has one spelling, and of what cannot be the same twice only that it is there,
/// or not even that, where it may be its default: `name?`.
pub(super) fn compared(json: Json, differs: &[&str]) -> Json {
    match json {
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| {
                let field = compared(field, differs);
                let is_masked = differs.contains(&name.as_str()) && !is_default(&field);
                (name, if is_masked { Json::from("there") } else { field })
            });
            let may_lack = |name: &str| differs.contains(&format!("{name}?").as_str());
            fields.filter(|(name, field)| !is_default(field) && !may_lack(name)).collect()
        }
        Json::Array(items) => items.into_iter().map(|item| compared(item, differs)).collect(),
        Json::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => Json::from(at.to_string()),
            Err(_) => Json::String(text),
        },
        other @ (Json::Null | Json::Bool(_) | Json::Number(_)) => other,
    }
}

fn is_default(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Bool(is) => !is,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
    }
}
