//! The outside, as the ports want it: AWS, CXone, the clock, chance, and the logs.

pub mod aws;
pub mod cases;
pub mod dynamodb;
pub mod environment;
pub mod http;
pub mod ports;
pub mod secrets;
pub mod settings;
pub mod sqs;
pub mod telemetry;
