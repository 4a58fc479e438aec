//! A tenant of the routing API, served on a loopback port for as long as its handle lives.

use std::io;
use std::ops::Deref;

use crate::clock::Clock;
use crate::config::SimulatorConfig;
use crate::fault::Fault;
use crate::server::router;
use crate::serving::Served;
use crate::tenant::{Contact, RequestRecord, Summary, Tenant, TokenRecord};

/// A running simulator: a [`Served`] tenant, started and asked in this API's own words.
#[derive(Debug)]
pub struct Simulator(Served<Tenant>);

impl Deref for Simulator {
    type Target = Served<Tenant>;

    fn deref(&self) -> &Served<Tenant> {
        &self.0
    }
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
        Served::start(config.port, Tenant::new(config), clock, router).await.map(Self)
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
