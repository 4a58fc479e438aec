//! One SQS message, and what it becomes when it is dead-lettered.

use super::{idempotency::IdempotencyKey, lane::Lane, pii, reason::DeadLetterReason, time::Timestamp};

/// A message as it was received. Its `Debug` shows no body.
#[derive(Clone)]
pub struct Message {
    /// SQS's id of this message; a redriven one has a new one.
    pub message_id: String,
    /// What SQS knows this receipt by.
    pub receipt_handle: String,
    /// The body, or nothing where it had none.
    pub body: String,
    /// The upstream's own attributes.
    pub attributes: Vec<Attribute>,
    /// How often SQS has handed it out, this time included.
    pub receive_count: u32,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// The group that its sender put it into, which SQS's fair queues go by.
    pub group: Option<String>,
    /// The queue that it came from, where there are two.
    pub origin: Option<Origin>,
}

/// One of the two queues that messages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its lane.
    pub lane: Lane,
    /// Its ARN.
    pub queue: String,
}

impl Message {
    /// The lane that it came by, where there are two.
    pub fn lane(&self) -> Option<Lane> {
        self.origin.as_ref().map(|origin| origin.lane)
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("message_id", &self.message_id)
            .field("receive_count", &self.receive_count)
            .finish_non_exhaustive()
    }
}

/// A message attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// SQS's type: `String`, `Number` or `Binary`, with an optional label.
    pub data_type: String,
    /// Its value.
    pub value: AttributeContent,
}

/// The value of a message attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum AttributeContent {
    /// Of a String or a Number.
    Text(String),
    /// Of a Binary.
    Binary(Vec<u8>),
}

impl Attribute {
    /// What it counts towards the size of its message: name, type and value in bytes.
    fn size(&self) -> usize {
        let value = match &self.value {
            AttributeContent::Text(text) => text.len(),
            AttributeContent::Binary(bytes) => bytes.len(),
        };
        self.name.len() + self.data_type.len() + value
    }
}

/// SQS's limit on body and attributes together, in bytes.
pub const LARGEST_MESSAGE: usize = 1_048_576;

/// SQS's limit on attributes.
const MOST_ATTRIBUTES: usize = 10;

/// SQS takes no message without a body, so a record that came without one is dead-lettered with the least there is.
const NO_BODY: &str = " ";

/// Details are for a person at 3 a.m.: beyond this, in bytes, nobody reads.
const LONGEST_DETAIL: usize = 1024;

/// Our attributes, in the order in which they get the room that the upstream's own leave (docs/rules.md#dead-letters).
const OURS: [&str; 7] =
    ["failureReason", "failureDetail", "httpStatus", "attempts", "idempotencyKey", "failedAt", "sourceMessageId"];

/// Ours too, and the last, of a message that came from one of two queues; where there is one, an upstream's like any
/// other.
const SOURCE_QUEUE: &str = "sourceQueue";

/// What a dead letter says besides the message.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why.
    pub reason: DeadLetterReason,
    /// In words, without a value of the event.
    pub detail: String,
    /// CXone's last answer, where there was one.
    pub http_status: Option<u16>,
    /// Requests sent.
    pub attempts: u32,
    /// The event's key, where its identity could be read.
    pub key: Option<IdempotencyKey>,
    /// When.
    pub at: Timestamp,
}

/// A message for the dead-letter queue: the body as it came, the upstream's attributes, and ours where they fit.
#[derive(Clone)]
pub struct DeadLetter {
    /// The body, never altered; a blank where there was none.
    pub body: String,
    /// At most ten.
    pub attributes: Vec<Attribute>,
    /// The group of the message.
    pub group: Option<String>,
}

impl DeadLetter {
    /// Puts the failure beside the message, within SQS's limits.
    ///
    /// Attributes of our names are an earlier dead letter's and give way. The upstream's own stay; ours follow in the
    /// stated order while there is room, the detail cut at a character if need be, the others whole or not at all.
    pub fn new(message: &Message, failure: &Failure) -> Self {
        let is_ours = |name: &str| OURS.contains(&name) || (name == SOURCE_QUEUE && message.origin.is_some());
        let mut attributes: Vec<_> =
            message.attributes.iter().filter(|attribute| !is_ours(&attribute.name)).cloned().collect();
        let used = message.body.len() + attributes.iter().map(Attribute::size).sum::<usize>();
        let mut room = LARGEST_MESSAGE.saturating_sub(used);
        for (name, data_type, text) in failure.texts(message) {
            if attributes.len() >= MOST_ATTRIBUTES {
                break;
            }
            let overhead = name.len() + data_type.len();
            let longest =
                if name == "failureDetail" { LONGEST_DETAIL.min(room.saturating_sub(overhead)) } else { text.len() };
            let text = &text[..text.floor_char_boundary(longest)];
            if text.is_empty() || overhead + text.len() > room {
                continue;
            }
            room -= overhead + text.len();
            attributes.push(Attribute {
                name: name.to_owned(),
                data_type: data_type.to_owned(),
                value: AttributeContent::Text(text.to_owned()),
            });
        }
        let body = if message.body.is_empty() { NO_BODY } else { &message.body };
        Self { body: body.to_owned(), attributes, group: message.group.clone() }
    }
}

impl Failure {
    fn texts(&self, message: &Message) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let [reason, detail, status, attempts, key, at, source] = OURS;
        [
            Some((reason, "String", self.reason.as_str().to_owned())),
            // It is made without values, but it may name a member, and upstreams choose those names.
            Some((detail, "String", printable(&pii::redact(&self.detail)))),
            self.http_status.map(|code| (status, "Number", code.to_string())),
            Some((attempts, "Number", self.attempts.to_string())),
            self.key.map(|value| (key, "String", value.to_string())),
            Some((at, "String", self.at.to_string())),
            Some((source, "String", message.message_id.clone())),
            message.origin.as_ref().map(|origin| (SOURCE_QUEUE, "String", origin.queue.clone())),
        ]
        .into_iter()
        .flatten()
    }
}

/// SQS refuses a message for one control character in an attribute.
fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() || matches!(char, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str, value: &str) -> Attribute {
        Attribute {
            name: name.to_owned(),
            data_type: "String".to_owned(),
            value: AttributeContent::Text(value.to_owned()),
        }
    }

    fn binary(name: &str) -> Attribute {
        Attribute { data_type: "Binary".to_owned(), value: AttributeContent::Binary(vec![0; 9]), ..text(name, "") }
    }

    fn message(body: &str, attributes: Vec<Attribute>) -> Message {
        Message {
            message_id: "m-1".to_owned(),
            receipt_handle: "r-1".to_owned(),
            body: body.to_owned(),
            attributes,
            receive_count: 1,
            sent: None,
            group: None,
            origin: None,
        }
    }

    fn failure(detail: &str) -> Failure {
        Failure {
            reason: DeadLetterReason::PayloadRejected,
            detail: detail.to_owned(),
            http_status: Some(400),
            attempts: 2,
            key: Some(IdempotencyKey::of_event("s", "i")),
            at: Timestamp::from_millis(0),
        }
    }

    fn names(letter: &DeadLetter) -> Vec<&str> {
        letter.attributes.iter().map(|attribute| attribute.name.as_str()).collect()
    }

    /// What SQS counts: body, names, types and values in bytes.
    fn size(body: &str, attributes: &[Attribute]) -> usize {
        let of = |attribute: &Attribute| match &attribute.value {
            AttributeContent::Text(text) => [&attribute.name, &attribute.data_type, text].map(String::len).iter().sum(),
            AttributeContent::Binary(bytes) => attribute.name.len() + attribute.data_type.len() + bytes.len(),
        };
        body.len() + attributes.iter().map(of).sum::<usize>()
    }

    #[test]
    fn debugging_a_message_shows_its_id_and_no_body() {
        let debug = format!("{:?}", message("secret", vec![text("own", "secret")]));
        assert!(debug.contains("m-1") && !debug.contains("secret"), "{debug}");
    }

    #[test]
    fn every_attribute_is_there_where_there_is_room() {
        let message = message("{}", vec![]);
        assert_eq!(names(&DeadLetter::new(&message, &failure("why"))), OURS, "of one queue nobody asks which");
        let origin = Some(Origin { lane: Lane::Urgent, queue: "arn:urgent".to_owned() });
        let letter = DeadLetter::new(&Message { origin, ..message }, &failure("why"));
        assert_eq!(names(&letter), [&OURS[..], &[SOURCE_QUEUE]].concat());
        assert!(letter.attributes.contains(&text("sourceQueue", "arn:urgent")));
    }

    #[test]
    fn with_one_queue_an_attribute_of_the_name_of_the_lanes_own_is_the_upstreams() {
        let own = message("{}", vec![text("sourceQueue", "own")]);
        assert!(DeadLetter::new(&own, &failure("why")).attributes.contains(&text("sourceQueue", "own")));
        let origin = Some(Origin { lane: Lane::Standard, queue: "arn:contacts".to_owned() });
        let letter = DeadLetter::new(&Message { origin, ..own }, &failure("why"));
        assert!(letter.attributes.last() == Some(&text("sourceQueue", "arn:contacts")));
        assert_eq!(letter.attributes.len(), OURS.len() + 1);
    }

    #[test]
    fn a_letter_stays_in_the_group_of_its_message() {
        let group = Some("crm".to_owned());
        let letter = DeadLetter::new(&Message { group: group.clone(), ..message("{}", vec![]) }, &failure("why"));
        assert_eq!(letter.group, group);
    }

    #[test]
    fn the_upstreams_ten_attributes_leave_none_for_ours() {
        let own: Vec<_> = (0..10).map(|index| text(&format!("own{index}"), "v")).collect();
        assert_eq!(names(&DeadLetter::new(&message("{}", own), &failure("why"))).len(), 10);
    }

    #[test]
    fn ours_give_way_from_the_last() {
        let own: Vec<_> = (0..8).map(|index| text(&format!("own{index}"), "v")).collect();
        assert_eq!(
            names(&DeadLetter::new(&message("{}", own), &failure("why")))[8..],
            ["failureReason", "failureDetail"]
        );
    }

    #[test]
    fn attributes_of_an_earlier_dead_letter_are_replaced() {
        let letter =
            DeadLetter::new(&message("{}", vec![text("failureReason", "expired"), text("own", "v")]), &failure("why"));
        assert_eq!(letter.attributes.iter().filter(|attribute| attribute.name == "failureReason").count(), 1);
        assert!(letter.attributes.contains(&text("failureReason", "payload-rejected")));
        assert!(letter.attributes.contains(&text("own", "v")));
    }

    #[test]
    fn a_body_of_full_size_is_sent_as_it_is_with_nothing_beside_it() {
        let body = "x".repeat(LARGEST_MESSAGE);
        let letter = DeadLetter::new(&message(&body, vec![]), &failure("why"));
        assert_eq!((letter.body.len(), letter.attributes.len()), (LARGEST_MESSAGE, 0));
    }

    #[test]
    fn a_message_without_a_body_is_sent_with_a_blank_since_sqs_takes_none_without() {
        assert_eq!(DeadLetter::new(&message("", vec![]), &failure("why")).body, " ");
    }

    #[test]
    fn personal_data_in_a_members_name_does_not_reach_the_detail() {
        let letter = DeadLetter::new(&message("{}", vec![]), &failure("at \"/+15550109876/pat@example.com\""));
        assert!(letter.attributes.contains(&text("failureDetail", "at \"/[redacted]/[redacted]\"")));
    }

    #[test]
    fn a_control_character_never_reaches_sqs() {
        let letter = DeadLetter::new(&message("{}", vec![]), &failure("a\u{0}b\u{FFFF}"));
        assert!(letter.attributes.contains(&text("failureDetail", "a b ")));
    }

    proptest! {
        #[test]
        fn a_dead_letter_always_fits(free in 0..400_usize, own in 0..10_usize, detail in "\\PC{0,2000}") {
            let own = (0..own).map(|index| format!("own{index}"));
            let own: Vec<_> = own.map(|name| if name.as_str() < "own5" { binary(&name) } else { text(&name, "value") }).collect();
            let body = "x".repeat(LARGEST_MESSAGE - size("", &own) - free);
            let letter = DeadLetter::new(&message(&body, own), &failure(&detail));
            let size = size(&letter.body, &letter.attributes);
            prop_assert!(size <= LARGEST_MESSAGE && letter.attributes.len() <= MOST_ATTRIBUTES);
            let detail = letter.attributes.iter().find(|attribute| attribute.name == "failureDetail");
            if let Some(Attribute { value: AttributeContent::Text(text), .. }) = detail {
                prop_assert!(text.len() <= LONGEST_DETAIL);
            }
        }
    }
}
