//! One member of the file, read on its own.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Visitor};
use serde_json::value::RawValue;

use crate::domain::json::Document;

/// A member of the file: absent, unreadable on its own, or read.
#[derive(Debug, Default)]
pub(in super::super) enum Member<T> {
    #[default]
    Absent,
    Unreadable(String),
    Read(T),
}

impl<T> Member<T> {
    /// What a whole document is read as.
    pub(in super::super) fn of<'d>(document: &'d Document) -> Self
    where
        T: Deserialize<'d>,
    {
        Self::deserialize(document.root()).unwrap_or_else(|error| Self::Unreadable(error.to_string()))
    }

    pub(in super::super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// Only a [`Document`] may be read so: what can't be read there takes nothing else along.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Alone<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Alone<T> {
            type Value = Member<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member of the routes file")
            }

            fn visit_none<E>(self) -> Result<Member<T>, E> {
                Ok(Member::Absent)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member<T>, D::Error> {
                Ok(T::deserialize(deserializer)
                    .map_or_else(|error| Member::Unreadable(error.to_string()), Member::Read))
            }
        }

        // A missing member reaches a derived reader as an option that is none, so absence needs no attribute on it.
        deserializer.deserialize_option(Alone(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Member<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A member of the whole file that is there, a null too: a part of its text, to be read on its own, since nobody needs
/// a tree of ten thousand routes at once.
#[derive(Debug, Default)]
pub(in super::super) struct Part<'t>(pub(in super::super) Option<&'t RawValue>);

impl<'de: 't, 't> Deserialize<'de> for Part<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|part| Self(Some(part)))
    }
}

/// A list of the file's, each element as a part of its text.
#[derive(Debug, Default)]
pub(in super::super) struct Parts<'t>(pub(in super::super) Option<Vec<&'t RawValue>>);

impl<'de: 't, 't> Deserialize<'de> for Parts<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|parts| Self(Some(parts)))
    }
}
