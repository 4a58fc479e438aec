//! The registered attribute schema and the form in which it is served.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One registered attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttributeDefinition {
    /// Its key with the type prefix, such as `string:externalSource`.
    pub key: String,
    /// Its type.
    #[serde(rename = "type")]
    pub attribute_type: AttributeType,
    /// The longest string allowed, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Whether every contact must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

impl AttributeDefinition {
    /// An optional attribute without a length of its own, for a bare name.
    pub fn new(attribute_type: AttributeType, name: &str) -> Self {
        let key = format!("{}:{name}", attribute_type.name());
        Self { key, attribute_type, max_length: None, required: None }
    }

    /// The longest string allowed, in characters.
    #[must_use]
    pub fn with_max_length(self, characters: u32) -> Self {
        Self { max_length: Some(characters), ..self }
    }

    /// Marks it as required in every contact.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: Some(true), ..self }
    }
}

/// The type of an attribute, which is also the prefix of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Up to 255 characters.
    String,
    /// An IEEE 754 double.
    Number,
    /// True or false.
    Boolean,
    /// ISO 8601.
    Date,
}

impl AttributeType {
    /// Its name on the wire: the prefix without the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::String, Self::Number, Self::Boolean, Self::Date].into_iter().find(|candidate| candidate.name() == name)
    }
}

/// The form in which the schema is served: the contract's, unless told otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SchemaShape {
    /// Served instead of the schema, as it stands: a shape that nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_override: Option<Value>,
}

impl SchemaShape {
    /// The body that serves these attributes.
    pub fn render(&self, attributes: &[AttributeDefinition]) -> Value {
        self.body_override.clone().unwrap_or_else(|| json!({ "attributes": attributes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> Vec<AttributeDefinition> {
        vec![AttributeDefinition::new(AttributeType::String, "externalSource").with_max_length(64).required()]
    }

    #[test]
    fn the_canonical_form_is_the_contracts() {
        let expected = json!({"attributes": [
            {"key": "string:externalSource", "type": "string", "maxLength": 64, "required": true}
        ]});
        assert_eq!(SchemaShape::default().render(&attributes()), expected);
    }
}
