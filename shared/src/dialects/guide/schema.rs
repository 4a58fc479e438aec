//! `GET /api/v2/contacts/attributes` (docs/wire.md#registered-attributes).
//!
//! The guide gives no body for it, so the reader takes the variations that docs/wire.md names and nothing else: a
//! shape that it can't recognise is an error and never passes as an empty schema, which would let everything through
//! as unregistered, or nothing.

use serde_json::{Map, Value};

use crate::domain::attributes::{AttributeDefinition, AttributeType, Schema};

/// Where the list may be.
const LISTS: [&str; 4] = ["attributes", "items", "data", "results"];
/// Where a name may be.
const NAMES: [&str; 3] = ["key", "name", "ident"];
/// Where a length may be.
const LENGTHS: [&str; 3] = ["maxLength", "max_length", "length"];

/// Why an answer is no attribute schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSchema {
    /// There is no list in it.
    #[error("the answer is neither a list nor an object with a list under attributes, items, data or results")]
    NoList,
    /// The list is empty: nothing could ever be injected, so it is taken for a fault.
    #[error("the list of attributes is empty")]
    Empty,
    /// An entry can't be read.
    #[error("entry {index} of the list: {problem}")]
    Entry {
        /// Its place.
        index: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// The registered schema, or the first thing that can't be recognised.
pub(super) fn read(answer: &Value) -> Result<Schema, UnreadableSchema> {
    let list = match answer {
        Value::Array(list) => list,
        Value::Object(object) => {
            LISTS.iter().find_map(|name| object.get(*name)?.as_array()).ok_or(UnreadableSchema::NoList)?
        }
        _ => return Err(UnreadableSchema::NoList),
    };
    if list.is_empty() {
        return Err(UnreadableSchema::Empty);
    }
    let definitions = list
        .iter()
        .enumerate()
        .map(|(index, entry)| read_definition(entry).map_err(|problem| UnreadableSchema::Entry { index, problem }))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Schema::new(definitions))
}

fn read_definition(entry: &Value) -> Result<AttributeDefinition, &'static str> {
    let entry = entry.as_object().ok_or("it is not an object")?;
    let name = first(entry, &NAMES).and_then(Value::as_str).ok_or("it has no name under key, name or ident")?;
    let (prefix, key) = match name.split_once(':') {
        Some((prefix, key)) => (Some(read_type(prefix).ok_or("its name has an unknown prefix")?), key),
        None => (None, name),
    };
    if key.is_empty() {
        return Err("its name is empty");
    }
    let stated = match entry.get("type") {
        None | Some(Value::Null) => None,
        Some(stated) => {
            Some(stated.as_str().and_then(read_type).ok_or("its type is none of string, number, boolean and date")?)
        }
    };
    let attribute_type = match (prefix, stated) {
        (Some(prefix), Some(stated)) if prefix != stated => return Err("its type contradicts its prefix"),
        (prefix, stated) => stated.or(prefix).ok_or("it has no type")?,
    };
    let max_length = match first(entry, &LENGTHS) {
        None | Some(Value::Null) => None,
        Some(length) => Some(
            length.as_u64().and_then(|length| u32::try_from(length).ok()).ok_or("its length is not a whole number")?,
        ),
    };
    let required = match entry.get("required") {
        None | Some(Value::Null) => false,
        Some(required) => required.as_bool().ok_or("its required is not a boolean")?,
    };
    Ok(AttributeDefinition { key: key.to_owned(), attribute_type, max_length, required })
}

fn first<'a>(entry: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| entry.get(*name))
}

fn read_type(text: &str) -> Option<AttributeType> {
    [AttributeType::String, AttributeType::Number, AttributeType::Boolean, AttributeType::Date]
        .into_iter()
        .find(|candidate| candidate.as_str().eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canonical() -> Schema {
        read(&json!({"attributes": [
            {"key": "tenantRefId", "type": "string", "maxLength": 40, "required": true},
            {"key": "orderValue", "type": "number"},
        ]}))
        .unwrap()
    }

    #[test]
    fn every_variation_of_the_contract_reads_as_the_canonical_form() {
        let entries = |name: &str, length: &str, prefix: bool| {
            let key = |kind: &str, key: &str| if prefix { format!("{kind}:{key}") } else { key.to_owned() };
            json!([
                {name: key("string", "tenantRefId"), "type": "string", length: 40, "required": true},
                {name: key("number", "orderValue"), "type": "number"},
            ])
        };
        for name in NAMES {
            for length in LENGTHS {
                for prefix in [true, false] {
                    let list = entries(name, length, prefix);
                    assert_eq!(read(&list).unwrap().content_hash(), canonical().content_hash());
                    for member in LISTS {
                        assert_eq!(read(&json!({member: list})).unwrap().content_hash(), canonical().content_hash());
                    }
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_recognised_is_never_an_empty_schema() {
        for answer in [json!(null), json!({}), json!({"attributes": {}}), json!("x"), json!({"error": "degraded"})] {
            assert_eq!(read(&answer).unwrap_err(), UnreadableSchema::NoList, "{answer}");
        }
        assert_eq!(read(&json!([])).unwrap_err(), UnreadableSchema::Empty);
        for entry in [
            json!(1),
            json!({"type": "string"}),
            json!({"key": "a"}),
            json!({"key": "a", "type": "colour"}),
            json!({"key": "number:a", "type": "string"}),
            json!({"key": "string:", "type": "string"}),
            json!({"key": "a", "type": "string", "maxLength": -1}),
            json!({"key": "a", "type": "string", "maxLength": "40"}),
            json!({"key": "a", "type": "string", "required": "yes"}),
        ] {
            assert!(matches!(read(&json!([entry])), Err(UnreadableSchema::Entry { index: 0, .. })), "{entry}");
        }
    }
}
