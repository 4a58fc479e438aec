//! What is deployed, and what deploys it: one program, so that its tests, of which many wait for a tool, run side by
//! side.
//!
//! ```text
//! template, resources, regions    the templates' parameters, what every resource keeps to, where there can be a stack
//! urgent_lane, outcome_pipe       what is there under a condition alone
//! production, iam                 what an account in production asks for; people's rights
//! alarms, trial_function          what watches a deployment, and what tries a version
//! package, deploy                 `make deploy`; the template on the emulator
//! senders                         the samples for who sends
//! emulator, host                  what stands for AWS in other tests
//! ```

mod alarms;
mod deploy;
mod emulator;
mod host;
mod iam;
mod outcome_pipe;
mod package;
mod production;
mod regions;
mod resources;
mod senders;
mod template;
mod trial_function;
mod urgent_lane;
