//! Which key an event injects under, and which data it was first seen with.
//!
//! The key is a function of the event's identity alone, so every worker, every attempt at every target and every
//! redrive arrive at the same one with no coordination. CXone answers a repeated key with the original contact, so a
//! new key is made in one case only: a contact was created and lost, and the answer to the old key would be that loss.

use std::fmt;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use uuid::Uuid;

use super::json::{Kind, Node};

/// The namespace of every event's key (docs/rules.md#idempotency-key).
const EVENTS: Uuid = Uuid::from_u128(0x2fcf_f96a_1a86_41f2_a7cf_eef8_25f7_5371);

/// Parts source from id; neither can contain it unescaped in practice, so two identities never share a name.
const UNIT_SEPARATOR: u8 = 0x1F;

/// What CXone recognises a repeated injection by: the `X-Idempotency-Key` header and the ledger's partition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// The key of the event with this source and id.
    pub fn of_event(source: &str, id: &str) -> Self {
        let mut name = Vec::with_capacity(source.len() + 1 + id.len());
        name.extend_from_slice(source.as_bytes());
        name.push(UNIT_SEPARATOR);
        name.extend_from_slice(id.as_bytes());
        Self(Uuid::new_v5(&EVENTS, &name))
    }

    /// The key to send under once CXone created and lost so many contacts for this event; this one where it lost none.
    #[must_use]
    pub fn after_lost(self, lost: usize) -> Self {
        if lost == 0 { self } else { Self(Uuid::new_v5(&self.0, format!("after-lost:{lost}").as_bytes())) }
    }

    /// The id under which an outcome of this event is told (docs/rules.md#outcome-events).
    pub fn of_outcome(self, outcome: &str, reason: &str, contact_id: &str) -> Uuid {
        let separator = char::from(UNIT_SEPARATOR);
        Uuid::new_v5(&self.0, format!("{outcome}{separator}{reason}{separator}{contact_id}").as_bytes())
    }

    /// Reads a key from its hyphenated text.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The SHA-256 of an event's data as a JSON value: member order and the spelling of numbers don't change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataHash(String);

impl DataHash {
    /// Hashes the data of an event.
    pub(crate) fn of(data: Node<'_>) -> Self {
        let mut context = Context::new(&SHA256);
        hash_value(data, &mut context);
        Self(hex(context.finish().as_ref()))
    }

    /// A hash read back from where it was stored.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Lower-case hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

// Every value starts with a tag, and everything of variable length with its length: no two values hash the same bytes.

fn hash_value(value: Node<'_>, context: &mut Context) {
    match value.kind() {
        Kind::Null => context.update(b"z"),
        Kind::Boolean(true) => context.update(b"t"),
        Kind::Boolean(false) => context.update(b"f"),
        Kind::Number(number) => hash_number(number, context),
        Kind::Text(text) => {
            context.update(b"s");
            hash_text(text, context);
        }
        Kind::Array => {
            context.update(b"a");
            hash_length(value.elements().count(), context);
            value.elements().for_each(|element| hash_value(element, context));
        }
        Kind::Object => {
            let members = value.sorted_members();
            context.update(b"o");
            hash_length(members.len(), context);
            for (name, member) in members {
                hash_text(name, context);
                hash_value(member, context);
            }
        }
    }
}

/// 1, 1.0 and 1e0 are one JSON value: integers that a double holds exactly are hashed as that double.
fn hash_number(number: &Number, context: &mut Context) {
    const EXACT: i128 = 1 << 53;
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (integer, number.as_f64()) {
        (Some(integer), _) if integer.abs() > EXACT => {
            context.update(b"i");
            context.update(&integer.to_be_bytes());
        }
        (_, Some(double)) => {
            context.update(b"n");
            // Adding zero turns −0.0 into 0.0, its equal.
            context.update(&(double + 0.0).to_bits().to_be_bytes());
        }
        (_, None) => context.update(b"?"),
    }
}

fn hash_text(text: &str, context: &mut Context) {
    hash_length(text.len(), context);
    context.update(text.as_bytes());
}

fn hash_length(length: usize, context: &mut Context) {
    context.update(&(length as u64).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json;

    fn hash(json: &str) -> DataHash {
        DataHash::of(json::read(json).unwrap().root())
    }

    #[test]
    fn the_key_depends_on_source_and_id_alone() {
        let key = IdempotencyKey::of_event("/crm/emea", "evt-1");
        assert_eq!(key, IdempotencyKey::of_event("/crm/emea", "evt-1"));
        assert_ne!(key, IdempotencyKey::of_event("/crm/eme", "aevt-1"));
    }

    #[test]
    fn the_key_of_a_known_event_never_changes() {
        // Made once with Python's uuid5, independently of this code.
        assert_eq!(IdempotencyKey::of_event("/crm/emea", "evt-1").to_string(), "a2557f4f-de63-5abf-938e-b777f7427914");
        assert_eq!(
            IdempotencyKey::of_event("/crm/emea", "evt-1").after_lost(1).to_string(),
            "f17f16e0-08d1-55ec-b4e8-f94b3b5c1c9b"
        );
    }

    #[test]
    fn the_id_of_a_known_outcome_never_changes() {
        // Made once with Python's uuid5, independently of this code.
        let key = IdempotencyKey::of_event("/crm/emea", "evt-1");
        for (outcome, reason, contact_id, id) in [
            ("injected", "", "c-1", "d2907b58-dd86-508f-a6f3-6496990f101d"),
            ("dead-lettered", "no-route", "", "41713da8-818f-502a-b367-7592252b5257"),
            ("outcome-unknown", "outcome-unknown", "", "59cbab08-65d2-51f5-8309-b88c2ef506c1"),
        ] {
            assert_eq!(key.of_outcome(outcome, reason, contact_id).to_string(), id);
        }
    }

    #[test]
    fn a_key_reads_back_from_its_text() {
        let key = IdempotencyKey::of_event("s", "i");
        assert_eq!(IdempotencyKey::parse(&key.to_string()), Some(key));
        assert_eq!(IdempotencyKey::parse("no key"), None);
    }

    #[test]
    fn a_lost_contact_changes_the_key_and_each_one_differs() {
        let key = IdempotencyKey::of_event("s", "i");
        assert_eq!(key.after_lost(0), key);
        assert_ne!(key.after_lost(1), key);
        assert_ne!(key.after_lost(1), key.after_lost(2));
    }

    #[test]
    fn member_order_and_number_spelling_do_not_change_the_hash() {
        assert_eq!(hash(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#), hash(r#"{"b":{"d":null,"c":[1.0,2e0]},"a":1}"#));
    }

    #[test]
    fn a_number_is_hashed_by_its_value_as_far_as_a_double_holds_it() {
        assert_eq!(hash("[-0.0]"), hash("[0]"));
        assert_eq!(hash("[9007199254740992]"), hash("[9007199254740992.0]"));
        assert_ne!(hash("[9007199254740993]"), hash("[9007199254740992.0]"));
        assert_ne!(hash("[9007199254740993]"), hash("[9007199254740994]"));
    }

    #[test]
    fn the_hash_of_known_data_never_changes() {
        // Made once with Python's hashlib, independently of this code: the ledger keeps hashes over many versions of
        // it.
        let known = hash(r#"{"b":[1,"\u00e9",null,{}],"a":{"d":true,"c":-2.5}}"#);
        assert_eq!(known.as_str(), "d8fd5d1f407f56ac8b321025067a814d215956ea84e0a622cfc192aee6daf536");
    }

    #[test]
    fn any_other_difference_changes_the_hash() {
        let base = hash(r#"{"a":[1,2],"b":"x"}"#);
        for other in [
            r#"{"a":[2,1],"b":"x"}"#,
            r#"{"a":[1,2],"b":"X"}"#,
            r#"{"a":[1,2],"b":"x","c":null}"#,
            r#"{"a":["1",2],"b":"x"}"#,
            r#"{"a":[[1],2],"b":"x"}"#,
        ] {
            assert_ne!(base, hash(other), "{other}");
        }
        assert_ne!(hash(r#"{"a":9007199254740993}"#), hash(r#"{"a":9007199254740992}"#));
    }
}
