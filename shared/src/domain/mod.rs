//! Decisions, as functions of (state, now, limits, random sample): no clock, no chance, no I/O.

pub mod attributes;
pub mod backoff;
pub mod breaker;
pub mod claim;
pub mod classify;
pub mod contact;
pub mod credentials;
pub mod drift;
pub mod event;
pub mod expiry;
pub mod health;
pub mod idempotency;
mod json;
pub mod lease;
pub mod mapping;
pub mod message;
pub mod outcome;
pub mod pii;
pub mod problem;
pub mod queues;
pub mod registered;
pub mod routes;
pub mod targets;
pub mod throttle;
pub mod time;
pub mod token;
pub mod window;
