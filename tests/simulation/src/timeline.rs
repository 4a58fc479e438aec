//! What happened, for a person to read. Nothing is formatted in a run that nobody reads.

use std::{cell::RefCell, fmt};

/// The lines of one run.
pub(crate) struct Timeline {
    lines: Option<RefCell<Vec<String>>>,
    origin: i64,
}

impl Timeline {
    /// A timeline from `origin` on; one that isn't `kept` takes nothing down.
    pub(crate) fn new(origin: i64, kept: bool) -> Self {
        Self { lines: kept.then(RefCell::default), origin }
    }

    /// Takes down that `who` did something at `now`.
    pub(crate) fn note(&self, now: i64, who: impl fmt::Display, what: impl FnOnce() -> String) {
        let Some(lines) = &self.lines else { return };
        let who = who.to_string();
        let passed = now - self.origin;
        let (hours, minutes, seconds, millis) =
            (passed / 3_600_000, passed / 60_000 % 60, passed / 1000 % 60, passed % 1000);
        lines.borrow_mut().push(format!("{hours:3}:{minutes:02}:{seconds:02}.{millis:03}  {who:<10}  {}", what()));
    }

    /// Every line so far.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.map(RefCell::into_inner).unwrap_or_default()
    }
}
