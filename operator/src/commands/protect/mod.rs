//! `protect`: what keeps a stack, and what it holds, from being deleted by mistake.

use serde_json::{Value, json};

use crate::answer::{Answer, End, table};
use crate::cli::Target;
use crate::error::Error;
use crate::stack::Stack;

/// What no update may replace or delete. The urgent queue may go: that is what `UrgentConcurrency=0` means.
const POLICY: &str = include_str!("stack-policy.json");

/// What was done for a protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// It was there.
    Already,
    /// It is there now.
    Changed,
    /// It is there now, in place of another one.
    Replaced,
}

impl Done {
    const fn words(self) -> &'static str {
        match self {
            Self::Already => "was on already",
            Self::Changed => "is on now",
            Self::Replaced => "is on now, in place of another one",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Already => "unchanged",
            Self::Changed => "changed",
            Self::Replaced => "replaced",
        }
    }
}

/// Turns each protection on that isn't. One that can't be keeps the others from nothing.
pub(super) async fn run(target: &Target) -> Result<Answer, Error> {
    let stack = Stack::find(target).await?;
    let ledger = stack.output("LedgerTableName")?;
    let protections = [
        ("termination protection", "terminationProtection", keep_stack(&stack).await),
        ("stack policy", "stackPolicy", keep_resources(&stack).await),
        ("the ledger's deletion protection", "ledgerDeletionProtection", keep_table(&stack, ledger).await),
    ];
    let (mut rows, mut json, mut notes, mut end) = (Vec::new(), json!({}), Vec::new(), End::Done);
    for (title, name, outcome) in protections {
        let (words, done) = match outcome {
            Ok(done) => (done.words(), done.name()),
            Err(error) => {
                notes.push(error.to_string());
                end = End::NotDone;
                ("could not be turned on", "failed")
            }
        };
        rows.push([title.to_owned(), words.to_owned()]);
        json[name] = json!(done);
    }
    Ok(Answer::done(table(&rows), json).ending(end).with_notes(notes))
}

/// Nobody deletes the stack.
async fn keep_stack(stack: &Stack) -> Result<Done, Error> {
    if stack.is_termination_protected() {
        return Ok(Done::Already);
    }
    let client = stack.cloudformation();
    let request = client.update_termination_protection().stack_name(stack.name()).enable_termination_protection(true);
    let failed = |error| Error::aws("cloudformation:UpdateTerminationProtection", &named(stack), &error);
    request.send().await.map(|_| Done::Changed).map_err(failed)
}

/// No update of the stack replaces or deletes what can't be had again.
async fn keep_resources(stack: &Stack) -> Result<Done, Error> {
    let client = stack.cloudformation();
    let answer = client.get_stack_policy().stack_name(stack.name()).send().await;
    let answer = answer.map_err(|error| Error::aws("cloudformation:GetStackPolicy", &named(stack), &error))?;
    let there = answer.stack_policy_body().filter(|body| !body.is_empty());
    if there.is_some_and(is_ours) {
        return Ok(Done::Already);
    }
    let request = client.set_stack_policy().stack_name(stack.name()).stack_policy_body(POLICY);
    let failed = |error| Error::aws("cloudformation:SetStackPolicy", &named(stack), &error);
    let done = if there.is_some() { Done::Replaced } else { Done::Changed };
    request.send().await.map(|_| done).map_err(failed)
}

/// Whether a policy says what ours says, however it is written.
fn is_ours(policy: &str) -> bool {
    let read = |text| serde_json::from_str::<Value>(text).ok();
    read(policy).is_some_and(|policy| Some(policy) == read(POLICY))
}

/// Nobody deletes the table. The template can't say so: its first deployment, where it fails, has to delete it again.
async fn keep_table(stack: &Stack, table: &str) -> Result<Done, Error> {
    let (client, named) = (stack.dynamodb(), format!("the table {table}"));
    let answer = client.describe_table().table_name(table).send().await;
    let answer = answer.map_err(|error| Error::aws("dynamodb:DescribeTable", &named, &error))?;
    let is_on = answer.table.and_then(|table| table.deletion_protection_enabled);
    if is_on.unwrap_or_default() {
        return Ok(Done::Already);
    }
    let request = client.update_table().table_name(table).deletion_protection_enabled(true);
    let failed = |error| Error::aws("dynamodb:UpdateTable", &named, &error);
    request.send().await.map(|_| Done::Changed).map_err(failed)
}

fn named(stack: &Stack) -> String {
    format!("the stack {:?}", stack.name())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use contact_injection_tests::template::Template;

    use super::*;

    /// The resources that statements deny an action on.
    fn denied(action: &str) -> BTreeSet<String> {
        let policy: Value = serde_json::from_str(POLICY).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let statements = policy["Statement"].as_array().unwrap().iter();
        let denying =
            statements.filter(|said| said["Effect"] == "Deny" && list(&said["Action"]).contains(&action.into()));
        let named = denying.flat_map(|said| list(&said["Resource"]));
        named.map(|name| name.as_str().unwrap().strip_prefix("LogicalResourceId/").unwrap().to_owned()).collect()
    }

    /// The template's resources that hold what can't be had again.
    fn kept() -> BTreeSet<String> {
        let template = Template::read().unwrap();
        let types = ["AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"];
        let named = types.into_iter().flat_map(|kind| template.resources_of(kind).map(|(name, _)| name.to_owned()));
        // It holds scheduled runs that were given up: the next run makes up for them.
        named.filter(|name| name != "SyncDeadLetterQueue").collect()
    }

    #[test]
    fn the_policy_keeps_every_table_secret_and_queue_of_events_from_being_replaced() {
        assert_eq!(denied("Update:Replace"), kept());
    }

    #[test]
    fn the_policy_lets_only_the_urgent_queue_of_these_be_deleted() {
        let mut expected = kept();
        assert!(expected.remove("UrgentQueue"));
        assert_eq!(denied("Update:Delete"), expected);
    }

    #[test]
    fn the_policy_allows_everything_else_and_fits_into_cloudformations_limit() {
        let policy: Value = serde_json::from_str(POLICY).unwrap();
        let all = json!({ "Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*" });
        assert_eq!(policy["Statement"][0], all);
        assert!(POLICY.len() <= 16_384);
    }

    #[test]
    fn a_policy_is_ours_however_it_is_written() {
        let policy: Value = serde_json::from_str(POLICY).unwrap();
        assert!(is_ours(&policy.to_string()) && is_ours(POLICY));
        assert!(!is_ours(r#"{"Statement":[]}"#) && !is_ours("no policy"));
    }
}
