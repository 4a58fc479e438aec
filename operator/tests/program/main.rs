//! The program as an operator runs it, against real queues and tables of the AWS emulator.
//!
//! One binary, so that all tests share one emulator; each has a stack of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod scripted;
mod sqs;
mod stage;

mod check;
mod dead_letters;
mod doctor;
mod invocation;
mod lookup;
mod move_task;
mod pause;
mod protect;
mod redrive;
mod rights;
mod template;
mod versions;
mod words;
