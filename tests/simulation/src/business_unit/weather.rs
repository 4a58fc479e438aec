//! How a business unit misbehaves, while anything does.

use cxone_simulator::nice::{Effect, Endpoint, Fault, Tenant, TextForm};
use serde_json::json;

use super::UnitPlan;
use crate::plan::Faults;

/// Lets it misbehave from now on.
pub(crate) fn unsettle(unit: &mut Tenant, own: &UnitPlan, faults: &Faults) {
    unsettle_work_items(unit, faults);
    unsettle_grants(unit, faults);
    unsettle_callbacks(unit, faults);
    unsettle_messages(unit, faults);
    unsettle_questions(unit, faults);
    own.digital.filter(unit, false);
    if let Some(seconds) = own.grants.skew {
        for endpoint in [Endpoint::Token, Endpoint::AccessKeyToken] {
            add(unit, endpoint, &[Effect::SkewedClaims { seconds }], 0.7);
        }
    }
    let unreadable = [
        Effect::bare(500),
        Effect::html(200),
        Effect::ResetAfter,
        Effect::bare(403),
        Effect::member("/skillActivity", None),
    ];
    add(unit, Endpoint::Skill, &unreadable, faults.cxone / 9.0);
}

fn add(unit: &mut Tenant, endpoint: Endpoint, effects: &[Effect], chance: f64) {
    for effect in effects {
        unit.add_fault(Fault::always(endpoint, effect.clone()).with_probability(chance));
    }
}

fn unsettle_work_items(unit: &mut Tenant, faults: &Faults) {
    let definite = [
        Effect::member("/contactId", None),
        Effect::port_limit(TextForm::Json),
        Effect::port_limit(TextForm::StatusDescription),
        Effect::point_of_contact(TextForm::Json),
        Effect::point_of_contact(TextForm::StatusDescription),
    ];
    // A unit that is full would answer 202 here, and hold nothing.
    if unit.config().port_limit.is_none() {
        add(unit, Endpoint::WorkItems, &[Effect::accepted_then(202)], faults.cxone / 16.0);
    }
    add(unit, Endpoint::WorkItems, &doubtful(), faults.cxone / 20.0);
    add(unit, Endpoint::WorkItems, &definite, faults.cxone / 16.0);
    add(unit, Endpoint::WorkItems, &refusals(), faults.cxone / 16.0);
    add(unit, Endpoint::WorkItems, &[Effect::RevokeTokens], faults.tokens / 8.0);
}

/// Answers, and the lack of any, that leave open whether a contact was created.
fn doubtful() -> [Effect; 10] {
    [
        Effect::accepted_then(500),
        Effect::accepted_then(503),
        Effect::bare(500),
        Effect::html(502),
        Effect::bare(409),
        Effect::Redirect { status: 307, location: "https://elsewhere.example".to_owned() },
        Effect::ResetBefore,
        Effect::ResetAfter,
        Effect::HangBefore { milliseconds: 60_000 },
        Effect::HangAfter { milliseconds: 60_000 },
    ]
}

/// Answers of every kind of request that say that nothing was done.
fn refusals() -> [Effect; 6] {
    [
        Effect::rate_limited(7),
        Effect::bare(429),
        Effect::html(404),
        Effect::bare(401),
        Effect::bare(403),
        Effect::bare(400),
    ]
}

fn unsettle_callbacks(unit: &mut Tenant, faults: &Faults) {
    let unnamed = [Effect::member("/contactId", None), Effect::accepted_then(202)];
    add(unit, Endpoint::Callbacks, &unnamed, faults.cxone / 16.0);
    add(unit, Endpoint::Callbacks, &doubtful(), faults.cxone / 16.0);
    add(unit, Endpoint::Callbacks, &refusals(), faults.cxone / 10.0);
    add(unit, Endpoint::Callbacks, &[Effect::RevokeTokens], faults.tokens / 8.0);
}

fn unsettle_messages(unit: &mut Tenant, faults: &Faults) {
    // The last one names no contact at all, so that it says nothing of one.
    let unnamed =
        [Effect::member("/consumerContact", None), Effect::member("/message", None), Effect::accepted_then(201)];
    add(unit, Endpoint::Messages, &unnamed, faults.cxone / 16.0);
    add(unit, Endpoint::Messages, &doubtful(), faults.cxone / 12.0);
    add(unit, Endpoint::Messages, &refusals(), faults.cxone / 16.0);
    add(unit, Endpoint::Messages, &[Effect::RevokeTokens], faults.tokens / 8.0);
}

/// What is asked of the digital channels besides: where a message is, its contact's priority, the custom fields.
fn unsettle_questions(unit: &mut Tenant, faults: &Faults) {
    let wrong = [
        Effect::bare(500),
        Effect::html(200),
        Effect::ResetAfter,
        Effect::HangBefore { milliseconds: 60_000 },
        Effect::Redirect { status: 307, location: "https://elsewhere.example".to_owned() },
    ];
    for endpoint in [Endpoint::MessageSearch, Endpoint::DigitalContact, Endpoint::CustomFields] {
        add(unit, endpoint, &wrong, faults.cxone / 16.0);
        add(unit, endpoint, &refusals(), faults.cxone / 20.0);
    }
    let partly = [Effect::member("/hits", None), Effect::member("/data", None)];
    add(unit, Endpoint::MessageSearch, &partly, faults.cxone / 16.0);
}

fn unsettle_grants(unit: &mut Tenant, faults: &Faults) {
    let foreign = |url: &str| Some(json!(url));
    let unavailable = [
        Effect::bare(503),
        Effect::rate_limited(40),
        Effect::html(200),
        Effect::ResetAfter,
        Effect::HangBefore { milliseconds: 60_000 },
    ];
    let refused = [Effect::oauth(400, "invalid_grant"), Effect::oauth(401, "invalid_client"), Effect::bare(400)];
    for endpoint in [Endpoint::Token, Endpoint::AccessKeyToken] {
        add(unit, endpoint, &unavailable, faults.tokens / 8.0);
        add(unit, endpoint, &refused, faults.tokens / 24.0);
    }
    add(unit, Endpoint::OpenidConfiguration, &unavailable, faults.tokens / 8.0);
    add(unit, Endpoint::CxoneConfiguration, &unavailable, faults.tokens / 8.0);
    add(
        unit,
        Endpoint::OpenidConfiguration,
        &[Effect::member("/token_endpoint", foreign("https://elsewhere.example/auth/token"))],
        faults.tokens / 24.0,
    );
    add(
        unit,
        Endpoint::CxoneConfiguration,
        &[Effect::member("/api_endpoint", foreign("http://api-na1.niceincontact.com")), Effect::bare(404)],
        faults.tokens / 24.0,
    );
}

/// Lets everything be well again.
pub(crate) fn calm(unit: &mut Tenant, own: &UnitPlan) {
    unit.clear_faults();
    own.digital.filter(unit, true);
}
