//! Reads JSON that others wrote, strictly and within bounds.
//!
//! serde's own `Value` keeps the last of two members with one name, where another parser keeps the first: two systems
//! then see two events in one body. It also lets an object or a tree grow to whatever the body holds, and every later
//! walk pays for it. So one visitor writes a [`Document`] and refuses both on the way, in the one pass that parsing
//! takes anyway; later code relies on the bounds and checks nothing again.

mod deserialize;
mod document;

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

pub(crate) use self::document::{Document, Kind, Node, Place, Text};
use super::pii;

/// Levels of arrays and objects. Twice what the deepest upstream formats use, half of serde's own limit.
pub(crate) const MAX_DEPTH: usize = 64;
/// Members of one object. An object with more is a table of data, not a record; a list of records may be longer.
pub(crate) const MAX_MEMBERS: usize = 1_000;
/// Values in all, so that a walk over every one of them stays within a few milliseconds.
pub(crate) const MAX_VALUES: usize = 50_000;
/// Names that are compared with each other sooner than sorted.
const FEW_NAMES: usize = 16;

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
pub(crate) fn read(text: &str) -> Result<Document, Fault> {
    read_up_to(MAX_VALUES, text)
}

/// Reads a whole text of so many values at most.
pub(crate) fn read_up_to(most: usize, text: &str) -> Result<Document, Fault> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let mut reading = Reading::of(most, text.len());
    let read = Strict { depth: 0, reading: &mut reading }.deserialize(&mut parser).and_then(|()| parser.end());
    reading.ended(read)
}

/// Holds a value that was parsed elsewhere to the same bounds.
pub(crate) fn bounded(value: &Value) -> Result<Document, Fault> {
    let mut reading = Reading::of(MAX_VALUES, 0);
    let read = Strict { depth: 0, reading: &mut reading }.deserialize(value);
    reading.ended(read)
}

/// The JSON pointer of a member or element of the value at `parent`. Upstreams choose the names of members, and
/// pointers are told to people: what looks personal in one is masked.
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

impl Fault {
    /// The same of a text that stands behind another one.
    pub(crate) fn behind(self, before: &str) -> Self {
        let moved = || {
            let (rule, position) = self.message.rsplit_once(" at line ")?;
            let (line, column) = position.split_once(" column ")?;
            let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
            let lines = before.bytes().filter(|byte| *byte == b'\n').count();
            let beside = if line == 1 { before.len() - before.rfind('\n').map_or(0, |end| end + 1) } else { 0 };
            Some(format!("{rule} at line {} column {}", line + lines, column + beside))
        };
        Self { message: moved().unwrap_or_else(|| self.message.clone()), ..self }
    }
}

/// What is known while a text is being read.
struct Reading {
    document: Document,
    /// Names of members, of the objects that are being read, from the outermost in.
    names: Vec<Text>,
    values: usize,
    most: usize,
    /// Segments from the place of an error up to the root, filled while the error travels up.
    trail: Vec<String>,
}

impl Reading {
    fn of(most: usize, bytes: usize) -> Self {
        Self {
            document: Document::with_room_for(bytes),
            names: Vec::with_capacity(64),
            values: 0,
            most,
            trail: Vec::new(),
        }
    }

    fn ended(self, read: Result<(), serde_json::Error>) -> Result<Document, Fault> {
        read.map(|()| self.document).map_err(|error| {
            let pointer = self.trail.iter().rev().fold(String::new(), |pointer, segment| child(&pointer, segment));
            Fault { pointer, message: error.to_string() }
        })
    }
}

/// Reads one value.
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
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.reading.values += 1;
        if self.reading.values > self.reading.most {
            return Err(D::Error::custom(format_args!("holds more than {} values", self.reading.most)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.reading.document.null();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.reading.document.boolean(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.reading.document.number(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.reading.document.number(value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.reading.document.number(Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.reading.document.text(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        self.enter()?;
        let array = self.reading.document.array();
        let mut read = 0_usize;
        loop {
            match elements.next_element_seed(self.inner()) {
                Ok(Some(())) => read += 1,
                Ok(None) => break,
                Err(error) => {
                    self.reading.trail.push(read.to_string());
                    return Err(error);
                }
            }
        }
        self.reading.document.close(array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        let object = self.reading.document.object();
        let first = self.reading.names.len();
        while let Some(name) = members.next_key_seed(Name(&mut self.reading.document))? {
            if self.reading.names.len() - first == MAX_MEMBERS {
                return Err(A::Error::custom(format_args!("an object has more than {MAX_MEMBERS} members")));
            }
            self.reading.names.push(name);
            if let Err(error) = members.next_value_seed(self.inner()) {
                self.reading.trail.push(self.reading.document.str(name).to_owned());
                return Err(error);
            }
        }
        self.reading.document.close(object);
        if let Some((name, rule)) = clash(&self.reading.document, &self.reading.names[first..]) {
            self.reading.trail.push(name);
            return Err(A::Error::custom(rule));
        }
        self.reading.names.truncate(first);
        Ok(())
    }
}

/// Reads the name of a member.
struct Name<'r>(&'r mut Document);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Text;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Text, E> {
        Ok(self.0.text(name))
    }
}

/// The name of a member that clashes with another's, and the rule that this breaks.
fn clash(document: &Document, names: &[Text]) -> Option<(String, &'static str)> {
    let all = || names.iter().map(|&name| document.str(name));
    if !few_and_distinct(document, names)
        && let Some(name) = repeated(all(), |name| name)
    {
        return Some((name.to_owned(), "a member is repeated"));
    }
    if names.first().is_some_and(|&first| !document.is_ascii_since(first))
        && let Some(name) = repeated(all(), composed)
    {
        return Some((name.to_owned(), "two members have names that differ only by Unicode normalisation"));
    }
    None
}

/// Whether these names are few and all different, which is seen sooner than by sorting them.
fn few_and_distinct(document: &Document, names: &[Text]) -> bool {
    let is_new = |(at, &name): (usize, &Text)| !names[..at].iter().any(|&earlier| document.same(earlier, name));
    names.len() <= FEW_NAMES && names.iter().enumerate().all(is_new)
}

/// A name that is the same as another by this key.
fn repeated<'n, K: Ord>(names: impl Iterator<Item = &'n str>, key: impl Fn(&'n str) -> K) -> Option<&'n str> {
    let mut names: Vec<_> = names.map(|name| (key(name), name)).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fault(text: &str) -> (String, String) {
        let fault = read(text).err().unwrap();
        (fault.pointer, fault.message)
    }

    #[test]
    fn a_text_reads_as_serde_reads_it() {
        let text = r#"{"a":[1,-2,2.5,18446744073709551615,"x\u00e9",true,null],"b":{}}"#;
        assert_eq!(read(text).unwrap().tree(), &serde_json::from_str::<Value>(text).unwrap());
        let value = json!({"a": [1, {"b": null}], "c": {"d": []}});
        assert_eq!(bounded(&value).unwrap().tree(), &value);
    }

    #[test]
    fn a_repeated_member_is_refused_where_it_stands() {
        let (pointer, message) = fault(r#"{"data":{"list":[0,{"a/b":1,"a/b":2}]}}"#);
        assert_eq!(pointer, "/data/list/1/a~1b");
        assert!(message.starts_with("a member is repeated"), "{message}");
    }

    #[test]
    fn a_repeated_member_is_refused_wherever_it_stands() {
        for count in [2, 3, 17, 200] {
            let names: Vec<_> = (0..count).map(|n| format!("n{n}")).collect();
            let object = |names: &[String]| {
                let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":[{{}}]")).collect();
                format!("{{{}}}", members.join(","))
            };
            assert!(read(&object(&names)).is_ok());
            for (first, second) in [(0, 1), (0, count - 1), (count - 2, count - 1)] {
                let mut names = names.clone();
                names[second] = names[first].clone();
                assert_eq!(fault(&object(&names)).0, format!("/n{first}"), "{count} members");
            }
        }
        assert!(fault("{\"\":1,\"\":2}").1.starts_with("a member is repeated"));
    }

    #[test]
    fn names_that_differ_only_by_normalisation_are_refused() {
        let (pointer, message) = fault("{\"data\":{\"caf\u{e9}\":1,\"cafe\u{301}\":2}}");
        assert!(pointer.starts_with("/data/caf"), "{pointer}");
        assert!(message.contains("Unicode normalisation"), "{message}");
        assert!(fault("{\"K\":1,\"\u{212a}\":2}").1.contains("Unicode normalisation"), "the Kelvin sign composes to K");
        assert!(read("{\"e\u{301}\":1,\"e\":2}").is_ok());
        let (pointer, _) = fault("{\"a\u{323}\u{307}\":1,\"a\u{307}\u{323}\":2}");
        assert!(["/a\u{323}\u{307}", "/a\u{307}\u{323}"].contains(&&*pointer), "a name that is in the text");
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
        assert!(read(&format!("{{\"within\":{}}}", members(MAX_MEMBERS))).is_ok());
        assert!(fault(&members(10_000)).1.contains("more than 1000 members"));
        let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(read(&list(MAX_VALUES - 1)).is_ok(), "the list is a value too");
        assert!(fault(&list(MAX_VALUES)).1.contains("more than 50000 values"));
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
            prop_assert_eq!(read(&format!("{double:e}")).unwrap().tree().as_f64(), Some(double));
        }
    }
}
