//! `dry-run` and `status`: what the function is asked, and its answer in words. The function is a stand-in that answers
//! as the function does and repeats what it was asked.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::stage::{Stage, ran};

const CODE: &str = r#"
def handler(event, context):
    if "status" in event:
        if len(event["status"]["events"]) > 100:
            raise ValueError("at most 100 events")
        return {"results": [status(asked) for asked in event["status"]["events"]]}
    return {"results": [dry_run(asked) for asked in event["dryRun"]["events"]]}

def status(asked):
    if "key" in asked:
        return {"idempotencyKey": asked["key"], "state": "outcome-unknown", "at": "2026-03-01T12:00:00.000Z",
                "reason": "timeout", "attempts": 3}
    return {**asked, "idempotencyKey": "k", "state": "unknown"}

def dry_run(asked):
    valid = "phone" in asked["data"]
    problem = {"code": "mapping-failed", "message": "from: $.phone selects nothing", "pointer": "/data", "attribute": None}
    return {"id": asked["id"], "source": asked["source"], "route": "orders", "idempotencyKey": "k",
            "verdict": "valid" if valid else "invalid", "problems": [] if valid else [problem],
            "request": {"from": asked["data"]["phone"]} if valid else None}
"#;

async fn stage(stack: &str) -> Stage {
    let function = json!({ "Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/none",
        "Code": { "ZipFile": CODE },
    }});
    let outputs = json!({ "InjectFunctionName": { "Value": { "Ref": "InjectFunction" } } });
    Stage::with(stack, &json!({ "InjectFunction": function }), &outputs).await
}

fn event(id: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/crm", "type": "order", "data": data })
}

#[tokio::test]
async fn a_dry_run_shows_verdicts_and_problems_and_a_request_only_where_it_is_asked_for() {
    let stage = stage("dry-run").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json").display().to_string();
    let events = json!([event("1", &json!({ "phone": "+15550109876" })), event("2", &json!({}))]);
    std::fs::write(&file, events.to_string()).unwrap();
    let checked = stage.run(&["dry-run", &file]).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    insta::assert_snapshot!(checked.out);
    let json = stage.run(&["dry-run", "--json", &file]).await.json();
    assert_eq!((&json["results"][1]["verdict"], json["results"][0].get("request")), (&json!("invalid"), None));
    let json = stage.run(&["dry-run", "--json", "--show-request", &file]).await.json();
    assert_eq!(json["results"][0]["request"], json!({ "from": "+15550109876" }));
}

#[tokio::test]
async fn one_event_of_standard_input_is_checked_too() {
    let stage = stage("dry-run-stdin").await;
    let mut program = stage.command(&["dry-run", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let event = event("1", &json!({ "phone": "+15550109876" })).to_string();
    program.stdin.take().unwrap().write_all(event.as_bytes()).await.unwrap();
    let checked = ran(program.wait_with_output().await.unwrap());
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.ends_with("\n1 valid, 0 invalid\n"), "{checked:?}");
}

#[tokio::test]
async fn where_events_are_is_told_in_words_however_many_are_asked_about() {
    let stage = stage("status").await;
    let key = "a2557f4f-de63-5abf-938e-b777f7427914";
    let told = stage.run(&["status", "/crm", "1", "2", "--key", key]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    insta::assert_snapshot!(told.out);
    let ids: Vec<_> = (0..250).map(|id| id.to_string()).collect();
    let words: Vec<_> = ["status", "--json", "/crm"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let json = stage.run(&words).await.json();
    let told: Vec<_> = json["results"].as_array().unwrap().iter().map(|result| &result["id"]).collect();
    assert_eq!(told, ids.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_function_that_fails_is_told_with_its_own_words() {
    let stage = stage("failing").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json").display().to_string();
    std::fs::write(&file, "[{}]").unwrap();
    let failed = stage.run(&["dry-run", &file]).await;
    assert_eq!(failed.code, Some(3), "{failed:?}");
    assert!(failed.err.contains("failed: 'data'"), "{failed:?}");
}
