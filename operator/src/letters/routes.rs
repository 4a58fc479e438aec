//! The routes of letters, which the ledger knows.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::letter::Letter;
use crate::error::Error;
use crate::stack::Stack;

/// `DynamoDB`'s largest batch of keys.
pub(crate) const BATCH: usize = 100;
/// Tries to get what `DynamoDB` leaves out of an answer.
const TRIES: usize = 8;

/// The ledger's routes.
#[derive(Debug)]
pub(crate) struct Routes {
    client: Client,
    table: String,
    /// Whether the command is about routes: what can't be read then ends it. Otherwise there are none, and a note says
    /// so.
    needed: bool,
    missing: Option<String>,
}

impl Routes {
    /// Of this stack's ledger.
    pub(crate) fn of(stack: &Stack, needed: bool) -> Result<Self, Error> {
        let table = stack.output("LedgerTableName")?.to_owned();
        Ok(Self { client: stack.dynamodb(), table, needed, missing: None })
    }

    /// Why there are no routes, where there are none.
    pub(crate) fn note(&self) -> Option<String> {
        self.missing.clone()
    }

    /// Looks the letters' routes up.
    pub(crate) async fn look_up(&mut self, letters: &mut [Letter]) -> Result<(), Error> {
        for batch in letters.chunks_mut(BATCH) {
            if self.missing.is_some() {
                return Ok(());
            }
            match self.read(batch).await {
                Ok(routes) => batch.iter_mut().for_each(|letter| {
                    letter.route = letter.key.and_then(|key| routes.get(&key.to_string()).cloned());
                }),
                Err(error) if self.needed => return Err(error),
                Err(error) => self.missing = Some(format!("no routes: {error}")),
            }
        }
        Ok(())
    }

    async fn read(&self, letters: &[Letter]) -> Result<HashMap<String, String>, Error> {
        const ACTION: &str = "dynamodb:BatchGetItem";
        let mut keys: Vec<_> = letters.iter().filter_map(|letter| letter.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut routes = HashMap::new();
        if keys.is_empty() {
            return Ok(routes);
        }
        let keys = keys.iter().map(|key| HashMap::from([(KEY.to_owned(), AttributeValue::S(key.to_string()))]));
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .projection_expression("#key, #route")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_names("#route", "route")
            .build();
        let mut keys = keys.map_err(|error| Error::NotDone(error.to_string()))?;
        for _ in 0..TRIES {
            let answer = self.client.batch_get_item().request_items(&self.table, keys).send().await;
            let answer = answer.map_err(|error| Error::aws(ACTION, &format!("the table {}", self.table), &error))?;
            let items = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
            routes.extend(
                items.into_iter().filter_map(|mut item| Some((text(&mut item, KEY)?, text(&mut item, "route")?))),
            );
            match answer.unprocessed_keys.unwrap_or_default().remove(&self.table).filter(|left| !left.keys().is_empty())
            {
                Some(left) => keys = left,
                None => return Ok(routes),
            }
        }
        Err(Error::Throttled { action: ACTION, said: "items were left out each time".to_owned() })
    }
}

/// The ledger's key.
const KEY: &str = "idempotencyKey";

fn text(item: &mut HashMap<String, AttributeValue>, name: &str) -> Option<String> {
    match item.remove(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}
