//! What a test asks a tenant, and what it changes under way.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::record::{Contact, ContactStatus, RequestRecord, Summary, TokenRecord};
use super::{Tenant, window};
use crate::config::{ClientConfig, SimulatorConfig};
use crate::fault::Fault;
use crate::queue::Queue;

impl Tenant {
    /// Every contact created, oldest first.
    pub fn contacts(&self) -> &[Contact] {
        self.contacts.all()
    }

    /// The contacts that this idempotency key created: more than one only after the 24 hours have passed.
    pub fn contacts_by_key(&self, key: Uuid) -> Vec<&Contact> {
        let key = key.to_string();
        self.contacts.all().iter().filter(|contact| contact.idempotency_key == key).collect()
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

    /// A queue by its identifier, to be changed: fuller, emptier, without agents.
    pub fn queue_mut(&mut self, queue_id: &str) -> Option<&mut Queue> {
        self.config.queues.iter_mut().find(|queue| queue.id == queue_id)
    }

    /// The attributes of contacts that CXone would take and then ignore or cut, as (contact, key): not registered under
    /// exactly that key, or longer than registered.
    pub fn ignored_attributes(&self) -> Vec<(&str, &str)> {
        let registered = |key: &str, value: &Value| {
            let definition = self.config.attributes.iter().find(|definition| definition.key == key);
            let length = value.as_str().map_or(0, |text| text.chars().count());
            definition.is_some_and(|definition| definition.max_length.is_none_or(|limit| length <= limit as usize))
        };
        let attributes = self.contacts.all().iter().flat_map(|contact| {
            let attributes = contact.request.get("attributes").and_then(Value::as_object);
            attributes.into_iter().flatten().map(|(key, value)| (contact.id.as_str(), key.as_str(), value))
        });
        attributes.filter(|(_, key, value)| !registered(key, value)).map(|(contact, key, _)| (contact, key)).collect()
    }

    /// The settings in force, with the queues as they stand now; faults are apart, in [`Tenant::pending_faults`].
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

    /// The same of every client that sent any, in one pass.
    pub fn busiest_windows(&self) -> BTreeMap<&str, usize> {
        let mut arrivals: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for request in self.requests.iter().filter(|request| request.counted) {
            arrivals.entry(request.client_id.as_deref().unwrap_or_default()).or_default().push(request.at_ms);
        }
        let window = self.config.rate_limit.window_milliseconds;
        arrivals.into_iter().map(|(client, at_ms)| (client, window::busiest(at_ms, window))).collect()
    }

    /// How many requests were answered with this status.
    pub fn count_of_status(&self, status: u16) -> usize {
        self.requests.iter().filter(|request| request.status == Some(status)).count()
    }

    /// Everything at a glance.
    pub fn summary(&self) -> Summary {
        let contacts = self.contacts.all();
        let busiest = self.busiest_windows();
        let busiest_of = |client: &ClientConfig| busiest.get(client.client_id.as_str()).copied().unwrap_or_default();
        Summary {
            now_ms: self.now_ms,
            contacts: contacts.len(),
            contacts_by_status: tally(contacts.iter().map(|contact| contact.status.name().to_owned())),
            replays: contacts.iter().map(|contact| contact.replays).sum(),
            requests_by_status: tally(
                self.requests
                    .iter()
                    .map(|request| request.status.map_or("none".to_owned(), |status| status.to_string())),
            ),
            tokens_by_client: tally(self.tokens.issued().iter().map(|token| token.client_id.clone())),
            busiest_window_by_client: self
                .config
                .clients
                .iter()
                .map(|client| (client.client_id.clone(), busiest_of(client)))
                .collect(),
            ignored_attributes: self.ignored_attributes().len(),
            pending_faults: self.faults.pending().len(),
        }
    }

    /// Adds a fault behind those already there.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The faults that have still to strike.
    pub fn pending_faults(&self) -> &[Fault] {
        self.faults.pending()
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

    /// Removes a queue; whether there was one. Its contacts stay.
    pub fn remove_queue(&mut self, queue_id: &str) -> bool {
        let before = self.config.queues.len();
        self.config.queues.retain(|queue| queue.id != queue_id);
        self.config.queues.len() < before
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
        let Some(queue) = self.queue_mut(queue_id) else { return 0 };
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

    /// Moves a contact to another status, as a threshold might after it was queued; whether there is such a contact.
    /// One that leaves its queue frees its place.
    pub fn set_contact_status(&mut self, contact_id: &str, status: ContactStatus) -> bool {
        let Some(contact) = self.contacts.all_mut().iter_mut().find(|contact| contact.id == contact_id) else {
            return false;
        };
        let waits = |status| matches!(status, ContactStatus::Queued | ContactStatus::Routing);
        let leaves = waits(contact.status) && !waits(status);
        contact.status = status;
        let queue_id = contact.queue_id();
        if leaves && let Some(queue) = self.config.queues.iter_mut().find(|queue| Some(queue.id.as_str()) == queue_id) {
            queue.capacity = queue.capacity.map(|held| held.saturating_sub(1));
        }
        true
    }
}

pub(crate) fn tally(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts
}
