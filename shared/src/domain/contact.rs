//! The contact that an event becomes.

use std::{collections::BTreeMap, fmt};

use super::attributes::{AttributeKey, AttributeValue};

/// Attributes by key, in the order of their keys.
pub type Attributes = BTreeMap<AttributeKey, AttributeValue>;

/// A mapped and checked contact. Where it goes, and with what priority, is decided at each attempt.
#[derive(Clone, PartialEq)]
pub struct Contact {
    pub(crate) channel: Option<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) callback_number: Option<String>,
    pub(crate) wrap_up_code: Option<String>,
    /// What a message to a digital channel says.
    pub(crate) text: Option<String>,
    pub(crate) attributes: Attributes,
}

impl Contact {
    /// The attributes by key.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

impl fmt::Debug for Contact {
    /// Keys without values: every value may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact")
            .field("channel", &self.channel)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}
