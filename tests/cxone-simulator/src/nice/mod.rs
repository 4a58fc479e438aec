//! The second face: the part of NICE's published CXone API that contacts and the health of their skills take: work
//! items, callbacks, digital messages.
//!
//! A request passes these gates in this order, and the first to object answers:
//!
//! 1. faults that leave it unprocessed by breaking the connection;
//! 2. but for discovery and grants, the bearer token (401);
//! 3. the sliding window of its access key (429): from here on the request counts, whatever its answer;
//! 4. faults that answer in the endpoint's stead;
//! 5. the endpoint and the version in its path (404), `Accept` (400), the access key's rights (403);
//! 6. the parameters (400), then what they name (404, or 400 for a point of contact), then for a work item the port
//!    limit (429) and for a message its twin (409, where so configured).
//!
//! Paths and the names of parameters are compared without case, as CXone does; identifiers in a path and the members
//! of a digital body keep their case. A parameter that an endpoint doesn't act on is refused, documented or not, so
//! that no client believes in a filter that isn't there.
//!
//! Work items and callbacks are never deduplicated: nothing here remembers a `workItemID`, or a number and its skill,
//! to find a twin, and two requests are two contacts. A message joins the open contact of its thread; what becomes of
//! one whose identifier its channel had before is configured, see [`DuplicateMessages`].

mod admin;
mod callbacks;
mod config;
mod control;
mod digital;
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
pub use digital::{Channel, CustomField, DuplicateMessages, FieldKind};
pub use faults::{Effect, Fault, Instead, TextForm};
pub use record::{Creation, Kind, RequestRecord, Summary, TokenRecord};
pub use request::{Connection, Endpoint, Request};
pub use server::Simulator;
pub use tenant::Tenant;
pub use violations::{Rule, Violation};
