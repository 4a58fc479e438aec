//! IAM policies as AWS decides by them, so that a policy in a file can be held against the calls that are made.
//!
//! Only what the policies of `docs/iam` use is known here. Anything else is refused when a policy is read: what isn't
//! understood would otherwise pass as granted, or as not.

mod condition;
mod names;
mod pattern;
mod published;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};
use thiserror::Error;

use condition::Condition;
pub use names::{physical_names, shortest_stack_part};
pub use pattern::{is_arn_like, is_like};
pub use published::{Published, PublishedError};

/// The language that every policy here is written in.
const VERSION: &str = "2012-10-17";

/// Why a policy can't be decided by.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file can't be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no JSON.
    #[error("the policy is no JSON")]
    Syntax(#[from] serde_json::Error),
    /// A placeholder that nobody fills in.
    #[error("nothing fills in ${{{0}}}")]
    Placeholder(String),
    /// A member, an operator or a value that isn't known here.
    #[error("unknown in a policy: {0}")]
    Unknown(String),
    /// A member that is missing, or isn't what it has to be.
    #[error("not as a policy has it: {0}")]
    Shape(&'static str),
}

/// A call, as AWS looks at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// `sqs:SendMessage`.
    pub action: String,
    /// The ARN of what it is about; `*` for an action that knows no resource.
    pub resource: String,
    /// What conditions look at, by its key.
    pub context: BTreeMap<String, String>,
}

impl Ask {
    /// A call with nothing that a condition could look at.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// The same call with a key that conditions look at.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.insert(key.to_owned(), value.into());
        self
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it, by its `Sid`, and none denies it.
    Allowed(String),
    /// A statement denies it, whatever others allow.
    Denied(String),
    /// Nothing is said of it.
    NotGranted,
}

/// A policy document.
#[derive(Debug, Clone)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its name, which says what the grant is for.
    pub sid: String,
    /// Whether it takes away instead of giving.
    pub denies: bool,
    /// What it is about.
    pub actions: Vec<String>,
    /// Patterns of ARNs.
    pub resources: Vec<String>,
    conditions: Vec<Condition>,
}

impl Policy {
    /// Reads a policy of `docs/iam`, by the name of its file, with these values for its placeholders.
    pub fn read(file: &str, values: &BTreeMap<String, String>) -> Result<Self, PolicyError> {
        let path = crate::workspace_root().join("docs/iam").join(file);
        let text = std::fs::read_to_string(&path).map_err(|source| PolicyError::Unreadable { path, source })?;
        Self::parse(&filled_in(&text, values)?)
    }

    /// Reads a policy document.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let document: Map<String, Value> = serde_json::from_str(text)?;
        known(&document, &["Version", "Statement"])?;
        if document.get("Version").and_then(Value::as_str) != Some(VERSION) {
            return Err(PolicyError::Shape("Version is 2012-10-17"));
        }
        let statements = document.get("Statement").and_then(Value::as_array);
        let statements = statements.ok_or(PolicyError::Shape("Statement is a list"))?;
        Ok(Self { statements: statements.iter().map(Statement::parse).collect::<Result<_, _>>()? })
    }

    /// Its statements, in their order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// What policies that one principal has say of a call together.
pub fn decide<'a>(policies: impl IntoIterator<Item = &'a Policy>, ask: &Ask) -> Decision {
    let (mut allowed, mut denied) = (None, None);
    for statement in policies.into_iter().flat_map(Policy::statements).filter(|statement| statement.covers(ask)) {
        let first = if statement.denies { &mut denied } else { &mut allowed };
        first.get_or_insert_with(|| statement.sid.clone());
    }
    denied.map(Decision::Denied).or(allowed.map(Decision::Allowed)).unwrap_or(Decision::NotGranted)
}

impl Statement {
    fn parse(statement: &Value) -> Result<Self, PolicyError> {
        let statement = statement.as_object().ok_or(PolicyError::Shape("a statement is an object"))?;
        known(statement, &["Sid", "Effect", "Action", "Resource", "Condition"])?;
        let text = |member: &str| statement.get(member).and_then(Value::as_str);
        let denies = match text("Effect") {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(PolicyError::Shape("Effect is Allow or Deny")),
        };
        Ok(Self {
            sid: text("Sid").ok_or(PolicyError::Shape("a statement has a Sid"))?.to_owned(),
            denies,
            actions: texts(statement.get("Action"), "Action is a text or a list of them")?,
            resources: texts(statement.get("Resource"), "Resource is a text or a list of them")?,
            conditions: Condition::parse_all(statement.get("Condition"))?,
        })
    }

    /// Whether it is about a call.
    pub fn covers(&self, ask: &Ask) -> bool {
        self.actions.iter().any(|action| self.resources.iter().any(|resource| self.grants(action, resource, ask)))
    }

    /// Values of its conditions that none of these calls has, each by what it looks at in a call.
    pub fn values_unlike<'a>(&'a self, contexts: &[&BTreeMap<String, String>]) -> Vec<&'a str> {
        self.conditions.iter().flat_map(|condition| condition.values_unlike(contexts)).collect()
    }

    /// Whether one of its actions on one of its resources is what a call needs.
    pub fn grants(&self, action: &str, resource: &str, ask: &Ask) -> bool {
        is_like(&action.to_lowercase(), &ask.action.to_lowercase())
            && (resource == "*" || is_arn_like(resource, &ask.resource))
            && self.conditions.iter().all(|condition| condition.holds(&ask.context))
    }
}

/// The text with each `${Name}` replaced.
fn filled_in(text: &str, values: &BTreeMap<String, String>) -> Result<String, PolicyError> {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').ok_or(PolicyError::Shape("a placeholder ends with }"))?;
        filled.push_str(values.get(name).ok_or_else(|| PolicyError::Placeholder(name.to_owned()))?);
        filled.push_str(rest);
    }
    Ok(filled)
}

fn known(object: &Map<String, Value>, members: &[&str]) -> Result<(), PolicyError> {
    match object.keys().find(|member| !members.contains(&member.as_str())) {
        Some(member) => Err(PolicyError::Unknown(member.clone())),
        None => Ok(()),
    }
}

/// A text, or a list of texts that isn't empty.
fn texts(value: Option<&Value>, shape: &'static str) -> Result<Vec<String>, PolicyError> {
    let texts = match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            several.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>().unwrap_or_default()
        }
        _ => Vec::new(),
    };
    if texts.is_empty() { Err(PolicyError::Shape(shape)) } else { Ok(texts) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:000000000000:stack-DeadLetterQueue-1";

    fn policy(statements: &Value) -> Policy {
        Policy::parse(&json!({ "Version": VERSION, "Statement": statements }).to_string()).unwrap()
    }

    fn statement(sid: &str, effect: &str, action: &str, resource: &str) -> Value {
        json!({ "Sid": sid, "Effect": effect, "Action": action, "Resource": resource })
    }

    #[test]
    fn what_no_statement_is_about_is_not_granted() {
        let policy = policy(&json!([statement("Read", "Allow", "sqs:ReceiveMessage", QUEUE)]));
        let asked = |action, resource| decide([&policy], &Ask::new(action, resource));
        assert_eq!(asked("sqs:ReceiveMessage", QUEUE), Decision::Allowed("Read".to_owned()));
        assert_eq!(asked("SQS:receivemessage", QUEUE), Decision::Allowed("Read".to_owned()));
        assert_eq!(asked("sqs:DeleteMessage", QUEUE), Decision::NotGranted);
        assert_eq!(asked("sqs:ReceiveMessage", &format!("{QUEUE}2")), Decision::NotGranted);
    }

    #[test]
    fn a_denial_stands_whatever_another_policy_allows() {
        let allows = policy(&json!([statement("All", "Allow", "sqs:*", "*")]));
        let denies = policy(&json!([statement("Never", "Deny", "sqs:PurgeQueue", QUEUE)]));
        assert_eq!(decide([&allows, &denies], &Ask::new("sqs:PurgeQueue", QUEUE)), Decision::Denied("Never".into()));
        assert_eq!(decide([&allows, &denies], &Ask::new("sqs:SendMessage", QUEUE)), Decision::Allowed("All".into()));
    }

    #[test]
    fn a_statement_is_about_each_of_its_actions_on_each_of_its_resources() {
        let policy = policy(&json!([{
            "Sid": "Both", "Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
            "Resource": [QUEUE, "arn:aws:sqs:eu-west-1:000000000000:other"],
        }]));
        let statement = &policy.statements()[0];
        for (action, resource) in
            [("sqs:ReceiveMessage", &statement.resources[1]), ("sqs:DeleteMessage", &QUEUE.into())]
        {
            assert!(statement.covers(&Ask::new(action, resource)), "{action} {resource}");
        }
        assert!(!statement.grants("sqs:ReceiveMessage", QUEUE, &Ask::new("sqs:DeleteMessage", QUEUE)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let refused = |statement: Value| {
            let document = json!({ "Version": VERSION, "Statement": [statement] });
            Policy::parse(&document.to_string()).unwrap_err().to_string()
        };
        let mut odd = statement("Odd", "Allow", "sqs:SendMessage", QUEUE);
        odd["NotResource"] = QUEUE.into();
        assert_eq!(refused(odd), "unknown in a policy: NotResource");
        let mut odd = statement("Odd", "Allow", "sqs:SendMessage", QUEUE);
        odd["Condition"] = json!({ "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
        assert_eq!(refused(odd), "unknown in a policy: IpAddress");
        assert!(refused(statement("Odd", "Perhaps", "sqs:SendMessage", QUEUE)).contains("Allow or Deny"));
        assert!(refused(json!({ "Sid": "Odd", "Effect": "Allow", "Action": [], "Resource": "*" })).contains("Action"));
        let old = json!({ "Version": "2008-10-17", "Statement": [] }).to_string();
        assert!(Policy::parse(&old).is_err());
    }

    #[test]
    fn placeholders_are_filled_in_and_none_is_left() {
        let values = BTreeMap::from([("Stack".to_owned(), "orders".to_owned())]);
        assert_eq!(filled_in("table/${Stack}-*, ${Stack}", &values).unwrap(), "table/orders-*, orders");
        assert_eq!(filled_in("${Account}", &values).unwrap_err().to_string(), "nothing fills in ${Account}");
    }
}
