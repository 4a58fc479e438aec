//! Reads JSON that others wrote, strictly and within bounds.
//!
//! serde's own `Value` keeps the last of two members with one name, where another parser keeps the first: two systems
//! then see two events in one body. It also lets an object or a tree grow to whatever the body holds, and every later
//! walk pays for it. So one visitor builds the `Value` and refuses both on the way, in the one pass that parsing takes
//! anyway; later code relies on the bounds and checks nothing again.

use std::{collections::HashSet, fmt};

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::pii;

/// Levels of arrays and objects. Twice what the deepest upstream formats use, half of serde's own limit.
pub(crate) const MAX_DEPTH: usize = 64;
/// Members of one object. An object with more is a table of data, not a record; a list of records may be longer.
pub(crate) const MAX_MEMBERS: usize = 1_000;
/// Values in all, so that a walk over every one of them stays within a few milliseconds.
pub(crate) const MAX_VALUES: usize = 50_000;

/// Unicode's canonical composition: the form in which two spellings of one text are equal.
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// Why a text is not JSON that is accepted here. It never quotes a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// A JSON pointer to the innermost value that could not be read.
    pub(crate) pointer: String,
    /// The rule that is broken.
    pub(crate) message: String,
}

/// Reads a whole text as one JSON value.
pub(crate) fn read(text: &str) -> Result<Value, Fault> {
    read_up_to(MAX_VALUES, text)
}

/// Reads a whole text of so many values at most.
pub(crate) fn read_up_to(most: usize, text: &str) -> Result<Value, Fault> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let mut reading = Reading::up_to(most);
    Strict { depth: 0, reading: &mut reading }
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value))
        .map_err(|error| reading.fault(&error))
}

/// Holds a value that was parsed elsewhere to the same bounds.
pub(crate) fn bounded(value: Value) -> Result<Value, Fault> {
    let mut reading = Reading::up_to(MAX_VALUES);
    Strict { depth: 0, reading: &mut reading }.deserialize(value).map_err(|error| reading.fault(&error))
}

/// The JSON pointer of a member or element of the value at `parent`. Upstreams choose the names of members, and pointers
/// are told to people: what looks personal in one is masked.
pub(crate) fn child(parent: &str, segment: impl fmt::Display) -> String {
    let segment = segment.to_string();
    let segment = pii::redact(&segment);
    if segment.contains(['~', '/']) {
        format!("{parent}/{}", segment.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{parent}/{segment}")
    }
}

/// The text in Unicode's canonical composition.
pub(crate) fn composed(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() { text.into() } else { NFC.normalize(text) }
}

/// What is known while a text is being read.
struct Reading {
    values: usize,
    most: usize,
    /// Segments from the place of an error up to the root, filled while the error travels up.
    trail: Vec<String>,
}

impl Reading {
    fn up_to(most: usize) -> Self {
        Self { values: 0, most, trail: Vec::new() }
    }

    fn fault(&self, error: &serde_json::Error) -> Fault {
        let pointer = self.trail.iter().rev().fold(String::new(), |pointer, segment| child(&pointer, segment));
        Fault { pointer, message: error.to_string() }
    }
}

struct Strict<'r> {
    depth: usize,
    reading: &'r mut Reading,
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict { depth: self.depth + 1, reading: self.reading }
    }

    fn enter<E: Error>(&self) -> Result<(), E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nests deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.reading.values += 1;
        if self.reading.values > self.reading.most {
            return Err(D::Error::custom(format_args!("holds more than {} values", self.reading.most)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut array = Vec::new();
        loop {
            match elements.next_element_seed(self.inner()) {
                Ok(Some(element)) => array.push(element),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    self.reading.trail.push(array.len().to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut object = Map::new();
        let mut ascii = true;
        while let Some(name) = members.next_key::<String>()? {
            if object.len() == MAX_MEMBERS {
                return Err(A::Error::custom(format_args!("an object has more than {MAX_MEMBERS} members")));
            }
            ascii &= name.is_ascii();
            let value = match members.next_value_seed(self.inner()) {
                Ok(value) => value,
                Err(error) => {
                    self.reading.trail.push(name);
                    return Err(error);
                }
            };
            match object.entry(name) {
                serde_json::map::Entry::Vacant(place) => {
                    place.insert(value);
                }
                serde_json::map::Entry::Occupied(first) => {
                    self.reading.trail.push(first.key().clone());
                    return Err(A::Error::custom("a member is repeated"));
                }
            }
        }
        if !ascii && let Some(name) = same_when_composed(&object) {
            self.reading.trail.push(name);
            return Err(A::Error::custom("two members have names that differ only by Unicode normalisation"));
        }
        Ok(Value::Object(object))
    }
}

fn same_when_composed(object: &Map<String, Value>) -> Option<String> {
    let mut seen = HashSet::with_capacity(object.len());
    object.keys().find(|name| !seen.insert(composed(name))).cloned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fault(text: &str) -> (String, String) {
        let fault = read(text).unwrap_err();
        (fault.pointer, fault.message)
    }

    #[test]
    fn a_text_reads_as_serde_reads_it() {
        let text = r#"{"a":[1,-2,2.5,18446744073709551615,"x\u00e9",true,null],"b":{}}"#;
        assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(bounded(json!({"a": [1, {"b": null}]})).unwrap(), json!({"a": [1, {"b": null}]}));
    }

    #[test]
    fn a_repeated_member_is_refused_where_it_stands() {
        let (pointer, message) = fault(r#"{"data":{"list":[0,{"a/b":1,"a/b":2}]}}"#);
        assert_eq!(pointer, "/data/list/1/a~1b");
        assert!(message.starts_with("a member is repeated"), "{message}");
    }

    #[test]
    fn names_that_differ_only_by_normalisation_are_refused() {
        let (pointer, message) = fault("{\"data\":{\"caf\u{e9}\":1,\"cafe\u{301}\":2}}");
        assert!(pointer.starts_with("/data/caf"), "{pointer}");
        assert!(message.contains("Unicode normalisation"), "{message}");
        assert!(fault("{\"K\":1,\"\u{212a}\":2}").1.contains("Unicode normalisation"), "the Kelvin sign composes to K");
        assert!(read("{\"e\u{301}\":1,\"e\":2}").is_ok());
    }

    #[test]
    fn nesting_ends_at_its_limit_however_deep_the_text_goes() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert!(fault(&nested(MAX_DEPTH + 1)).1.contains("deeper than 64 levels"));
        assert!(fault(&"[".repeat(1_000_000)).1.contains("deeper than 64 levels"));
        assert!(fault(&"{\"a\":".repeat(1_000_000)).1.contains("deeper than 64 levels"));
    }

    #[test]
    fn wide_objects_and_large_trees_are_refused() {
        let members = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!("\"k{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(read(&members(MAX_MEMBERS)).is_ok());
        assert!(fault(&members(10_000)).1.contains("more than 1000 members"));
        assert!(fault(&format!("[{}0]", "0,".repeat(MAX_VALUES))).1.contains("more than 50000 values"));
    }

    #[test]
    fn broken_text_is_a_fault_with_its_position() {
        for text in
            ["", "{", "\u{feff}{}", r#"{"a":"\ud800"}"#, r#"{"a":"\uZZZZ"}"#, "{} x", "NaN", "1e999", "{\"a\":01}"]
        {
            assert!(fault(text).1.contains(" at line 1 column "), "{text:?}");
        }
    }

    #[test]
    fn a_pointer_does_not_tell_a_name_that_is_personal() {
        for name in ["555/010/9876", "4111\u{a0}1111\u{a0}1111\u{a0}1111", "ada~x@example.com"] {
            assert_eq!(child("/data", name), "/data/[redacted]");
        }
        assert_eq!(child("/data", "a/b~c"), "/data/a~1b~0c");
    }

    proptest! {
        #[test]
        fn a_fraction_is_read_to_its_last_bit(double in any::<f64>().prop_filter("finite", |double| double.is_finite())) {
            prop_assert_eq!(read(&format!("{double:e}")).unwrap().as_f64(), Some(double));
        }
    }
}
