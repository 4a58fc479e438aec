//! Dead letters, read without taking any out of the queue.
//!
//! A queue can't be listed: it can only be received from, and what was received stays out of sight for a while. How a
//! listing ends all the same, and counts nothing twice, is in [`listing`].

pub(crate) mod advice;
pub(crate) mod filter;
pub(crate) mod letter;
pub(crate) mod listing;
pub(crate) mod queue;
pub(crate) mod routes;
pub(crate) mod tally;
