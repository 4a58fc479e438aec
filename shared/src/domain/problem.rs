//! Why an event can never become a contact, in words that its sender and an operator can act on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reasons for which a message is dead-lettered: the `failureReason` attribute and the dry run's problem codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetterReason {
    /// The body is not an event that can be read.
    MalformedEvent,
    /// No route matches the event.
    NoRoute,
    /// A value can't be made from the event: required but absent, several nodes, wrong type, failed coercion, not a phone number.
    MappingFailed,
    /// A value was made and breaks a limit or the registered schema.
    InvalidAttribute,
    /// An attribute key is not registered in CXone.
    UnregisteredAttribute,
    /// No target's queue exists in CXone.
    UnknownQueue,
    /// CXone answered 400.
    PayloadRejected,
    /// CXone created the contact and lost it at once, and no target is left.
    ContactFailed,
    /// The event is older than its route, its sender, its queue or the ledger's memory allows.
    Expired,
    /// The identity was used before with other data.
    Conflict,
    /// A POST may have been accepted, and can't be repeated: CXone no longer remembers its key, or the event can't be sent
    /// again. A person decides.
    OutcomeUnknown,
    /// Claimed three times and never settled, with no service fault.
    CrashLoop,
}

impl DeadLetterReason {
    /// The reason as callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedEvent => "malformed-event",
            Self::NoRoute => "no-route",
            Self::MappingFailed => "mapping-failed",
            Self::InvalidAttribute => "invalid-attribute",
            Self::UnregisteredAttribute => "unregistered-attribute",
            Self::UnknownQueue => "unknown-queue",
            Self::PayloadRejected => "payload-rejected",
            Self::ContactFailed => "contact-failed",
            Self::Expired => "expired",
            Self::Conflict => "conflict",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::CrashLoop => "crash-loop",
        }
    }
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_shown_by_its_name() {
        assert_eq!(DeadLetterReason::NoRoute.to_string(), "no-route");
    }
}
