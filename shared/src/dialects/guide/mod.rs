//! The API that the guide describes.

mod answers;
mod error;

pub use answers::{read_contact, read_token, read_value};
