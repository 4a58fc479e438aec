//! SIGTERM: no new request is begun, what is under way is settled, and then the process ends.
//!
//! The signal is the process's, so this is one value for the process. Waits end early, and whoever waited finds that it
//! is closing time. The answer of an invocation that was cut short isn't handed in: its batch comes back whole, and what
//! it settled ends as a duplicate.

use std::{process::exit, sync::LazyLock};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::{info, warn};

static REQUESTED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::channel(false).0);

static INVOCATIONS: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::channel(0).0);

/// Whether SIGTERM came.
pub fn requested() -> bool {
    *REQUESTED.borrow()
}

/// Waits for SIGTERM.
pub async fn request() {
    // The sender is static, so the channel never closes.
    let _ = REQUESTED.subscribe().wait_for(|requested| *requested).await;
}

/// An invocation under way: while one exists the process doesn't end.
#[derive(Debug)]
pub struct UnderWay(());

impl UnderWay {
    /// One more.
    #[expect(clippy::new_without_default, reason = "it counts")]
    pub fn new() -> Self {
        INVOCATIONS.send_modify(|under_way| *under_way += 1);
        Self(())
    }

    /// It is over; at closing time nothing comes after it.
    pub async fn over(self) {
        drop(self);
        if requested() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        INVOCATIONS.send_modify(|under_way| *under_way -= 1);
    }
}

/// Listens for SIGTERM from now on.
pub fn listen() {
    tokio::spawn(async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(error) => return warn!(%error, "SIGTERM can't be listened for"),
        };
        info!("SIGTERM: no new request is begun");
        REQUESTED.send_replace(true);
        let _ = INVOCATIONS.subscribe().wait_for(|under_way| *under_way == 0).await;
        exit(0);
    });
}
