//! What both functions say of themselves when they are asked, by the real adapters and, where it matters, as processes.

use std::time::Duration;

use contact_injection_tests::host::CxoneApi;
use cxone_simulator::nice::{
    Channel, Config, CustomField, Effect, Endpoint, Fault, FieldKind, PointOfContact, Simulator, Skill, TextForm,
};
use cxone_simulator::{AttributeDefinition, AttributeType, Endpoint as GuideEndpoint, Fault as AnyFault};
use serde_json::{Value, json};

use super::stage::{Function, NOWHERE, Scene, Simulated, Stage, event, tenant, tenant_routes};

fn question() -> Value {
    json!({ "doctor": {} })
}

/// The verdicts of the checks of this name.
fn verdicts(report: &Value, name: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name);
    checks.map(|check| check["verdict"].as_str().unwrap().to_owned()).collect()
}

fn detail<'r>(report: &'r Value, name: &str) -> &'r str {
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    check.unwrap()["detail"].as_str().unwrap()
}

/// A tenant that has all that its routes name, by two keys.
async fn sound() -> Stage<Simulator> {
    let mut config = tenant(2);
    config.points_of_contact.push(PointOfContact::new(999, "Nowhere", 4013));
    Stage::of_tenant(config).await
}

#[tokio::test]
async fn both_functions_examine_a_tenant_and_create_nothing() {
    let stage = sound().await;
    for function in [Function::Inject, Function::Sync] {
        let process = stage.process(function, &[]).await;
        let report = process.invoke(question()).await.unwrap();
        assert_eq!((&report["profile"], &report["worst"]), (&json!("cxone"), &json!("warn")), "{report:#}");
        for name in ["secret", "discovery", "grant", "claims", "configuration", "clock", "reads", "payload", "doubt"] {
            assert_eq!(verdicts(&report, name), ["ok"], "{name}: {report:#}");
        }
        // The third route names its point of contact by the number alone.
        assert_eq!(verdicts(&report, "target"), ["ok", "ok", "warn", "ok", "ok"], "{report:#}");
    }
    assert!(stage.simulator.creations().is_empty());
    let asked = stage.simulator.requests();
    assert!(asked.iter().all(|request| request.target.starts_with("GET") || request.endpoint == Endpoint::Token));
    assert!(stage.simulator.tenant().misuses().is_empty(), "{:?}", stage.simulator.tenant().misuses());
    // The clients are free again, and their tokens serve on.
    let grants = asked.iter().filter(|request| request.endpoint == Endpoint::Token).count();
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    let all = stage.simulator.requests();
    assert!(all.iter().filter(|request| request.endpoint == Endpoint::Token).count() <= grants + 1);
}

/// A tenant with a skill for calls, a digital channel and custom fields, and the routes that lead there, too.
fn with_digital() -> (Config, Value) {
    let mut config = tenant(2);
    config.points_of_contact.push(PointOfContact::new(999, "Nowhere", 4013));
    let config = config
        .with_skill(Skill { media_type_id: 4, ..Skill::open(4015) })
        .with_skill(Skill { media_type_id: 9, ..Skill::open(4016) })
        .with_channel(Channel::new("chat_0B7c", "Cases"))
        .with_custom_field(CustomField::text("caseRef"))
        .with_custom_field(CustomField::text("callbackNumber"));
    let mut routes = tenant_routes();
    let text = json!({ "path": "$.summary" });
    routes["routes"].as_array_mut().unwrap().push(json!({
        "name": "case",
        "match": { "type": "case" },
        "targets": [
            { "callback": { "skillId": 4015, "attributes": "drop", "onDoubt": "resend" } },
            { "digital": { "channelId": "chat_0B7c", "skillId": 4016, "text": text } },
        ],
        "priority": { "default": 500 },
        "from": { "path": "$.phone", "format": "e164" },
        "to": { "value": "+15550201234" },
        "callbackNumber": { "path": "$.phone", "format": "e164" },
        "attributes": { "string:caseRef": { "path": "$.ref" } }
    }));
    (config, routes)
}

#[tokio::test]
async fn callbacks_and_digital_channels_are_examined_with_all_that_they_need() {
    let (config, routes) = with_digital();
    let stage = Stage::with_routes(config, &routes).await;
    for function in [Function::Inject, Function::Sync] {
        let process = stage.process(function, &[]).await;
        let report = process.invoke(question()).await.unwrap();
        assert_eq!(verdicts(&report, "target"), ["ok", "ok", "warn", "ok", "ok", "ok", "ok"], "{report:#}");
        for name in ["reads", "custom-field", "payload", "doubt"] {
            assert_eq!(verdicts(&report, name), ["ok"], "{name}: {report:#}");
        }
        assert!(detail(&report, "reads").contains("consumer-contact-custom-fields 200"), "{report:#}");
        assert!(detail(&report, "doubt").contains("the customer may be called twice, at /routes/"), "{report:#}");
        assert!(detail(&report, "doubt").contains("is looked for, and sent again"), "{report:#}");
    }
    let process = stage.process(Function::Inject, &[]).await;
    for config in &mut stage.simulator.tenant().config_mut().access_keys {
        config.denied = vec![Endpoint::CustomFields];
    }
    let report = process.invoke(question()).await.unwrap();
    assert_eq!(
        (verdicts(&report, "reads"), verdicts(&report, "custom-field")),
        (vec!["fail".into()], vec!["skipped".into()])
    );
    assert!(stage.simulator.creations().is_empty());
    assert!(stage.simulator.tenant().misuses().is_empty(), "{:?}", stage.simulator.tenant().misuses());
}

#[tokio::test]
async fn the_sync_tells_what_the_doctor_tells_of_fields_and_of_skills_for_other_contacts() {
    let (mut config, routes) = with_digital();
    config.custom_fields[0] = CustomField { kind: FieldKind::Date, ..CustomField::text("caseRef") };
    let stage = Stage::with_routes(config, &routes).await;
    let of = |attribute: &str, kind: &str| json!({ "route": "case", "attribute": attribute, "kind": kind });
    let process = stage.process(Function::Sync, &[]).await;
    for (idents, kind) in [(&["caseRef"][..], "type-changed"), (&["CaseRef"], "case-differs"), (&[], "unregistered")] {
        let report = process.invoke(question()).await.unwrap();
        assert_eq!(verdicts(&report, "custom-field"), ["fail"], "{kind}: {report:#}");
        let summary = process.invoke(json!({ "task": "attribute-schema" })).await.unwrap();
        assert_eq!(summary["drift"], json!([of("string:caseRef", kind)]), "{idents:?}: {summary}");
        // The next field is told apart from this one.
        let next = if kind == "type-changed" { vec![CustomField::text("CaseRef")] } else { Vec::new() };
        stage.simulator.tenant().config_mut().custom_fields = next;
    }
    let health = json!({ "task": "queue-health" });
    let sound = process.invoke(health.clone()).await.unwrap();
    assert_eq!((sound.get("drift"), sound["skills"].as_array().unwrap().len()), (None, 5), "{sound}");
    stage.simulator.tenant().skill_mut(4015).unwrap().media_type_id = 6;
    let drifting = process.invoke(health.clone()).await.unwrap();
    assert_eq!(drifting["drift"], json!([of("skillId:4015", "media-type")]), "{drifting}");
    assert_eq!(drifting["skills"], sound["skills"], "its status is judged as before");
    let both = process.invoke(json!({})).await.unwrap();
    let expected = json!([of("string:caseRef", "unregistered"), of("skillId:4015", "media-type")]);
    assert_eq!(both["drift"], expected, "{both}");
    assert!(process.output().contains("\"SchemaDrift\":1.0"), "{}", process.output());
    assert!(process.output().contains("the skill is for another kind of contacts"), "{}", process.output());
    // Where many skills are asked about one by one, too.
    stage.simulator.add_fault(Fault::always(Endpoint::Skills, Effect::bare(403)));
    let alone = process.invoke(health).await.unwrap();
    assert_eq!(alone["drift"], json!([of("skillId:4015", "media-type")]), "{alone}");
    let report = process.invoke(question()).await.unwrap();
    assert_eq!(verdicts(&report, "target")[5], "warn", "{report:#}");
}

#[tokio::test]
async fn a_key_that_was_refused_before_is_examined_all_the_same_and_serves_at_once_when_it_is_mended() {
    let stage = Stage::of_tenant(tenant(1)).await;
    stage.simulator.tenant().config_mut().access_keys[0].active = false;
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["deferred unauthorized"]);
    let report = stage.worker().invoke(question()).await.unwrap();
    assert_eq!(verdicts(&report, "grant"), ["fail"]);
    assert!(detail(&report, "grant").contains("400 in") && detail(&report, "grant").contains("invalid_grant"));
    assert_eq!(verdicts(&report, "reads"), ["skipped"]);
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "2")]).await, ["deferred unauthorized"]);
    stage.simulator.tenant().config_mut().access_keys[0].active = true;
    let report = stage.worker().invoke(question()).await.unwrap();
    assert_eq!(verdicts(&report, "grant"), ["ok"]);
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "3")]).await, ["injected"]);
}

#[tokio::test]
async fn a_clock_that_is_a_minute_and_more_off_is_told_with_how_much() {
    let stage = sound().await;
    for (off, verdict) in [(-3_000, "ok"), (20_000, "warn"), (-90_000, "fail")] {
        let worker = stage.worker_with(super::stage::emulator().endpoint(), off);
        let report = worker.invoke(question()).await.unwrap();
        assert_eq!(verdicts(&report, "clock"), [verdict], "{off}: {report:#}");
        stage.advance(Duration::from_secs(300));
    }
}

#[tokio::test]
async fn a_secret_that_was_spoilt_since_the_start_is_told_by_its_form_alone() {
    let stage = sound().await;
    let process = stage.process(Function::Inject, &[]).await;
    let keys = stage.simulator.tenant().config().access_keys.clone();
    let client = |key: &cxone_simulator::nice::AccessKey, secret: &str| {
        json!({
            "access_key_id": key.access_key_id, "access_key_secret": secret,
            "client_id": key.client_id, "client_secret": key.client_secret
        })
    };
    let strayed = [client(&keys[0], &format!("{} ", keys[0].access_key_secret)), client(&keys[1], "ABCDEFGHIJ")];
    stage.put_secret(&json!({ "clients": strayed }).to_string()).await;
    let report = process.invoke(question()).await.unwrap();
    assert_eq!(verdicts(&report, "secret"), ["warn"], "{report:#}");
    let told = detail(&report, "secret");
    assert!(told.contains("client 0's access_key_secret has white space"), "{told}");
    assert!(told.contains("client 1's access_key_secret seems to have lost `=`"), "{told}");
    assert_eq!(verdicts(&report, "grant"), ["fail"]);
    stage.put_secret("hunter2").await;
    let report = process.invoke(question()).await.unwrap();
    assert_eq!(verdicts(&report, "secret"), ["fail"]);
    assert!(detail(&report, "secret").contains("what it held before its last change serves"), "{report:#}");
    assert!(!report.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_gateway_in_cxones_place_is_told_from_cxone() {
    let stage = sound().await;
    let CxoneApi::Tenant { issuer } = stage.simulator.api() else { panic!("a tenant") };
    let based = stage.process(Function::Inject, &[("CXONE_BASE_URL", &issuer)]).await;
    stage.simulator.add_fault(AnyFault::always(
        Endpoint::CxoneConfiguration,
        Effect::member("/api_endpoint", Some(json!("https://gateway.example.com"))),
    ));
    let report = based.invoke(question()).await.unwrap();
    assert_eq!(
        (verdicts(&report, "configuration"), verdicts(&report, "reads")),
        (vec!["warn".into()], vec!["ok".into()])
    );
    let report = stage.worker().invoke(question()).await.unwrap();
    assert_eq!(verdicts(&report, "configuration"), ["fail"], "{report:#}");
    stage.simulator.clear_faults();
    stage.simulator.add_fault(Fault::always(Endpoint::OpenidConfiguration, Effect::html(502)));
    let report = stage.process(Function::Sync, &[]).await.invoke(question()).await.unwrap();
    assert!(["warn", "fail"].contains(&verdicts(&report, "discovery")[0].as_str()), "{report:#}");
    assert!(detail(&report, "discovery").contains("502"), "{report:#}");
}

fn probing() -> Value {
    json!({ "doctor": { "probeWrite": true } })
}

/// Requests for work items, so far.
fn asked_for(stage: &Stage<Simulator>) -> usize {
    stage.simulator.requests().iter().filter(|request| request.endpoint == Endpoint::WorkItems).count()
}

#[tokio::test]
async fn the_right_to_write_is_probed_where_it_is_asked_for_and_nothing_is_created() {
    let stage = sound().await;
    let process = stage.process(Function::Inject, &[]).await;
    let report = process.invoke(question()).await.unwrap();
    assert_eq!((verdicts(&report, "probe-write").len(), asked_for(&stage)), (0, 0), "{report:#}");
    let unasked = process.invoke(json!({ "doctor": { "probeWrite": false } })).await.unwrap();
    assert_eq!((verdicts(&unasked, "probe-write").len(), asked_for(&stage)), (0, 0), "{unasked:#}");
    let report = process.invoke(probing()).await.unwrap();
    assert_eq!((verdicts(&report, "probe-write"), asked_for(&stage)), (vec!["ok".to_owned()], 1), "{report:#}");
    assert_eq!(report["checks"].as_array().unwrap().last().unwrap()["name"], "probe-write");
    assert!(
        detail(&report, "probe-write").contains("400: it may write, and the refusal is known by its words"),
        "{report:#}"
    );
    let in_header = Effect::point_of_contact(TextForm::StatusDescription);
    stage.simulator.add_fault(Fault::always(Endpoint::WorkItems, in_header));
    let report = process.invoke(probing()).await.unwrap();
    assert_eq!((verdicts(&report, "probe-write"), asked_for(&stage)), (vec!["ok".to_owned()], 2), "{report:#}");
    stage.simulator.clear_faults();
    for key in &mut stage.simulator.tenant().config_mut().access_keys {
        key.denied = vec![Endpoint::WorkItems];
    }
    let report = process.invoke(probing()).await.unwrap();
    assert_eq!((&report["worst"], verdicts(&report, "probe-write")), (&json!("fail"), vec!["fail".to_owned()]));
    assert!(detail(&report, "probe-write").contains("403: it may not write"), "{report:#}");
    let before = asked_for(&stage);
    let sync = stage.process(Function::Sync, &[]).await.invoke(probing()).await.unwrap();
    assert_eq!((verdicts(&sync, "probe-write"), asked_for(&stage)), (vec!["skipped".to_owned()], before), "{sync:#}");
    assert!(stage.simulator.creations().is_empty());
    assert!(stage.simulator.tenant().misuses().is_empty(), "{:?}", stage.simulator.tenant().misuses());
}

#[tokio::test]
async fn an_examination_in_other_words_is_refused() {
    let stage = Stage::of_tenant(tenant(1)).await;
    for wrong in [json!({ "probe": true }), json!({ "probeWrite": "yes" }), json!({ "probeWrite": true, "x": 1 })] {
        let wrong = json!({ "doctor": wrong });
        assert!(stage.worker().invoke(wrong.clone()).await.is_err(), "{wrong}");
        assert!(stage.sync(wrong.clone()).await.is_err(), "{wrong}");
    }
    assert!(stage.simulator.requests().is_empty());
}

#[tokio::test]
async fn the_guides_api_is_examined_by_its_attributes_and_queues() {
    let mut scene = Scene::with_clients(2);
    scene.tenant.attributes.retain(|attribute| !attribute.key.ends_with("notes"));
    scene.tenant.attributes.push(AttributeDefinition::new(AttributeType::Number, "notes"));
    let stage = scene.start().await;
    let sync = stage.sync(question()).await.unwrap();
    let inject = stage.process(Function::Inject, &[]).await.invoke(probing()).await.unwrap();
    assert_eq!(verdicts(&inject, "probe-write"), ["skipped"], "{inject:#}");
    for report in [&inject, &sync] {
        assert_eq!((&report["profile"], &report["worst"]), (&json!("guide"), &json!("fail")), "{report:#}");
        for (name, verdict) in [
            ("secret", "ok"),
            ("discovery", "skipped"),
            ("grant", "ok"),
            ("configuration", "skipped"),
            ("clock", "ok"),
            ("reads", "warn"),
            ("payload", "skipped"),
            ("doubt", "ok"),
        ] {
            assert_eq!(verdicts(report, name), [verdict], "{name}: {report:#}");
        }
        let told = detail(report, "reads");
        assert!(told.contains("string:notes of route order is registered with another type"), "{told}");
        let checks = report["checks"].as_array().unwrap();
        let targets: Vec<_> = checks.iter().filter(|check| check["name"] == "target").collect();
        let failed: Vec<_> = targets.iter().filter(|check| check["verdict"] == "fail").collect();
        assert_eq!(failed.len(), 1, "{report:#}");
        assert!(!report.to_string().contains(NOWHERE), "its pointer tells which");
        assert!(targets.iter().any(|check| check["verdict"] == "ok") && targets.len() > 5);
    }
    assert_eq!(stage.simulator.contacts().len(), 0);
    stage.simulator.add_fault(AnyFault::always(GuideEndpoint::Token, cxone_simulator::Effect::status(401)));
    let report = stage.worker().invoke(question()).await.unwrap();
    assert_eq!((verdicts(&report, "grant"), verdicts(&report, "reads")), (vec!["fail".into()], vec!["skipped".into()]));
}

#[tokio::test]
async fn no_answer_and_no_log_of_an_examination_holds_a_secret_a_token_or_anything_of_a_person() {
    let mut config = tenant(2);
    config.points_of_contact[0].script_name = "Scripts\\pat.doe@example.com +15550109876".to_owned();
    config.points_of_contact[1].name = "Pat Doe".to_owned();
    let stage = Stage::with_routes(config, &tenant_routes()).await;
    let person =
        json!({ "name": "Pat Doe", "email": "pat.doe@example.com", "phone": "+15550109876", "agentId": "a-778899" });
    let endpoints = [
        Endpoint::OpenidConfiguration,
        Endpoint::CxoneConfiguration,
        Endpoint::Token,
        Endpoint::BusinessUnit,
        Endpoint::PointsOfContact,
        Endpoint::Skill,
        Endpoint::WorkItems,
    ];
    for endpoint in endpoints {
        stage.simulator.add_fault(Fault::always(endpoint, Effect::member("/person", Some(person.clone()))));
    }
    let mut seen = String::new();
    for function in [Function::Inject, Function::Sync] {
        let process = stage.process(function, &[("LOG_LEVEL", "TRACE")]).await;
        seen += &process.invoke(probing()).await.unwrap().to_string();
        seen += &process.output();
    }
    assert!(seen.contains("script Scripts\\\\[redacted] [redacted]"), "{seen}");
    let tenant = stage.simulator.tenant();
    let tokens = tenant.tokens().iter().map(|token| token.access_token().to_owned());
    let keys = tenant.config().access_keys.iter();
    let secrets = keys.flat_map(|key| [key.access_key_id[..5].to_owned(), key.access_key_secret.clone()]);
    let personal = ["Pat Doe", "pat.doe@example.com", "15550109876", "a-778899", "hush/+=", "injector@example.com"];
    let forbidden: Vec<_> = tokens.chain(secrets).chain(personal.map(str::to_owned)).collect();
    assert!(forbidden.len() >= 12);
    for value in forbidden {
        let percent = value.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        for form in [base64(&value), percent, value.replace('+', "%2B").replace('=', "%3D").replace('@', "%40"), value]
        {
            assert!(!seen.contains(&form), "{form} was told: {seen}");
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(text)
}
