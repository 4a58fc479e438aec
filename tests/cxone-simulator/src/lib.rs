//! A strict CXone routing API in this process: the four endpoints of the routing contract, with the tenant's rules
//! (idempotency keys, sliding rate windows, queue thresholds, token lifetimes) enforced exactly, and faults on demand.
//!
//! [`tenant`] holds every rule as a state machine without I/O or a clock of its own, so that a simulation in virtual
//! time can drive it directly. [`Simulator`] serves one tenant over HTTP on a loopback port.
//!
//! ```
//! # use cxone_simulator::{Effect, Endpoint, Fault, Queue, Simulator, SimulatorConfig};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let config = SimulatorConfig::default().with_client("worker-1", "secret-1").with_queue(Queue::open("q-1"));
//! let simulator = Simulator::start(config).await?;
//! simulator.add_fault(Fault::once(Endpoint::Contacts, Effect::ResetAfter));
//! // … run the code under test against simulator.url() …
//! assert!(simulator.contacts().iter().all(|contact| contact.conflicting_replays == 0));
//! assert!(simulator.busiest_window("worker-1") <= 120);
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: [`config`], [`tenant`], [`fault`], [`Simulator`].

pub mod clock;
pub mod config;
pub mod fault;
pub mod queue;
pub mod schema;
pub mod tenant;
pub mod validation;

mod admin;
mod connection;
mod server;
mod simulator;

pub use clock::Clock;
pub use config::{ClientConfig, OversizedStrings, RateLimit, RetryAfterForm, SimulatorConfig, TokenFormat, TokenRules};
pub use fault::{Effect, Fault, MalformedBody};
pub use queue::{OnSaturation, Queue, Rates, Saturation, Thresholds};
pub use schema::{AttributeDefinition, AttributeType, LengthField, ListShape, NameField, SchemaShape};
pub use simulator::Simulator;
pub use tenant::{
    Call, Contact, ContactStatus, Delivery, Endpoint, HttpAnswer, Outcome, Request, RequestRecord, Summary, Tenant,
    TokenRecord,
};
pub use validation::{Rule, Violation, validate_contact_request};
