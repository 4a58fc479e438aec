//! Every reason that callers see: why a message comes back, and why it never can succeed (docs/rules.md#deferrals,
//! docs/rules.md#dead-letters).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a message comes back. None of these ever counts towards giving it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeferralReason {
    /// The client's window is full.
    RateWindow,
    /// No OAuth client is free.
    NoClient,
    /// A circuit is open.
    CircuitOpen,
    /// 401 twice, or no token for this client.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 429.
    RateLimited,
    /// 5xx, 3xx, a 2xx that can't be read; or a store that doesn't answer.
    ServiceError,
    /// No answer in time.
    Timeout,
    /// Every target is saturated.
    Saturated,
    /// There is no registered schema to check against.
    UnverifiedSchema,
    /// The route holds contacts while its queue's health is unknown.
    Held,
    /// Another worker has it.
    InProgress,
    /// The invocation's time is up.
    Deadline,
}

impl DeferralReason {
    /// The reason as callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateWindow => "rate-window",
            Self::NoClient => "no-client",
            Self::CircuitOpen => "circuit-open",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate-limited",
            Self::ServiceError => "service-error",
            Self::Timeout => "timeout",
            Self::Saturated => "saturated",
            Self::UnverifiedSchema => "unverified-schema",
            Self::Held => "held",
            Self::InProgress => "in-progress",
            Self::Deadline => "deadline",
        }
    }

    /// Whether there is no more to it than that this worker has no room or time for the message now, or another one has
    /// it: as it is with a long backlog, where nothing is wrong.
    pub const fn is_for_pace(self) -> bool {
        matches!(self, Self::RateWindow | Self::NoClient | Self::InProgress | Self::Deadline)
    }
}

impl fmt::Display for DeferralReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reasons for which a message is dead-lettered: the `failureReason` attribute and the dry run's problem codes.
/// They are on record in the ledger by their names, so that a version that doesn't know a new one can't read the
/// record: ship one that can read it before one that writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetterReason {
    /// The body is not an event that can be read.
    MalformedEvent,
    /// No route matches the event.
    NoRoute,
    /// A value can't be made from the event: required but absent, several nodes, wrong type, failed coercion, not a
    /// phone number.
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
    /// A POST may have been accepted, and can't be repeated: CXone no longer remembers its key, or the event can't be
    /// sent again. A person decides.
    OutcomeUnknown,
    /// Claimed three times and never settled, with no service fault.
    CrashLoop,
}

impl DeadLetterReason {
    /// Every reason, in the order in which documents tell them.
    pub const ALL: [Self; 12] = [
        Self::MalformedEvent,
        Self::NoRoute,
        Self::MappingFailed,
        Self::InvalidAttribute,
        Self::UnregisteredAttribute,
        Self::UnknownQueue,
        Self::PayloadRejected,
        Self::ContactFailed,
        Self::Expired,
        Self::Conflict,
        Self::OutcomeUnknown,
        Self::CrashLoop,
    ];

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

/// Why an event has no contact in a queue: for now, or for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reason {
    /// It comes back.
    Deferred(DeferralReason),
    /// It doesn't.
    DeadLettered(DeadLetterReason),
}

impl Reason {
    /// The reason as callers see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deferred(reason) => reason.as_str(),
            Self::DeadLettered(reason) => reason.as_str(),
        }
    }
}

impl From<DeferralReason> for Reason {
    fn from(reason: DeferralReason) -> Self {
        Self::Deferred(reason)
    }
}

impl From<DeadLetterReason> for Reason {
    fn from(reason: DeadLetterReason) -> Self {
        Self::DeadLettered(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_shown_by_its_name() {
        assert_eq!(DeadLetterReason::NoRoute.to_string(), "no-route");
        assert_eq!(DeferralReason::RateWindow.to_string(), "rate-window");
    }
}
