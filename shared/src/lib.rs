//! Turns upstream events into contacts and injects them into NICE CXone routing queues, once each.
//!
//! In reading order: [`batch`] is one invocation and [`pipeline`] the whole story of one event, with its longest chapter
//! in `placement`. `snapshot` is what an environment remembers of the registry, `room` reserves places in queues that are
//! nearly full. [`ledger`], [`leases`] and [`worker`] are its three guards: nothing twice, no client shared, nothing sent
//! outside the rate. [`domain`] decides and does no I/O; [`dialects`] read CXone's answers; [`ports`] names what the
//! decisions need from outside; [`adapters`] speak DynamoDB, SQS, Secrets Manager and HTTP. [`sync`] and [`dry_run`] are
//! the other two things that can be asked for.

pub mod batch;
pub mod pipeline;
mod placement;

pub mod leases;
pub mod ledger;
pub mod worker;

pub mod dry_run;
mod room;
pub mod schema;
mod snapshot;
pub mod sync;

pub mod dialects;
pub mod domain;
pub mod error;
pub mod metrics;
pub mod ports;

#[cfg(feature = "aws")]
pub mod adapters;
