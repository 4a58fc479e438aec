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

use super::{Record, State};
use crate::domain::{
    time::Timestamp,
    window::{CLOCK_SKEW, LATE_ARRIVAL},
};

/// The longest that a request may take. What has left may arrive this long, and [`LATE_ARRIVAL`] beyond, after that.
const REQUEST: Duration = Duration::from_secs(10);

/// A request leaves no later than this after the time at which it was said that it would: whoever looks for it counts
/// from that, and a worker that was frozen in between would have it arrive when it has been looked for.
pub const LEAVES_WITHIN: Duration = Duration::from_secs(3);

/// How long after that time a request may still arrive.
const ON_ITS_WAY: Duration = Duration::from_secs(LEAVES_WITHIN.as_secs() + REQUEST.as_secs() + LATE_ARRIVAL.as_secs());

/// How long what CXone searches may lag behind what it has taken: nobody looks sooner, and twice it must not be there.
const SETTLE: Duration = Duration::from_secs(60);

/// For so long what is in doubt is looked for. What no look-up has settled by then is a person's to decide.
const LOOKED_FOR: Duration = Duration::from_secs(24 * 3600);

/// A request that is about to leave, or may have left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// The kind of its target.
    pub kind: String,
    /// The target, as logs show it.
    pub target: String,
    /// When it was said that it would leave.
    pub at: Timestamp,
    /// When it was looked for first and was not there, long enough after it may have arrived for that to count.
    pub absent: Option<Timestamp>,
}

impl Sending {
    /// A request that is about to leave.
    pub const fn now(kind: String, target: String, at: Timestamp) -> Self {
        Self { kind, target, at, absent: None }
    }

    /// Until when it may still be on its way, whatever became of its worker.
    pub fn arrives_by(&self) -> Timestamp {
        self.at.plus(ON_ITS_WAY)
    }

    /// From when on a look-up that doesn't find it counts, by any worker's clock: the first one a settle time after it
    /// may have arrived, the second one two, and one after the first.
    pub fn look_up_counts_from(&self) -> Timestamp {
        let arrived = self.arrives_by().plus(CLOCK_SKEW);
        match self.absent {
            None => arrived.plus(SETTLE),
            Some(first) => arrived.plus(SETTLE * 2).max(first.plus(SETTLE)),
        }
    }

    /// It was not answered by then: whatever kept it from leaving, it may arrive as late as one that was just given up.
    pub(super) fn unanswered(&mut self, now: Timestamp) {
        self.at = self.at.max(now.minus(LEAVES_WITHIN + REQUEST));
    }

    /// Until when it is looked for.
    pub fn looked_for_until(&self) -> Timestamp {
        self.at.plus(LOOKED_FOR)
    }

    /// What a person is to look for in CXone. No number of the event's is told.
    pub fn to_look_for(&self) -> String {
        let Self { kind, target, at, .. } = self;
        let kind = if kind == "digital" { "message" } else { kind };
        let (at, within) = (at.in_words(), ON_ITS_WAY.as_secs());
        format!("a {kind} that was sent to {target} on {at}, or within {within} s after")
    }
}

/// Whether what may have been sent may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// Under its key, which CXone knows for so long.
    UnderKey(Duration),
    /// CXone knows no key: by what its target allows, as logs show it.
    ByTarget {
        /// Those where a twin does no harm.
        harmless: Vec<String>,
        /// Those where it can be looked for first.
        looked_up: Vec<String>,
    },
}

impl Repetition {
    /// When a request in doubt may be judged. A worker that never came back may have been frozen with its request half
    /// sent: as long as its claim holds that may still leave, so that a look counts a settle time after that.
    pub(super) fn judged_from(&self, record: &Record, sending: &Sending) -> Timestamp {
        match self {
            Self::ByTarget { looked_up, .. } if looked_up.contains(&sending.target) => {
                let counts = sending.look_up_counts_from();
                if record.state == State::Claimed { counts.max(record.until.plus(SETTLE)) } else { counts }
            }
            Self::ByTarget { .. } | Self::UnderKey(_) => sending.arrives_by(),
        }
    }
}
