//! SQS by a script, for what the emulator can't do: move tasks, missing rights, throttling.

use serde_json::{Value, json};

use super::scripted;

/// What an action answers: a result, or an error's code.
pub(crate) type Answer = Result<Value, &'static str>;

/// Starts it on loopback; its endpoint. It ends with the runtime.
pub(crate) async fn start(mut script: impl FnMut(&str, &Value) -> Answer + Send + 'static) -> String {
    let script = move |request: &scripted::Request| {
        let action = request.headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap();
        match script(action, &serde_json::from_slice(&request.body).unwrap()) {
            Ok(result) => (200, result.to_string()),
            Err(code) => (400, json!({ "__type": code, "message": "by the script" }).to_string()),
        }
    };
    scripted::start(script).await
}
