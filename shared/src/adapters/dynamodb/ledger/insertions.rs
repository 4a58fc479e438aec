//! New records of several events in one request, each under a condition of its own.
//!
//! The events of a batch come to their claims at about the same time, and a request costs this program far more than
//! the few hundred bytes in it. So whoever inserts first waits for one turn of the runtime, in which the others join,
//! and sends what there is: one `BatchExecuteStatement` with an `INSERT` for each. DynamoDB decides about each of them
//! alone, refuses one whose key is taken, and charges what the single writes would cost. An event that comes alone is
//! written alone, and so is one that the request leaves in the balance.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata as _, SdkError},
    operation::batch_execute_statement::BatchExecuteStatementError,
    types::{BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse},
};
use tokio::{sync::oneshot, task::yield_now};
use tracing::warn;

use super::{super::item::Item, STORE, record::KEY};
use crate::{adapters::aws::failed, ports::StoreError};

/// DynamoDB takes so many statements in one request.
const LARGEST_BATCH: usize = 25;

/// What DynamoDB answers to whoever asks too much, and does not with the next request.
const THROTTLED: [&str; 3] = ["ThrottlingException", "RequestLimitExceeded", "ProvisionedThroughputExceededException"];

const OPERATION: &str = "insertions";

/// What came of a new record.
#[derive(Debug)]
pub(super) enum Inserted {
    /// It stands there.
    Done,
    /// Another one has its key.
    Taken,
    /// It is to be written alone: this item, where it is still at hand.
    Alone(Option<Item>),
}

/// A record that waits to be inserted, and whoever waits for that.
#[derive(Debug)]
struct Waiting {
    item: Item,
    answer: oneshot::Sender<Result<Inserted, StoreError>>,
}

/// Those that wait, and whether they may be sent together.
#[derive(Debug, Default)]
pub(super) struct Insertions {
    waiting: Mutex<Vec<Waiting>>,
    off: AtomicBool,
}

/// Whoever gathers for all. Nobody goes on waiting for one that is dropped meanwhile.
struct Leader<'a>(&'a Insertions);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.0.waiting().clear();
    }
}

impl Insertions {
    /// Inserts an item into a table, together with those that come at the same time.
    pub(super) async fn insert(&self, client: &Client, table: &str, item: Item) -> Result<Inserted, StoreError> {
        if self.off.load(Ordering::Relaxed) {
            return Ok(Inserted::Alone(Some(item)));
        }
        let (answer, answered) = oneshot::channel();
        let place = {
            let mut waiting = self.waiting();
            // DynamoDB takes one statement for an item: a twin has no place beside it.
            if waiting.iter().any(|other| other.item.get(KEY) == item.get(KEY)) {
                return Ok(Inserted::Alone(Some(item)));
            }
            waiting.push(Waiting { item, answer });
            waiting.len()
        };
        if place == 1 {
            let together = self.gather().await;
            // Out of the way of every event that leads none.
            Box::pin(self.send(client, table, together)).await;
        }
        answered.await.unwrap_or(Ok(Inserted::Alone(None)))
    }

    /// Those that have come when everybody who could has.
    async fn gather(&self) -> Vec<Waiting> {
        let leader = Leader(self);
        yield_now().await;
        std::mem::take(&mut *leader.0.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, client: &Client, table: &str, mut waiting: Vec<Waiting>) {
        while waiting.len() > 1 {
            let together = waiting.split_off(waiting.len().saturating_sub(LARGEST_BATCH));
            self.send_together(client, table, together).await;
        }
        for Waiting { item, answer } in waiting {
            // Whoever asked may be gone.
            let _ = answer.send(Ok(Inserted::Alone(Some(item))));
        }
    }

    async fn send_together(&self, client: &Client, table: &str, together: Vec<Waiting>) {
        let (items, answers): (Vec<_>, Vec<_>) =
            together.into_iter().map(|Waiting { item, answer }| (item, answer)).unzip();
        // Whoever gets no answer writes alone.
        let Ok(statements) = items.into_iter().map(|item| statement(table, item)).collect() else { return };
        let output = client.batch_execute_statement().set_statements(Some(statements)).send().await;
        let responses = match &output {
            Ok(output) => output.responses(),
            Err(error) => {
                let passes = self.may_pass(error);
                for answer in answers {
                    let told = if passes { Err(failed(STORE, OPERATION, error)) } else { Ok(Inserted::Alone(None)) };
                    let _ = answer.send(told);
                }
                return;
            }
        };
        for (number, answer) in answers.into_iter().enumerate() {
            let _ = answer.send(Ok(self.read(responses.get(number))));
        }
    }

    /// What came of one of many. Where the answer doesn't say, a single request does.
    fn read(&self, response: Option<&BatchStatementResponse>) -> Inserted {
        use BatchStatementErrorCodeEnum::{AccessDenied, DuplicateItem, ValidationError};
        match response.map(BatchStatementResponse::error) {
            Some(None) => Inserted::Done,
            None => Inserted::Alone(None),
            Some(Some(error)) => match error.code() {
                Some(DuplicateItem) => Inserted::Taken,
                Some(AccessDenied | ValidationError) => {
                    self.turn_off(error.message().unwrap_or("no message"));
                    Inserted::Alone(None)
                }
                _ => Inserted::Alone(None),
            },
        }
    }

    /// Whether a request that failed as a whole may do better the next time. One that was refused would be each time:
    /// from then on every record is written alone.
    fn may_pass(&self, error: &SdkError<BatchExecuteStatementError>) -> bool {
        let SdkError::ServiceError(answer) = error else { return true };
        let code = answer.err().code().unwrap_or("no code");
        let passes = !answer.raw().status().is_client_error() || THROTTLED.contains(&code);
        if !passes {
            self.turn_off(code);
        }
        passes
    }

    fn turn_off(&self, cause: &str) {
        if !self.off.swap(true, Ordering::Relaxed) {
            warn!(cause, "records can't be inserted together, so each is written alone");
        }
    }
}

/// The statement that inserts an item: names in its text, and values beside it.
fn statement(table: &str, item: Item) -> Result<BatchStatementRequest, BuildError> {
    let (names, values): (Vec<_>, Vec<_>) = item.into_iter().unzip();
    let members: Vec<_> = names.iter().map(|name| format!("'{name}':?")).collect();
    let text = format!("INSERT INTO \"{table}\" VALUE {{{}}}", members.join(","));
    BatchStatementRequest::builder().statement(text).set_parameters(Some(values)).build()
}
