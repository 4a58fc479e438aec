//! The functions as the processes that Lambda would start, with this test as the Lambda service.

use std::collections::HashMap;
use std::fs::File;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use contact_injection::ports::Environment as _;
use contact_injection_tests::local::{ACCESS_KEY, REGION};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::{Clock, Stage, emulator};

/// Which function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    Inject,
    Sync,
}

/// What a function answers: its result, or its error.
pub(crate) type Answer = Result<Value, Value>;

type Answers = Arc<Mutex<HashMap<String, oneshot::Sender<Answer>>>>;

/// A running function. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    invocations: mpsc::UnboundedSender<Invocation>,
    folder: TempDir,
}

struct Invocation {
    payload: Value,
    deadline_millis: i64,
    answer: oneshot::Sender<Answer>,
}

#[derive(Clone)]
struct Host {
    invocations: Arc<Mutex<mpsc::UnboundedReceiver<Invocation>>>,
    answers: Answers,
}

impl Stage {
    /// Starts a function as a process, with these variables in place of the stage's own; an empty one is left out.
    pub(crate) async fn process(&self, function: Function, changed: &[(&str, &str)]) -> Process {
        let (sender, receiver) = mpsc::unbounded_channel();
        let host = Host { invocations: Arc::new(Mutex::new(receiver)), answers: Answers::default() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router(host)).await });
        let folder = TempDir::new().unwrap();
        let file = |name: &str| Stdio::from(File::create(folder.path().join(name)).unwrap());
        let binary = match function {
            Function::Inject => env!("CARGO_BIN_EXE_inject-contacts-process"),
            Function::Sync => env!("CARGO_BIN_EXE_sync-registry-process"),
        };
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(self.variables())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_ENDPOINT_URL", emulator().endpoint())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .kill_on_drop(true);
        for (name, value) in changed {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        Process { child: command.spawn().unwrap(), invocations: sender, folder }
    }
}

impl Process {
    /// One invocation with a minute's time.
    pub(crate) async fn invoke(&self, payload: Value) -> Answer {
        self.invoke_within(Duration::from_secs(60), payload).await
    }

    /// One invocation with so much time.
    pub(crate) async fn invoke_within(&self, timeout: Duration, payload: Value) -> Answer {
        let (answer, answered) = oneshot::channel();
        let deadline_millis = Clock::new(&super::clock::SharedTime::default(), 0).now().plus(timeout).as_millis();
        self.invocations.send(Invocation { payload, deadline_millis, answer }).ok().unwrap();
        tokio::time::timeout(timeout, answered).await.unwrap().unwrap()
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.unwrap().unwrap()
    }

    /// All that it has printed: its log, its metrics, and whatever went to standard error.
    pub(crate) fn output(&self) -> String {
        ["stdout", "stderr"].map(|name| std::fs::read_to_string(self.folder.path().join(name)).unwrap()).concat()
    }
}

fn router(host: Host) -> Router {
    let base = "/2018-06-01/runtime";
    Router::new()
        .route(&format!("{base}/invocation/next"), get(next))
        .route(&format!("{base}/invocation/{{id}}/response"), post(response))
        .route(&format!("{base}/invocation/{{id}}/error"), post(error))
        .with_state(host)
}

async fn next(State(host): State<Host>) -> (HeaderMap, Json<Value>) {
    let Some(invocation) = host.invocations.lock().await.recv().await else { return std::future::pending().await };
    let id = Uuid::new_v4().to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", invocation.deadline_millis.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:function".to_owned()),
    ];
    let headers = headers
        .into_iter()
        .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap()));
    host.answers.lock().await.insert(id, invocation.answer);
    (headers.collect(), Json(invocation.payload))
}

async fn response(State(host): State<Host>, Path(id): Path<String>, answer: Bytes) -> StatusCode {
    told(&host, &id, Ok(serde_json::from_slice(&answer).unwrap())).await
}

async fn error(State(host): State<Host>, Path(id): Path<String>, answer: Bytes) -> StatusCode {
    told(&host, &id, Err(serde_json::from_slice(&answer).unwrap())).await
}

async fn told(host: &Host, id: &str, answer: Answer) -> StatusCode {
    if let Some(waiting) = host.answers.lock().await.remove(id) {
        // Whoever asked may have stopped waiting.
        let _ = waiting.send(answer);
    }
    StatusCode::ACCEPTED
}
