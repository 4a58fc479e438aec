//! A tenant served on a loopback port for as long as its handle lives.

use std::io;
use std::net::SocketAddr;
use std::sync::MutexGuard;

use crate::clock::Clock;
use crate::config::SimulatorConfig;
use crate::fault::Fault;
use crate::server::router;
use crate::serving::Served;
use crate::tenant::{Contact, RequestRecord, Summary, Tenant, TokenRecord};

/// A running simulator. Dropping it closes the port and every connection before the drop returns.
///
/// It runs on a thread and a runtime of its own, so that neither a caller's paused time nor its blocked worker touches
/// it, and so that nothing of it outlives the handle.
#[derive(Debug)]
pub struct Simulator {
    served: Served<Tenant>,
}

impl Simulator {
    /// Serves a tenant on 127.0.0.1 at the configured port, by the configured clock.
    ///
    /// # Errors
    /// The port is taken, or the system gives no socket, thread or event queue.
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        let clock = config.manual_clock_milliseconds.map_or_else(Clock::system, Clock::manual);
        Self::start_with_clock(config, clock).await
    }

    /// Serves a tenant by a clock that the caller shares.
    ///
    /// # Errors
    /// As for [`Simulator::start`].
    pub async fn start_with_clock(config: SimulatorConfig, clock: Clock) -> io::Result<Self> {
        Ok(Self { served: Served::start(config.port, Tenant::new(config), clock, router).await? })
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        self.served.url()
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// Its clock; advancing it is how virtual hours pass.
    pub fn clock(&self) -> &Clock {
        &self.served.shared.clock
    }

    /// The tenant, to be asked or changed. The simulator answers nobody while this is held: hold it briefly, and never
    /// across an `await`.
    pub fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.served.shared.tenant()
    }

    /// Waits until this holds of the tenant, now or after a request. It may never hold, so give it a time.
    pub async fn until(&self, holds: impl Fn(&Tenant) -> bool) {
        self.served.shared.until(holds).await;
    }

    /// Every contact created, oldest first.
    pub fn contacts(&self) -> Vec<Contact> {
        self.tenant().contacts().to_vec()
    }

    /// Every request, in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.tenant().requests().to_vec()
    }

    /// Every token issued, oldest first.
    pub fn tokens(&self) -> Vec<TokenRecord> {
        self.tenant().tokens().to_vec()
    }

    /// Everything at a glance.
    pub fn summary(&self) -> Summary {
        self.tenant().summary()
    }

    /// The most of a client's authenticated requests that any window held.
    pub fn busiest_window(&self, client_id: &str) -> usize {
        self.tenant().busiest_window(client_id)
    }

    /// Adds a fault behind those already there.
    pub fn add_fault(&self, fault: Fault) {
        self.tenant().add_fault(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.tenant().clear_faults();
    }
}
