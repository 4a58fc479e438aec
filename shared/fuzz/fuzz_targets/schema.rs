//! Any answer of the attributes endpoint is a schema, or is said to be unreadable; none passes as an empty one.
#![no_main]

use contact_injection::{
    dialects::{HttpReply, HttpResponse, RegisteredAttributes as _, guide::Guide},
    domain::{attributes::Schema, time::Timestamp},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let response = HttpResponse::new(200, None, body, Timestamp::from_millis(1_790_000_000_000));
    if let Ok(schema) = Guide.read_schema(&HttpReply::Answered(response)).meaning {
        // As the registry keeps it.
        let stored = serde_json::to_string(schema.definitions()).expect("definitions are JSON");
        let again = Schema::new(serde_json::from_str(&stored).expect("what was stored is read"));
        assert!(!schema.definitions().is_empty());
        assert_eq!(schema.content_hash(), again.content_hash());
    }
});
