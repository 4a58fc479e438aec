//! What the README shows works as it stands there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]

use contact_injection::dialects::guide;
use contact_injection::domain::{
    attributes::{AttributeDefinition, AttributeType, Schema},
    event::Event,
    mapping::{ComplianceBoundary, map},
    routes::Routes,
};

const README: &str = include_str!("../../README.md");
const SCHEMA: &str = include_str!("../../functions/inject-contacts/routes.schema.json");

/// The code blocks of the README that are marked so.
fn examples(mark: &str) -> Vec<&'static str> {
    README.split("\n```").filter_map(|block| block.strip_prefix("json ")?.strip_prefix(mark)).collect()
}

#[test]
fn every_routes_file_of_the_readme_loads_and_fits_its_schema() {
    let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let examples = examples("routes");
    assert!(!examples.is_empty());
    for example in examples {
        schema.validate(&serde_json::from_str(example).unwrap()).unwrap_or_else(|error| panic!("{error}"));
        Routes::from_json(example, guide::FACTS.routes).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_readmes_event_becomes_a_contact_by_the_readmes_routes() {
    let routes = Routes::from_json(examples("routes")[0], guide::FACTS.routes).unwrap();
    let event = Event::parse(examples("event")[0]).unwrap();
    let route = routes.select(&event).expect("the event has a route");
    let registered = [
        ("externalSource", AttributeType::String),
        ("orderValue", AttributeType::Number),
        ("isPriorityCustomer", AttributeType::Boolean),
        ("tenantRefId", AttributeType::String),
        ("notes", AttributeType::String),
    ];
    let definitions = registered.map(|(key, attribute_type)| AttributeDefinition {
        key: key.to_owned(),
        attribute_type,
        max_length: None,
        required: false,
    });
    let contact = map(route, &event, &Schema::new(definitions.to_vec()), ComplianceBoundary::Outside).unwrap();
    assert_eq!(contact.attributes().len(), 4, "the event has no notes");
    assert_eq!(route.base_priority(&event).get(), 750);
}
