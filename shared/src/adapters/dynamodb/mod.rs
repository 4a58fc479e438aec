//! Three tables. Each is written with the one compare-and-swap that its port asks for, and read back leniently: what a
//! newer version wrote is recognised as such, and nothing in an item can make a reader panic.

mod batch_get;
mod client_leases;
mod item;
mod ledger;
mod registry;

pub use client_leases::DynamoClients;
pub use ledger::DynamoLedger;
pub use registry::DynamoRegistry;
