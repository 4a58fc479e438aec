//! The real pipeline, leases and decisions, over models of everything around them, in virtual time.
//!
//! One seed decides a whole run: the events, the workers and their clocks, what fails and when. So a run that breaks an
//! invariant can be run again, told, and read. The models are in memory and single-threaded; time is a heap.
//!
//! Reading order: `plan` is what a seed has in store, [`run()`] lets it happen, `invariants` judge it. `world` holds
//! the models: `contact_queue` (SQS), `tables` (DynamoDB), `api` (CXone, by the simulator's own tenant),
//! `business_unit` and `unit_api` (CXone as a NICE tenant has it, with `intents` and `people`), `lambda` (crashes,
//! freezes, deadlines). `worker_ports` is where the real program plugs in. [`Defect`] lists the deliberate mistakes
//! that show that all this finds any; [`Sequence`] lists what once went wrong, step by step.

mod access;
mod api;
mod business_unit;
mod busy_hour;
mod chance;
mod contact_queue;
mod defect;
mod fleet;
mod intents;
mod invariants;
mod lambda;
mod lanes;
mod panic;
mod people;
mod plan;
mod round_trips;
mod run;
mod scheduler;
mod seen;
mod sequences;
mod sweep;
mod tables;
mod timeline;
mod unit_api;
mod urgent_day;
mod worker_ports;
mod world;

pub use contact_injection::domain::routes::Profile;

pub use busy_hour::{Outcome, busy_hour, flapping_hour, unread_hour};
pub use defect::Defect;
pub use fleet::{Document, Fleet, Limits, Lived, Scenario};
pub use panic::{AfterPanic, Struck, panic_in_a_session};
pub use round_trips::RoundTrips;
pub use run::{Report, Tally, run};
pub use sequences::{Sequence, Told, sequence};
pub use sweep::{Sweep, sweep};
pub use urgent_day::{DayOutcome, Times, UrgentDay};
