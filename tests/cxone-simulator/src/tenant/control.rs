//! What a test asks a tenant, and what it changes under way.

use super::record::{Contact, ContactStatus, RequestRecord, TokenRecord};
use super::{Tenant, window};
use crate::config::{ClientConfig, SimulatorConfig};
use crate::fault::Fault;
use crate::queue::Queue;

impl Tenant {
    /// Every contact created, oldest first.
    pub fn contacts(&self) -> &[Contact] {
        self.contacts.all()
    }

    /// Every request, in order of arrival.
    pub fn requests(&self) -> &[RequestRecord] {
        &self.requests
    }

    /// Every token issued, oldest first.
    pub fn tokens(&self) -> &[TokenRecord] {
        self.tokens.issued()
    }

    /// A queue by its identifier.
    pub fn queue(&self, queue_id: &str) -> Option<&Queue> {
        self.config.queues.iter().find(|queue| queue.id == queue_id)
    }

    /// The settings in force, with the queues as they stand now.
    pub fn config(&self) -> &SimulatorConfig {
        &self.config
    }

    /// The settings in force, to be changed. Changes hold from the next request on.
    pub fn config_mut(&mut self) -> &mut SimulatorConfig {
        &mut self.config
    }

    /// The most of a client's authenticated requests, the refused ones among them, that any window held: exactly, over
    /// the whole run.
    pub fn busiest_window(&self, client_id: &str) -> usize {
        let counted = self.requests.iter().filter(|request| request.counted);
        let own = counted.filter(|request| request.client_id.as_deref() == Some(client_id));
        window::busiest(own.map(|request| request.at_ms), self.config.rate_limit.window_milliseconds)
    }

    /// How many requests were answered with this status.
    pub fn count_of_status(&self, status: u16) -> usize {
        self.requests.iter().filter(|request| request.status == Some(status)).count()
    }

    /// Adds a fault behind those already there.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Revokes every token issued so far.
    pub fn revoke_tokens(&mut self) {
        self.tokens.revoke_all();
    }

    /// Adds a queue or replaces the one of the same identifier.
    pub fn put_queue(&mut self, queue: Queue) {
        match self.config.queues.iter_mut().find(|known| known.id == queue.id) {
            Some(known) => *known = queue,
            None => self.config.queues.push(queue),
        }
    }

    /// Adds a client or replaces the one of the same identifier. Its tokens live on, as after a rotated secret.
    pub fn put_client(&mut self, client: ClientConfig) {
        match self.config.clients.iter_mut().find(|known| known.client_id == client.client_id) {
            Some(known) => *known = client,
            None => self.config.clients.push(client),
        }
    }

    /// Serves up to `count` contacts of a queue and returns how many it held: those injected first, oldest first,
    /// then whatever else its capacity counts.
    pub fn complete(&mut self, queue_id: &str, count: u64) -> u64 {
        let queue = self.config.queues.iter_mut().find(|queue| queue.id == queue_id);
        let Some(queue) = queue else { return 0 };
        let served = queue.capacity.map_or(count, |held| held.min(count));
        queue.capacity = queue.capacity.map(|held| held - served);
        let waiting = self.contacts.all_mut().iter_mut().filter(|contact| {
            contact.queue_id() == Some(queue_id)
                && matches!(contact.status, ContactStatus::Queued | ContactStatus::Routing)
        });
        let served_here = usize::try_from(served).unwrap_or(usize::MAX);
        waiting.take(served_here).for_each(|contact| contact.status = ContactStatus::Completed);
        served
    }
}
