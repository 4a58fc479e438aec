//! Many items in one request, and those again that DynamoDB leaves out.

use aws_sdk_dynamodb::{Client, types::KeysAndAttributes};

use super::super::aws::failed;
use super::item::Item;
use crate::{
    domain::backoff::WITHIN_INVOCATION,
    ports::{Environment, StoreError},
};

/// DynamoDB hands out so many items at once.
pub(super) const LARGEST_BATCH: usize = 100;

/// Requests for one read, the first included: what DynamoDB leaves out for want of throughput it has within a second.
const READ_TRIES: u32 = 4;

/// What the errors of a read say was asked.
const OPERATION: &str = "a read";

/// Why a read is void.
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB left {keys} items out in each of {READ_TRIES} tries")]
struct LeftOut {
    keys: usize,
}

/// Reads from one table.
pub(super) struct BatchGet<'a, E> {
    pub(super) client: &'a Client,
    pub(super) environment: &'a E,
    /// The store, as its errors name it.
    pub(super) store: &'static str,
    pub(super) table: &'a str,
    /// Whether what was written a moment ago has to be there.
    pub(super) consistent: bool,
}

impl<E: Environment> BatchGet<'_, E> {
    /// The items of at most [`LARGEST_BATCH`] keys, each of them given once; in no order.
    pub(super) async fn items(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let void = |source| StoreError { store: self.store, operation: OPERATION, source };
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(self.consistent).build();
        let mut keys = keys.map_err(|error| void(error.into()))?;
        let (mut items, mut tries) = (Vec::new(), 0);
        loop {
            let output = self.client.batch_get_item().request_items(self.table, keys).send().await;
            let output = output.map_err(|error| failed(self.store, OPERATION, &error))?;
            items.extend(output.responses.unwrap_or_default().remove(self.table).unwrap_or_default());
            let left = output.unprocessed_keys.unwrap_or_default().remove(self.table);
            let Some(left) = left.filter(|left| !left.keys().is_empty()) else { return Ok(items) };
            tries += 1;
            if tries == READ_TRIES {
                return Err(void(LeftOut { keys: left.keys().len() }.into()));
            }
            keys = left;
            self.environment.sleep(WITHIN_INVOCATION.wait(tries, self.environment.sample())).await;
        }
    }
}
