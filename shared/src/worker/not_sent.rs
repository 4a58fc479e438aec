//! Why nothing left a worker, and what a message is told for it.

use crate::{
    dialects::Unread,
    domain::{
        outcome::{Outcome, Retry},
        reason::DeferralReason,
        time::Timestamp,
    },
};

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// What the message is told.
    pub reason: DeferralReason,
    /// When to ask again.
    pub retry: Retry,
}

impl NotSent {
    pub(super) const fn because(reason: DeferralReason) -> Self {
        Self { reason, retry: Retry::Backoff }
    }

    pub(super) const fn until(reason: DeferralReason, at: Timestamp) -> Self {
        Self { reason, retry: Retry::At(at) }
    }
}

/// Why there are no registered attributes to be had.
#[derive(Debug, thiserror::Error)]
pub enum NoSchema {
    /// They were not asked for.
    #[error("it was not asked for: {}", .0.reason)]
    NotAsked(NotSent),
    /// The answer can't be read.
    #[error(transparent)]
    Unread(#[from] Unread),
}

impl From<NotSent> for NoSchema {
    fn from(not_sent: NotSent) -> Self {
        Self::NotAsked(not_sent)
    }
}

impl From<NotSent> for Outcome {
    fn from(not: NotSent) -> Self {
        Self::Deferred { reason: not.reason, retry: not.retry }
    }
}
