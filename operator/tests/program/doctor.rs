//! `doctor`: both functions are asked, and each one's checks are a table. The functions are stand-ins that answer as
//! the real ones do.

use serde_json::{Value, json};

use super::stage::Stage;

const CODE: &str = r#"
def handler(event, context):
    assert event in ({"doctor": {}}, {"doctor": {"probeWrite": True}}), event
    checks = [
        {"name": "secret", "verdict": "ok", "detail": "client 0 has client_id, client_secret"},
        {"name": "target", "verdict": "VERDICT", "detail": "the queue isn't there: take its id from CXone",
         "pointer": "/routes/0/targets/1"},
    ]
    if event["doctor"]:
        checks.append({"name": "probe-write", "verdict": "ok", "detail": "400: it may write"})
    return {"profile": "guide", "checks": checks, "worst": "VERDICT"}
"#;

const FAILING: &str = "def handler(event, context):\n    raise ValueError('no secret')\n";

/// A stack whose functions run this code.
async fn stage(stack: &str, inject: &str, sync: &str) -> Stage {
    let function = |code: &str| {
        json!({ "Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/none",
            "Code": { "ZipFile": code },
        }})
    };
    let reference = |name: &str| json!({ "Value": { "Ref": name } });
    let resources = json!({ "InjectFunction": function(inject), "SyncFunction": function(sync) });
    let outputs = json!({
        "InjectFunctionName": reference("InjectFunction"), "SyncFunctionName": reference("SyncFunction"),
    });
    Stage::with(stack, &resources, &outputs).await
}

fn finding(verdict: &str) -> String {
    CODE.replace("VERDICT", verdict)
}

#[tokio::test]
async fn each_function_has_a_table_and_a_failed_check_is_a_problem() {
    let stage = stage("examined", &finding("fail"), &finding("warn")).await;
    let ran = stage.run(&["doctor"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{ran:?}");
    insta::assert_snapshot!(ran.out);
    let json = stage.run(&["doctor", "--json"]).await.json();
    let worst = |function: &str| json[function]["worst"].as_str().map(str::to_owned);
    assert_eq!([worst("inject-contacts"), worst("sync-registry")].map(Option::unwrap), ["fail", "warn"]);
}

#[tokio::test]
async fn what_only_may_go_wrong_is_no_problem() {
    let stage = stage("warned", &finding("warn"), &finding("ok")).await;
    let ran = stage.run(&["doctor"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
}

#[tokio::test]
async fn a_function_that_does_not_answer_keeps_the_other_from_nothing() {
    let stage = stage("half-examined", FAILING, &finding("fail")).await;
    let ran = stage.run(&["doctor"]).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("failed: no secret; where it doesn't start, its log says why"), "{ran:?}");
    assert!(ran.out.starts_with("inject-contacts: no answer\n") && ran.out.contains("1 fail, 0 warn, 1 ok"), "{ran:?}");
    let json = stage.run(&["doctor", "--json"]).await.json();
    assert_eq!((&json["inject-contacts"], &json["sync-registry"]["worst"]), (&Value::Null, &json!("fail")));
}

#[tokio::test]
async fn the_right_to_write_is_probed_only_where_it_is_said_and_only_by_the_inject_function() {
    let stage = stage("probed", &finding("ok"), &finding("ok")).await;
    let probes = |out: &str| out.matches("probe-write").count();
    let ran = stage.run(&["doctor"]).await;
    assert_eq!((ran.code, probes(&ran.out)), (Some(0), 0), "{ran:?}");
    let json = stage.run(&["doctor", "--probe-write", "--json"]).await.json();
    let checks = |function: &str| json[function]["checks"].as_array().map(Vec::len);
    assert_eq!([checks("inject-contacts"), checks("sync-registry")], [Some(3), Some(2)], "{json}");
    let ran = stage.run(&["doctor", "--probe-write"]).await;
    assert!(ran.code == Some(0) && ran.out.contains("ok  probe-write                 400: it may write"), "{ran:?}");
}
