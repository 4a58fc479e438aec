//! One line that is written over and over, where somebody is looking.

use std::io::{self, IsTerminal as _, Write as _};

/// The line. It is cleared when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// A line on standard error, or none where that is no terminal.
    pub(crate) fn on_terminal() -> Self {
        Self { shown: io::stderr().is_terminal() }
    }

    /// Shows where the work is.
    pub(crate) fn show(&self, text: &str) {
        if self.shown {
            // Nobody is looking if standard error is gone.
            let _ = write!(io::stderr(), "\r\u{1b}[K{text}").and_then(|()| io::stderr().flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
