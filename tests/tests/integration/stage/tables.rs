//! What the tables hold, as the console would show it, and changed behind the workers' backs.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use contact_injection::ports::Environment as _;
use serde_json::Value;

use super::{Clock, Simulated, Stage, key_of};

/// An item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number.
pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A number of an item.
pub(crate) fn number_of(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

impl<S: Simulated> Stage<S> {
    /// The ledger's item of an event.
    pub(crate) async fn ledger_item(&self, event_id: &str) -> Option<Item> {
        self.item(&self.tables.ledger, "idempotencyKey", &key_of(event_id).to_string()).await
    }

    /// The ledger's word on an event.
    pub(crate) async fn ledger_state(&self, event_id: &str) -> String {
        let item = self.ledger_item(event_id).await;
        item.map_or_else(|| "absent".to_owned(), |item| item["state"].as_s().unwrap().clone())
    }

    /// A client's item.
    pub(crate) async fn client_item(&self, client_id: &str) -> Item {
        self.item(&self.tables.clients, "clientId", client_id).await.unwrap()
    }

    /// Marks a client as held by another worker for so long.
    pub(crate) async fn hold(&self, client_id: &str, time: Duration) {
        let until = Clock::new(&self.time, 0).now().plus(time).as_millis();
        let held = [("clientId", text(client_id)), ("leasedUntil", number(until)), ("fence", number(1))];
        self.put(&self.tables.clients, held.map(|(name, value)| (name.to_owned(), value)).into()).await;
    }

    /// A client's state.
    pub(crate) async fn client_state(&self, client_id: &str) -> Value {
        serde_json::from_str(self.client_item(client_id).await["state"].as_s().unwrap()).unwrap()
    }

    /// An item of the registry.
    pub(crate) async fn registry_item(&self, name: &str) -> Option<Item> {
        self.item(&self.tables.registry, "name", name).await
    }

    /// Writes an item over whatever is there.
    pub(crate) async fn put(&self, table: &str, item: Item) {
        self.dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    /// Everything in a table.
    pub(crate) async fn scan(&self, table: &str) -> Vec<Item> {
        self.dynamodb.scan().table_name(table).send().await.unwrap().items.unwrap_or_default()
    }

    async fn item(&self, table: &str, key: &str, value: &str) -> Option<Item> {
        self.dynamodb.get_item().table_name(table).key(key, text(value)).send().await.unwrap().item
    }
}
