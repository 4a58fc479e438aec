//! `doctor`: what keeps the stack from injecting (docs/runbook.md#doctor).

use clap::Args;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, End, count, plain, table};
use crate::cli::Target;
use crate::error::Error;
use crate::function::{self, INJECT, SYNC};
use crate::stack::Stack;

/// The functions, by what they do and by the output that names each.
const FUNCTIONS: [(&str, &str); 2] = [("inject-contacts", INJECT), ("sync-registry", SYNC)];

/// Says what keeps the stack from injecting, or may: secrets, tokens, CXone's answers and each target of the routes.
///
/// Both functions look for themselves, each with its own secret, and create nothing. Exits with 1 where a check fails.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Learn whether work items may be written, too: the inject function asks for one at a point of contact that can't
    /// be, and CXone's refusal tells
    #[arg(long)]
    probe_write: bool,
}

impl Arguments {
    /// What a function is asked. Only the inject function writes, and has a right to it that could lack.
    fn question(&self, output: &str) -> Value {
        if self.probe_write && output == INJECT {
            return json!({ "doctor": { "probeWrite": true } });
        }
        json!({ "doctor": {} })
    }
}

/// Asks both functions.
pub(super) async fn run(target: &Target, arguments: &Arguments) -> Result<Answer, Error> {
    let stack = Stack::find(target).await?;
    let (mut text, mut json, mut notes, mut end) = (String::new(), Map::new(), Vec::new(), End::Done);
    for (function, output) in FUNCTIONS {
        match function::ask_one(&stack, output, &arguments.question(output)).await.and_then(examined) {
            Ok(report) => {
                text += &words(function, &report);
                if end == End::Done && report["worst"] == "fail" {
                    end = End::Problems;
                }
                json.insert(function.to_owned(), report);
            }
            // The other one may all the same have something to say.
            Err(error @ Error::NotDone(_)) => {
                text.extend([function, ": no answer\n\n"]);
                notes.push(format!("{error}; where it doesn't start, its log says why"));
                end = End::NotDone;
                json.insert(function.to_owned(), Value::Null);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Answer::done(text, json.into()).ending(end).with_notes(notes))
}

/// The answer, where it is one.
fn examined(answer: Value) -> Result<Value, Error> {
    let unknown = "the function's answer has no checks: is the stack of an older version than this program?";
    if answer["checks"].is_array() { Ok(answer) } else { Err(Error::NotDone(unknown.to_owned())) }
}

/// One function's checks, each on a line, and how many went how.
fn words(function: &str, report: &Value) -> String {
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |check: &Value, name: &str| plain(check[name].as_str().unwrap_or_default());
    let row = |check: &Value| {
        let pointer = word(check, "pointer");
        let about = if pointer.is_empty() { String::new() } else { format!(" {pointer}") };
        [word(check, "verdict"), format!("{}{about}", word(check, "name")), word(check, "detail")]
    };
    let rows: Vec<_> = checks.iter().map(row).collect();
    let of = |verdict: &str| checks.iter().filter(|check| check["verdict"] == verdict).count();
    let found = ["fail", "warn", "ok", "skipped"].map(|verdict| format!("{} {verdict}", of(verdict))).join(", ");
    let profile = plain(report["profile"].as_str().unwrap_or("unknown"));
    format!("{function} (profile {profile}): {}: {found}\n{}\n", count(checks.len(), "check"), table(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_with_its_place_and_what_to_do() {
        let report = json!({ "profile": "cxone", "worst": "fail", "checks": [
            { "name": "secret", "verdict": "ok", "detail": "client 0 has client_id" },
            { "name": "target", "verdict": "fail", "detail": "not\u{1b} there", "pointer": "/routes/0/targets/1" },
        ]});
        let expected = "inject-contacts (profile cxone): 2 checks: 1 fail, 0 warn, 1 ok, 0 skipped\n\
                        ok    secret                      client 0 has client_id\n\
                        fail  target /routes/0/targets/1  not\\u{1b} there\n\n";
        assert_eq!(words("inject-contacts", &report), expected);
    }

    #[test]
    fn only_the_function_that_writes_is_asked_to_probe_and_only_where_it_is_said() {
        let asked = |probe_write| [INJECT, SYNC].map(|output| Arguments { probe_write }.question(output));
        let plain = json!({ "doctor": {} });
        assert_eq!(asked(false), [plain.clone(), plain.clone()]);
        assert_eq!(asked(true), [json!({ "doctor": { "probeWrite": true } }), plain]);
    }

    #[test]
    fn an_answer_without_checks_is_an_older_functions() {
        assert!(examined(json!({ "queues": [] })).is_err());
        assert!(examined(json!({ "checks": [] })).is_ok());
    }
}
