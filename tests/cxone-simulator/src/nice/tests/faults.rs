//! What ordered faults do to this face and its callers.

use super::*;

fn bench(effect: Effect) -> Bench {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::WorkItems, effect));
    bench
}

#[test]
fn an_accepted_work_item_can_be_answered_with_anything() {
    for effect in [Effect::accepted_then(202), Effect::accepted_then(500)] {
        let Effect::Answer(instead) = effect.clone() else { panic!("{effect:?}") };
        let mut bench = bench(effect);
        let answer = bench.post(&item("k"));
        assert_eq!((answer.status, answer.body.as_str()), (instead.status, ""));
        assert_eq!(bench.tenant.creations().len(), 1);
        assert_eq!(bench.tenant.requests().last().unwrap().contact_id, Some(400_000_000_001));
    }
}

#[test]
fn a_lost_answer_leaves_a_contact_and_a_lost_request_none() {
    let silence = |milliseconds| Delivery::Hang { milliseconds };
    for (effect, delivery, made, status) in [
        (Effect::ResetAfter, Delivery::Reset, 1, Some(202)),
        (Effect::HangAfter { milliseconds: 9 }, silence(9), 1, Some(202)),
        (Effect::ResetBefore, Delivery::Reset, 0, None),
        (Effect::HangBefore { milliseconds: 9 }, silence(9), 0, None),
    ] {
        let mut bench = bench(effect);
        let request = bench.work_item(&item("k"));
        assert_eq!(bench.tenant.handle(START_MS, &request).delivery, delivery);
        assert_eq!(bench.tenant.creations().len(), made);
        let record = bench.tenant.requests().last().unwrap();
        assert_eq!((record.status, record.answered, record.closed), (status, false, false));
    }
}

#[test]
fn a_late_answer_is_processed_on_arrival() {
    let mut bench = bench(Effect::Delay { milliseconds: 15_000 });
    let request = bench.work_item(&item("k"));
    let outcome = bench.tenant.handle(START_MS, &request);
    assert_eq!((outcome.delay_ms, bench.tenant.creations().len()), (15_000, 1));
    assert_eq!(outcome.created.as_deref(), Some("400000000001"));
}

#[test]
fn a_kept_connection_is_closed_under_a_post_and_under_nothing_else() {
    let mut bench = bench(Effect::CloseReused);
    let post = bench.work_item(&item("k"));
    let get = bench.authorized("GET", "/server-time");
    assert!(matches!(bench.tenant.handle_over(Connection::New, START_MS, &post).delivery, Delivery::Answer(_)));
    assert!(matches!(bench.tenant.handle_over(Connection::Reused, START_MS, &get).delivery, Delivery::Answer(_)));
    assert_eq!(bench.tenant.handle_over(Connection::Reused, START_MS, &post).delivery, Delivery::Reset);
    let record = bench.tenant.requests().last().unwrap();
    assert_eq!((record.closed, record.counted), (true, false));
    assert_eq!((bench.tenant.creations().len(), bench.tenant.pending_faults().len()), (1, 0));
}

#[test]
fn refusals_come_with_the_words_of_cxone_where_they_are_ordered_to_stand() {
    for (effect, status, words) in [
        (Effect::port_limit(TextForm::Json), 429, "exceeded port limit"),
        (Effect::point_of_contact(TextForm::Plain), 400, "Point of contact is not valid"),
        (Effect::payload(TextForm::Json), 400, "exceeded the configured limit"),
        (Effect::html(502), 502, "<!doctype html>"),
        (Effect::bare(403), 403, ""),
        (Effect::bare(429), 429, ""),
    ] {
        let mut bench = bench(effect);
        let answer = bench.post(&item("k"));
        assert_eq!((answer.status, answer.body.contains(words)), (status, true), "{words}");
        assert_eq!(answer.body.is_empty(), words.is_empty());
        assert_eq!((bench.tenant.creations().len(), bench.tenant.busiest_window("key-1")), (0, 1));
        assert_eq!(bench.post(&item("k")).status, 202);
    }
    let answer = bench(Effect::point_of_contact(TextForm::StatusDescription)).post(&item("k"));
    assert_eq!(answer.body, "");
    assert!(answer.header("icstatusdescription").unwrap().contains("Point of contact"));
}

#[test]
fn a_rate_limit_can_say_how_long_and_a_redirect_where_to() {
    assert_eq!(bench(Effect::rate_limited(7)).post(&item("k")).header("retry-after"), Some("7"));
    let location = "https://elsewhere.example/".to_owned();
    let answer = bench(Effect::Redirect { status: 307, location: location.clone() }).post(&item("k"));
    assert_eq!((answer.status, answer.header("location")), (307, Some(location.as_str())));
}

#[test]
fn an_ordered_revocation_takes_effect_at_that_very_request() {
    let mut bench = bench(Effect::RevokeTokens);
    assert_eq!(bench.post(&item("k")).status, 401);
    bench.renew();
    assert_eq!(bench.post(&item("k")).status, 202);
    assert_eq!(bench.broken(), [Rule::RevokedToken]);
}

#[test]
fn a_grant_fails_as_ordered_or_claims_other_times() {
    let mut bench = Bench::new(config());
    bench.tenant.add_fault(Fault::once(Endpoint::Token, Effect::oauth(401, "invalid_grant")));
    bench.tenant.add_fault(Fault::once(Endpoint::Token, Effect::SkewedClaims { seconds: -90 }));
    assert_eq!(code(&bench.send(&grant("app:hush", OWN_GRANT))), (401, "invalid_grant".to_owned()));
    assert_eq!(bench.tenant.tokens().len(), 1);
    let skewed = bench.send(&grant("app:hush", OWN_GRANT)).json_body();
    let seconds = START_MS / 1000 - 90;
    assert_eq!(claims(&skewed["access_token"])["iat"], json!(seconds));
    assert_eq!(claims(&skewed["access_token"])["exp"], json!(seconds + 3600));
    assert_eq!(skewed["expires_in"], 3600);
}

#[test]
fn a_member_of_an_answer_can_be_another_or_gone() {
    let mut bench = Bench::new(config());
    let foreign = Effect::member("/token_endpoint", Some(json!("https://elsewhere.example/token")));
    bench.tenant.add_fault(Fault::once(Endpoint::OpenidConfiguration, foreign));
    bench.tenant.add_fault(Fault::once(Endpoint::Token, Effect::member("/id_token", None)));
    let inactive = Effect::member("/skillActivity/0/isActive", Some(json!(false)));
    bench.tenant.add_fault(Fault::once(Endpoint::Skill, inactive));
    let openid = bench.send(&Request::new("GET", "/.well-known/openid-configuration")).json_body();
    assert_eq!(openid["token_endpoint"], "https://elsewhere.example/token");
    assert_eq!(bench.send(&grant("app:hush", OWN_GRANT)).json_body().get("id_token"), None);
    assert_eq!(bench.get("/skills/4012/activity").json_body()["skillActivity"][0]["isActive"], false);
    assert_eq!(bench.get("/skills/4012/activity").json_body()["skillActivity"][0]["isActive"], true);
}

#[test]
fn discovery_can_fail() {
    let mut bench = Bench::new(config());
    for status in [404, 500] {
        bench.tenant.add_fault(Fault::once(Endpoint::OpenidConfiguration, Effect::bare(status)));
        assert_eq!(bench.send(&Request::new("GET", "/.well-known/openid-configuration")).status, status);
    }
}

#[test]
fn one_seed_gives_one_course_of_events() {
    let run = || {
        let fault = Fault::always(Endpoint::WorkItems, Effect::ResetAfter).with_probability(0.5);
        let mut bench = Bench::new(Config { seed: 42, ..config() }.with_fault(fault));
        let request = bench.work_item(&item("k"));
        (0..50).map(|n| bench.tenant.handle(START_MS + n, &request)).collect()
    };
    let (first, second): (Vec<Outcome>, Vec<Outcome>) = (run(), run());
    assert_eq!(first, second);
    assert!(first.iter().any(|outcome| outcome.delivery == Delivery::Reset));
    assert!(first.iter().any(|outcome| outcome.delivery != Delivery::Reset));
}
