//! Why an event can never become a contact, in words that its sender and an operator can act on.

use std::fmt;

use serde::Serialize;

use super::reason::DeadLetterReason;

/// One thing that is wrong with an event. It names places, rules and routes, never a value of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The reason that it would be dead-lettered for.
    pub code: DeadLetterReason,
    /// What is wrong, naming the rule and, where one applies, the route.
    pub message: String,
    /// A JSON pointer into the event, where the problem has a place there.
    pub pointer: Option<String>,
    /// The prefixed attribute key, where the problem concerns one.
    pub attribute: Option<String>,
}

impl Problem {
    /// A problem that has no place yet.
    pub fn new(code: DeadLetterReason, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), pointer: None, attribute: None }
    }

    /// The same problem, placed by a JSON pointer into the event.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..self }
    }

    /// The same problem, about this prefixed attribute key.
    #[must_use]
    pub fn on(self, attribute: impl fmt::Display) -> Self {
        Self { attribute: Some(attribute.to_string()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(pointer) = &self.pointer {
            write!(f, " (at {pointer:?})")?;
        }
        Ok(())
    }
}
