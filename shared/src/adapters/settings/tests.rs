use super::*;

fn value(name: &str) -> Option<String> {
    Some(match name {
        "CXONE_PROFILE" => "guide".to_owned(),
        "CXONE_ISSUER" => "https://cxone.niceincontact.com".to_owned(),
        "CXONE_API_VERSION" => "v34.0".to_owned(),
        "CXONE_BASE_URL" => "https://api.example.com".to_owned(),
        "RATE_LIMIT" => "120".to_owned(),
        "RATE_WINDOW_SECONDS" => "60".to_owned(),
        "MAXIMUM_CONCURRENCY" => "2".to_owned(),
        "COMPLIANCE_BOUNDARY" => "outside".to_owned(),
        "QUEUE_HEALTH_MAX_AGE_SECONDS" => "180".to_owned(),
        "LOG_LEVEL" => "INFO".to_owned(),
        "ROUTES_PATH" => concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/inject-contacts/routes.json").to_owned(),
        "LAMBDA_TASK_ROOT" => return None,
        name if URGENT_VARIABLES.contains(&name) => return None,
        name => format!("the-{name}"),
    })
}

#[test]
fn a_whole_configuration_is_read() {
    let settings = InjectSettings::read(&value).unwrap();
    assert_eq!(settings.common.rate, Rate { limit: 120, window: Duration::from_secs(60) });
    assert_eq!(settings.ledger_table, "the-LEDGER_TABLE");
    assert_eq!(settings.queue_health_max_age, Duration::from_secs(180));
    assert_eq!(settings.urgent, None);
}

#[test]
fn a_version_is_one_that_was_published() {
    let version = |of: Option<&str>| {
        let read = |name: &str| match name {
            "AWS_LAMBDA_FUNCTION_VERSION" => of.map(str::to_owned),
            name => value(name),
        };
        InjectSettings::read(&read).unwrap().version
    };
    assert_eq!((version(None), version(Some("$LATEST"))), (None, None));
    assert_eq!(version(Some("42")).as_deref(), Some("42"));
}

#[test]
fn an_urgent_lane_is_whole_or_is_none() {
    let with = |concurrency: Option<&str>, arn: Option<&str>| {
        let read = |name: &str| match name {
            "URGENT_QUEUE_URL" => Some("https://sqs/urgent".to_owned()),
            "URGENT_QUEUE_ARN" => arn.map(str::to_owned),
            "URGENT_CONCURRENCY" => concurrency.map(str::to_owned),
            name => value(name),
        };
        InjectSettings::read(&read).map(|settings| settings.urgent).map_err(|error| error.to_string())
    };
    let whole = with(Some("3"), Some("arn:urgent")).unwrap().unwrap();
    assert_eq!((whole.queue_arn.as_str(), whole.concurrency), ("arn:urgent", 3));
    for (concurrency, arn, told) in [
        (Some("1"), Some("arn:urgent"), "URGENT_CONCURRENCY is '1'"),
        (Some("1001"), Some("arn:urgent"), "URGENT_CONCURRENCY is '1001'"),
        (None, Some("arn:urgent"), "URGENT_CONCURRENCY is not set"),
        (Some("2"), None, "URGENT_QUEUE_ARN is not set"),
    ] {
        let error = with(concurrency, arn).unwrap_err();
        assert!(error.contains(told) && error.contains("1 problem(s)"), "{error}");
    }
}

/// The configuration of a deployment for a tenant, but for what `other` says.
fn tenant(other: impl Fn(&str) -> Option<&'static str>) -> Result<Settings, SettingsError> {
    Settings::read(&|name| match (other(name), name) {
        (Some(text), _) => Some(text.to_owned()),
        (None, "CXONE_PROFILE") => Some("cxone".to_owned()),
        (None, "CXONE_BASE_URL") => Some(String::new()),
        (None, "ROUTES_PATH") => {
            Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/cxone/routes.json").to_owned())
        }
        (None, name) => value(name),
    })
}

#[test]
fn each_profile_has_its_own_meaning_of_an_empty_base_url() {
    let guide = Settings::read(&|name| if name == "CXONE_BASE_URL" { None } else { value(name) }).unwrap();
    assert_eq!(guide.cxone_base_url.as_deref(), Some("https://api.nicecxone.com"));
    assert_eq!(tenant(|_| None).unwrap().cxone_base_url, None, "discovery tells it");
    let base = |name: &str| (name == "CXONE_BASE_URL").then_some("https://gateway.example.com");
    assert_eq!(tenant(base).unwrap().cxone_base_url.as_deref(), Some("https://gateway.example.com"));
}

#[test]
fn an_issuer_that_is_none_of_cxones_needs_a_base_url() {
    let issuer = |name: &str| (name == "CXONE_ISSUER").then_some("https://login.example.com");
    let told = tenant(issuer).unwrap_err().to_string();
    assert!(told.contains("CXONE_ISSUER is none of CXone's"), "{told}");
    let both = |name: &str| issuer(name).or((name == "CXONE_BASE_URL").then_some("https://api.nicecxone.com"));
    assert!(tenant(both).is_ok());
    for (name, text) in [("CXONE_PROFILE", "nice"), ("CXONE_API_VERSION", "34"), ("CXONE_ISSUER", "http://a.example")] {
        let told = tenant(|asked| (asked == name).then_some(text)).unwrap_err().to_string();
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_variable() {
    let broken = |name: &str| match name {
        "CXONE_BASE_URL" => Some("http://api.example.com".to_owned()),
        "RATE_LIMIT" => Some("0".to_owned()),
        "LOG_LEVEL" => Some("LOUD".to_owned()),
        "SECRET_ARN" => None,
        "LEDGER_TABLE" => Some(" ".to_owned()),
        "COMPLIANCE_BOUNDARY" => Some("beside".to_owned()),
        "QUEUE_HEALTH_MAX_AGE_SECONDS" => Some("59".to_owned()),
        "ROUTES_PATH" => Some("/nowhere/routes.json".to_owned()),
        name => value(name),
    };
    let told = InjectSettings::read(&broken).unwrap_err().to_string();
    for name in [
        "CXONE_BASE_URL",
        "RATE_LIMIT",
        "LOG_LEVEL",
        "SECRET_ARN",
        "LEDGER_TABLE",
        "COMPLIANCE_BOUNDARY",
        "QUEUE_HEALTH_MAX_AGE_SECONDS",
        "/nowhere/routes.json",
    ] {
        assert!(told.contains(name), "{name} in {told}");
    }
    assert!(told.contains("8 problem(s)"), "{told}");
}

#[test]
fn what_is_read_is_what_is_listed() {
    use std::{cell::RefCell, collections::BTreeSet};
    let read = RefCell::new(BTreeSet::new());
    let spy = |name: &str| {
        read.borrow_mut().insert(name.to_owned());
        value(name)
    };
    let elsewhere = ["ROUTES_PATH", "LAMBDA_TASK_ROOT"];
    let listed = |own: &[&str]| {
        VARIABLES.iter().chain(own).chain(&elsewhere).map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()
    };
    let of_a_tenant = ["CXONE_ISSUER", "CXONE_API_VERSION"].map(str::to_owned);
    Settings::read(&spy).unwrap();
    read.borrow_mut().extend(of_a_tenant.clone());
    assert_eq!(read.take(), listed(&[]));
    InjectSettings::read(&spy).unwrap();
    read.borrow_mut().extend(of_a_tenant);
    assert!(read.borrow_mut().remove("AWS_LAMBDA_FUNCTION_VERSION"), "Lambda's own, and in no template");
    assert_eq!(read.take(), listed(&[INJECT_VARIABLES, URGENT_VARIABLES].concat()));
}
