//! What is told of routes that lead to callbacks and into digital channels.

use cxone_simulator::nice::{Config, CustomField, Effect, Endpoint, Fault, FieldKind};
use serde_json::{Value, json};

use super::{Check, Grade, Report, only, stage::Stage, usual};

fn denied(endpoint: Endpoint) -> Report {
    let mut config = usual();
    config.access_keys[0].denied = vec![endpoint];
    Stage::new(config).examine()
}

/// The check of the third route's custom fields, where the tenant has these and the route is changed.
fn fields(fields: &[CustomField], change: impl Fn(&mut Value)) -> (Grade, String) {
    let config = Config { custom_fields: fields.to_vec(), ..usual() };
    let report = Stage::routed(config, |file| change(&mut file["routes"][2])).examine();
    let check = only(&report, "custom-field");
    assert_eq!(check.pointer.as_deref(), Some("/routes/2"));
    (check.verdict, check.detail.clone())
}

fn usual_fields() -> Vec<CustomField> {
    usual().custom_fields
}

fn date(ident: &str) -> CustomField {
    CustomField { kind: FieldKind::Date, ..CustomField::text(ident) }
}

#[test]
fn channels_and_fields_are_asked_for_only_where_a_route_is_digital_and_points_only_where_one_makes_work_items() {
    const ASKED: [Endpoint; 4] =
        [Endpoint::PointsOfContact, Endpoint::Channel, Endpoint::CustomFields, Endpoint::Channels];
    let examined = |change: fn(&mut Vec<Value>)| {
        let stage = Stage::routed(usual(), |file| change(file["routes"].as_array_mut().unwrap()));
        (stage.examine(), ASKED.map(|endpoint| stage.asked(endpoint)))
    };
    let (report, asked) = examined(|_| ());
    assert_eq!((report.worst, asked), (Grade::Ok, [1, 1, 1, 0]));
    let (report, asked) = examined(|routes| drop(routes.drain(2..)));
    assert_eq!((report.worst, asked), (Grade::Ok, [1, 0, 0, 0]));
    let check = only(&report, "custom-field");
    assert_eq!((check.verdict, check.pointer.as_deref()), (Grade::Skipped, None));
    assert!(!only(&report, "reads").detail.contains("channels"), "{report:#?}");
    let (report, asked) = examined(|routes| drop(routes.drain(..2)));
    assert_eq!((report.worst, asked), (Grade::Ok, [0, 1, 1, 0]));
    assert_eq!(only(&report, "payload").verdict, Grade::Skipped);
    assert!(!only(&report, "reads").detail.contains("points-of-contact"), "{report:#?}");
}

#[test]
fn custom_fields_that_cannot_be_read_stop_the_routes_that_need_them() {
    let report = denied(Endpoint::CustomFields);
    let reads = only(&report, "reads");
    assert!(reads.verdict == Grade::Fail && reads.detail.contains("consumer-contact-custom-fields 403"), "{reads:?}");
    assert!(reads.detail.contains("the digital targets of the routes escalations are passed over"), "{reads:?}");
    assert_eq!(only(&report, "custom-field").verdict, Grade::Skipped);
    for (effect, grade) in [(Effect::bare(503), Grade::Warn), (Effect::html(200), Grade::Fail)] {
        let report = Stage::new(usual().with_fault(Fault::always(Endpoint::CustomFields, effect))).examine();
        assert_eq!(only(&report, "reads").verdict, grade, "{report:#?}");
    }
    let nowhere = Fault::always(Endpoint::CustomFields, Effect::bare(404));
    let report = Stage::new(usual().with_fault(nowhere)).examine();
    assert!(only(&report, "reads").detail.contains("is digitalBaseUrl's to say"), "{report:#?}");
}

#[test]
fn a_channel_is_told_from_one_that_may_not_be_looked_at() {
    let target = |report: &Report| {
        let check: &Check = report.checks.iter().rfind(|check| check.name == "target").unwrap();
        (check.verdict, check.pointer.clone().unwrap())
    };
    let report = denied(Endpoint::Channel);
    let reads = only(&report, "reads");
    assert!(reads.verdict == Grade::Warn && reads.detail.contains("channels/chat_0B7c: 403"), "{reads:?}");
    assert_eq!(target(&report), (Grade::Warn, "/routes/2/targets/1".to_owned()));
    let report = Stage::new(Config { channels: Vec::new(), ..usual() }).examine();
    assert_eq!((only(&report, "reads").verdict, target(&report).0), (Grade::Ok, Grade::Fail), "{report:#?}");
}

#[test]
fn an_attribute_that_is_no_custom_field_is_told_by_its_name_and_why() {
    assert_eq!(fields(&usual_fields(), |_| ()).0, Grade::Ok);
    let number = CustomField::text("callbackNumber");
    let (grade, detail) = fields(std::slice::from_ref(&number), |_| ());
    assert!(grade == Grade::Fail && detail.contains("string:caseRef is no custom field: an event"), "{detail}");
    assert!(detail.contains("as unregistered-attribute"), "{detail}");
    let (grade, detail) = fields(&[CustomField::text("CaseRef"), number.clone()], |_| ());
    assert!(grade == Grade::Fail && detail.contains("string:caseRef is no custom field, did you mean CaseRef?"));
    let (grade, detail) = fields(&[date("caseRef"), number.clone()], |_| ());
    assert!(grade == Grade::Fail && detail.contains("map it as date:caseRef"), "{detail}");
    let typed = |route: &mut Value| {
        route["attributes"] = json!({ "date:caseRef": { "path": "$.at" }, "number:sum": { "path": "$.sum" } });
    };
    assert_eq!(fields(&[date("caseRef"), CustomField::text("sum"), number.clone()], typed).0, Grade::Ok);
    let stripped = |route: &mut Value| route["attributes"]["string:id"] = json!({ "path": "$.id", "pii": "strip" });
    let (grade, detail) = fields(&usual_fields(), stripped);
    assert!(grade == Grade::Warn && detail.contains("1 of 2 attributes are custom fields"), "{detail}");
}

#[test]
fn a_number_to_call_back_without_a_field_does_not_go_out() {
    let of = |number: Option<CustomField>| {
        let known = [CustomField::text("caseRef")];
        fields(&known.into_iter().chain(number).collect::<Vec<_>>(), |_| ())
    };
    let (grade, detail) = of(None);
    assert!(grade == Grade::Warn && detail.contains("callbackNumber doesn't go out there"), "{detail}");
    assert_eq!(of(Some(CustomField::text("callbacknumber"))).0, Grade::Warn);
    assert_eq!(of(Some(date("callbackNumber"))).0, Grade::Fail);
}

#[test]
fn a_required_field_that_no_attribute_is_may_keep_contacts_incomplete() {
    let required = |ident: &str| CustomField { required: true, ..CustomField::text(ident) };
    let known = [required("caseRef"), required("callbackNumber"), required("region")];
    let (grade, detail) = fields(&known, |_| ());
    assert!(grade == Grade::Warn && detail.contains("the custom field region is required"), "{detail}");
    assert_eq!(detail.matches("is required").count(), 1, "{detail}");
    let mapped = |route: &mut Value| route["attributes"]["string:region"] = json!({ "path": "$.region" });
    assert_eq!(fields(&known, mapped).0, Grade::Ok);
    let flattened = |route: &mut Value| route["flatten"] = json!({ "path": "$.more", "prefix": "region" });
    assert_eq!(fields(&known, flattened).0, Grade::Ok);
    // Somebody's data where a name should be.
    let (_, detail) = fields(&[required("pat@example.com")], |_| ());
    assert!(!detail.contains("pat@") && detail.contains("the custom field [redacted] is required"), "{detail}");
}

#[test]
fn what_a_route_flattens_has_to_be_custom_fields_unless_it_may_be_left_out() {
    let flatten = |unregistered: &'static str| {
        move |route: &mut Value| {
            route["flatten"] = json!({ "path": "$.more", "prefix": "more", "unregistered": unregistered });
        }
    };
    let (grade, detail) = fields(&usual_fields(), flatten("reject"));
    assert!(grade == Grade::Warn && detail.contains("0 custom fields begin with more"), "{detail}");
    assert_eq!(fields(&usual_fields(), flatten("drop")).0, Grade::Ok);
    let more = [usual_fields(), vec![CustomField::text("moreColour")]].concat();
    assert_eq!(fields(&more, flatten("reject")).0, Grade::Ok);
}

#[test]
fn a_deployment_without_work_items_is_not_probed() {
    let stage = Stage::routed(usual(), |file| drop(file["routes"].as_array_mut().unwrap().drain(..2)));
    assert_eq!(only(&stage.probe(), "probe-write").verdict, Grade::Skipped);
    assert_eq!((stage.asked(Endpoint::WorkItems), stage.created()), (0, 0));
}
