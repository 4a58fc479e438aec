//! The routes of letters and the lanes of their events, which the ledger knows.

use std::collections::BTreeMap;

use contact_injection::adapters::{dynamodb::DynamoLedger, environment::System};
use contact_injection::domain::{claim::Record, idempotency::IdempotencyKey};
use contact_injection::ports::Ledger as _;

use super::letter::Letter;
use crate::error::Error;
use crate::stack::Stack;

/// Letters that the ledger is asked about at once: as many as `DynamoDB` hands out in one request.
pub(crate) const BATCH: usize = 100;

/// The ledger's routes.
#[derive(Debug)]
pub(crate) struct Routes {
    ledger: DynamoLedger<System>,
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
        let ledger = DynamoLedger::new(stack.dynamodb(), table.clone(), System::new());
        Ok(Self { ledger, table, needed, missing: None })
    }

    /// Why there are no routes, where there are none.
    pub(crate) fn note(&self) -> Option<String> {
        self.missing.clone()
    }

    /// Looks the letters' routes and lanes up.
    pub(crate) async fn look_up(&mut self, letters: &mut [Letter]) -> Result<(), Error> {
        for batch in letters.chunks_mut(BATCH) {
            if self.missing.is_some() {
                return Ok(());
            }
            match self.read(batch).await {
                Ok(records) => batch.iter_mut().for_each(|letter| {
                    let event = letter.key.and_then(|key| records.get(&key)).map(|record| &record.event);
                    letter.route = event.map(|event| event.route.clone()).filter(|route| !route.is_empty());
                    letter.lane = event.and_then(|event| event.lane);
                }),
                Err(error) if self.needed => return Err(error),
                Err(error) => self.missing = Some(format!("no routes: {error}")),
            }
        }
        Ok(())
    }

    async fn read(&self, letters: &[Letter]) -> Result<BTreeMap<IdempotencyKey, Record>, Error> {
        let keys = letters.iter().filter_map(|letter| letter.key).collect();
        let failed = |error| Error::ledger("dynamodb:BatchGetItem", &format!("the table {}", self.table), &error);
        self.ledger.read_many(&keys).await.map_err(failed)
    }
}
