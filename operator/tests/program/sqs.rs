//! SQS by a script, for what the emulator can't do: move tasks, missing rights, throttling.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, body::Bytes};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What an action answers: a result, or an error's code.
pub(crate) type Answer = Result<Value, &'static str>;

type Script = Arc<Mutex<dyn FnMut(&str, &Value) -> Answer + Send>>;

/// Starts it on loopback; its endpoint. It ends with the runtime.
pub(crate) async fn start(script: impl FnMut(&str, &Value) -> Answer + Send + 'static) -> String {
    let script: Script = Arc::new(Mutex::new(script));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script);
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: Bytes) -> Response {
    let action = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let request = serde_json::from_slice(&body).unwrap();
    let answer = (script.lock().unwrap())(&action, &request);
    let (status, body) = match answer {
        Ok(result) => (StatusCode::OK, result),
        Err(code) => (StatusCode::BAD_REQUEST, json!({ "__type": code, "message": "by the script" })),
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], Json(body)).into_response()
}
