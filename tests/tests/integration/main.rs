//! The real handlers and adapters, against the emulator's SQS, DynamoDB and Secrets Manager and the simulated CXone.
//!
//! One binary, so that all tests share one emulator; each has tables, queues, secret and tenant of its own. `stage`
//! sets them up and plays SQS's part towards a function. The others are the evidence, by what they are about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod stage;

mod backlog;
mod dead_letters;
mod doctor;
mod faults;
mod inject;
mod lanes;
mod leases;
mod outcomes;
mod permissions;
mod refused_clients;
mod registry;
mod room;
mod secrecy;
mod secrets;
mod start;
mod status;
mod stores;
mod sync;
mod tenant_access;
mod tenant_callbacks;
mod tenant_digital;
mod tenant_health;
mod tenant_items;
mod tenant_look_up;
mod tokens;
mod trial;
