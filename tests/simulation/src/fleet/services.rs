//! The services as they are at size: how long each takes, what each is asked for, and how the SDK meets their limits.

use std::{cell::RefCell, f64::consts::TAU, rc::Rc};

use contact_injection::ports::StoreError;

use super::limits::{Limits, Tables, Units};
use crate::{
    access::{Access, Item},
    chance::Chance,
    tables::ClientItem,
    world::World,
};

/// Tries of one request to DynamoDB, and the bound of the wait before the second: what the functions set in the SDK,
/// whose standard retry doubles it.
const TRIES: u32 = 3;
const FIRST_BACKOFF: f64 = 50.0;

/// How long something takes: half of it less than the median, in milliseconds, and the more the wider its logarithm is
/// spread.
struct Takes {
    median: f64,
    spread: f64,
}

/// A request to DynamoDB: 99 in a hundred within 13 ms.
const STORE: Takes = Takes { median: 4.0, spread: 0.5 };

/// A request to CXone: 99 in a hundred within 0.6 s.
const CXONE: Takes = Takes { median: 180.0, spread: 0.5 };

/// From a message that waits, and a poller that is free, to the invocation: a receive and an invoke.
const START: Takes = Takes { median: 20.0, spread: 0.5 };

/// What a new environment takes besides: 99 in a hundred within 0.6 s.
const COLD_START: Takes = Takes { median: 250.0, spread: 0.35 };

/// Bytes of a record of the ledger, and of what is kept with a client and a queue besides its state.
const RECORD_BYTES: usize = 900;
const AROUND_STATE: usize = 400;
const QUEUE_BYTES: usize = 300;

/// What was asked for besides DynamoDB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Reads of the secret.
    pub(crate) secret_reads: u64,
    /// Requests to DynamoDB that failed after every try.
    pub(crate) given_up: u64,
    /// Receives that brought messages.
    pub(crate) receives: u64,
    /// Receives that brought none.
    pub(crate) empty_receives: u64,
    /// Messages handed out.
    pub(crate) deliveries: u64,
    /// Requests that delete a batch.
    pub(crate) deletes: u64,
    /// Requests that hide messages for longer.
    pub(crate) visibility_changes: u64,
    /// Invocations.
    pub(crate) invocations: u64,
    /// Environments that were started.
    pub(crate) cold_starts: u64,
    /// Milliseconds that are billed.
    pub(crate) billed: u64,
}

/// The services of one run.
pub(crate) struct Services {
    /// A stream of its own.
    chance: Chance,
    pub(super) tables: RefCell<Tables>,
    pub(crate) usage: RefCell<Usage>,
}

impl Services {
    /// Services with these limits.
    pub(super) fn new(limits: Limits) -> Self {
        let (tables, usage) = (RefCell::new(Tables::new(limits)), RefCell::default());
        Self { chance: Chance::seeded(4), tables, usage }
    }

    /// One request to a store: tried again where it is throttled, with the SDK's waits.
    pub(crate) async fn commit<T>(
        &self,
        world: &Rc<World>,
        access: Access,
        act: impl Fn(&World) -> T,
    ) -> Result<T, StoreError> {
        for failures in 0..TRIES {
            if failures > 0 {
                let bound = FIRST_BACKOFF * f64::from(1 << (failures - 1));
                world.scheduler.sleep(millis(bound * self.chance.sample())).await;
            }
            let way = self.draw(&STORE);
            world.scheduler.sleep(way / 2).await;
            let answer = self.admits(world, &access).then(|| act(world));
            world.scheduler.sleep(way - way / 2).await;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
        self.usage.borrow_mut().given_up += 1;
        Err(StoreError { store: access.store(), operation: "a request", source: "it is throttled".into() })
    }

    fn admits(&self, world: &World, access: &Access) -> bool {
        let write = |item: &Item| Units { writes: bytes(world, item).div_ceil(1024) as u64, half_reads: 0 };
        let read =
            |item: &Item, halves| Units { writes: 0, half_reads: halves * bytes(world, item).div_ceil(4096) as u64 };
        let wanted = match access {
            Access::Secret => {
                self.usage.borrow_mut().secret_reads += 1;
                return true;
            }
            Access::Write(item) => vec![(item.clone(), write(item))],
            Access::Read(item) => vec![(item.clone(), read(item, 2))],
            Access::ReadMany(items) => items.iter().map(|item| (item.clone(), read(item, 1))).collect(),
        };
        self.tables.borrow_mut().take(world.now(), &wanted)
    }

    /// How long a request travels to CXone, and its answer back.
    pub(crate) fn way_to_cxone(&self) -> (i64, i64) {
        let way = self.draw(&CXONE);
        (way / 2, way - way / 2)
    }

    /// From an invocation's messages to its beginning, in an environment that is new or not.
    pub(crate) fn start(&self, cold: bool) -> i64 {
        let mut usage = self.usage.borrow_mut();
        usage.invocations += 1;
        if !cold {
            return self.draw(&START);
        }
        // A start is billed like the rest.
        let start = self.draw(&COLD_START);
        usage.cold_starts += 1;
        usage.billed += start.unsigned_abs();
        start + self.draw(&START)
    }

    /// An invocation ended after so long, and some of its messages are deleted or none.
    pub(crate) fn ended(&self, after: i64, deletes: bool) {
        let mut usage = self.usage.borrow_mut();
        usage.billed += after.unsigned_abs();
        usage.deletes += u64::from(deletes);
    }

    /// Log-normal, by the method of Box and Muller.
    fn draw(&self, takes: &Takes) -> i64 {
        let radius = (-2.0 * (1.0 - self.chance.sample()).ln()).sqrt();
        let normal = radius * (TAU * self.chance.sample()).cos();
        millis(takes.median * (takes.spread * normal).exp()).max(1)
    }
}

/// The size of an item.
fn bytes(world: &World, item: &Item) -> usize {
    match item {
        Item::Event(_) => RECORD_BYTES,
        Item::Client(id) => AROUND_STATE + world.clients.borrow().get(id).map_or(0, ClientItem::state_bytes),
        Item::Schema => world.schema_bytes(),
        Item::Queue(_) => QUEUE_BYTES,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of seconds")]
fn millis(millis: f64) -> i64 {
    millis.round() as i64
}
