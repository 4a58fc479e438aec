//! `status`: where an event is, by the ledger alone.

use clap::Args;
use contact_injection::domain::idempotency::IdempotencyKey;
use serde_json::{Value, json};

use crate::answer::{Answer, count, plain};
use crate::cli::Target;
use crate::error::Error;
use crate::function;
use crate::stack::Stack;

/// Events that the function looks up at once (docs/rules.md#status).
const MOST: usize = 100;

/// Says where events are: injected, waiting, dead-lettered or not seen yet.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The system that the events come from: their CloudEvents `source`.
    #[arg(required_unless_present = "keys", requires = "ids")]
    source: Option<String>,
    /// Their ids.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// An event by its idempotency key; may be repeated.
    #[arg(long = "key", value_name = "KEY", value_parser = super::key)]
    keys: Vec<IdempotencyKey>,
}

/// Asks the function.
pub(super) async fn run(target: &Target, arguments: Arguments) -> Result<Answer, Error> {
    let Arguments { source, ids, keys } = arguments;
    let by_id = ids.iter().map(|id| json!({ "source": source, "id": id }));
    let events: Vec<_> = by_id.chain(keys.iter().map(|key| json!({ "key": key.to_string() }))).collect();
    let stack = Stack::find(target).await?;
    let mut results = Vec::new();
    for events in events.chunks(MOST) {
        let answer = function::ask(&stack, &json!({ "status": { "events": events } })).await?;
        results.extend(function::results(&answer)?.iter().cloned());
    }
    let text: Vec<_> = results.iter().map(words).collect();
    Ok(Answer::done(text.join("\n"), json!({ "results": results })))
}

/// One event in words.
fn words(result: &Value) -> String {
    let text = |name: &str| result[name].as_str().map(plain);
    let or = |name: &str, other: &str| text(name).unwrap_or_else(|| other.to_owned());
    let which = match (text("source"), text("id")) {
        (Some(source), Some(id)) => format!("{source} {id}"),
        _ => format!("key {}", or("idempotencyKey", "-")),
    };
    let attempts = result["attempts"].as_u64().and_then(|attempts| usize::try_from(attempts).ok());
    let attempts = attempts.map(|attempts| format!(" after {}", count(attempts, "request"))).unwrap_or_default();
    let at = or("at", "an unknown time");
    let reason = text("reason").map(|reason| format!(" ({reason})")).unwrap_or_default();
    let words = match text("state").as_deref() {
        Some("unknown") => "not seen: it never arrived, or still waits for its first delivery".to_owned(),
        Some("in-progress") => {
            format!("in progress since {at}: a worker has it, or died with it, and then it comes back")
        }
        Some("waiting") => {
            format!(
                "waiting since {at}{reason}: it was tried{attempts}, nothing was created, and it comes back by itself"
            )
        }
        Some("in-doubt") => {
            format!("in doubt since {at}{reason}: CXone may have it; it is asked again under the same key")
        }
        Some("injected") => {
            let contact = or("contactId", "of an unknown id");
            format!("injected at {at}: contact {contact} at {}{attempts}", or("target", "an unknown target"))
        }
        Some("dead-lettered") => {
            let key = or("idempotencyKey", "KEY");
            format!("dead-lettered at {at}{reason}: `dead-letters --show {key}` says what to do")
        }
        Some("outcome-unknown") => {
            let key = or("idempotencyKey", "KEY");
            format!(
                "outcome unknown since {at}{reason}: look in CXone for its contact, then `resolve {key} injected` or `retry`"
            )
        }
        Some(other) => format!("{other} since {at}{reason}"),
        None => "no answer".to_owned(),
    };
    let route = text("route").map(|route| format!(", route {route}")).unwrap_or_default();
    let lane = text("lane").map(|lane| format!(", {lane} lane")).unwrap_or_default();
    let first = text("firstSeen").map(|first| format!("; first seen at {first}")).unwrap_or_default();
    format!("{which}{route}{lane}: {words}{first}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_injected_event_is_told_with_its_contact_and_an_unseen_one_without_anything() {
        let injected = json!({
            "source": "/crm", "id": "1", "state": "injected", "contactId": "c-1", "target": "queue:q", "attempts": 2,
            "at": "2026-03-01T12:00:00Z", "route": "orders", "firstSeen": "2026-03-01T11:00:00Z"
        });
        assert_eq!(
            words(&injected),
            "/crm 1, route orders: injected at 2026-03-01T12:00:00Z: contact c-1 at queue:q after 2 requests; \
             first seen at 2026-03-01T11:00:00Z"
        );
        let urgent = json!({ "idempotencyKey": "k", "state": "injected", "route": "orders", "lane": "urgent" });
        assert!(words(&urgent).starts_with("key k, route orders, urgent lane: injected"), "{}", words(&urgent));
        let unseen = json!({ "idempotencyKey": "k", "state": "unknown" });
        assert_eq!(words(&unseen), "key k: not seen: it never arrived, or still waits for its first delivery");
    }

    #[test]
    fn every_state_is_told_in_words() {
        for state in ["unknown", "in-progress", "waiting", "in-doubt", "injected", "dead-lettered", "outcome-unknown"] {
            let words = words(&json!({ "idempotencyKey": "k", "state": state, "reason": "why" }));
            assert!(!words.ends_with(&format!("{state} since an unknown time (why)")), "{words}");
        }
    }
}
