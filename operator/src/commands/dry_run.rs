//! `dry-run`: what would become of events (docs/rules.md#dry-run).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::answer::{Answer, End, plain};
use crate::cli::Target;
use crate::error::Error;
use crate::function;
use crate::stack::Stack;

/// Checks events against the stack's routes and the attributes registered in CXone now; nothing is injected.
///
/// Exits with 1 where one of them is invalid.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A file with one event or a list of them, as JSON; `-` reads standard input.
    events: PathBuf,
    /// Print each contact as it would be sent, with the event's data in it.
    #[arg(long)]
    show_request: bool,
}

/// Asks the function.
pub(super) async fn run(target: &Target, arguments: Arguments) -> Result<Answer, Error> {
    let events = read(&arguments.events)?;
    let stack = Stack::find(target).await?;
    let mut answer = function::ask(&stack, &json!({ "dryRun": { "events": events } })).await?;
    if !arguments.show_request {
        let results = answer["results"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
        results.for_each(|result| drop(result.remove("request")));
    }
    let results = function::results(&answer)?;
    let is_valid = |result: &Value| result["verdict"] == "valid";
    let text: String = results.iter().map(lines).collect();
    let invalid = results.iter().filter(|result| !is_valid(result)).count();
    let text = format!("{text}\n{} valid, {invalid} invalid", results.len() - invalid);
    Ok(Answer::done(text, answer).ending(if invalid == 0 { End::Done } else { End::Problems }))
}

fn read(path: &Path) -> Result<Vec<Value>, Error> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| super::unreadable(path, &error))?;
        text
    } else {
        super::read(path)?
    };
    match super::json(path, &text)? {
        Value::Array(events) => Ok(events),
        event @ Value::Object(_) => Ok(vec![event]),
        _ => Err(super::unreadable(path, &"neither an event nor a list of events")),
    }
}

/// One event: its verdict, and under it what is wrong with it.
fn lines(result: &Value) -> String {
    let text = |name: &str| plain(result[name].as_str().unwrap_or("-"));
    let identity = format!("{} {}", text("source"), text("id"));
    let mut lines =
        format!("{:7}  {identity}  route {}  key {}\n", text("verdict"), text("route"), text("idempotencyKey"));
    for problem in result["problems"].as_array().into_iter().flatten() {
        let word = |name: &str| problem[name].as_str().map(plain);
        lines.extend([format!(
            "         {}: {}",
            word("code").unwrap_or_default(),
            word("message").unwrap_or_default()
        )]);
        lines += &word("attribute").map(|attribute| format!(" [{attribute}]")).unwrap_or_default();
        lines += &word("pointer").map(|pointer| format!(" at {pointer:?}")).unwrap_or_default();
        lines.push('\n');
    }
    if let Some(request) = result.get("request").filter(|request| !request.is_null()) {
        lines.extend([format!("{request:#}\n")]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_event_shows_what_is_wrong_and_where() {
        let result = json!({
            "id": "1", "source": "/crm", "route": "orders", "idempotencyKey": "k", "verdict": "invalid",
            "problems": [{
                "code": "invalid-attribute", "message": "too long", "pointer": "/data/ref", "attribute": "string:ref"
            }]
        });
        let expected = "invalid  /crm 1  route orders  key k\n         \
                        invalid-attribute: too long [string:ref] at \"/data/ref\"\n";
        assert_eq!(lines(&result), expected);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_by_its_place_and_none_of_its_text() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(&file, "[{\"name\": Pat Doe}]").expect("a temporary file");
        let said = read(file.path()).expect_err("no JSON").to_string();
        assert!(said.ends_with("no JSON at line 1, column 11") && !said.contains("Pat"), "{said}");
    }
}
