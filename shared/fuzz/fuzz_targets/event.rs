//! Any message body is an event with an identity, or is said to be none.
#![no_main]

use contact_injection::domain::event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    if let Ok(event) = Event::parse(body) {
        assert!(!event.identity().id().is_empty() && !event.identity().source().is_empty());
        assert!(!event.event_type().is_empty());
        let again = Event::parse(body).expect("what was read once is read twice");
        assert_eq!(event.identity(), again.identity());
    }
});
