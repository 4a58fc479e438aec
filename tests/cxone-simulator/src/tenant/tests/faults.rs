//! What ordered faults do to a tenant and its callers.

use super::*;
use crate::fault::Fault;

#[test]
fn a_reset_before_processing_creates_nothing_and_counts_nothing() {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::ResetBefore));
    let outcome = bench.tenant.handle(START_MS, &Request::create_contact(&bench.token, &key(1), &contact()));
    assert_eq!((outcome.delivery, outcome.created), (Delivery::Reset, None));
    assert_eq!(bench.tenant.busiest_window("worker-1"), 0);
    assert_eq!(bench.tenant.requests().last().unwrap().status, None);
}

#[test]
fn a_reset_after_processing_loses_the_answer_and_the_key_recovers_it() {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::ResetAfter));
    let outcome = bench.tenant.handle(START_MS, &Request::create_contact(&bench.token, &key(1), &contact()));
    assert_eq!(outcome.delivery, Delivery::Reset);
    let recovered = bench.post(START_MS, &key(1), &contact());
    assert_eq!(recovered.json_body()["id"].as_str(), outcome.created.as_deref());
    assert_eq!(bench.tenant.contacts().len(), 1);
    let lost = &bench.tenant.requests()[1];
    assert_eq!((lost.status, lost.answered), (Some(201), false));
}

#[test]
fn ordered_words_come_as_they_are_and_nothing_is_processed() {
    let mut bench = Bench::new(config());
    let words = Effect::Words { status: 404, body: "<html>no such page</html>".to_owned() };
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, words));
    let answer = bench.post(START_MS, &key(1), &contact());
    assert_eq!((answer.status, answer.body.as_str()), (404, "<html>no such page</html>"));
    assert!(bench.tenant.contacts().is_empty());
}

#[test]
fn an_injected_status_processes_only_where_told() {
    let mut bench = Bench::new(config());
    let processed = Effect::Status { status: 503, retry_after_seconds: Some(7), processed: true };
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::unavailable()));
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, processed));
    assert_eq!(bench.post(START_MS, &key(1), &contact()).header("retry-after"), None);
    assert!(bench.tenant.contacts().is_empty());
    let second = bench.post(START_MS, &key(1), &contact());
    assert_eq!((second.status, second.header("retry-after")), (503, Some("7")));
    assert_eq!(bench.tenant.contacts().len(), 1);
}

#[test]
fn an_injected_loss_creates_a_lost_contact() {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::Lost { status: ContactStatus::Failed }));
    assert_eq!(bench.post(START_MS, &key(1), &contact()).json_body()["status"], "failed");
    assert_eq!(bench.post(START_MS, &key(1), &contact()).json_body()["status"], "failed");
    assert_eq!(bench.post(START_MS, &key(2), &contact()).json_body()["status"], "queued");
}

#[test]
fn a_malformed_answer_hides_a_contact_that_a_replay_shows() {
    for body in [MalformedBody::Html, MalformedBody::WithoutId, MalformedBody::TruncatedJson, MalformedBody::Empty] {
        let mut bench = Bench::new(config());
        bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::Malformed { body }));
        let spoilt = bench.post(START_MS, &key(1), &contact());
        assert_eq!((spoilt.status, spoilt.json_body().get("id")), (201, None), "{body:?}");
        assert!(bench.post(START_MS, &key(1), &contact()).json_body()["id"].is_string());
        assert_eq!(bench.tenant.contacts().len(), 1);
    }
}

#[test]
fn a_token_outage_lasts_until_the_faults_are_cleared() {
    let mut tenant = Tenant::new(config());
    tenant.add_fault(Fault::always(Endpoint::Token, Effect::unavailable()));
    let request = Request::token("worker-1", "secret-1", ALL_SCOPES);
    assert_eq!(answer(tenant.handle(START_MS, &request)).status, 503);
    assert_eq!(answer(tenant.handle(START_MS, &request)).status, 503);
    tenant.clear_faults();
    assert_eq!(answer(tenant.handle(START_MS, &request)).status, 200);
}

#[test]
fn an_injected_revocation_takes_effect_at_that_very_request() {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::RevokeTokens));
    assert_eq!(bench.post(START_MS, &key(1), &contact()).status, 401);
    bench.token = token(&mut bench.tenant, START_MS, "worker-1", "secret-1", ALL_SCOPES);
    assert_eq!(bench.post(START_MS, &key(1), &contact()).status, 201);
}

#[test]
fn a_redirect_says_where_to() {
    let mut bench = Bench::new(config());
    let location = "http://127.0.0.1:9/elsewhere".to_owned();
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::Redirect { status: 307, location }));
    let answer = bench.post(START_MS, &key(1), &contact());
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://127.0.0.1:9/elsewhere")));
}

#[test]
fn one_seed_gives_one_course_of_events() {
    let run = || {
        let fault = Fault::always(Endpoint::Contacts, Effect::ResetAfter).with_probability(0.5);
        let mut bench = Bench::new(SimulatorConfig { seed: 42, ..config() }.with_fault(fault));
        let token = bench.token.clone();
        (0..50)
            .map(|n| bench.tenant.handle(START_MS + n, &Request::create_contact(&token, &key(1), &contact())))
            .collect()
    };
    let (first, second): (Vec<Outcome>, Vec<Outcome>) = (run(), run());
    assert_eq!(first, second);
    assert!(first.iter().any(|outcome| outcome.delivery == Delivery::Reset));
    assert!(first.iter().any(|outcome| outcome.delivery != Delivery::Reset));
}

#[test]
fn a_delay_adds_to_the_latency_and_the_request_is_processed_on_arrival() {
    let mut bench = Bench::new(SimulatorConfig { latency_milliseconds: 5, ..config() });
    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::Delay { milliseconds: 40 }));
    let outcome = bench.tenant.handle(START_MS, &Request::create_contact(&bench.token, &key(1), &contact()));
    assert_eq!(outcome.delay_ms, 45);
    assert_eq!(outcome.created.as_deref(), Some(bench.tenant.contacts()[0].id.as_str()));
}

#[test]
fn an_injected_rate_limit_counts_in_the_window_like_any_answer() {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::Attributes, Effect::rate_limited(30)));
    let refused = bench.attributes(START_MS);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    assert_eq!(bench.tenant.busiest_window("worker-1"), 1);
}

#[test]
fn a_request_knows_when_its_answer_went_out() {
    let mut bench = Bench::new(config());
    let posted = bench.tenant.handle(START_MS + 5, &Request::create_contact(&bench.token, &key(1), &contact()));
    assert_eq!(bench.tenant.requests()[posted.request].latency_ms(), None);
    bench.tenant.delivered(posted.request, START_MS + 45);
    let record = &bench.tenant.requests()[posted.request];
    assert_eq!((record.endpoint, record.latency_ms()), (Endpoint::Contacts, Some(40)));

    bench.tenant.add_fault(Fault::once(Endpoint::Contacts, Effect::ResetAfter));
    let lost = bench.tenant.handle(START_MS + 50, &Request::create_contact(&bench.token, &key(2), &contact()));
    bench.tenant.delivered(lost.request, START_MS + 60);
    assert_eq!(bench.tenant.requests()[lost.request].latency_ms(), None);
    // No request of this tenant.
    bench.tenant.delivered(9, START_MS + 60);
}
