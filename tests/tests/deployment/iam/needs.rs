//! What `CloudFormation` asks for with the rights of whoever deploys, since `sam deploy` gives it no role of its own:
//! for each resource, what the schema of its type says of creating, reading, updating, deleting and tagging it.
//!
//! A schema names what any property of its type may need. What is needed for properties that these templates don't have
//! is not granted; should a template have one, the test says so.

use contact_injection_tests::iam::{Ask, Published};
use serde_json::Value;

use super::files::{Part, values};
use super::rules::{RULES, When};
use super::template::{Resource, arns, part_of};

/// Something that whoever deploys has to be allowed.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) part: Part,
    pub(crate) ask: Ask,
    /// Who asks, for whoever reads a failure.
    pub(crate) by: String,
}

/// What is asked for these resources, and what isn't granted though a schema names it, with the reason.
pub(crate) fn needs(resources: &[Resource]) -> (Vec<Need>, Vec<(Need, &'static str)>) {
    let published = Published::read().unwrap();
    let (mut granted, mut never) = (Vec::new(), Vec::new());
    for resource in resources {
        // SAM makes its bucket once, and never changes it.
        let handlers: &[&str] = match resource.kind.as_str() {
            kind if kind.starts_with("AWS::S3::") => &["create", "read"],
            _ if resource.is_kept() => &["create", "read", "update", "tag"],
            _ => &["create", "read", "update", "delete", "tag"],
        };
        for action in published.permissions(&resource.kind, handlers).unwrap_or_else(|error| panic!("{error}")) {
            let part = if resource.kind.starts_with("AWS::S3::") { Part::Bucket } else { resource.part() };
            let need = |part, ask| Need { part, ask, by: format!("{} ({})", resource.id, resource.kind) };
            let asked = asks(resource, resources, &published, &action);
            let rule = RULES.iter().find(|(kind, _, actions)| *kind == resource.kind && actions.contains(&&*action));
            match rule.map(|(_, when, _)| when) {
                None => granted.extend(asked().into_iter().map(|(own, ask)| need(own.unwrap_or(part), ask))),
                Some(When::With(part)) => granted.extend(asked().into_iter().map(|(_, ask)| need(*part, ask))),
                Some(When::Never(why)) => never.extend(asked().into_iter().map(|(_, ask)| (need(part, ask), *why))),
                Some(When::No(property)) => assert!(
                    !resource.has(property),
                    "{} has {property} by now: {action} is needed, and docs/iam doesn't grant it",
                    resource.id
                ),
            }
        }
    }
    (granted, never)
}

/// An action of a schema as calls, each with the part of a deployment that alone makes it, where it is one.
fn asks<'a>(
    resource: &'a Resource,
    all: &'a [Resource],
    published: &'a Published,
    action: &'a str,
) -> impl Fn() -> Vec<(Option<Part>, Ask)> + 'a {
    let always = |ask| vec![(None, ask)];
    let roles = |name: &String| all.iter().find(|role| role.id == *name && role.stack == resource.stack);
    move || match action {
        "iam:PassRole" => {
            let passed = resource.references();
            let passed = passed.iter().filter_map(roles).filter(|other| other.kind == "AWS::IAM::Role");
            let passed: Vec<_> = passed.map(|role| (None, pass(role, all))).collect();
            assert!(!passed.is_empty(), "{} has no role by now", resource.id);
            passed
        }
        "iam:AttachRolePolicy" | "iam:DetachRolePolicy" => attached(resource, all)
            .into_iter()
            .map(|(part, policy)| (part, Ask::new(action, &arns(resource, all)[0]).with("iam:PolicyARN", policy)))
            .collect(),
        "iam:PutRolePermissionsBoundary" => {
            let boundary = &values("stack")["PermissionsBoundaryArn"];
            always(Ask::new(action, &arns(resource, all)[0]).with("iam:PermissionsBoundary", boundary))
        }
        "s3:GetObject" => {
            always(Ask::new(action, "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1/package"))
        }
        _ if action.starts_with("kms:") && published.knows_resources(action).unwrap() => {
            let service = resource.kind.split("::").nth(1).unwrap().to_lowercase();
            let via = format!("{service}.eu-west-1.amazonaws.com");
            always(Ask::new(action, &values("stack")["KmsKeyArn"]).with("kms:ViaService", via))
        }
        _ => {
            let function = arns_of_function(resource, all);
            let seen = |ask: Ask| match &function {
                Some(function) if action.ends_with("EventSourceMapping") => ask.with("lambda:FunctionArn", function),
                _ => ask,
            };
            if !published.knows_resources(action).unwrap_or_else(|error| panic!("{}: {error}", resource.id)) {
                return always(seen(Ask::new(action, "*")));
            }
            let about = arns(resource, all).into_iter().filter(|arn| published.is_about(action, arn).unwrap());
            let asks: Vec<_> = about.map(|arn| (None, seen(Ask::new(action, arn)))).collect();
            assert!(!asks.is_empty(), "what is {action} of {} ({}) about?", resource.id, resource.kind);
            asks
        }
    }
}

/// A role that is handed to the service that may take it.
fn pass(role: &Resource, all: &[Resource]) -> Ask {
    let service = &role.properties()["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"];
    let service = service.as_str().or(service[0].as_str()).expect("a service takes it");
    Ask::new("iam:PassRole", &arns(role, all)[0]).with("iam:PassedToService", service)
}

/// The policies that a role is given, each with the part of a deployment that brings it.
fn attached(role: &Resource, all: &[Resource]) -> Vec<(Option<Part>, String)> {
    fn arn(policy: &Value, role: &Resource, all: &[Resource]) -> (Option<Part>, String) {
        if let Some(arn) = policy.as_str() {
            return (None, arn.to_owned());
        }
        if let Some(branches) = policy["Fn::If"].as_array() {
            return (Some(part_of(branches[0].as_str().unwrap())), arn(&branches[1], role, all).1);
        }
        let id = policy["Ref"].as_str().unwrap_or_else(|| panic!("{}: {policy}", role.id));
        let own = all.iter().find(|other| other.id == id && other.stack == role.stack).expect("a policy of the stack");
        (None, arns(own, all)[0].clone())
    }
    let policies = role.properties()["ManagedPolicyArns"].as_array();
    policies.into_iter().flatten().map(|policy| arn(policy, role, all)).collect()
}

/// The function that an event source mapping invokes.
fn arns_of_function(resource: &Resource, all: &[Resource]) -> Option<String> {
    let alias = all.iter().find(|other| other.kind == "AWS::Lambda::Alias")?;
    (resource.kind == "AWS::Lambda::EventSourceMapping").then(|| arns(alias, all)[0].clone())
}
