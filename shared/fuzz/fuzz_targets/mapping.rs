//! Any event of the shipped routes ends as a contact that CXone takes, or with its reasons. What CXone takes is the
//! simulator's to say.
#![no_main]

use std::sync::LazyLock;

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
use cxone_simulator::validate_contact_request;
use libfuzzer_sys::fuzz_target;

static SHIPPED: LazyLock<(Routes, Schema)> = LazyLock::new(|| {
    let routes = Routes::from_json(include_str!("../../../functions/inject-contacts/routes.json"), guide::FACTS.routes);
    let schema = serde_json::from_str(include_str!("../../../tests/fixtures/upstream/schema.json"));
    (routes.expect("the shipped routes are good"), Schema::new(schema.expect("the fixture is a schema")))
});

fuzz_target!(|body: &str| {
    let (routes, schema) = &*SHIPPED;
    let Ok(event) = Event::parse(body) else { return };
    let Some(route) = routes.select(&event) else { return };
    for boundary in [ComplianceBoundary::Outside, ComplianceBoundary::Inside] {
        match map(route, &event, schema, boundary) {
            Ok(contact) => {
                for target in route.targets() {
                    let base = route.base_priority(&event);
                    let priority = Priority::effective(base, target.priority_delta(), route.degrade(), 1);
                    let request = Guide.contact_body(&Submission {
                        contact: &contact,
                        address: target.address(),
                        priority,
                        route: route.name(),
                        event: event.identity().into(),
                        at: Timestamp::default(),
                    });
                    let taken = validate_contact_request(&request);
                    assert!(taken.is_ok(), "{taken:?} of {request}");
                }
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
});
