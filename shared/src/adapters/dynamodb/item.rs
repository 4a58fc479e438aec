//! Items as maps of typed members.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{domain::time::Timestamp, ports::StoreError};

/// An item, or a map within one.
pub(super) type Item = HashMap<String, AttributeValue>;

/// An item that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the item's {0} can't be read")]
pub(super) struct Unreadable(pub(super) &'static str);

impl Unreadable {
    pub(super) fn during(self, store: &'static str, operation: &'static str) -> StoreError {
        StoreError { store, operation, source: Box::new(self) }
    }
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

#[expect(clippy::needless_pass_by_value, reason = "every caller has a number at hand")]
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn millis(at: Timestamp) -> AttributeValue {
    number(at.as_millis())
}

pub(super) fn get_text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Unreadable> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(Unreadable(name))
}

pub(super) fn get_number<T: std::str::FromStr>(item: &Item, name: &'static str) -> Result<T, Unreadable> {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).ok_or(Unreadable(name))
}

pub(super) fn get_millis(item: &Item, name: &'static str) -> Result<Timestamp, Unreadable> {
    get_number(item, name).map(Timestamp::from_millis)
}

/// Nothing where the member isn't there; an error where it is and can't be read.
pub(super) fn optional<'a, T>(
    item: &'a Item,
    name: &'static str,
    read: impl FnOnce(&'a Item, &'static str) -> Result<T, Unreadable>,
) -> Result<Option<T>, Unreadable> {
    if item.contains_key(name) { read(item, name).map(Some) } else { Ok(None) }
}
