//! What is about to leave, where nothing can be asked about it afterwards (docs/real-tenant.md#exactly-once).
//!
//! Under an idempotency key a claim alone is enough: what may have been sent is asked again. An API without one would
//! make a second contact of it. So the claim says when a request is about to leave, in a write that stands before its
//! first byte does: a worker that died before is known to have sent nothing, and costs nobody's attention.
//!
//! ```text
//!   claim ──► permit, token, place ──► sending ──► POST ──► settle
//!     └── a crash here sent nothing ──────┘└── a crash here may have ──┘
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{time::Timestamp, window::LATE_ARRIVAL};

/// The longest that a request may take. What was about to be sent may leave and arrive this long, and
/// [`LATE_ARRIVAL`] beyond, after the write that says so.
const REQUEST: Duration = Duration::from_secs(10);

/// A request that is about to leave, or may have left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// The kind of its target.
    pub kind: String,
    /// The target, as logs show it.
    pub target: String,
    /// When it was said that it would leave.
    pub at: Timestamp,
}

impl Sending {
    /// Until when it may still be on its way, whatever became of its worker.
    pub fn arrives_by(&self) -> Timestamp {
        self.at.plus(REQUEST + LATE_ARRIVAL)
    }

    /// What a person is to look for in CXone. No number of the event's is told.
    pub fn to_look_for(&self) -> String {
        let Self { kind, target, at } = self;
        let (at, within) = (at.in_words(), (REQUEST + LATE_ARRIVAL).as_secs());
        format!("a {kind} that was sent to {target} on {at}, or within {within} s after")
    }
}

/// Whether what may have been sent may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// Under its key, which CXone knows for so long.
    UnderKey(Duration),
    /// CXone knows no key: only for these targets, as logs show them, since there a twin does no harm.
    Harmless(Vec<String>),
}
