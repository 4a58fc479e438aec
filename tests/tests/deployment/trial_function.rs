//! The trial function, as the template has it: its code, run by the interpreter that the tools run by, against Lambda
//! and `CodeDeploy` as they are on the wire.
#![expect(clippy::unwrap_used, reason = "what can't be run fails its test")]

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:000000000000:function:inject";

/// An account in which one version of the function is live, and the others answer a trial.
#[derive(Clone)]
struct Account {
    live: &'static str,
    answer: (StatusCode, Option<&'static str>, Value),
    /// Requests by what they ask for, and what `CodeDeploy` was told.
    asked: Arc<Mutex<Vec<String>>>,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Account {
    fn where_a_trial_answers(answer: Value) -> Self {
        Self { live: "41", answer: (StatusCode::OK, None, answer), asked: Arc::default(), told: Arc::default() }
    }

    fn where_a_trial_fails(error: &'static str, said: Value) -> Self {
        Self { answer: (StatusCode::OK, Some(error), said), ..Self::where_a_trial_answers(Value::Null) }
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }
}

async fn serve(State(account): State<Account>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    if let Some(target) = headers.get("x-amz-target") {
        account.asked.lock().unwrap().push(target.to_str().unwrap().to_owned());
        account.told.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        return axum::Json(json!({"lifecycleEventHookExecutionId": "hook-1"})).into_response();
    }
    if path.ends_with("/aliases/live") {
        account.asked.lock().unwrap().push("GetAlias".to_owned());
        return axum::Json(json!({"Name": "live", "FunctionVersion": account.live})).into_response();
    }
    assert!(method == Method::POST && path.ends_with("/invocations"), "{method} {path}");
    account.asked.lock().unwrap().push(format!("Invoke {}", uri.query().unwrap_or_default()));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({"trial": {}}));
    let (status, error, said) = account.answer.clone();
    let mut answer = (status, said.to_string()).into_response();
    if let Some(error) = error {
        answer.headers_mut().insert("x-amz-function-error", error.parse().unwrap());
    }
    answer
}

/// Runs the template's code as Lambda does, for `CodeDeploy`'s event about this version.
async fn tried(account: &Account, version: &str) -> (bool, String) {
    let template = Template::read().unwrap();
    let code = template.property("TrialFunction", "Code").unwrap()["ZipFile"].as_str().unwrap().to_owned();
    assert_eq!(template.property("TrialFunction", "Handler").unwrap(), "index.handler");
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("index.py"), code).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(account.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let event = json!({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"});
    let program = format!("import index; index.handler({event}, None)");
    let mut python = Command::new(workspace_root().join(".venv/bin/python"));
    python.args(["-c", &program]).current_dir(folder.path()).env_clear().stdin(Stdio::null());
    python.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-west-1").env("AWS_DEFAULT_REGION", "eu-west-1");
    python.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    python.env("AWS_EC2_METADATA_DISABLED", "true").env("VERSION_ARN", format!("{FUNCTION}:{version}"));
    let output = python.output().await.unwrap();
    server.abort();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), printed)
}

fn told(status: &str) -> Vec<Value> {
    vec![json!({"deploymentId": "d-1", "lifecycleEventHookExecutionId": "hook-1", "status": status})]
}

#[tokio::test]
async fn a_version_that_passes_may_go_on() {
    let account = Account::where_a_trial_answers(json!({"passed": true, "cases": 3, "differing": []}));
    let (ended, printed) = tried(&account, "42").await;
    assert!(ended, "{printed}");
    assert_eq!(account.told(), told("Succeeded"));
    let asked = ["GetAlias", "Invoke Qualifier=42", "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"];
    assert_eq!(*account.asked.lock().unwrap(), asked);
}

#[tokio::test]
async fn a_version_whose_cases_differ_or_that_does_not_start_goes_no_further_and_the_log_says_why() {
    let said = json!({"passed": false, "cases": 1, "differing": [{"case": "orders.json", "differences": []}]});
    let stopped = json!({"errorType": "Runtime.ExitError", "errorMessage": "the configuration has 1 problem(s)"});
    for (account, words) in [
        (Account::where_a_trial_answers(said), "orders.json"),
        (Account::where_a_trial_fails("Unhandled", stopped), "1 problem(s)"),
        // It may say so itself: the failure counts.
        (Account::where_a_trial_fails("Unhandled", json!({"passed": true})), "passed"),
        // A version that knows no trial.
        (Account::where_a_trial_answers(json!({"batchItemFailures": []})), "batchItemFailures"),
    ] {
        let (_, printed) = tried(&account, "42").await;
        assert_eq!(account.told(), told("Failed"), "{printed}");
        assert!(printed.contains(words), "{printed}");
    }
}

#[tokio::test]
async fn the_deployment_is_told_though_lambda_does_not_answer() {
    let mut account = Account::where_a_trial_answers(json!({"message": "no"}));
    account.answer.0 = StatusCode::FORBIDDEN;
    let (ended, printed) = tried(&account, "42").await;
    assert!(!ended && printed.contains("Invoke"), "{printed}");
    assert_eq!(account.told(), told("Failed"));
}

#[tokio::test]
async fn a_way_back_to_the_version_that_serves_or_to_one_before_it_needs_no_trial() {
    for version in ["41", "40", "9"] {
        let account = Account::where_a_trial_fails("Unhandled", json!({}));
        let (ended, printed) = tried(&account, version).await;
        assert!(ended, "{printed}");
        assert_eq!(account.told(), told("Succeeded"), "{version}");
        assert!(!account.asked.lock().unwrap().iter().any(|asked| asked.starts_with("Invoke")));
    }
    let account = Account::where_a_trial_fails("Unhandled", json!({}));
    tried(&account, "100").await;
    assert_eq!(account.told(), told("Failed"), "a number, and no text");
}

#[test]
fn the_trial_outlasts_the_function_that_is_tried_and_may_ask_nothing_else() {
    let template = Template::read().unwrap();
    let timeout = template.property("TrialFunction", "Timeout").unwrap().as_u64().unwrap();
    let tried = template.at("/Globals/Function/Timeout").unwrap().as_u64().unwrap();
    assert!(timeout > tried + 60, "a start, the trial and the two other calls");
    let hooks = &template.property("InjectFunction", "DeploymentPreference").unwrap()["Hooks"];
    assert_eq!(hooks, &json!({"PreTraffic": {"Ref": "TrialFunction"}}));
    let variables = &template.property("TrialFunction", "Environment").unwrap()["Variables"];
    assert_eq!(variables, &json!({"VERSION_ARN": {"Ref": "InjectFunction.Version"}}));
    let policies = template.property("TrialRole", "Policies").unwrap();
    let statements = policies[0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let actions: Vec<_> = statements.iter().map(|statement| statement["Action"].as_str().unwrap()).collect();
    let asked = ["lambda:InvokeFunction", "codedeploy:PutLifecycleEventHookExecutionStatus"];
    assert_eq!(actions[..4], ["lambda:GetAlias", "lambda:GetAlias", asked[0], asked[1]]);
    assert!(actions[4..].iter().all(|action| action.starts_with("logs:")), "{actions:?}");
}

#[test]
fn an_alias_is_asked_for_and_shifted_by_a_grant_on_its_function_which_is_what_lambda_decides_by() {
    let template = Template::read().unwrap();
    for (role, actions) in
        [("ShiftRole", &["lambda:GetAlias", "lambda:UpdateAlias"][..]), ("TrialRole", &["lambda:GetAlias"])]
    {
        let policies = template.property(role, "Policies").unwrap();
        let statements = policies[0]["PolicyDocument"]["Statement"].as_array().unwrap();
        for action in actions {
            let resources = statements.iter().filter(|statement| statement["Action"] == *action);
            let resources: Vec<_> = resources.map(|statement| statement["Resource"].clone()).collect();
            let (alias, function) =
                (json!({"Fn::Sub": "${InjectFunction.Arn}:live"}), json!({"Fn::GetAtt": "InjectFunction.Arn"}));
            assert_eq!(resources, [alias, function], "{role}: {action}");
        }
    }
}
