//! What becomes of events from recognisable upstream systems, under the routes that ship: one snapshot each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]

use std::{fs, path::Path};

use contact_injection::dialects::{
    Dialect as _, Submission,
    guide::{self, Guide},
};
use contact_injection::domain::{
    attributes::Schema,
    event::Event,
    mapping::{ComplianceBoundary, map},
    routes::{Priority, Routes},
    time::Timestamp,
};
use serde_json::{Value, json};

const UPSTREAMS: [&str; 4] = ["order-system", "crm", "ticketing", "payments"];

fn outcome(body: &str, boundary: ComplianceBoundary) -> Value {
    let routes =
        Routes::from_json(include_str!("../../functions/inject-contacts/routes.json"), guide::FACTS.routes).unwrap();
    let schema = include_str!("../../tests/fixtures/upstream/schema.json");
    let schema = Schema::new(serde_json::from_str(schema).unwrap());
    let event = Event::parse(body).unwrap();
    let route = routes.select(&event).expect("each event of the fixtures has a route");
    match map(route, &event, &schema, boundary) {
        Ok(contact) => {
            let target = &route.targets()[0];
            let priority =
                Priority::effective(route.base_priority(&event), target.priority_delta(), route.degrade(), 0);
            json!({ "route": route.name(), "request": Guide.contact_body(&Submission {
                contact: &contact,
                address: target.address(),
                priority,
                route: route.name(),
                event: event.identity().into(),
                at: Timestamp::default(),
            }) })
        }
        Err(problems) => json!({ "route": route.name(), "problems": problems }),
    }
}

#[test]
fn every_event_ends_as_its_snapshot_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/upstream");
    for upstream in UPSTREAMS {
        let mut events: Vec<_> =
            fs::read_dir(folder.join(upstream)).unwrap().map(|entry| entry.unwrap().path()).collect();
        events.sort();
        assert!(!events.is_empty(), "{upstream} has events");
        for path in events {
            let body = fs::read_to_string(&path).unwrap();
            let name = format!("{upstream}-{}", path.file_stem().unwrap().to_str().unwrap());
            insta::assert_json_snapshot!(name, outcome(&body, ComplianceBoundary::Outside));
        }
    }
}

#[test]
fn inside_the_boundary_what_is_marked_passes() {
    let body = include_str!("../../tests/fixtures/upstream/crm/order-updated.json");
    insta::assert_json_snapshot!("crm-order-updated-inside", outcome(body, ComplianceBoundary::Inside));
}
