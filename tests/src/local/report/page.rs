//! The page: the verdict, what became of each event, and what CXone and the dead-letter queue got.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::outcome::{self, Kind, Row};
use super::{Record, rate};

const STYLE: &str = include_str!("page.css");

/// The whole page. Nothing in it is loaded from anywhere, and its policy forbids it.
pub(super) fn render(record: &Record<'_>, made_at: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                link rel="icon" href="data:,";
                title { "Contact injection: demo report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Contact injection: demo report" }
                (verdict(record))
                p { "Made " (made_at) ": the real functions, deployed by the real template to a local AWS emulator, with CXone \
                    simulated. Every figure is one that the simulator or the queues recorded." }
                h2 { "What became of each event" }
                (events(record.rows))
                h2 { "The rate against the limit" }
                ol.steps { @for step in record.steps { li { b { (step.letter) } " " (step.title) " (" (step.events) ")" } } }
                (rate::chart(record))
                h2 { "Contacts by target and priority" }
                (targets(record))
                h2 { "Dead letters by reason" }
                (dead_letters(record))
            }
        }
    }
}

fn verdict(record: &Record<'_>) -> Markup {
    let as_expected = record.outcomes.iter().filter(|outcome| outcome.as_expected()).count();
    let good = as_expected == record.outcomes.len() && record.rows.iter().all(|row| row.expected);
    let counted = Kind::ALL.map(|kind| {
        let count = record.outcomes.iter().filter(|outcome| outcome.kind == kind).count();
        format!("{count} {}", kind.name())
    });
    html! {
        p.verdict.(check(good)) { (as_expected) " of " (record.outcomes.len()) " events ended as expected" }
        p { (counted.join(", ")) }
    }
}

fn check(good: bool) -> &'static str {
    if good { "good" } else { "bad" }
}

fn events(rows: &[Row]) -> Markup {
    table(
        ["expected", "event", "outcome", "evidence"],
        &html! {
            @for row in rows {
                tr {
                    td.(check(row.expected)) { (if row.expected { "ok" } else { "NOT" }) }
                    th scope="row" { (row.title) }
                    td { (row.name) }
                    td { (row.evidence) }
                }
            }
        },
    )
}

/// Every queue, and all skills that got a contact.
fn targets(record: &Record<'_>) -> Markup {
    let mut contacts: BTreeMap<String, BTreeMap<Reverse<u16>, usize>> = BTreeMap::new();
    for contact in record.outcomes.iter().flat_map(|outcome| &outcome.contacts) {
        let by_priority = contacts.entry(outcome::target(contact)).or_default();
        *by_priority.entry(Reverse(outcome::priority(contact))).or_default() += 1;
    }
    let queues = &record.tenant.queues;
    let targets: BTreeSet<_> = queues.iter().map(|queue| &queue.id).chain(contacts.keys()).collect();
    table(
        ["target", "contacts × priority", "holds now"],
        &html! {
            @for target in targets {
                @let queue = queues.iter().find(|queue| queue.id == **target);
                @let by_priority = contacts.get(target).into_iter().flatten();
                @let shares: Vec<_> = by_priority.map(|(Reverse(priority), count)| format!("{count} × {priority}")).collect();
                tr {
                    th scope="row" { (queue.and_then(|queue| queue.name.as_ref()).unwrap_or(target)) }
                    td { (if shares.is_empty() { "none".to_owned() } else { shares.join(", ") }) }
                    td {
                        @if let Some((held, most)) = queue.and_then(|queue| queue.capacity.zip(queue.thresholds.max_capacity)) {
                            (held) " of " (most)
                        }
                    }
                }
            }
        },
    )
}

fn dead_letters(record: &Record<'_>) -> Markup {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in record.outcomes.iter().filter(|outcome| outcome.kind == Kind::DeadLettered) {
        *reasons.entry(&outcome.evidence).or_default() += 1;
    }
    table(
        ["letters", "reason", "in words"],
        &html! {
            @for (evidence, count) in reasons {
                @let (reason, words) = evidence.split_once(": ").unwrap_or((evidence, ""));
                tr { td { (count) } th scope="row" { (reason) } td { (words) } }
            }
        },
    )
}

fn table<const N: usize>(columns: [&str; N], rows: &Markup) -> Markup {
    html! {
        table {
            thead { tr { @for column in columns { th scope="col" { (column) } } } }
            tbody { (rows) }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::{Message, MessageAttributeValue};
    use cxone_simulator::{Request, Tenant};
    use serde_json::json;

    use super::super::super::outcome::{Outcome, Sent};
    use super::super::super::samples;
    use super::super::{StepMark, guard};
    use super::*;

    const START_MS: u64 = 1_900_000_000_000;
    const PHONE: &str = "+15550100199";

    /// A tenant that was asked for a token and for one contact of the demo's burst, at the queue that it is for; and an
    /// event that is a dead letter.
    fn run() -> (Tenant, Vec<Outcome>) {
        let mut tenant = Tenant::new(samples::tenant().unwrap());
        let client = tenant.config().clients[0].clone();
        let token = Request::token(&client.client_id, &client.client_secret, "routing:contacts:write");
        tenant.handle(START_MS, &token);
        let token = tenant.tokens()[0].access_token().to_owned();
        let (mut events, mut burst) = samples::steps().unwrap().into_iter().fold((vec![], vec![]), |mut all, step| {
            let samples::Events { single, burst, .. } = step.into_events().unwrap();
            all.0.extend(single);
            all.1.extend(burst);
            all
        });
        let (sample, dead) = (burst.remove(0), events.remove(0));
        let body = json!({
            "type": "contact", "channel": "voice", "queueId": tenant.config().queues[3].id, "priority": 400,
            "from": PHONE, "to": PHONE, "attributes": {}
        });
        let request = Request::create_contact(&token, &sample.key().unwrap(), &body);
        tenant.handle(START_MS + 100, &request);
        let value =
            |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
        let letter = Message::builder()
            .body(dead.text("now"))
            .message_attributes("failureReason", value("no-route"))
            .message_attributes("failureDetail", value("no route <matches>"))
            .build();
        let sent = |sample: samples::Sample| Sent { text: sample.text("now"), sample, at_ms: START_MS + 50 };
        let outcomes =
            [sample, dead].map(|sample| outcome::of(sent(sample), tenant.contacts(), std::slice::from_ref(&letter)));
        (tenant, outcomes.into())
    }

    fn page(tenant: &Tenant, outcomes: &[Outcome], rows: &[Row]) -> String {
        let step = StepMark { letter: 'A', title: "a <step>".to_owned(), events: 2, at_ms: START_MS };
        let (requests, tenant) = (tenant.requests(), tenant.config());
        render(&Record { steps: &[step], outcomes, rows, tenant, requests }, "<now>").into_string()
    }

    #[test]
    fn a_page_says_what_the_simulator_and_the_queues_recorded() {
        let (tenant, outcomes) = run();
        let page = page(&tenant, &outcomes, &outcome::rows(&outcomes, &tenant.config().queues));
        for says in [
            "1 of 2 events ended as expected",
            "1 injected, 0 duplicate, 1 dead-lettered, 0 lost",
            "inject-worker-1: at most 1 of 120",
            "<path class=\"line s0\"",
            "<th scope=\"row\">Renewals</th><td>1 × 400</td><td>41 of",
            "<td>1</td><th scope=\"row\">no-route</th><td>no route &lt;matches&gt;</td>",
            "a &lt;step&gt;",
            "Made &lt;now&gt;",
        ] {
            assert!(page.contains(says), "{says}\n{page}");
        }
    }

    #[test]
    fn a_page_shows_neither_token_nor_secret_nor_phone_number() {
        let (tenant, outcomes) = run();
        let token = tenant.tokens()[0].access_token().to_owned();
        let secret = tenant.config().clients[0].client_secret.clone();
        let page = page(&tenant, &outcomes, &outcome::rows(&outcomes, &tenant.config().queues));
        assert_eq!(guard::look_over(&page, [token.as_str(), &secret, PHONE]), Ok(()));
    }

    #[test]
    fn a_page_of_nothing_is_a_page() {
        let page = page(&Tenant::new(samples::tenant().unwrap()), &[], &[]);
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
        assert!(page.contains("0 of 0 events ended as expected"));
    }

    #[test]
    fn nothing_is_loaded_from_outside_and_nothing_runs() {
        let (tenant, outcomes) = run();
        let page = page(&tenant, &outcomes, &outcome::rows(&outcomes, &tenant.config().queues));
        for foreign in ["http://", "https://", "<script", "<img", "@import", "src=", "url(", " onload"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_line_that_is_not_as_expected_spoils_the_verdict_and_every_line_is_escaped() {
        let (tenant, outcomes) = run();
        let row = |expected| Row {
            expected,
            title: "<img src=x> & more".to_owned(),
            name: "injected",
            evidence: "\"quoted\"".to_owned(),
        };
        let good = page(&tenant, &outcomes[..1], &[row(true)]);
        assert!(good.contains("verdict good") && !good.contains(">NOT<"), "{good}");
        let bad = page(&tenant, &outcomes[..1], &[row(true), row(false)]);
        assert!(bad.contains("verdict bad") && bad.contains(">NOT<"));
        assert!(bad.contains("&lt;img src=x&gt; &amp; more") && bad.contains("&quot;quoted&quot;"));
    }
}
