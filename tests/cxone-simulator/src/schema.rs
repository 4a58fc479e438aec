//! The registered attribute schema and the forms in which an API might serve it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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

    fn render(&self, shape: &SchemaShape) -> Value {
        let mut members = Map::new();
        let prefix = format!("{}:", self.attribute_type.name());
        let name = if shape.unprefixed { self.key.strip_prefix(&prefix).unwrap_or(&self.key) } else { &self.key };
        members.insert(shape.name.field().to_owned(), json!(name));
        members.insert("type".to_owned(), json!(self.attribute_type));
        if let Some(length) = self.max_length {
            members.insert(shape.length.field().to_owned(), json!(length));
        }
        if let Some(required) = self.required {
            members.insert("required".to_owned(), json!(required));
        }
        Value::Object(members)
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

/// The form in which the schema is served: canonical by default, each deviation on request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SchemaShape {
    /// Where the list stands.
    pub list: ListShape,
    /// What an attribute's name is called.
    pub name: NameField,
    /// What an attribute's length is called.
    pub length: LengthField,
    /// Whether keys lack their type prefix.
    pub unprefixed: bool,
    /// Served instead of the schema, as it stands: a shape that nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_override: Option<Value>,
}

impl SchemaShape {
    /// The body that serves these attributes.
    pub fn render(&self, attributes: &[AttributeDefinition]) -> Value {
        if let Some(body) = &self.body_override {
            return body.clone();
        }
        let list = Value::Array(attributes.iter().map(|attribute| attribute.render(self)).collect());
        match self.list {
            ListShape::Attributes => json!({ "attributes": list }),
            ListShape::Bare => list,
            ListShape::Items => json!({ "items": list }),
            ListShape::Data => json!({ "data": list }),
            ListShape::Results => json!({ "results": list }),
        }
    }
}

/// Where the list of attributes stands in the body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListShape {
    /// Under `attributes`, the canonical form.
    #[default]
    Attributes,
    /// The body is the list.
    Bare,
    /// Under `items`.
    Items,
    /// Under `data`.
    Data,
    /// Under `results`.
    Results,
}

/// What an attribute's name is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameField {
    /// `key`, the canonical form.
    #[default]
    Key,
    /// `name`.
    Name,
    /// `ident`.
    Ident,
}

impl NameField {
    fn field(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Name => "name",
            Self::Ident => "ident",
        }
    }
}

/// What an attribute's length is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LengthField {
    /// `maxLength`, the canonical form.
    #[default]
    #[serde(rename = "maxLength")]
    MaxLengthCamel,
    /// `max_length`.
    #[serde(rename = "max_length")]
    MaxLengthSnake,
    /// `length`.
    #[serde(rename = "length")]
    Length,
}

impl LengthField {
    fn field(self) -> &'static str {
        match self {
            Self::MaxLengthCamel => "maxLength",
            Self::MaxLengthSnake => "max_length",
            Self::Length => "length",
        }
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

    #[test]
    fn every_accepted_variation_is_served_on_request() {
        let shape: SchemaShape =
            serde_json::from_str(r#"{"list":"bare","name":"ident","length":"max_length","unprefixed":true}"#).unwrap();
        let expected = json!([{"ident": "externalSource", "type": "string", "max_length": 64, "required": true}]);
        assert_eq!(shape.render(&attributes()), expected);
        for (list, under) in [(ListShape::Items, "items"), (ListShape::Data, "data"), (ListShape::Results, "results")] {
            let body = SchemaShape { list, ..SchemaShape::default() }.render(&attributes());
            assert_eq!(body[under][0]["key"], "string:externalSource");
        }
    }
}
