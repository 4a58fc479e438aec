//! What AWS publishes of its services, in the copy that cfn-lint brings along: which permissions `CloudFormation` needs
//! for a resource of each type, and which resources each action of IAM knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::is_arn_like;
use crate::workspace_root;

/// The region whose types are looked at: those of the others are among them.
const REGION: &str = "us-east-1";

/// Why nothing published can be told.
#[derive(Debug, Error)]
pub enum PublishedError {
    /// cfn-lint isn't installed, or keeps its data elsewhere by now.
    #[error("cannot read what cfn-lint brings along: {path}")]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system, or the reader of JSON, said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such resource type, or it doesn't say which permissions it needs.
    #[error("nothing is published of the permissions that {0} needs: write them down, with their source")]
    NoHandlers(String),
    /// There is no such action.
    #[error("IAM has no action {0}")]
    NoAction(String),
}

/// The published data.
#[derive(Debug)]
pub struct Published {
    schemas: PathBuf,
    /// The name of a type's file.
    types: BTreeMap<String, String>,
    services: BTreeMap<String, Service>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    /// By its name in small letters.
    actions: BTreeMap<String, Action>,
    #[serde(default)]
    resources: BTreeMap<String, Resource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Action {
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(rename = "ARNFormats")]
    arn_formats: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Schema {
    #[serde(default)]
    handlers: BTreeMap<String, Permissions>,
    #[serde(default)]
    tagging: Permissions,
}

#[derive(Debug, Default, Deserialize)]
struct Permissions {
    #[serde(default)]
    permissions: BTreeSet<String>,
}

impl Published {
    /// Reads it.
    pub fn read() -> Result<Self, PublishedError> {
        let packages = workspace_root().join(".venv/lib");
        let entry = |folder: &Path| std::fs::read_dir(folder).ok()?.next()?.ok().map(|entry| entry.path());
        let python = entry(&packages).unwrap_or(packages);
        let data = python.join("site-packages/cfnlint/data");
        Ok(Self {
            types: json(&data.join(format!("schemas/providers/{REGION}.json")))?,
            services: json(&data.join("AdditionalSpecs/Policies.json"))?,
            schemas: data.join("schemas/resources"),
        })
    }

    /// What `CloudFormation` needs to `create`, `read`, `update`, `delete` or `tag` a resource of a type, by the type's
    /// own schema.
    pub fn permissions(&self, kind: &str, handlers: &[&str]) -> Result<BTreeSet<String>, PublishedError> {
        let unknown = || PublishedError::NoHandlers(kind.to_owned());
        let file = self.types.get(kind).ok_or_else(unknown)?;
        let schema: Schema = json(&self.schemas.join(format!("{file}.json")))?;
        let of = |handler: &&str| if *handler == "tag" { Some(&schema.tagging) } else { schema.handlers.get(*handler) };
        let permissions: BTreeSet<_> =
            handlers.iter().filter_map(of).flat_map(|handler| handler.permissions.clone()).collect();
        if permissions.is_empty() { Err(unknown()) } else { Ok(permissions) }
    }

    /// Whether an action can be granted on single resources.
    pub fn knows_resources(&self, action: &str) -> Result<bool, PublishedError> {
        Ok(!self.action(action)?.1.resources.is_empty())
    }

    /// Whether an action can be about what this ARN names.
    pub fn is_about(&self, action: &str, arn: &str) -> Result<bool, PublishedError> {
        let (service, action) = self.action(action)?;
        let kinds = action.resources.iter().filter_map(|kind| service.resources.get(&kind.to_lowercase()));
        Ok(kinds.flat_map(|kind| &kind.arn_formats).any(|format| is_arn_like(&as_pattern(format), arn)))
    }

    fn action(&self, action: &str) -> Result<(&Service, &Action), PublishedError> {
        let (service, name) = action.split_once(':').unwrap_or_default();
        let service = self.services.get(service);
        let found = service.and_then(|service| Some((service, service.actions.get(&name.to_lowercase())?)));
        found.ok_or_else(|| PublishedError::NoAction(action.to_owned()))
    }
}

/// `arn:${Partition}:sqs:${Region}:${Account}:.*` as a pattern of IAM.
fn as_pattern(format: &str) -> String {
    let parts = format.split(':').map(|part| if part.starts_with("${") { "*" } else { part });
    parts.collect::<Vec<_>>().join(":").replace(".*", "*")
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, PublishedError> {
    let unreadable = |source| PublishedError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.into()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:000000000000:contacts";

    #[test]
    fn a_type_says_what_its_resources_need_and_one_that_does_not_is_named() {
        let published = Published::read().unwrap();
        let needed = published.permissions("AWS::SQS::Queue", &["create", "delete"]).unwrap();
        assert!(["sqs:CreateQueue", "sqs:DeleteQueue"].iter().all(|action| needed.contains(*action)), "{needed:?}");
        assert!(!needed.contains("sqs:SetQueueAttributes"), "an update needs it: {needed:?}");
        assert!(published.permissions("AWS::IAM::Role", &["tag"]).unwrap().contains("iam:ListRoleTags"));
        let unknown = published.permissions("AWS::SQS::Pigeon", &["create"]).unwrap_err().to_string();
        assert!(unknown.contains("AWS::SQS::Pigeon"), "{unknown}");
    }

    #[test]
    fn an_action_is_about_the_resources_that_its_service_knows() {
        let published = Published::read().unwrap();
        assert!(published.is_about("sqs:SendMessage", QUEUE).unwrap());
        assert!(!published.is_about("sqs:SendMessage", &QUEUE.replace("sqs", "sns")).unwrap());
        assert!(published.knows_resources("sqs:SendMessage").unwrap());
        assert!(!published.knows_resources("ec2:DescribeSubnets").unwrap());
        let unknown = published.is_about("sqs:SendPigeon", QUEUE).unwrap_err().to_string();
        assert_eq!(unknown, "IAM has no action sqs:SendPigeon");
    }
}
