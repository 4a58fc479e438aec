//! What is deployed, with all that is optional: every resource of the templates as SAM hands them to
//! `CloudFormation`, and the ARNs that it may get.

use std::collections::BTreeSet;

use contact_injection_tests::iam::physical_names;
use contact_injection_tests::template::{Template, TemplateError, references};
use serde_json::Value;

use super::files::Part;

const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000003";
const REGION: &str = "eu-west-1:000000000000";

/// A resource of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// The stack that it is in.
    pub(crate) stack: String,
    /// Its name in the template.
    pub(crate) id: String,
    /// Its type.
    pub(crate) kind: String,
    /// Its members in the template.
    pub(crate) written: Value,
}

impl Resource {
    pub(crate) fn new(stack: &str, id: &str, kind: &str, written: Value) -> Self {
        Self { stack: stack.to_owned(), id: id.to_owned(), kind: kind.to_owned(), written }
    }

    pub(crate) fn properties(&self) -> &Value {
        &self.written["Properties"]
    }

    /// Without which part of a deployment it isn't there.
    pub(crate) fn part(&self) -> Part {
        part_of(self.written["Condition"].as_str().unwrap_or_default())
    }

    /// Whether it stays whatever becomes of its stack.
    pub(crate) fn is_kept(&self) -> bool {
        self.written["DeletionPolicy"] == "Retain"
    }

    /// Whether a property of this name is anywhere in its properties.
    pub(crate) fn has(&self, property: &str) -> bool {
        fn has(value: &Value, name: &str) -> bool {
            match value {
                Value::Object(members) => members.iter().any(|(member, value)| member == name || has(value, name)),
                Value::Array(items) => items.iter().any(|item| has(item, name)),
                _ => false,
            }
        }
        has(self.properties(), property)
    }

    /// The names in its template that its properties refer to.
    pub(crate) fn references(&self) -> BTreeSet<String> {
        references(self.properties())
    }

    /// Its name: the one that its template gives it, or those that it may get.
    fn names(&self, longest: usize) -> [String; 2] {
        let given = ["QueueName", "LogGroupName"].into_iter().find_map(|member| self.properties().get(member));
        let given = given.map(|given| match &given["Fn::Sub"] {
            Value::String(text) => text.clone(),
            parts => parts[0].as_str().expect("a text").to_owned(),
        });
        match given {
            Some(text) => {
                let name = text.replace("${AWS::StackName}", &self.stack).replace("${Id}", UUID);
                assert!(!name.contains("${"), "{}: {name}", self.id);
                [name.clone(), name]
            }
            None => physical_names(&self.stack, &self.id, longest),
        }
    }
}

/// Which part of a deployment a condition of the templates is about.
pub(crate) fn part_of(condition: &str) -> Part {
    match condition {
        "HasOutcomeBus" => Part::Outcomes,
        "HasKmsKey" => Part::Key,
        "HasSubnets" => Part::Network,
        "HasPermissionsBoundary" => Part::Boundary,
        _ => Part::Always,
    }
}

/// The resources of a stack and of the one that it includes.
pub(crate) fn resources(stack: &str) -> Vec<Resource> {
    let main = of_template(stack, Template::translated("template.yaml"));
    let nested = main.iter().find(|resource| resource.kind == "AWS::CloudFormation::Stack").expect("outcomes.yaml");
    let [name, _] = nested.names(128);
    let mut included = of_template(&name, Template::translated("outcomes.yaml"));
    for resource in &mut included {
        resource.written["Condition"] = nested.written["Condition"].clone();
    }
    main.into_iter().chain(included).collect()
}

/// The resources of the stack that SAM makes for its own bucket.
pub(crate) fn bucket() -> Vec<Resource> {
    of_template("aws-sam-cli-managed-default", Template::of_sams_bucket())
}

fn of_template(stack: &str, template: Result<Template, TemplateError>) -> Vec<Resource> {
    let template = template.unwrap();
    let resources = template.at("/Resources").unwrap().as_object().unwrap();
    let resource =
        |(id, written): (&String, &Value)| Resource::new(stack, id, written["Type"].as_str().unwrap(), written.clone());
    resources.iter().map(resource).collect()
}

/// The ARNs of a resource, and of what its type's calls are about besides.
pub(crate) fn arns(resource: &Resource, all: &[Resource]) -> Vec<String> {
    let regional = |service: &str, name: String| format!("arn:aws:{service}:{REGION}:{name}");
    let iam = |name: String| format!("arn:aws:iam::000000000000:{name}");
    let named = |id: &str| all.iter().find(|other| other.id == id && other.stack == resource.stack);
    let referred = |kind: &str| {
        let references = resource.references();
        let others = references.iter().filter_map(|id| named(id)).filter(move |other| other.kind == kind);
        others.flat_map(|other| arns(other, all)).collect::<Vec<_>>()
    };
    let function = |qualifier: &str| {
        referred("AWS::Lambda::Function").into_iter().flat_map(|arn| [format!("{arn}:{qualifier}"), arn]).collect()
    };
    let first = |longest| resource.names(longest)[0].clone();
    match resource.kind.as_str() {
        "AWS::SQS::Queue" => vec![regional("sqs", first(80))],
        "AWS::SQS::QueuePolicy" => referred("AWS::SQS::Queue"),
        "AWS::DynamoDB::Table" => vec![regional("dynamodb", format!("table/{}", first(255)))],
        "AWS::SecretsManager::Secret" => {
            resource.names(512).map(|name| regional("secretsmanager", format!("secret:{name}-AbCdEf"))).to_vec()
        }
        "AWS::Logs::LogGroup" => {
            ["", ":log-stream:"].map(|end| regional("logs", format!("log-group:{}{end}", first(512)))).to_vec()
        }
        "AWS::CloudWatch::Alarm" => vec![regional("cloudwatch", format!("alarm:{}", first(255)))],
        "AWS::CloudWatch::Dashboard" => {
            resource.names(255).map(|name| format!("arn:aws:cloudwatch::000000000000:dashboard/{name}")).to_vec()
        }
        "AWS::Lambda::Function" => vec![regional("lambda", format!("function:{}", first(64)))],
        "AWS::Lambda::Version" => function("7"),
        "AWS::Lambda::EventInvokeConfig" => function("$LATEST"),
        // CodeDeploy shifts it from one version to the next.
        "AWS::Lambda::Alias" => {
            let groups = all.iter().filter(|other| other.kind == "AWS::CodeDeploy::DeploymentGroup");
            function("live").into_iter().chain(groups.flat_map(|group| arns(group, all))).collect()
        }
        "AWS::Lambda::EventSourceMapping" => vec![regional("lambda", format!("event-source-mapping:{UUID}"))],
        "AWS::Scheduler::Schedule" => {
            resource.names(64).map(|name| regional("scheduler", format!("schedule/default/{name}"))).to_vec()
        }
        "AWS::CodeDeploy::Application" => vec![regional("codedeploy", format!("application:{}", first(100)))],
        "AWS::CodeDeploy::DeploymentGroup" => {
            let applications = referred("AWS::CodeDeploy::Application");
            let group = applications[0].replace(":application:", ":deploymentgroup:") + "/" + &first(100);
            let written = &resource.properties()["DeploymentConfigName"]["Fn::Sub"];
            let steps =
                written[0].as_str().unwrap().replace("${ConfigName}", written[1]["ConfigName"].as_str().unwrap());
            assert!(!steps.contains("${"), "{steps}");
            let steps = regional("codedeploy", format!("deploymentconfig:{steps}"));
            applications.into_iter().chain([group, steps]).collect()
        }
        "AWS::Pipes::Pipe" => resource.names(64).map(|name| regional("pipes", format!("pipe/{name}"))).to_vec(),
        "AWS::CloudFormation::Stack" => vec![regional("cloudformation", format!("stack/{}/{UUID}", first(128)))],
        "AWS::IAM::Role" => vec![iam(format!("role/{}", first(64)))],
        "AWS::IAM::ManagedPolicy" => vec![iam(format!("policy/{}", first(128)))],
        "AWS::S3::Bucket" => vec![format!("arn:aws:s3:::{}", first(63).to_lowercase())],
        "AWS::S3::BucketPolicy" => referred("AWS::S3::Bucket"),
        new => panic!(
            "{new} is new ({}): say here which ARNs its resources get, and in needs.rs what they need",
            resource.id
        ),
    }
}
