//! The whole examination of a tenant that is played by the simulator's rules, without a network.

mod digital;
mod probe;
mod stage;

use cxone_simulator::nice::{
    AccessKey, ApiEndpoint, CustomField, Effect, Endpoint, Fault, Instead, PointOfContact, Skill,
};
use serde_json::{Value, json};

use self::stage::{KEY, SECRET, Stage, usual};
use super::{Check, Grade, Report};

fn grades(report: &Report) -> Vec<(&'static str, Grade)> {
    report.checks.iter().map(|check| (check.name, check.verdict)).collect()
}

fn only<'r>(report: &'r Report, name: &str) -> &'r Check {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

#[test]
fn a_sound_deployment_is_told_to_be_so_check_by_check_in_order() {
    let stage = Stage::new(usual());
    let report = stage.examine();
    let names: Vec<_> = grades(&report).into_iter().map(|(name, _)| name).collect();
    let expected = ["secret", "discovery", "grant", "claims", "configuration", "clock", "reads", "target", "target"];
    assert_eq!(names, [&expected[..], &["target"; 3], &["custom-field", "payload", "doubt"]].concat());
    assert_eq!((report.profile, report.worst), ("cxone", Grade::Ok), "{report:#?}");
    let pointers: Vec<_> = report.checks.iter().filter_map(|check| check.pointer.as_deref()).collect();
    let targets = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)].map(|(route, at)| format!("/routes/{route}/targets/{at}"));
    let expected = targets.iter().map(String::as_str).chain(["/routes/2", "/routes/0"]);
    assert_eq!(pointers, expected.collect::<Vec<_>>());
    assert_eq!(stage.misuses(), 0);
    insta::assert_json_snapshot!(report);
    assert!(only(&report, "grant").detail.contains("under MDAQ…: 200 in"), "{report:#?}");
    assert_eq!(stage.created(), 0, "nothing was injected");
}

#[test]
fn the_client_is_given_back_with_its_token_and_the_next_examination_has_it_again() {
    let stage = Stage::new(usual());
    assert_eq!(stage.examine().worst, Grade::Ok);
    assert_eq!(stage.examine().worst, Grade::Ok);
    assert_eq!(stage.held(), 0);
}

#[test]
fn a_refused_grant_is_told_by_its_code_and_what_needs_a_token_is_skipped() {
    for (error, words) in [("invalid_client", "the pair of client_id"), ("invalid_grant", "the access key")] {
        let stage = Stage::new(usual().with_fault(Fault::always(Endpoint::Token, Effect::oauth(400, error))));
        for _ in 0..2 {
            let report = stage.examine();
            let grant = only(&report, "grant");
            assert!(grant.verdict == Grade::Fail && grant.detail.contains(error), "{grant:?}");
            assert!(grant.detail.contains(words), "{grant:?}");
            for name in ["claims", "configuration", "reads", "target"] {
                assert_eq!(only(&report, name).verdict, Grade::Skipped, "{name}");
            }
            assert_eq!(
                [only(&report, "discovery"), only(&report, "payload")].map(|check| check.verdict),
                [Grade::Ok; 2]
            );
            assert_eq!(report.worst, Grade::Fail);
        }
    }
}

#[test]
fn a_foreign_token_endpoint_fails_and_is_told_nothing() {
    let foreign = Effect::member("/token_endpoint", Some(json!("https://login.example.com/token")));
    let stage = Stage::new(usual().with_fault(Fault::always(Endpoint::OpenidConfiguration, foreign)));
    let report = stage.examine();
    let discovery = only(&report, "discovery");
    assert!(
        discovery.verdict == Grade::Fail && discovery.detail.contains("https://login.example.com"),
        "{discovery:?}"
    );
    assert_eq!(only(&report, "grant").verdict, Grade::Skipped);
    assert_eq!(stage.asked(Endpoint::Token), 0);
}

#[test]
fn a_strange_api_endpoint_stops_all_without_a_base_url_and_warns_with_one() {
    let mut config = usual();
    config.api_endpoint = ApiEndpoint::Url("https://api.example.com".to_owned());
    let report = Stage::new(config.clone()).examine();
    assert_eq!(only(&report, "configuration").verdict, Grade::Fail, "{report:#?}");
    assert_eq!([only(&report, "grant").verdict, only(&report, "reads").verdict], [Grade::Ok, Grade::Skipped]);
    let report = Stage::based(config).examine();
    assert_eq!(only(&report, "configuration").verdict, Grade::Warn, "{report:#?}");
    assert_eq!(only(&report, "reads").verdict, Grade::Ok);
}

#[test]
fn a_tenant_that_discovery_does_not_know_fails() {
    let stage = Stage::new(usual().with_fault(Fault::always(Endpoint::CxoneConfiguration, Effect::bare(404))));
    let report = stage.examine();
    let configuration = only(&report, "configuration");
    assert!(configuration.verdict == Grade::Fail && configuration.detail.contains("404"), "{configuration:?}");
    assert_eq!(only(&report, "grant").verdict, Grade::Ok);
}

#[test]
fn a_token_without_a_tenant_needs_a_base_url() {
    let mut config = usual();
    (config.tokens.id_token, config.tokens.claims_tenant) = (false, false);
    let report = Stage::new(config.clone()).examine();
    assert_eq!(only(&report, "configuration").verdict, Grade::Fail, "{report:#?}");
    assert_eq!(only(&report, "claims").verdict, Grade::Warn);
    let report = Stage::based(config).examine();
    assert_eq!(only(&report, "configuration").verdict, Grade::Skipped, "{report:#?}");
    assert_eq!(only(&report, "reads").verdict, Grade::Ok);
}

#[test]
fn claims_of_another_time_show_at_the_clock() {
    for (seconds, grade) in [(3, Grade::Ok), (30, Grade::Warn), (-30, Grade::Warn), (600, Grade::Fail)] {
        let skewed = Fault::always(Endpoint::Token, Effect::SkewedClaims { seconds });
        let report = Stage::new(usual().with_fault(skewed)).examine();
        assert_eq!(only(&report, "clock").verdict, grade, "{seconds}: {report:#?}");
    }
}

#[test]
fn an_issuer_of_another_name_is_warned_of() {
    let mut config = usual();
    config.issuer = Some("https://cxone-gov.niceincontact.com".to_owned());
    let report = Stage::new(config).examine();
    let claims = only(&report, "claims");
    assert!(claims.verdict == Grade::Warn && claims.detail.contains("another than CxoneIssuer"), "{claims:?}");
}

#[test]
fn a_right_that_is_missing_is_named_and_its_lack_weighed_by_who_needs_it() {
    let denied = |endpoints: &[Endpoint]| {
        let mut config = usual();
        config.access_keys[0].denied = endpoints.to_vec();
        Stage::new(config).examine()
    };
    let report = denied(&[Endpoint::ServerTime, Endpoint::BusinessUnit]);
    let reads = only(&report, "reads");
    assert!(reads.verdict == Grade::Warn && reads.detail.contains("server-time 403"), "{reads:?}");
    let report = denied(&[Endpoint::PointsOfContact]);
    assert_eq!((only(&report, "reads").verdict, only(&report, "target").verdict), (Grade::Warn, Grade::Warn));
    let report = denied(&[Endpoint::Skills, Endpoint::Skill]);
    let reads = only(&report, "reads");
    assert!(reads.verdict == Grade::Warn && reads.detail.contains("no maxQueueCount, no fallback"), "{reads:?}");
    let own = [Endpoint::ServerTime, Endpoint::BusinessUnit, Endpoint::PointsOfContact, Endpoint::Skill];
    let all = [&own[..], &[Endpoint::Skills, Endpoint::Channel, Endpoint::CustomFields]].concat();
    assert!(only(&denied(&all), "reads").detail.contains("every read is forbidden"));
}

#[test]
fn a_health_that_may_not_be_read_stops_only_the_routes_that_hold_without_it() {
    let reads = |route: usize, word: &str, skill: bool| {
        let mut config = usual();
        config.access_keys[0].denied = vec![Endpoint::Skill, Endpoint::Skills];
        let stage = Stage::routed(config, |file| {
            file["routes"][route]["onUnknownHealth"] = word.into();
            if !skill {
                file["routes"][route]["targets"][0]["workItem"].as_object_mut().unwrap().remove("skillId");
            }
        });
        let reads = only(&stage.examine(), "reads").clone();
        (reads.verdict, reads.detail.matches("can't inject there").count(), reads.detail)
    };
    for skill in [true, false] {
        let (grade, stopped, detail) = reads(1, "hold", skill);
        assert_eq!((grade, stopped), (Grade::Fail, 1), "{detail}");
        assert!(detail.contains("skills/4014/activity: 403, and the routes payments, which hold"), "{detail}");
        assert!(detail.contains("skills/4012/activity: 403, and its targets get contacts"), "{detail}");
    }
    let (grade, stopped, detail) = reads(0, "hold", true);
    assert!((grade, stopped) == (Grade::Fail, 2) && detail.contains("the routes orders, which"), "{detail}");
    let (grade, stopped, detail) = reads(1, "inject", true);
    assert_eq!((grade, stopped), (Grade::Warn, 0), "{detail}");
}

#[test]
fn many_skills_are_read_at_once_and_one_by_one_where_that_is_forbidden() {
    let mut config = usual();
    config.points_of_contact.push(PointOfContact::new(9, "Spare", 4017));
    config.skills.push(Skill::open(4017));
    // One more, which is its point of contact's alone.
    let spare = |file: &mut Value| {
        let spare = json!({ "workItem": { "pointOfContact": "9 - Spare" } });
        file["routes"][0]["targets"].as_array_mut().unwrap().push(spare);
    };
    let stage = Stage::routed(config.clone(), spare);
    let report = stage.examine();
    assert!(only(&report, "reads").detail.contains("skills/activity 200"), "{report:#?}");
    assert_eq!([Endpoint::Skills, Endpoint::Skill].map(|endpoint| stage.asked(endpoint)), [1, 0]);
    config.access_keys[0].denied = vec![Endpoint::Skills];
    let stage = Stage::routed(config, spare);
    let reads = only(&stage.examine(), "reads").clone();
    assert!(reads.verdict == Grade::Ok && reads.detail.contains("skills/activity 403, so that"), "{reads:?}");
    assert_eq!([Endpoint::Skills, Endpoint::Skill].map(|endpoint| stage.asked(endpoint)), [1, 6]);
}

#[test]
fn a_version_that_is_not_served_is_suspected() {
    let mut config = usual();
    config.api_version = "v35.0".to_owned();
    let report = Stage::new(config).examine();
    let reads = only(&report, "reads");
    assert!(reads.verdict == Grade::Fail && reads.detail.contains("CxoneApiVersion"), "{reads:?}");
}

#[test]
fn each_target_is_told_by_itself() {
    let mut config = usual();
    config.points_of_contact[0].active = false;
    config.points_of_contact[1].name = "Elsewhere".to_owned();
    config.skills.retain(|skill| skill.id != 4014);
    let report = Stage::new(config).examine();
    let targets: Vec<_> = report.checks.iter().filter(|check| check.name == "target").take(3).collect();
    assert_eq!(targets.iter().map(|check| check.verdict).collect::<Vec<_>>(), [Grade::Fail; 3], "{targets:#?}");
    assert!(targets[0].detail.contains("not active") && targets[1].detail.contains("spelled so"), "{targets:#?}");
    assert!(targets[2].detail.contains("skill 4014 isn't there"), "{targets:#?}");
}

#[test]
fn a_secret_that_cannot_be_used_leaves_the_routes_to_look_at() {
    let stage = Stage::new(usual()).with_secret(&json!({ "clients": [{ "access_key_id": KEY }] }));
    let report = stage.examine();
    let secret = only(&report, "secret");
    assert!(secret.verdict == Grade::Fail && secret.detail.contains("has no access_key_secret"), "{secret:?}");
    assert_eq!([only(&report, "grant").verdict, only(&report, "doubt").verdict], [Grade::Fail, Grade::Ok]);
    assert_eq!(only(&report, "target").verdict, Grade::Skipped);
}

#[test]
fn a_client_of_another_worker_is_no_fault_of_the_deployment() {
    let stage = Stage::new(usual());
    stage.hold();
    let report = stage.examine();
    assert_eq!((only(&report, "grant").verdict, report.worst), (Grade::Warn, Grade::Warn), "{report:#?}");
}

#[test]
fn the_older_grant_is_told_as_such() {
    let mut config = usual();
    config.access_keys = vec![AccessKey::new(KEY, SECRET)];
    let endpoint = "https://cxone.niceincontact.com/authentication/v1/token/access-key";
    let client = json!({ "access_key_id": KEY, "access_key_secret": SECRET, "token_endpoint": endpoint });
    let report = Stage::new(config).with_secret(&client).examine();
    assert!(only(&report, "grant").detail.starts_with("access-key grant"), "{report:#?}");
    assert_eq!(only(&report, "discovery").verdict, Grade::Skipped);
    assert_eq!(only(&report, "reads").verdict, Grade::Ok);
}

/// What a tenant's answers may hold of people, and the secret things.
const PERSONAL: [&str; 6] =
    ["Pat Doe", "pat.doe@example.com", "15550109876", "agent-778899", "user-445566", "4111111111111111"];

/// Everything about a person, in a row that has nothing else.
fn person() -> Value {
    json!({
        "name": "Pat Doe", "firstName": "Pat Doe", "email": "pat.doe@example.com", "agentId": "agent-778899",
        "userId": "user-445566", "phone": "+15550109876", "card": "4111111111111111",
    })
}

fn full_of_people() -> cxone_simulator::nice::Config {
    let mut config = usual();
    let free = "pat.doe@example.com +15550109876 4111111111111111";
    config.points_of_contact[0].script_name = free.to_owned();
    config.points_of_contact[1].name = format!("Pat Doe {free}");
    config.points_of_contact[2].script_name = format!("{}pat.doe@example.com", "x".repeat(195));
    config.area = "Pat Doe".to_owned();
    config.cluster = "+15550109876".to_owned();
    config.skills.push(Skill { name: "Pat Doe".to_owned(), ..Skill::open(4099) });
    config.channels[0].name = "Pat Doe".to_owned();
    config.custom_fields.push(CustomField {
        label: Some("Pat Doe".to_owned()),
        required: true,
        ..CustomField::text("pat.doe@example.com")
    });
    let endpoints = [
        (Endpoint::OpenidConfiguration, "/person"),
        (Endpoint::CxoneConfiguration, "/person"),
        (Endpoint::Token, "/person"),
        (Endpoint::ServerTime, "/ServerTime"),
        (Endpoint::BusinessUnit, "/person"),
        (Endpoint::Skill, "/person"),
        (Endpoint::Channel, "/person"),
        (Endpoint::CustomFields, "/0/person"),
        (Endpoint::WorkItems, "/person"),
    ];
    for (endpoint, pointer) in endpoints {
        config = config.with_fault(Fault::always(endpoint, Effect::member(pointer, Some(person()))));
    }
    config
}

/// An answer in whose words there is a person.
fn personal(status: u16) -> Effect {
    let words = format!("workItemPayload is of {}", PERSONAL.join(" "));
    match Effect::bare(status) {
        Effect::Answer(bare) => Effect::Answer(Instead { text: Some(words), ..bare }),
        other => other,
    }
}

#[test]
fn nothing_of_a_person_a_key_or_a_token_is_told_whatever_cxone_says() {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };
    let error = Effect::oauth(400, "tel-15550109876");
    let mut scenes = vec![Stage::new(full_of_people()), Stage::based(full_of_people())];
    scenes.push(Stage::new(usual().with_fault(Fault::always(Endpoint::Token, error))));
    let mut refused = full_of_people();
    refused.access_keys[0].active = false;
    scenes.push(Stage::new(refused));
    scenes.push(
        Stage::new(full_of_people()).with_secret(&json!({ SECRET: KEY, "access_key_id": "pat.doe@example.com" })),
    );
    let blind = scenes.len();
    for effect in [Effect::oauth(400, "tel-15550109876"), personal(400), personal(202)] {
        scenes.push(Stage::new(full_of_people().with_fault(Fault::always(Endpoint::WorkItems, effect))));
    }
    for (scene, stage) in scenes.iter().enumerate() {
        let told = serde_json::to_string(&stage.probe()).unwrap();
        let tokens = stage.tokens();
        assert_eq!(tokens.is_empty(), (2..blind).contains(&scene), "scene {scene}: {told}");
        assert!(!told.contains("+1555") && !told.contains("%2B1555"), "scene {scene}: {told}");
        let forbidden =
            PERSONAL.into_iter().map(str::to_owned).chain(tokens.iter().flat_map(|token| {
                token.split('.').filter(|part| part.len() > 8).map(str::to_owned).collect::<Vec<_>>()
            }));
        let secrets = [&KEY[..5], &SECRET[..8], "hush-client", "the-app", "user:MDAQ", "injector@example.com"];
        for value in forbidden.chain(secrets.map(str::to_owned)) {
            let percent = value.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let forms = [value.clone(), STANDARD.encode(&value), URL_SAFE_NO_PAD.encode(&value), percent, form];
            for form in forms {
                assert!(!told.contains(&form), "scene {scene}: {form} of {value} is in {told}");
            }
        }
    }
}
