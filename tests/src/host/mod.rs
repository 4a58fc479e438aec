//! A Lambda host on this machine: it runs the functions' real binaries as execution environments, and measures them.
//!
//! ```text
//! Deployment    emulator, simulator, tables, queues, secrets
//! Bindings      what a function's variables point to, in a deployment or on a test's stage
//! AwsRequests   a proxy before the emulator that counts, records and refuses requests
//! Function      its execution environments: kept warm, several at once, a fresh one where none is idle
//! Environment   one process and its own Runtime API; killed at the deadline, or on demand
//! EventSource   takes batches from the queue to the function, and acknowledges what it may
//! record        a message as a record of an event, from a queue or made up
//! ```
//!
//! Written for this, since what there is measures nothing: `cargo lambda watch` and the runtime interface emulator run
//! one environment each, poll no queue and never kill; `lambda-simulator` serves a runtime API, but starts no process
//! and so knows neither its start, its CPU time nor its memory. The emulator's own Lambda starts a process for each
//! event.

mod aws_calls;
mod aws_requests;
mod bindings;
mod deployment;
mod environment;
mod event_source;
mod function;
mod package;
mod process;
mod records;
mod runtime_api;

pub use aws_calls::Call;
pub use aws_requests::{AwsRequests, Counts, Refusal};
pub use bindings::{Bindings, CxoneApi};
pub use deployment::{Deployment, DeploymentConfig};
pub use environment::{Environment, Invocation, Outcome};
pub use event_source::{Drained, EventSource};
pub use function::{Function, FunctionConfig};
pub use package::Package;
pub(crate) use package::built;
pub use process::Usage;
pub use records::{message_event, record, record_of};
pub(crate) use runtime_api::since_epoch;
