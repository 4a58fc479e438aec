//! `versions`: published versions and the alias of a real function on the emulator, and which of them go.

use std::collections::HashMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use axum::http::Method;
use contact_injection_tests::local::sdk_config;
use serde_json::{Value, json};

use super::scripted;
use super::stage::{Stage, emulator, ran};

/// A stack with a function.
async fn stage(stack: &str) -> Stage {
    let code = "def handler(event, context):\n    return {}\n";
    let resources = json!({ "InjectFunction": { "Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/none",
        "Code": { "ZipFile": code },
    }}});
    Stage::with(stack, &resources, &json!({ "InjectFunctionName": { "Value": { "Ref": "InjectFunction" } } })).await
}

/// Publishes so many versions of the stage's function.
async fn publish(stage: &Stage, count: usize) -> Client {
    let lambda = Client::new(&sdk_config(emulator().endpoint()));
    for _ in 0..count {
        lambda.publish_version().function_name(stage.output("InjectFunctionName")).send().await.unwrap();
    }
    lambda
}

/// Points an alias of the stage's function at a version, and a tenth at a canary's.
async fn point(stage: &Stage, lambda: &Client, alias: &str, version: u64, canary: Option<u64>) {
    let request = lambda.create_alias().function_name(stage.output("InjectFunctionName")).name(alias);
    let weights: HashMap<_, _> = canary.map(|version| (version.to_string(), 0.1)).into_iter().collect();
    let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
    request.function_version(version.to_string()).routing_config(routing).send().await.unwrap();
}

/// The numbers that it listed, the newest first.
fn numbers(json: &Value) -> Vec<u64> {
    json["versions"].as_array().unwrap().iter().map(|version| version["version"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn each_version_is_told_with_its_use_and_none_is_deleted_unasked() {
    let stage = stage("versions-told").await;
    let lambda = publish(&stage, 3).await;
    point(&stage, &lambda, "live", 2, Some(3)).await;
    let listed = stage.run(&["versions"]).await;
    assert_eq!((listed.code, listed.err.as_str()), (Some(0), ""), "{listed:?}");
    let uses = ["gets 10 % of the invocations", "live", "the one before"];
    let lines: Vec<_> = listed.out.lines().skip(1).collect();
    assert_eq!(lines.len(), 3, "{listed:?}");
    for (line, said) in lines.iter().zip(uses) {
        assert!(line.ends_with(said) && line.contains("Z  0.0 MiB  "), "{listed:?}");
    }
    let json = stage.run(&["versions", "--json"]).await.json();
    assert_eq!((&json["planned"], &json["pruned"]), (&json!([]), &json!([])));
    let of = |name: &str| json["versions"].as_array().unwrap().iter().map(|version| version[name].clone()).collect();
    let (version, live, weight, before): (Value, Value, Value, Value) =
        (of("version"), of("live"), of("weight"), of("before"));
    assert_eq!(version, json!([3, 2, 1]));
    assert_eq!((live, before), (json!([false, true, false]), json!([false, false, true])));
    assert_eq!(weight, json!([0.1, null, null]));
}

#[tokio::test]
async fn all_but_the_newest_and_those_in_use_are_deleted_from_more_than_a_page() {
    let stage = stage("versions-pruned").await;
    // The emulator's page holds fifty.
    let lambda = publish(&stage, 60).await;
    point(&stage, &lambda, "live", 20, Some(7)).await;
    let planned = stage.run(&["versions", "--prune", "2", "--plan", "--json"]).await.json();
    let left = [60, 59, 20, 19, 7];
    let gone: Vec<u64> = (1..=60).filter(|number| !left.contains(number)).collect();
    assert_eq!((&planned["planned"], &planned["pruned"]), (&json!(gone), &json!([])));
    assert_eq!(numbers(&planned).len(), 60, "a plan deletes nothing");
    let pruned = stage.run(&["versions", "--prune", "2", "--json"]).await;
    assert_eq!((pruned.code, pruned.err.as_str()), (Some(0), ""), "{pruned:?}");
    assert_eq!((&pruned.json()["pruned"], numbers(&pruned.json())), (&json!(gone), left.to_vec()));
    assert_eq!(numbers(&stage.run(&["versions", "--json"]).await.json()), left, "what Lambda says itself");
    let again = stage.run(&["versions", "--prune", "2"]).await;
    assert!(again.code == Some(0) && again.out.ends_with("\nnone to delete\n"), "{again:?}");
}

#[tokio::test]
async fn a_version_that_another_alias_leads_to_stays_and_is_said_to() {
    let stage = stage("versions-used").await;
    let lambda = publish(&stage, 5).await;
    point(&stage, &lambda, "live", 5, None).await;
    point(&stage, &lambda, "kept-by-hand", 2, None).await;
    let pruned = stage.run(&["versions", "--prune", "1"]).await;
    assert_eq!(pruned.code, Some(0), "{pruned:?}");
    assert!(pruned.out.ends_with("\n2 versions deleted: 1, 3\n"), "{pruned:?}");
    assert!(pruned.err.contains("version 2 stays, since it is in use: "), "{pruned:?}");
}

#[tokio::test]
async fn nothing_is_deleted_where_no_alias_says_what_is_in_use() {
    let stage = stage("versions-unaliased").await;
    publish(&stage, 3).await;
    let listed = stage.run(&["versions", "--json"]).await;
    assert_eq!((listed.code, numbers(&listed.json())), (Some(0), vec![3, 2, 1]), "{listed:?}");
    let refused = stage.run(&["versions", "--prune", "1"]).await;
    assert_eq!((refused.code, refused.out.as_str()), (Some(3), ""), "{refused:?}");
    assert!(refused.err.contains("nothing says which are in use: none is deleted"), "{refused:?}");
    assert_eq!(numbers(&stage.run(&["versions", "--json"]).await.json()), [3, 2, 1]);
}

#[tokio::test]
async fn to_keep_none_or_to_plan_nothing_is_wrong_use() {
    for words in [&["versions", "--prune", "0"][..], &["versions", "--plan"]] {
        let ran = super::stage::run(&[&["--stack", "s"], words].concat()).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{words:?}: {ran:?}");
    }
}

/// A Lambda with five versions that refuses what is asked at a path, and deletions after so many.
async fn refusing(path: &'static str, mut deletions: usize) -> String {
    let version = |number: u64| json!({ "Version": number.to_string(), "CodeSize": 1 });
    let versions: Vec<_> = (1..=5).map(version).collect();
    let denied = json!({ "__type": "AccessDeniedException", "Message": "not you" }).to_string();
    scripted::start(move |request| match request.method {
        _ if request.path.ends_with(path) => (403, denied.clone()),
        Method::DELETE if deletions == 0 => (403, denied.clone()),
        Method::DELETE => {
            deletions -= 1;
            (204, String::new())
        }
        _ if request.path.ends_with("/versions") => (200, json!({ "Versions": versions }).to_string()),
        _ => (200, json!({ "FunctionVersion": "5" }).to_string()),
    })
    .await
}

#[tokio::test]
async fn a_missing_right_is_named_and_what_was_deleted_before_it_is_told() {
    let stage = stage("versions-refused").await;
    let run = async |lambda: String| {
        let words = ["versions", "--prune", "1", "--json"];
        ran(stage.command(&words).env("AWS_ENDPOINT_URL_LAMBDA", lambda).output().await.unwrap())
    };
    for (path, action) in [("/versions", "ListVersionsByFunction"), ("/aliases/live", "GetAlias")] {
        let refused = run(refusing(path, 9).await).await;
        assert_eq!((refused.code, refused.out.as_str()), (Some(3), ""), "{refused:?}");
        assert!(refused.err.contains(&format!("missing permission: lambda:{action} on the function ")), "{refused:?}");
    }
    let stopped = run(refusing("/none", 1).await).await;
    assert_eq!(stopped.code, Some(3), "{stopped:?}");
    assert_eq!((&stopped.json()["pruned"], numbers(&stopped.json())), (&json!([1]), vec![5, 4, 3, 2]), "{stopped:?}");
    assert!(stopped.err.contains("missing permission: lambda:DeleteFunction on the function "), "{stopped:?}");
}
