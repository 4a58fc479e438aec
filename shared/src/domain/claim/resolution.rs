//! What a person decides about an event whose outcome is unknown (docs/rules.md#resolve).

use serde::Deserialize;

use super::{RECORD_LIFETIME, Record, State};
use crate::domain::time::Timestamp;

/// What a person found out about a parked event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Its contact exists: it is a duplicate from now on.
    Injected,
    /// Nothing was created: it may be injected again, with the same data.
    Retry,
}

/// The record after a person's decision; nothing where the event isn't parked. It lives on for as long as any that is
/// written now, and for as long as it would have lived without having been parked, which an event of a later date
/// needs.
pub fn resolve(record: &Record, resolution: Resolution, now: Timestamp) -> Option<Record> {
    if record.state != State::Parked || record.is_of_newer_version() {
        return None;
    }
    let expires = record.expires.max(Some(now.plus(RECORD_LIFETIME)));
    let decided = Record { at: now, expires, reason: None, ..record.clone() };
    let decided = match resolution {
        // Which contact it is, the person may not know.
        Resolution::Injected => Record { state: State::Injected, contact: None, ..decided },
        Resolution::Retry => {
            Record { state: State::Released, first_sent: None, after_crash: false, dead_letters: Vec::new(), ..decided }
        }
    };
    Some(Record { sending: None, ..decided }.formed())
}
