//! Any answer of a queue's endpoint is a health that can be stored and read back, or none.
#![no_main]

use contact_injection::{
    dialects::{Dialect as _, HttpReply, HttpResponse, guide::Guide},
    domain::{
        health::QueueHealth,
        routes::{QueueId, SkillLimits},
        time::Timestamp,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let now = Timestamp::from_millis(1_790_000_000_000);
    let queue = QueueId::new("q-1".to_owned()).expect("an id");
    let reply = HttpReply::Answered(HttpResponse::new(200, None, body, now));
    if let Ok(Some(health)) = Guide.read_queue_health(&queue, SkillLimits::default(), now, &reply).meaning {
        let stored = serde_json::to_string(&health).expect("a health is JSON");
        let again: QueueHealth = serde_json::from_str(&stored).expect("what was stored is read");
        assert_eq!(again.observed, health.observed);
    }
});
