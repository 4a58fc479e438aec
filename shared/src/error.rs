//! Errors on one line.

use std::error::Error;

/// An error and its causes, outermost first; a wrapper that only repeats its cause is told once.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push(error.to_string());
        cause = error.source();
    }
    told.dedup();
    told.join(": ")
}
