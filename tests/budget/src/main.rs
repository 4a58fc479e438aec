//! What the guards of instructions and memory measure, in the release build.
//!
//! `budget events N` turns one event into a checked contact so many times. `budget start FILE` reads a routes file;
//! `budget memory FILE` does too, and prints how many bytes its process has grown by: once the file is read, and once
//! every route has been in use.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::{env, error::Error, fs, hint::black_box};

use contact_injection::dialects::guide;
use contact_injection::domain::{
    attributes::Schema,
    event::Event,
    mapping::{ComplianceBoundary, map},
    routes::Routes,
};

const ROUTES: &str = include_str!("../../../functions/inject-contacts/routes.json");
const SCHEMA: &str = include_str!("../../fixtures/upstream/schema.json");
const EVENT: &str = include_str!("../../fixtures/upstream/crm/order-updated.json");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["events", times] => events(times.parse()?),
        ["start", file] => read(file).map(|routes| drop(black_box(routes))),
        ["memory", file] => memory(file),
        _ => Err("usage: budget events N | budget start FILE | budget memory FILE".into()),
    }
}

fn events(times: usize) -> Result<(), Box<dyn Error>> {
    let routes = Routes::from_json(ROUTES, guide::FACTS.routes)?;
    let schema = Schema::new(serde_json::from_str(SCHEMA)?);
    for _ in 0..times {
        let event = Event::parse(black_box(EVENT))?;
        let route = routes.select(&event).ok_or("the event has a route")?;
        let contact = map(route, &event, &schema, ComplianceBoundary::Outside);
        black_box(contact.map_err(|problems| format!("{problems:?}"))?);
    }
    Ok(())
}

fn read(file: &str) -> Result<Routes, Box<dyn Error>> {
    Ok(Routes::from_json(fs::read_to_string(file)?, guide::FACTS.routes)?)
}

fn memory(file: &str) -> Result<(), Box<dyn Error>> {
    let before = resident()?;
    let routes = read(file)?;
    println!("{}", resident()?.saturating_sub(before));
    black_box(routes.iter().count());
    println!("{}", resident()?.saturating_sub(before));
    Ok(())
}

/// Bytes that are resident now; Linux alone tells.
fn resident() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the kernel tells VmRSS")?;
    let kibibytes: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}
