//! Any answer of a queue's endpoint is a health that can be stored and read back, or none.
#![no_main]

use contact_injection::domain::{health::QueueHealth, time::Timestamp};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &str| {
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return };
    let now = Timestamp::from_millis(1_790_000_000_000);
    if let Some(health) = QueueHealth::read("q-1", &answer, now) {
        let stored = serde_json::to_string(&health).expect("a health is JSON");
        let again: QueueHealth = serde_json::from_str(&stored).expect("what was stored is read");
        assert_eq!(again.observed, health.observed);
    }
});
