//! How many events one core turns into checked contacts: parse, select a route, map, mask, check against the schema.
//!
//! Medians over many short samples, so that a neighbour on the same core moves the figure little. Built with the
//! release profile, which is the one that ships.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{
    hint::black_box,
    io::{self, Write},
    time::{Duration, Instant},
};

use contact_injection::dialects::guide;
use contact_injection::domain::{
    attributes::Schema,
    contact::Contact,
    event::Event,
    mapping::{ComplianceBoundary, map},
    problem::Problem,
    routes::Routes,
};

/// Samples of each measurement.
const SAMPLES: usize = 101;
/// Events of one sample: some ten milliseconds.
const EVENTS: u32 = 1_000;

const ROUTES: &str = include_str!("../../functions/inject-contacts/routes.json");
const SCHEMA: &str = include_str!("../../tests/fixtures/upstream/schema.json");
const EVENT: &str = include_str!("../../tests/fixtures/upstream/crm/order-updated.json");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let routes = Routes::from_json(ROUTES, guide::FACTS.routes)?;
    let load = start.elapsed();
    let schema = Schema::new(serde_json::from_str(SCHEMA)?);
    let event = Event::parse(EVENT)?;

    let parse = median(|| Event::parse(EVENT).is_ok());
    let mapped = median(|| contact(&routes, &event, &schema).is_ok());
    let whole = median(|| Event::parse(EVENT).is_ok_and(|event| contact(&routes, &event, &schema).is_ok()));

    let mut out = io::stdout();
    writeln!(out, "one event of {} bytes, median of {SAMPLES} samples of {EVENTS} events, one core", EVENT.len())?;
    for (stage, time) in [("parse", parse), ("select, map, mask, check", mapped), ("all of it", whole)] {
        writeln!(out, "{stage:<26} {:>7.2} µs {:>10.0} events/s", time.as_secs_f64() * 1e6, 1.0 / time.as_secs_f64())?;
    }
    writeln!(out, "loading the routes, once: {load:.1?}")?;
    Ok(())
}

fn contact(routes: &Routes, event: &Event, schema: &Schema) -> Result<Contact, Vec<Problem>> {
    let Some(route) = routes.select(event) else { return Err(Vec::new()) };
    map(route, event, schema, ComplianceBoundary::Outside)
}

/// The median time of one run, which must succeed.
fn median(mut run: impl FnMut() -> bool) -> Duration {
    let mut samples: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..EVENTS {
                assert!(black_box(run()), "the event of the benchmark is a good one");
            }
            start.elapsed() / EVENTS
        })
        .collect();
    samples.sort_unstable();
    samples[SAMPLES / 2]
}
