//! Ctrl-C, for commands that have something to finish.

use std::io::{self, Write as _};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::answer::End;
use crate::error::Error;

/// Whether somebody wants the command to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Takes Ctrl-C (and a termination) over from the system: the first asks, the second ends the program at once.
    ///
    /// # Errors
    /// Where the system gives no signals.
    pub(crate) fn listen() -> Result<Self, Error> {
        let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
        let mut terminations = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                // Nothing is left to report to if standard error is gone.
                if asked.send_replace(true) {
                    let _ =
                        writeln!(io::stderr(), "ended at once: letters that are out of sight come back by themselves");
                    std::process::exit(End::NotDone.exit_code().into());
                }
                let _ =
                    writeln!(io::stderr(), "\nstopping: what is in hand is finished first (once more to end at once)");
            }
        });
        Ok(Self(receiver))
    }

    /// Whether somebody has asked.
    pub(crate) fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub(crate) async fn set(&self) {
        // The sender lives as long as the runtime: without it, nobody can ask any more.
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
