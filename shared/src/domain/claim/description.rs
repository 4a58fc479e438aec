//! What a record says of its event besides its fate: for people, and for outcome events. Nothing is decided by it.

use serde::{Deserialize, Serialize};

use crate::domain::{event::Identity, lane::Lane, traceparent::Traceparent};

/// A text of an event is kept up to here, in bytes: far beyond what anybody calls an event, and far below what an item,
/// or a log line, holds.
const LONGEST: usize = 1024;

/// Which event it is, as the delivery told it that was written last.
///
/// Empty where nothing is known: on a record of a version that kept none of it, and of a malformed event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The event's source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// The name of its route.
    pub route: String,
    /// Where it stands in its sender's trace.
    pub traceparent: Option<Traceparent>,
    /// The lane that it came by, where there are two.
    pub lane: Option<Lane>,
}

impl Description {
    /// Of an event of this identity of which nothing else is known yet.
    pub fn of(identity: &Identity) -> Self {
        Self { source: bounded(identity.source()), id: bounded(identity.id()), ..Self::default() }
    }

    /// With its type.
    #[must_use]
    pub fn of_type(self, event_type: &str) -> Self {
        Self { event_type: bounded(event_type), ..self }
    }

    /// With its route.
    #[must_use]
    pub fn by_route(self, route: &str) -> Self {
        Self { route: bounded(route), ..self }
    }

    /// With its place in a trace.
    #[must_use]
    pub fn traced(self, traceparent: Option<Traceparent>) -> Self {
        Self { traceparent, ..self }
    }

    /// With its lane.
    #[must_use]
    pub fn by_lane(self, lane: Option<Lane>) -> Self {
        Self { lane, ..self }
    }
}

/// The text, or its beginning where it is too long to be kept.
fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters_and_only_where_it_is_too_long() {
        assert_eq!(bounded(&"a".repeat(LONGEST)).len(), LONGEST);
        assert_eq!(bounded(&"é".repeat(LONGEST)).len(), LONGEST);
        assert_eq!(bounded(&format!("a{}", "é".repeat(LONGEST))).len(), LONGEST - 1);
    }
}
