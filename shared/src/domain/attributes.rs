//! Contact attributes, and the schema of those that are registered in CXone.
//!
//! CXone accepts an attribute that nobody registered and then ignores it, and cuts a long string in silence. So both
//! are decided here, before a request is made, against the registered schema.

use std::{borrow::Cow, collections::HashMap, fmt, str::FromStr, sync::Arc};

use ring::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use super::json;

/// The type that an attribute is registered with, and the prefix of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Text.
    String,
    /// A finite IEEE 754 double.
    Number,
    /// True or false.
    Boolean,
    /// An ISO 8601 date or date-time, as text.
    Date,
}

/// An attribute's key with its prefix, as requests carry it: `string:externalSource`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeKey {
    kind: AttributeType,
    /// Shared: a route's keys go into every contact that it makes.
    name: Arc<str>,
}

/// Why a text is not an attribute key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeKeyError {
    /// There is no colon.
    #[error("the key has no type prefix")]
    NoPrefix,
    /// What stands before the colon is not a type.
    #[error("the key's prefix is none of string, number, boolean and date")]
    UnknownPrefix,
    /// Nothing, or only something that can't be seen, stands after the colon.
    #[error("the key's name is empty, or has a space or a control character in it")]
    BadName,
}

/// An attribute's value. Each is made by a conversion that holds it to its type's rules.
#[derive(Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Text, its length checked where the schema is known.
    String(String),
    /// A finite number, held exactly.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// ISO 8601 text.
    Date(String),
}

/// One registered attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeDefinition {
    /// The name, without the prefix.
    pub key: String,
    /// The registered type.
    #[serde(rename = "type")]
    pub attribute_type: AttributeType,
    /// The registered length in characters, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Whether a contact must carry it.
    #[serde(default)]
    pub required: bool,
}

/// The registered attributes, ordered by name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    definitions: Vec<AttributeDefinition>,
    /// The first definition of each name, by the name as a careless hand would also write it.
    spellings: HashMap<String, usize>,
    /// Those that every contact must carry.
    required: Vec<AttributeKey>,
    /// Whether any name is taken, since none is registered.
    unrestricted: bool,
}

/// What an attribute is that nobody has to register.
static UNREGISTERED: [AttributeDefinition; 4] = [
    unregistered(AttributeType::String),
    unregistered(AttributeType::Number),
    unregistered(AttributeType::Boolean),
    unregistered(AttributeType::Date),
];

const fn unregistered(attribute_type: AttributeType) -> AttributeDefinition {
    AttributeDefinition { key: String::new(), attribute_type, max_length: None, required: false }
}

/// What the schema knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration<'s> {
    /// Registered, with this type.
    Registered(&'s AttributeDefinition),
    /// Registered by this name, with another type.
    OtherType(&'s AttributeDefinition),
    /// Not registered, but for its case or its Unicode form.
    OtherSpelling(&'s AttributeDefinition),
    /// Not registered.
    Unregistered,
}

impl AttributeType {
    /// The prefix of the keys of this type, without the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
        }
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AttributeKey {
    /// A key of a name that is known to be one.
    pub(crate) fn new(kind: AttributeType, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The type that the prefix says.
    pub const fn kind(&self) -> AttributeType {
        self.kind
    }

    /// The name, without the prefix.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for AttributeKey {
    type Err = AttributeKeyError;

    fn from_str(text: &str) -> Result<Self, AttributeKeyError> {
        let (prefix, name) = text.split_once(':').ok_or(AttributeKeyError::NoPrefix)?;
        let kind = match prefix {
            "string" => AttributeType::String,
            "number" => AttributeType::Number,
            "boolean" => AttributeType::Boolean,
            "date" => AttributeType::Date,
            _ => return Err(AttributeKeyError::UnknownPrefix),
        };
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AttributeKeyError::BadName);
        }
        Ok(Self::new(kind, name))
    }
}

impl fmt::Display for AttributeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

impl Serialize for AttributeKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl AttributeValue {
    /// The value as text.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::String(text) | Self::Date(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::String(text) | Self::Date(text) => text.as_str().into(),
            Self::Number(number) => number.clone().into(),
            Self::Boolean(value) => (*value).into(),
        }
    }
}

impl fmt::Debug for AttributeValue {
    /// The type alone: a value may be anyone's personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String(_) => "String(..)",
            Self::Number(_) => "Number(..)",
            Self::Boolean(_) => "Boolean(..)",
            Self::Date(_) => "Date(..)",
        })
    }
}

impl AttributeDefinition {
    /// The key that requests carry.
    pub fn prefixed(&self) -> AttributeKey {
        AttributeKey::new(self.attribute_type, &*self.key)
    }

    /// Characters that a text of it may have: the registered length where that is tighter than the API's own.
    pub fn length_limit(&self, longest_text: usize) -> usize {
        let registered = self.max_length.and_then(|length| usize::try_from(length).ok());
        registered.map_or(longest_text, |length| length.min(longest_text))
    }
}

impl Schema {
    /// The schema of these definitions, in whatever order they come.
    pub fn new(mut definitions: Vec<AttributeDefinition>) -> Self {
        definitions.sort_unstable();
        definitions.dedup();
        let mut spellings = HashMap::with_capacity(definitions.len());
        for (index, definition) in definitions.iter().enumerate() {
            spellings.entry(folded(&definition.key)).or_insert(index);
        }
        let required = definitions.iter().filter(|definition| definition.required);
        let required = required.map(AttributeDefinition::prefixed).collect();
        Self { required, spellings, definitions, unrestricted: false }
    }

    /// The schema of an API that registers no attributes: it takes any, with the type that its key says.
    pub fn unrestricted() -> Self {
        Self { unrestricted: true, ..Self::default() }
    }

    /// Whether it takes any attribute.
    pub(crate) const fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// Every registered attribute, ordered by name and type.
    pub fn definitions(&self) -> &[AttributeDefinition] {
        &self.definitions
    }

    /// The keys that every contact must carry.
    pub(crate) fn required(&self) -> &[AttributeKey] {
        &self.required
    }

    /// SHA-256 of the schema, in hexadecimal digits: equal for the same definitions in any order.
    pub fn content_hash(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for AttributeDefinition { key, attribute_type, max_length, required } in &self.definitions {
            // The key comes last but one and carries its length, so that no two lists of definitions read the same.
            let length = max_length.map_or_else(|| "-".to_owned(), |length| length.to_string());
            context.update(format!("{attribute_type} {length} {required} {} {key}\n", key.len()).as_bytes());
        }
        let hash = context.finish();
        hash.as_ref().iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
    }

    /// What is known of a key.
    pub fn registration(&self, key: &AttributeKey) -> Registration<'_> {
        let of_its_type = |definition: &&AttributeDefinition| definition.attribute_type == key.kind();
        if self.unrestricted
            && let Some(any) = UNREGISTERED.iter().find(of_its_type)
        {
            return Registration::Registered(any);
        }
        let named = self.named(key.name());
        if let Some(exact) = named.iter().find(of_its_type) {
            return Registration::Registered(exact);
        }
        if let Some(other) = named.first() {
            return Registration::OtherType(other);
        }
        match self.spellings.get(&folded(key.name())).and_then(|&index| self.definitions.get(index)) {
            Some(similar) => Registration::OtherSpelling(similar),
            None => Registration::Unregistered,
        }
    }

    /// The definitions of a name: none, one, or one for each type.
    pub(crate) fn named(&self, name: &str) -> &[AttributeDefinition] {
        let start = self.definitions.partition_point(|definition| *definition.key < *name);
        let rest = self.definitions.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|definition| definition.key == name).count();
        rest.get(..length).unwrap_or_default()
    }
}

/// A name without what careless hands change: case and Unicode form.
fn folded(name: &str) -> String {
    json::composed(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_known_prefix_and_a_name_that_can_be_seen() {
        for key in ["string:a", "number:b", "boolean:c", "date:d", "string:e:f"] {
            assert_eq!(key.parse::<AttributeKey>().unwrap().to_string(), key);
        }
        for (text, error) in [
            ("a", AttributeKeyError::NoPrefix),
            ("text:a", AttributeKeyError::UnknownPrefix),
            ("string:", AttributeKeyError::BadName),
            ("string:a b", AttributeKeyError::BadName),
            ("string:a\u{1}", AttributeKeyError::BadName),
        ] {
            assert_eq!(text.parse::<AttributeKey>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn debugging_a_value_shows_its_type_and_nothing_of_it() {
        let values = [AttributeValue::String("secret".to_owned()), AttributeValue::Boolean(true)];
        assert_eq!(format!("{values:?}"), "[String(..), Boolean(..)]");
    }
}
