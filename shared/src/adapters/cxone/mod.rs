//! CXone over HTTP. `wire` reads answers, and reads tolerantly; this file sends, and never follows, repeats or guesses.

mod client;
mod wire;

pub(crate) use client::base_url;
pub use client::{Cxone, ForbiddenUrl};
