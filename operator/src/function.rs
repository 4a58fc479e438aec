//! Direct invocations of the stack's functions.

use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use crate::error::Error;
use crate::stack::Stack;

const ACTION: &str = "lambda:InvokeFunction";
/// Lambda's limit of a synchronous request's payload.
const LARGEST_PAYLOAD: usize = 6 * 1024 * 1024;

/// The output that names the inject function.
pub(crate) const INJECT: &str = "InjectFunctionName";
/// The output that names the sync function.
pub(crate) const SYNC: &str = "SyncFunctionName";

/// Asks the inject function and gives its answer.
///
/// # Errors
/// Where it can't be asked, fails, or answers what can't be read.
pub(crate) async fn ask(stack: &Stack, question: &Value) -> Result<Value, Error> {
    ask_one(stack, INJECT, question).await
}

/// Asks the function that an output names and gives its answer.
///
/// # Errors
/// Where it can't be asked, fails, or answers what can't be read.
pub(crate) async fn ask_one(stack: &Stack, output: &'static str, question: &Value) -> Result<Value, Error> {
    let name = stack.output(output)?;
    let payload = question.to_string();
    if payload.len() > LARGEST_PAYLOAD {
        let words = "that is more than Lambda takes at once (6 MiB): ask in parts";
        return Err(Error::Usage(words.to_owned()));
    }
    let answer = stack.lambda().invoke().function_name(name).payload(Blob::new(payload)).send().await;
    let answer = answer.map_err(|error| Error::aws(ACTION, &format!("the function {name}"), &error))?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let value: Option<Value> = serde_json::from_slice(&payload).ok();
    if answer.function_error.is_some() {
        let said = value.as_ref().and_then(|value| value["errorMessage"].as_str()).unwrap_or("no words");
        return Err(Error::NotDone(format!("the function {name} failed: {said}")));
    }
    value.ok_or_else(|| Error::NotDone(format!("the function {name} answered what isn't JSON")))
}

/// The results of an answer.
///
/// # Errors
/// Where it has none.
pub(crate) fn results(answer: &Value) -> Result<&Vec<Value>, Error> {
    let unknown = "the function's answer has no results: is the stack of an older version than this program?";
    answer["results"].as_array().ok_or_else(|| Error::NotDone(unknown.to_owned()))
}
