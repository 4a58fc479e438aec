//! Turns one event into a checked contact so many times (`transform N`): what the guard of instructions counts.

use std::hint::black_box;

use contact_injection::dialects::guide;
use contact_injection::domain::{
    attributes::Schema,
    event::Event,
    mapping::{ComplianceBoundary, map},
    routes::Routes,
};

const ROUTES: &str = include_str!("../../functions/inject-contacts/routes.json");
const SCHEMA: &str = include_str!("../../tests/fixtures/upstream/schema.json");
const EVENT: &str = include_str!("../../tests/fixtures/upstream/crm/order-updated.json");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let times: usize = std::env::args().nth(1).ok_or("usage: transform N")?.parse()?;
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
