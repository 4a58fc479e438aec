//! Any answer of CXone is read as something or as nothing. The input is a status, a `Retry-After` and a body, a line
//! each, the body on as many as it likes.
#![no_main]

use contact_injection::{
    dialects::{HttpResponse, guide},
    domain::{classify::Answer, time::Timestamp, token::Token},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(200);
    let now = Timestamp::from_millis(1_790_000_000_000);
    let retry_after = lines.next();
    let response = HttpResponse::new(status, retry_after, lines.next().unwrap_or_default().as_bytes(), now);
    if let Ok(answer) = guide::read_token(&response) {
        assert!((200..300).contains(&status));
        assert_ne!(answer.expires_in, Some(0));
        assert!(Token::obtained(answer, now).expires() >= now);
    }
    match guide::read_contact(&response) {
        Answer::Created(contact) => assert!((200..300).contains(&status) && !contact.id.is_empty()),
        // A code and a text, each cut.
        Answer::Status { detail, .. } => assert!(detail.is_none_or(|detail| detail.chars().count() <= 64 + 2 + 300)),
        Answer::Silence | Answer::Unreachable => panic!("there is an answer"),
    }
    let _ = guide::read_value(response);
});
