//! The policies of `docs/iam`: each of their grants is asked for by what they are for, and nothing that is asked for is
//! missing.
//!
//! ```text
//! files      every policy is one that IAM takes, and what each part of a deployment attaches
//! sam        what `sam deploy` asks of AWS itself, recorded on a deployment
//! template   what is deployed: every resource with the names that it may get
//! needs      what `CloudFormation` asks for each of them, by what AWS publishes of its type
//! rules      what those schemas name, and not every resource needs
//! deploy     both held against the files, in both directions
//! boundary   a deployment that can make no role without the permissions boundary
//! trust      who may take the role that deploys
//! ```
//!
//! What operators are granted is held against the program in its own tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod boundary;
mod deploy;
mod files;
mod needs;
mod rules;
mod sam;
mod template;
mod trust;
