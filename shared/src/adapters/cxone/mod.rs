//! CXone over HTTP: it sends, and never follows, repeats or guesses. What an answer means is [`crate::dialects`]' to say.

mod client;

pub(crate) use client::base_url;
pub use client::{Cxone, ForbiddenUrl};
