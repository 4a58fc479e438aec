//! What a business unit has for digital contacts.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use crate::nice::Config;

/// A digital channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Channel {
    /// Its identifier, such as `chat_0B7c`, compared with its case.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Channel {
    /// A channel of this name.
    pub fn new(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned() }
    }
}

/// The definition of a custom field of contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomField {
    /// What messages name it by.
    pub ident: String,
    /// What agents see; absent, the `ident`.
    #[serde(default)]
    pub label: Option<String>,
    /// What its values are.
    #[serde(rename = "type", default)]
    pub kind: FieldKind,
    /// Whether the definition calls it required. A message without it is taken all the same.
    #[serde(default)]
    pub required: bool,
    /// The values of a list.
    #[serde(default)]
    pub values: Vec<String>,
}

impl CustomField {
    /// An optional field for any text.
    pub fn text(ident: &str) -> Self {
        Self { ident: ident.to_owned(), ..Self::default() }
    }

    /// Whether a contact can have this value.
    pub(crate) fn takes(&self, value: &str) -> bool {
        match self.kind {
            FieldKind::Text => true,
            FieldKind::Email => value.contains('@'),
            FieldKind::List => self.values.iter().any(|known| known == value),
            FieldKind::Date => {
                let is_time = || value.parse::<DateTime>().is_ok() || value.parse::<Timestamp>().is_ok();
                value.parse::<Date>().is_ok() || is_time()
            }
        }
    }
}

/// What the values of a custom field are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// Any text.
    #[default]
    Text,
    /// Text with an `@`.
    Email,
    /// One of the field's own values.
    List,
    /// A date or a date and a time in ISO 8601.
    Date,
}

/// What becomes of a message whose `idOnExternalPlatform` its channel had before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicateMessages {
    /// It is a message like any other: it joins the open contact of its thread.
    #[default]
    SecondMessage,
    /// It is refused with 409.
    #[serde(rename = "conflict-409")]
    Conflict,
    /// It makes another contact, whatever its thread.
    SecondContact,
}

impl Config {
    /// Adds a digital channel.
    #[must_use]
    pub fn with_channel(mut self, channel: Channel) -> Self {
        self.channels.push(channel);
        self
    }

    /// Adds a custom field of digital contacts.
    #[must_use]
    pub fn with_custom_field(mut self, custom_field: CustomField) -> Self {
        self.custom_fields.push(custom_field);
        self
    }
}
