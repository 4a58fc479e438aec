//! Any answer of CXone is read as something or as nothing. The input is a status, a `Retry-After` and a body, a line
//! each, the body on as many as it likes.
#![no_main]

use contact_injection::{domain, ports};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The reader itself rather than the crate's AWS half around it, which would take minutes to build with sanitizers.
#[allow(dead_code, reason = "its own tests are left out")]
#[path = "../../src/adapters/cxone/wire.rs"]
mod wire;

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(200);
    let now = domain::time::Timestamp::from_millis(1_790_000_000_000);
    let retry_after = lines.next().and_then(|line| wire::retry_after(line, now));
    let body: Option<Value> = lines.next().and_then(|body| serde_json::from_str(body).ok());
    if let Ok(answer) = wire::token(status, retry_after, body.as_ref()) {
        assert!((200..300).contains(&status));
        assert_ne!(answer.expires_in, Some(0));
        let token = domain::token::Token::obtained(answer, now);
        assert!(token.expires() >= now);
    }
    let Some(body) = body else { return };
    if let Some(contact) = wire::created_contact(&body) {
        assert!(!contact.id.is_empty());
    }
    if let Some(detail) = wire::error_detail(&body) {
        // A code and a text, each cut.
        assert!(detail.chars().count() <= 64 + 2 + 300, "{detail}");
    }
});
