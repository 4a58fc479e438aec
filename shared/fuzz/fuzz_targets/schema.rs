//! Any answer of the attributes endpoint is a schema, or is said to be unreadable; none passes as an empty one.
#![no_main]

use contact_injection::domain::{attributes::Schema, registered::read_schema};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &str| {
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return };
    if let Ok(schema) = read_schema(&answer) {
        // As the registry keeps it.
        let stored = serde_json::to_string(schema.definitions()).expect("definitions are JSON");
        let again = Schema::new(serde_json::from_str(&stored).expect("what was stored is read"));
        assert_eq!(schema.content_hash(), again.content_hash());
    }
});
