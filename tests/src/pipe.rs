//! The pipe of `outcomes.yaml` as EventBridge would run it, as far as that template uses it: its filter, its input
//! template and its detail type, applied to a record of the ledger's stream.

use serde_json::{Value, json};

use crate::template::{Template, TemplateError};

/// What begins a path in an input template, and what ends it.
const PATH: (char, char) = ('<', '>');

/// Why a record becomes no event.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    /// The template has something else where a path is to be.
    #[error("{0} is no path")]
    NoPath(String),
    /// The record lacks what a path leads to.
    #[error("{0} isn't there")]
    NotThere(String),
    /// What the input template makes is no JSON.
    #[error("the input template makes no JSON")]
    NoJson(#[from] serde_json::Error),
}

/// The pipe of `outcomes.yaml`.
#[derive(Debug)]
pub struct Pipe {
    pattern: Value,
    source: Value,
    detail_type: String,
    input_template: String,
}

impl Pipe {
    /// Reads it off its template, as telling of a stack of this name.
    pub fn of(stack: &str) -> Result<Self, TemplateError> {
        let template = Template::read_outcomes()?;
        let missing = |what: &str| TemplateError::Missing(format!("OutcomePipe/{what}"));
        let target = template.property("OutcomePipe", "TargetParameters")?;
        let text = |value: &Value, what| value.as_str().map(str::to_owned).ok_or_else(|| missing(what));
        let filters = &template.property("OutcomePipe", "SourceParameters")?["FilterCriteria"]["Filters"];
        let pattern = text(&filters[0]["Pattern"], "Pattern")?;
        let bus = &target["EventBridgeEventBusParameters"];
        Ok(Self {
            pattern: serde_json::from_str(&pattern).map_err(|_| missing("Pattern"))?,
            source: bus["Source"].clone(),
            detail_type: text(&bus["DetailType"], "DetailType")?,
            input_template: text(&target["InputTemplate"]["Fn::Sub"], "InputTemplate")?
                .replace("${InjectionStack}", stack),
        })
    }

    /// The event that a record of the stream becomes; nothing where the filter keeps it back. An error names the path
    /// that isn't there.
    pub fn event(&self, record: &Value) -> Result<Option<Value>, PipeError> {
        if !matches(&self.pattern, record) {
            return Ok(None);
        }
        let mut detail = String::new();
        let mut rest = self.input_template.as_str();
        while let Some((before, after)) = rest.split_once(PATH.0) {
            let (path, after) = after.split_once(PATH.1).ok_or_else(|| PipeError::NoPath(after.to_owned()))?;
            detail.push_str(before);
            detail.push_str(&at(record, path)?.to_string());
            rest = after;
        }
        detail.push_str(rest);
        let detail: Value = serde_json::from_str(&detail)?;
        Ok(Some(json!({
            "source": self.source, "detail-type": at(record, &self.detail_type)?, "detail": detail,
        })))
    }
}

fn at<'r>(record: &'r Value, path: &str) -> Result<&'r Value, PipeError> {
    let members = path.strip_prefix("$.").ok_or_else(|| PipeError::NoPath(path.to_owned()))?;
    let found = members.split('.').try_fold(record, |value, name| value.get(name));
    found.ok_or_else(|| PipeError::NotThere(path.to_owned()))
}

/// An event pattern: objects nest, and a list names what a value may be, or that there is one.
fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(members) => {
            members.iter().all(|(name, pattern)| value.get(name).is_some_and(|value| matches(pattern, value)))
        }
        Value::Array(choices) => choices.iter().any(|choice| choice == value || choice["exists"] == true),
        _ => false,
    }
}
