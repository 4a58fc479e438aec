//! `protect`: a real table on the emulator, and by a script the parts of `CloudFormation` that the emulator lacks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::Query;
use serde_json::{Value, json};

use super::scripted;
use super::stage::{Ran, Stage, ran};

/// A stack, as `CloudFormation` keeps it.
#[derive(Default)]
struct Kept {
    ledger: String,
    is_protected: bool,
    policy: Option<String>,
    refused: Option<&'static str>,
    changes: Vec<String>,
}

impl Kept {
    fn answer(&mut self, form: &BTreeMap<String, String>) -> (u16, String) {
        let action = form["Action"].as_str();
        if self.refused == Some(action) {
            let error = "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>";
            return (403, format!("<ErrorResponse>{error}</ErrorResponse>"));
        }
        let result = match action {
            "DescribeStacks" => {
                let of = |key: &str, value: &str| {
                    format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
                };
                format!(
                    "<Stacks><member><StackName>s</StackName><StackStatus>UPDATE_COMPLETE</StackStatus>\
                     <EnableTerminationProtection>{}</EnableTerminationProtection><Outputs>{}</Outputs></member></Stacks>",
                    self.is_protected,
                    of("LedgerTableName", &self.ledger),
                )
            }
            "GetStackPolicy" => {
                let body = self.policy.as_ref().map(|body| format!("<StackPolicyBody>{body}</StackPolicyBody>"));
                body.unwrap_or_default()
            }
            "UpdateTerminationProtection" => {
                self.is_protected = form["EnableTerminationProtection"] == "true";
                self.changes.push(action.to_owned());
                String::new()
            }
            "SetStackPolicy" => {
                self.policy = Some(form["StackPolicyBody"].clone());
                self.changes.push(action.to_owned());
                String::new()
            }
            other => panic!("{other}"),
        };
        (200, format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"))
    }
}

/// A stack whose table is real, and the rest of it by the script.
struct Scene {
    stage: Stage,
    kept: Arc<Mutex<Kept>>,
    endpoint: String,
}

impl Scene {
    async fn new(stack: &str, kept: Kept) -> Self {
        let stage = Stage::new(stack).await;
        let kept = Arc::new(Mutex::new(Kept { ledger: stage.output("LedgerTableName").to_owned(), ..kept }));
        let script = Arc::clone(&kept);
        let endpoint = scripted::start(move |request| {
            let form = format!("/?{}", std::str::from_utf8(&request.body).unwrap()).parse().unwrap();
            script.lock().unwrap().answer(&Query::try_from_uri(&form).unwrap())
        });
        Self { stage, kept, endpoint: endpoint.await }
    }

    async fn run(&self, words: &[&str]) -> Ran {
        let mut command = self.stage.command(words);
        ran(command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &self.endpoint).output().await.unwrap())
    }

    async fn table_is_protected(&self) -> bool {
        let request = self.stage.dynamodb.describe_table().table_name(self.stage.output("LedgerTableName"));
        request.send().await.unwrap().table.unwrap().deletion_protection_enabled.unwrap_or_default()
    }

    fn changes(&self) -> Vec<String> {
        std::mem::take(&mut self.kept.lock().unwrap().changes)
    }
}

#[tokio::test]
async fn each_protection_is_turned_on_once_and_then_found() {
    let scene = Scene::new("protected", Kept::default()).await;
    assert!(!scene.table_is_protected().await);
    let first = scene.run(&["protect"]).await;
    let said = "termination protection            is on now\n\
                stack policy                      is on now\n\
                the ledger's deletion protection  is on now\n";
    assert_eq!((first.code, first.out.as_str(), first.err.as_str()), (Some(0), said, ""));
    assert_eq!(scene.changes(), ["UpdateTerminationProtection", "SetStackPolicy"]);
    assert!(scene.kept.lock().unwrap().is_protected && scene.table_is_protected().await);
    let policy: Value = serde_json::from_str(scene.kept.lock().unwrap().policy.as_ref().unwrap()).unwrap();
    assert!(policy["Statement"].as_array().unwrap().iter().any(|statement| statement["Effect"] == "Deny"), "{policy}");
    let refused = scene.stage.dynamodb.delete_table().table_name(scene.stage.output("LedgerTableName")).send().await;
    assert!(refused.is_err(), "the table can't be deleted");

    let again = scene.run(&["protect"]).await;
    assert_eq!((again.code, again.out), (Some(0), said.replace("is on now", "was on already")));
    let json = scene.run(&["protect", "--json"]).await.json();
    let unchanged = json!({
        "terminationProtection": "unchanged", "stackPolicy": "unchanged", "ledgerDeletionProtection": "unchanged",
    });
    assert_eq!((json, scene.changes()), (unchanged, Vec::new()), "nothing is set twice");
}

#[tokio::test]
async fn a_policy_that_let_everything_through_for_once_is_replaced() {
    let all = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*" }] });
    let kept = Kept { is_protected: true, policy: Some(all.to_string()), ..Kept::default() };
    let scene = Scene::new("opened", kept).await;
    let ran = scene.run(&["protect", "--json"]).await;
    let expected = json!({
        "terminationProtection": "unchanged", "stackPolicy": "replaced", "ledgerDeletionProtection": "changed",
    });
    assert_eq!((ran.code, ran.json(), scene.changes()), (Some(0), expected, vec!["SetStackPolicy".to_owned()]));
}

#[tokio::test]
async fn a_missing_right_is_named_and_keeps_the_other_protections_from_nothing() {
    for (action, name) in [
        ("UpdateTerminationProtection", "terminationProtection"),
        ("GetStackPolicy", "stackPolicy"),
        ("SetStackPolicy", "stackPolicy"),
    ] {
        let stack = format!("refused-{}", action.to_lowercase());
        let scene = Scene::new(&stack, Kept { refused: Some(action), ..Kept::default() }).await;
        let ran = scene.run(&["protect", "--json"]).await;
        let mut expected = json!({
            "terminationProtection": "changed", "stackPolicy": "changed", "ledgerDeletionProtection": "changed",
        });
        expected[name] = json!("failed");
        assert_eq!((ran.code, ran.json()), (Some(3), expected), "{ran:?}");
        let said = format!("missing permission: cloudformation:{action} on the stack \"{stack}\"");
        assert!(ran.err.contains(&said), "{ran:?}");
    }
}
