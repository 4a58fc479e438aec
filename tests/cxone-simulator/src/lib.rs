//! Strict stand-ins for CXone in this process, with faults on demand. There are two faces:
//!
//! - the routing guide's API, at the root of this crate: four endpoints with idempotency keys, sliding rate windows,
//!   queue thresholds and token lifetimes, enforced exactly;
//! - NICE's published API, in [`nice`]: discovery, grants for access keys, work items, callbacks, digital
//!   messages, and what tells of their health.
//!
//! Each has a tenant that holds every rule as a state machine without I/O or a clock of its own, so that a simulation
//! in virtual time can drive it directly, and a simulator that serves one tenant over HTTP on a loopback port.
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
//! The second face takes requests of HTTP as they are, here one without a token:
//!
//! ```
//! use cxone_simulator::nice::{AccessKey, Config, PointOfContact, Request, Rule, Skill, Tenant};
//! use cxone_simulator::{Delivery, HttpAnswer};
//!
//! let config = Config::default()
//!     .with_access_key(AccessKey::new("key-1", "secret-1").with_client("application", "secret-2"))
//!     .with_point_of_contact(PointOfContact::new(123_456, "Orders", 4012))
//!     .with_skill(Skill::open(4012));
//! let mut tenant = Tenant::new(config);
//! let work_item = Request::new("POST", "/inContactAPI/services/v34.0/interactions/work-items");
//! let outcome = tenant.handle(0, &work_item);
//! assert!(matches!(outcome.delivery, Delivery::Answer(HttpAnswer { status: 401, .. })));
//! assert_eq!(tenant.violations()[0].rule, Rule::NoToken);
//! assert!(tenant.creations().is_empty());
//! ```
//!
//! Reading order: [`config`], [`tenant`], [`fault`], [`Simulator`]; then [`nice`].

pub mod clock;
pub mod config;
pub mod fault;
pub mod nice;
pub mod queue;
pub mod schema;
pub mod tenant;
pub mod validation;

mod admin;
mod connection;
mod server;
mod serving;
mod simulator;

pub use clock::Clock;
pub use config::{ClientConfig, OversizedStrings, RateLimit, RetryAfterForm, SimulatorConfig, TokenFormat, TokenRules};
pub use fault::{Effect, Fault, MalformedBody};
pub use queue::{OnSaturation, Queue, Rates, Saturation, Thresholds};
pub use schema::{AttributeDefinition, AttributeType, LengthField, ListShape, NameField, SchemaShape};
pub use serving::Served;
pub use simulator::Simulator;
pub use tenant::{
    Call, Contact, ContactStatus, Delivery, Endpoint, HttpAnswer, Outcome, Request, RequestRecord, Summary, Tenant,
    TokenRecord,
};
pub use validation::{Rule, Violation, validate_contact_request};
