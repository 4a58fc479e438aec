//! What is asked and said of a contact once its request has left, each under a permit of its own. Where that fails,
//! contacts can be had all the same: no circuit opens because of it.

use tracing::warn;

use super::{Bearing, NotSent, Worker};
use crate::{
    dialects::{Found, HttpReply, Unread},
    domain::{
        idempotency::IdempotencyKey,
        routes::{Address, Priority},
        time::Timestamp,
    },
    metrics::Metric,
    ports::{Environment, Ports},
};

/// What a look-up came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What was found; nothing where the answer settles nothing.
    pub found: Option<Found>,
    /// When CXone was asked.
    pub asked: Timestamp,
}

/// Why a contact's priority isn't set.
#[derive(Debug, thiserror::Error)]
pub enum NotSet {
    /// CXone didn't say which contact it is.
    #[error("CXone didn't tell the contact's id")]
    Nameless,
    /// Nothing left this worker.
    #[error("it was not sent: {}", .0.reason)]
    NotSent(NotSent),
    /// CXone didn't do it, or didn't say so.
    #[error(transparent)]
    Unread(#[from] Unread),
}

impl From<NotSent> for NotSet {
    fn from(not_sent: NotSent) -> Self {
        Self::NotSent(not_sent)
    }
}

impl<P: Ports> Worker<'_, P> {
    /// Looks for the contact of an event that may have been created at an address.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn look_up(&self, address: &Address, key: IdempotencyKey) -> Result<Looked, NotSent> {
        let afterwards = self.ports.dialect().afterwards(address);
        let Some(afterwards) = afterwards else {
            return Ok(Looked { found: None, asked: self.ports.environment().now() });
        };
        let read = |reply: &HttpReply, _| afterwards.read_look_up(address, key, reply);
        let ((), asked, found) =
            self.ask(Bearing::Aside, async || (), |token| afterwards.look_up(token, address, key), read).await?;
        let found = found.inspect_err(|unread| warn!(error = %unread, "the look-up settles nothing")).ok();
        self.metrics.count_by(
            Metric::LookUps,
            match &found {
                Some(Found::There { .. }) => "found",
                Some(Found::Absent) => "absent",
                None => "unknown",
            },
        );
        Ok(Looked { found, asked })
    }

    /// Says with which priority a contact at an address waits, where that is said afterwards.
    ///
    /// # Errors
    /// [`NotSet`] where it isn't known to be so.
    pub async fn set_priority(&self, address: &Address, contact_id: &str, priority: Priority) -> Result<(), NotSet> {
        let Some(afterwards) = self.ports.dialect().afterwards(address) else { return Ok(()) };
        if contact_id.is_empty() {
            return Err(NotSet::Nameless);
        }
        let read = |reply: &HttpReply, _| afterwards.read_set_priority(reply);
        let ((), _, set) = self
            .ask(Bearing::Aside, async || (), |token| afterwards.set_priority(token, contact_id, priority), read)
            .await?;
        Ok(set?)
    }
}
