//! The second face: the part of NICE's published CXone API that work items and their health take.
//!
//! A request passes these gates in this order, and the first to object answers:
//!
//! 1. faults that leave it unprocessed by breaking the connection;
//! 2. but for discovery and grants, the bearer token (401);
//! 3. the sliding window of its access key (429): from here on the request counts, whatever its answer;
//! 4. faults that answer in the endpoint's stead;
//! 5. the endpoint and the version in its path (404), `Accept` (400), the access key's rights (403);
//! 6. the parameters (400), then what they name (404, or 400 for a point of contact), then the port limit (429).
//!
//! Paths and the names of parameters are compared without case, as CXone does. A parameter that an endpoint doesn't
//! act on is refused, documented or not, so that no client believes in a filter that isn't there.
//!
//! Nothing here remembers a `workItemID` to find its twin: two requests are two contacts.

mod admin;
mod config;
mod control;
mod faults;
mod grants;
mod reads;
mod record;
mod request;
mod server;
mod skills;
mod tenant;
mod violations;
mod well_known;
mod work_items;

#[cfg(test)]
mod tests;

pub use config::{
    AccessKey, ActivityShape, ApiEndpoint, Config, Encoding, ErrorText, PointOfContact, Skill, TokenRules, TokenShape,
};
pub use faults::{Effect, Fault, Instead, TextForm};
pub use record::{Creation, Kind, RequestRecord, Summary, TokenRecord};
pub use request::{Connection, Endpoint, Request};
pub use server::Simulator;
pub use tenant::Tenant;
pub use violations::{Rule, Violation};
