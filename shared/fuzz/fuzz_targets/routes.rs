//! Any routes file is a whole configuration or none, with its reasons.
#![no_main]

use contact_injection::dialects::{guide, nice};
use contact_injection::domain::{event::Event, routes::Routes};
use libfuzzer_sys::fuzz_target;

const EVENT: &str = include_str!("../../../tests/fixtures/upstream/crm/order-updated.json");

fuzz_target!(|text: &str| {
    for rules in [guide::FACTS.routes, nice::FACTS.routes] {
        match Routes::from_json(text, rules) {
            Ok(routes) => {
                assert!(routes.iter().all(|route| !route.name().is_empty() && !route.targets().is_empty()));
                let event = Event::parse(EVENT).expect("the fixture is an event");
                if let Some(route) = routes.select(&event) {
                    assert!(route.base_priority(&event).get() <= 999);
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
