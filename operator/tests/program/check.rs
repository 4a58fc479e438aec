//! `check`: the shipped routes and their cases, and what is said of files that are wrong.

use std::path::{Path, PathBuf};

use contact_injection::adapters::{dynamodb::DynamoRegistry, environment::System};
use contact_injection::domain::attributes::{AttributeDefinition, AttributeType, Schema};
use contact_injection::ports::{Environment as _, Registry as _, SchemaSnapshot};
use contact_injection_tests::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::stage::{Ran, Stage, ran};

/// The program on the shipped routes, with no network to go to.
async fn check(words: &[&str]) -> Ran {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_contact-injection"));
    command.arg("check").args(words).current_dir(workspace_root()).env_clear();
    ran(command.output().await.unwrap())
}

const SCHEMA: &str = "tests/fixtures/upstream/schema.json";
const CASES: &str = "functions/inject-contacts/cases";

/// A file with this text.
fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn shipped_case() -> Value {
    let text = std::fs::read_to_string(workspace_root().join(CASES).join("orders.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[0].clone()
}

/// The program on the routes of a tenant.
async fn check_tenants(words: &[&str]) -> Ran {
    let tenants = ["--cxone-profile", "cxone", "--routes", "tests/fixtures/cxone/routes.json"];
    check(&[&tenants, words].concat()).await
}

const TENANTS_CASES: &str = "tests/fixtures/cxone/cases";
const UNCHECKED: &str = "custom fields are not checked";

#[tokio::test]
async fn a_tenants_routes_are_checked_as_its_deployment_has_them() {
    let good = check_tenants(&[TENANTS_CASES]).await;
    assert_eq!((good.code, good.err.as_str()), (Some(0), ""), "{good:?}");
    assert!(good.out.contains("3 routes; 5 cases: 5 as expected") && good.out.contains(UNCHECKED), "{}", good.out);
    let as_the_guides = check(&["--routes", "tests/fixtures/cxone/routes.json"]).await;
    assert_eq!(as_the_guides.code, Some(1));
    assert!(as_the_guides.out.contains("/routes/0/targets/0/workItem"), "{}", as_the_guides.out);
    let as_a_tenants = check(&["--cxone-profile", "cxone"]).await;
    assert_eq!(as_a_tenants.code, Some(1));
    for pointer in ["/routes/0/channel", "/routes/0/targets/0/queueId"] {
        assert!(as_a_tenants.out.contains(pointer), "{pointer}: {}", as_a_tenants.out);
    }
}

#[tokio::test]
async fn what_a_tenants_routes_take_is_explained() {
    let explained = check_tenants(&["--explain"]).await;
    assert_eq!(explained.code, Some(0), "{explained:?}");
    insta::assert_snapshot!(explained.out);
}

#[tokio::test]
async fn a_tenants_custom_fields_are_checked_where_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let checked = async |fields: Value| {
        let fields = file(&folder, "fields.json", &fields.to_string());
        check_tenants(&["--schema", &fields, TENANTS_CASES]).await
    };
    let field = |ident: &str, kind: &str| json!({ "ident": ident, "type": kind, "label": "Case", "required": false });
    let saved = |key: &str, kind: &str| json!({ "attributes": [{ "key": key, "type": kind, "required": true }] });
    for good in [json!([field("caseRef", "text")]), json!([field("caseRef", "list")]), saved("caseRef", "string")] {
        let told = checked(good.clone()).await;
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{good}: {told:?}");
        assert!(told.out.contains("5 as expected") && !told.out.contains(UNCHECKED), "{told:?}");
    }
    // The callback goes out without it, and so do the routes of work items.
    for (bad, code) in [
        (json!([]), "unregistered-attribute"),
        (json!([field("caseref", "text")]), "unregistered-attribute"),
        (json!({ "attributes": [] }), "unregistered-attribute"),
        (json!([field("caseRef", "date")]), "invalid-attribute"),
        (saved("caseRef", "date"), "invalid-attribute"),
    ] {
        let told = checked(bad.clone()).await;
        assert!(told.code == Some(1) && told.out.contains(code), "{bad}: {told:?}");
        assert!(told.out.contains("ok       tests/fixtures/cxone/cases/escalations.json 0"), "{told:?}");
        assert!(told.out.contains("differs  tests/fixtures/cxone/cases/escalations.json 1"), "{told:?}");
    }
    for none in [json!({ "error": "Pat Doe" }), json!([{ "key": "caseRef", "type": "string" }])] {
        let told = checked(none.clone()).await;
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{none}: {told:?}");
        assert!(told.err.contains("neither a list of custom fields") && !told.err.contains("Pat"), "{told:?}");
    }
}

#[tokio::test]
async fn no_custom_fields_are_taken_where_no_route_is_digital() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(workspace_root().join("tests/fixtures/cxone/routes.json")).unwrap();
    let mut routes: Value = serde_json::from_str(&text).unwrap();
    routes["routes"].as_array_mut().unwrap().truncate(2);
    let routes = file(&folder, "routes.json", &routes.to_string());
    let words = ["--cxone-profile", "cxone", "--routes", &routes];
    let told = check(&[&words[..], &["--schema", SCHEMA]].concat()).await;
    assert!(told.code == Some(2) && told.err.contains("registers no attributes"), "{told:?}");
    let told = check(&words).await;
    assert!(told.code == Some(0) && !told.out.contains(UNCHECKED), "{told:?}");
}

#[tokio::test]
async fn the_shipped_routes_keep_what_their_cases_say() {
    let checked = check(&["--schema", SCHEMA, CASES]).await;
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{checked:?}");
    insta::assert_snapshot!(checked.out);
}

#[tokio::test]
async fn the_readmes_case_holds_of_the_shipped_routes() {
    let readme = std::fs::read_to_string(workspace_root().join("README.md")).unwrap();
    let case = readme.split("\n```").find_map(|block| block.strip_prefix("json case\n")).expect("a case");
    let folder = tempfile::tempdir().unwrap();
    let checked = check(&["--schema", SCHEMA, &file(&folder, "case.json", case)]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.contains("1 case: 1 as expected"), "{checked:?}");
}

#[tokio::test]
async fn what_the_shipped_routes_take_is_explained() {
    let explained = check(&["--explain", "--schema", SCHEMA]).await;
    assert_eq!(explained.code, Some(0), "{explained:?}");
    insta::assert_snapshot!(explained.out);
}

#[tokio::test]
async fn a_case_that_differs_is_told_by_its_places_and_its_values_only_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = shipped_case();
    case["expect"]["request"]["priority"] = 500.into();
    case["expect"]["request"]["from"] = "+15550100000".into();
    let (cases, junit) = (file(&folder, "cases.json", &case.to_string()), folder.path().join("junit.xml"));
    let junit = junit.to_str().unwrap();
    let told = check(&["--schema", SCHEMA, "--junit", junit, &cases]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("/request/priority: expected a number, found another\n"), "{told:?}");
    let report = std::fs::read_to_string(junit).unwrap();
    assert!(report.contains(r#"tests="1""#) && report.contains(r#"failures="1""#), "{report}");
    let json = check(&["--schema", SCHEMA, "--json", &cases]).await;
    assert_eq!(json.json()["cases"][0]["verdict"], "differs");
    for text in [&told.out, &report, &json.out] {
        assert!(!text.contains("15550109876") && !text.contains("15550100000"), "{text}");
    }
    let shown = check(&["--schema", SCHEMA, "--show-request", &cases]).await;
    assert!(shown.out.contains("/request/priority: expected 500, found 750\n"), "{shown:?}");
}

#[tokio::test]
async fn an_expected_problem_that_does_not_come_is_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = shipped_case();
    case["expect"] = json!({ "problem": "mapping-failed", "pointer": "/data/order/ref" });
    let cases = file(&folder, "cases.json", &case.to_string());
    let told = check(&["--schema", SCHEMA, &cases]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(
        told.out.contains(r#"/problem: expected {"code":"mapping-failed","pointer":"/data/order/ref"}, found nothing"#)
    );
}

#[tokio::test]
async fn an_expected_problem_is_the_reason_of_the_dead_letter_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = shipped_case();
    case["event"]["data"]["order"] = json!({ "total": "many" });
    let mut expecting = async |problem: &str| {
        case["expect"] = json!({ "problem": problem });
        check(&["--schema", SCHEMA, &file(&folder, "cases.json", &case.to_string())]).await.code
    };
    assert_eq!(expecting("mapping-failed").await, Some(0));
    assert_eq!(expecting("invalid-attribute").await, Some(1));
}

#[tokio::test]
async fn a_member_that_stands_twice_is_refused_as_the_function_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let event = shipped_case()["event"].to_string();
    let twice = event.replacen(r#""ref":"#, r#""ref":"Pat Doe","ref":"#, 1);
    assert_ne!(twice, event);
    let expecting = async |expect: Value| {
        let case = format!(r#"{{"event": {twice}, "expect": {expect}}}"#);
        let (alone, listed) = (file(&folder, "one.json", &case), file(&folder, "list.json", &format!("[{case}]")));
        check(&["--schema", SCHEMA, &alone, &listed]).await
    };
    let at = "/data/order/ref";
    let expected = expecting(json!({ "problem": "malformed-event", "pointer": at })).await;
    assert_eq!(expected.code, Some(0), "{expected:?}");
    let told = expecting(json!({ "route": "crm-order-update" })).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("2 cases: 0 as expected, 2 different"), "{told:?}");
    assert!(["malformed-event", "a member is repeated", at].iter().all(|word| told.out.contains(word)), "{told:?}");
    assert!(!told.out.contains("Pat"), "{told:?}");
}

#[tokio::test]
async fn a_case_holds_whatever_the_date() {
    let folder = tempfile::tempdir().unwrap();
    let mut case = shipped_case();
    case["event"]["expirytime"] = "2024-01-01T00:00:00Z".into();
    let told = check(&["--schema", SCHEMA, &file(&folder, "cases.json", &case.to_string())]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[tokio::test]
async fn a_file_that_is_none_is_told_by_its_place_and_none_of_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let broken = file(&folder, "broken.json", "[{\"event\": Pat Doe}]");
    let no_case = file(&folder, "no-case.json", r#"[{"event": {}, "expect": {"problem": "Pat Doe"}}]"#);
    let no_schema = file(&folder, "no-schema.json", r#"{"error": "Pat Doe"}"#);
    let flattening = file(&folder, "flattening.json", &shipped_case().to_string());
    std::fs::create_dir(folder.path().join("none")).unwrap();
    for (words, said) in [
        (&[broken.as_str()][..], "no JSON at line 1, column 12"),
        (&[&no_case], "/0/expect/problem is no reason of a dead letter"),
        (&["--schema", &no_schema], "neither a list nor an object with a list"),
        (&["--schema", &broken], "no JSON at line 1, column 12"),
        (&[folder.path().join("none").to_str().unwrap()], "no cases: a case is a file whose name ends in .json"),
        (&["/no/such/folder"], "cannot read /no/such/folder"),
        (&["--routes", "/no/such/routes.json"], "cannot read /no/such/routes.json"),
        (&[&flattening], "give them with --schema"),
        (&["--schema", SCHEMA, "--save-schema", "x"], "cannot be used with"),
    ] {
        let told = check(words).await;
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{words:?}: {told:?}");
        assert!(told.err.contains(said) && !told.err.contains("Pat"), "{words:?}: {told:?}");
    }
}

#[tokio::test]
async fn a_bad_routes_file_is_told_with_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let routes = file(&folder, "routes.json", r#"{"routes": [{"name": "", "priority": {"default": 1000}}]}"#);
    let told = check(&["--routes", &routes]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(["/routes/0/name", "/routes/0/match", "/routes/0/priority/default"].iter().all(|at| told.out.contains(at)));
    let json = check(&["--routes", &routes, "--json"]).await.json();
    assert!(json["problems"].as_array().unwrap().len() > 3, "{json}");
}

#[tokio::test]
async fn the_registered_attributes_that_a_stack_knows_serve_for_a_check() {
    let table = json!({ "Type": "AWS::DynamoDB::Table", "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "name", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "name", "KeyType": "HASH" }],
    }});
    let outputs = json!({ "RegistryTableName": { "Value": { "Ref": "RegistryTable" } } });
    let stage = Stage::with("check", &json!({ "RegistryTable": table }), &outputs).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json").display().to_string();
    let none = stage.run(&["check", "--save-schema", &path]).await;
    assert_eq!(none.code, Some(3), "{none:?}");
    assert!(none.err.contains("has not synced the registered attributes yet"), "{none:?}");

    let registry =
        DynamoRegistry::new(stage.dynamodb.clone(), stage.output("RegistryTableName").to_owned(), System::new());
    let definition = AttributeDefinition {
        key: "externalSource".to_owned(),
        attribute_type: AttributeType::String,
        max_length: Some(40),
        required: true,
    };
    let snapshot = SchemaSnapshot { schema: Schema::new(vec![definition]), fetched: System::new().now() };
    assert!(registry.keep_schema(&snapshot).await.unwrap());
    let saved = stage.run(&["check", "--save-schema", &path]).await;
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert!(Path::new(&path).exists());
    let checked = check(&["--schema", &path, CASES]).await;
    assert_eq!(checked.code, Some(1), "most attributes of the routes aren't among these: {checked:?}");
    assert!(checked.out.contains("unregistered-attribute"), "{checked:?}");
    let of_tenant = check_tenants(&["--schema", &path, TENANTS_CASES]).await;
    assert!(of_tenant.code == Some(1) && of_tenant.out.contains("unregistered-attribute"), "{of_tenant:?}");
}
