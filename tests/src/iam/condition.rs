//! The conditions of a statement.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{PolicyError, is_arn_like, is_like, texts};

/// How a condition compares. A key that a call doesn't have is like nothing, and different from everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    ArnLike,
}

/// One key of a condition, with the values that it is compared with.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

impl Condition {
    /// Every key of a statement's `Condition`: all of them have to hold.
    pub(super) fn parse_all(conditions: Option<&Value>) -> Result<Vec<Self>, PolicyError> {
        const SHAPE: PolicyError = PolicyError::Shape("Condition is an object of operators, each one of keys");
        let Some(conditions) = conditions else { return Ok(Vec::new()) };
        let mut parsed = Vec::new();
        for (operator, keys) in conditions.as_object().ok_or(SHAPE)? {
            let operator = match operator.as_str() {
                "StringEquals" => Operator::StringEquals,
                "StringNotEquals" => Operator::StringNotEquals,
                "StringLike" => Operator::StringLike,
                "ArnLike" => Operator::ArnLike,
                other => return Err(PolicyError::Unknown(other.to_owned())),
            };
            for (key, values) in keys.as_object().ok_or(SHAPE)? {
                let values = texts(Some(values), "a condition's value is a text or a list of them")?;
                parsed.push(Self { operator, key: key.clone(), values });
            }
        }
        Ok(parsed)
    }

    pub(super) fn holds(&self, context: &BTreeMap<String, String>) -> bool {
        let is_any = self.values.iter().any(|value| self.is_met(value, context));
        is_any != (self.operator == Operator::StringNotEquals)
    }

    /// The values that none of these calls has.
    pub(super) fn values_unlike(&self, contexts: &[&BTreeMap<String, String>]) -> impl Iterator<Item = &str> {
        let unlike = |value: &&String| !contexts.iter().any(|context| self.is_met(value, context));
        self.values.iter().filter(unlike).map(String::as_str)
    }

    /// Whether a call has a value, or one like it.
    fn is_met(&self, value: &str, context: &BTreeMap<String, String>) -> bool {
        context.get(&self.key).is_some_and(|found| match self.operator {
            Operator::StringEquals | Operator::StringNotEquals => value == found,
            Operator::StringLike => is_like(value, found),
            Operator::ArnLike => is_arn_like(value, found),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(conditions: &Value, context: &[(&str, &str)]) -> bool {
        let context = context.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Condition::parse_all(Some(conditions)).unwrap().iter().all(|condition| condition.holds(&context))
    }

    #[test]
    fn one_of_the_values_is_enough_and_each_key_has_to_hold() {
        let passed =
            json!({ "StringEquals": { "iam:PassedToService": ["lambda.amazonaws.com", "pipes.amazonaws.com"] } });
        assert!(holds(&passed, &[("iam:PassedToService", "pipes.amazonaws.com")]));
        assert!(!holds(&passed, &[("iam:PassedToService", "ec2.amazonaws.com")]));
        let both = json!({ "StringLike": { "a": "x*", "b": "y" } });
        assert!(holds(&both, &[("a", "xy"), ("b", "y")]));
        assert!(!holds(&both, &[("a", "xy"), ("b", "z")]));
        let arn = json!({ "ArnLike": { "lambda:FunctionArn": "arn:aws:lambda:*:*:function:inject:*" } });
        assert!(holds(&arn, &[("lambda:FunctionArn", "arn:aws:lambda:eu-west-1:000000000000:function:inject:live")]));
    }

    #[test]
    fn a_key_that_is_missing_is_like_nothing_and_different_from_everything() {
        for operator in ["StringEquals", "StringLike", "ArnLike"] {
            assert!(!holds(&json!({ operator: { "key": "*" } }), &[]), "{operator}");
        }
        let differs = json!({ "StringNotEquals": { "iam:PermissionsBoundary": "arn:one" } });
        assert!(holds(&differs, &[]));
        assert!(holds(&differs, &[("iam:PermissionsBoundary", "arn:another")]));
        assert!(!holds(&differs, &[("iam:PermissionsBoundary", "arn:one")]));
    }
}
