//! The right to write, told by a work item that nobody takes.

use cxone_simulator::nice::{Config, Effect, Encoding, Endpoint, Fault, PointOfContact, TextForm};

use super::{
    super::{Check, Grade, Role},
    only,
    stage::{Stage, usual},
};

/// What is found of a tenant.
fn probed(config: Config) -> (Stage, Check) {
    let stage = Stage::new(config);
    let report = stage.probe();
    let last = report.checks.last().unwrap().clone();
    assert_eq!(last.name, "probe-write", "it is the last");
    (stage, last)
}

/// What is found where a work item is answered so.
fn answered(effect: Effect) -> (Grade, String) {
    let (stage, check) = probed(usual().with_fault(Fault::always(Endpoint::WorkItems, effect)));
    assert!(stage.asked(Endpoint::WorkItems) >= 1);
    (check.verdict, check.detail)
}

#[test]
fn a_refused_point_of_contact_shows_that_it_may_write_and_creates_nothing() {
    let (stage, check) = probed(usual());
    assert_eq!(check.verdict, Grade::Ok, "{check:?}");
    for words in ["no such point of contact`, by v34.0 and as json", "400: it may write", "fallbacks work"] {
        assert!(check.detail.contains(words), "{words}: {check:?}");
    }
    assert_eq!((stage.asked(Endpoint::WorkItems), stage.created()), (1, 0));
    assert_eq!((stage.held(), stage.misuses()), (0, 0));
    let header = answered(Effect::point_of_contact(TextForm::StatusDescription));
    assert_eq!(header.0, Grade::Ok, "{header:?}");
}

#[test]
fn nothing_is_written_without_being_asked_for() {
    let stage = Stage::new(usual());
    let report = stage.examine();
    assert!(report.checks.iter().all(|check| check.name != "probe-write"));
    assert_eq!(stage.asked(Endpoint::WorkItems), 0);
}

#[test]
fn a_function_that_only_reads_does_not_probe() {
    let stage = Stage::new(usual());
    let report = stage.examine_as(Role::Reads, true);
    let check = only(&report, "probe-write");
    assert!(check.verdict == Grade::Skipped && check.detail.contains("only reads"), "{check:?}");
    assert_eq!(stage.asked(Endpoint::WorkItems), 0);
}

#[test]
fn without_a_token_or_a_client_nothing_is_probed() {
    let (stage, check) = probed(usual().with_fault(Fault::always(Endpoint::Token, Effect::bare(500))));
    assert_eq!((check.verdict, check.detail.as_str()), (Grade::Skipped, "there is no token"));
    assert_eq!(stage.asked(Endpoint::WorkItems), 0);
    let stage = Stage::new(usual());
    stage.hold();
    let report = stage.probe();
    let check = report.checks.last().unwrap();
    assert_eq!((check.name, check.verdict), ("probe-write", Grade::Skipped));
    assert_eq!(check.detail, "there is no client to ask with");
}

#[test]
fn a_right_that_is_missing_fails() {
    let mut config = usual();
    config.access_keys[0].denied = vec![Endpoint::WorkItems];
    let (stage, check) = probed(config);
    assert!(check.verdict == Grade::Fail && check.detail.contains("403: it may not write"), "{check:?}");
    assert_eq!(stage.created(), 0);
}

#[test]
fn an_encoding_that_is_not_taken_fails_and_is_named() {
    let mut config = usual();
    config.work_item_encodings = vec![Encoding::Query];
    let (_, check) = probed(config.clone());
    assert!(check.verdict == Grade::Fail && check.detail.contains("415"), "{check:?}");
    assert!(check.detail.contains("another workItemEncoding than json"), "{check:?}");
    for (name, taken) in [("query", Encoding::Query), ("form", Encoding::Form)] {
        config.work_item_encodings = vec![taken];
        let stage = Stage::routed(config.clone(), |file| file["cxone"]["workItemEncoding"] = name.into());
        let report = stage.probe();
        let check = only(&report, "probe-write");
        assert!(
            check.verdict == Grade::Ok && check.detail.contains(&format!("couldn't read the encoding {name},")),
            "{check:?}"
        );
    }
}

#[test]
fn a_400_of_other_words_may_be_the_encoding_or_the_words() {
    let (grade, detail) = answered(Effect::oauth(400, "invalid_request"));
    assert!(grade == Grade::Warn && detail.contains("400 (invalid_request): it may write"), "{detail}");
    let (grade, detail) = answered(Effect::bare(400));
    assert!(grade == Grade::Warn && detail.contains("400: it may write"), "{detail}");
}

#[test]
fn other_refusals_say_what_to_look_at() {
    for (status, grade, words) in [
        (401, Grade::Fail, "401: a new token is refused"),
        (404, Grade::Fail, "404: there is nothing at this address"),
        (405, Grade::Fail, "405: the request's form is refused"),
        (429, Grade::Warn, "429: the tenant is at its limit"),
        (500, Grade::Warn, "500: whether it may write isn't known"),
        (302, Grade::Warn, "302: whether it may write isn't known"),
    ] {
        let (found, detail) = answered(Effect::bare(status));
        assert!(found == grade && detail.contains(words), "{status}: {detail}");
    }
    let (grade, detail) = answered(Effect::rate_limited(7));
    assert!(grade == Grade::Warn && detail.contains("429: too many requests; whether"), "{detail}");
    let (grade, detail) = answered(Effect::HangBefore { milliseconds: 1 });
    assert!(grade == Grade::Warn && detail.contains("no answer: whether"), "{detail}");
}

#[test]
fn an_item_that_was_created_after_all_is_named_so_that_somebody_ends_it() {
    let mut config = usual();
    let nowhere = "contact-injection doctor: no such point of contact";
    config.points_of_contact.push(PointOfContact::new(9, nowhere, 4014));
    config.first_contact_id = 123_456_789_012_345_678;
    let (stage, check) = probed(config);
    assert_eq!((check.verdict, stage.created()), (Grade::Fail, 1));
    assert!(check.detail.contains("202: it may write, but a work item was created"), "{check:?}");
    assert!(check.detail.contains("contact 123456789012345678,") && check.detail.contains("end it"), "{check:?}");
    let (grade, detail) = answered(Effect::bare(202));
    assert!(grade == Grade::Fail && detail.contains("whose id CXone doesn't tell"), "{detail}");
}
