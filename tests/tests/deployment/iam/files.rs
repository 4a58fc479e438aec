//! The files themselves, and which of them go together.

use std::collections::{BTreeMap, BTreeSet};

use contact_injection_tests::iam::{Policy, Published};
use contact_injection_tests::workspace_root;
use serde_json::Value;

/// The longest that a managed policy may be, without its blanks.
const LONGEST: usize = 6144;
/// The most managed policies that a role may have, unless the account asks for more.
const MOST: usize = 10;
/// What is no policy of a principal: who may take the role.
const TRUST: &str = "trust-github.json";

/// Actions that are granted on everything, since IAM knows no single resource of theirs.
const WITHOUT_RESOURCES: [&str; 11] = [
    "codedeploy:StopDeployment",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "kms:ListAliases",
    "lambda:CreateEventSourceMapping",
    "lambda:ListEventSourceMappings",
    "logs:DescribeIndexPolicies",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
];

/// What IAM asks for though it isn't published: the right to a transform (`sam.rs` says where it shows).
const UNPUBLISHED: [&str; 1] = ["arn:aws:cloudformation:eu-west-1:aws:transform/Serverless-2016-10-31"];

/// What a deployment has that others don't. Each needs a policy of its own beside those of every deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What every deployment has.
    Always,
    /// The first deployment of all in a region: SAM makes its bucket.
    Bucket,
    /// An outcome bus.
    Outcomes,
    /// A customer managed key.
    Key,
    /// A VPC.
    Network,
    /// A permissions boundary.
    Boundary,
}

impl Part {
    pub(crate) const ALL: [Self; 6] =
        [Self::Always, Self::Bucket, Self::Outcomes, Self::Key, Self::Network, Self::Boundary];

    /// The files that grant what it needs besides.
    pub(crate) const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Always => &["deploy.json", "deploy-functions.json", "deploy-stores.json"],
            Self::Bucket => &["deploy-bucket.json"],
            Self::Outcomes => &["deploy-outcomes.json"],
            Self::Key => &["deploy-kms.json"],
            Self::Network => &["deploy-vpc.json"],
            Self::Boundary => &["deploy-boundary.json"],
        }
    }

    /// The policies of a deployment that has it.
    pub(crate) fn policies(self, stack: &str) -> Vec<Policy> {
        let always = if self == Self::Always { &[][..] } else { Self::Always.files() };
        let read = |file: &&str| Policy::read(file, &values(stack)).unwrap_or_else(|error| panic!("{file}: {error}"));
        always.iter().chain(self.files()).map(read).collect()
    }
}

/// What fills the placeholders in, as docs/iam/README.md says.
pub(crate) fn values(stack: &str) -> BTreeMap<String, String> {
    let values = [
        ("Partition", "aws"),
        ("Region", "eu-west-1"),
        ("Account", "000000000000"),
        ("Stack", stack),
        ("Names", &stack[..stack.len().min(24)]),
        ("StackUuid", "0a1b2c3d-0000-4000-8000-000000000001"),
        ("InjectFunctionName", "stack-InjectFunction-1"),
        ("SyncFunctionName", "stack-SyncFunction-1"),
        ("LedgerTableName", "stack-LedgerTable-1"),
        ("RegistryTableName", "stack-RegistryTable-1"),
        ("DeadLetterQueueName", "stack-DeadLetterQueue-1"),
        ("KmsKeyArn", "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-4000-8000-000000000002"),
        ("PermissionsBoundaryArn", "arn:aws:iam::000000000000:policy/boundary"),
    ];
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Every policy of a principal, by the name of its file.
fn policies() -> BTreeMap<String, Policy> {
    let folder = std::fs::read_dir(workspace_root().join("docs/iam")).unwrap();
    let files =
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let names = files.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).filter(|name| name != TRUST);
    let policy = |name: String| {
        // The longest name of the stacks that samconfig.toml knows.
        let policy = Policy::read(&name, &values("contact-injection-production"));
        (name.clone(), policy.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    names.map(policy).collect()
}

#[test]
fn every_policy_is_one_that_iam_takes() {
    for name in policies().keys() {
        let text = std::fs::read_to_string(workspace_root().join("docs/iam").join(name)).unwrap();
        let filled = values("contact-injection-production")
            .iter()
            .fold(text, |text, (placeholder, value)| text.replace(&format!("${{{placeholder}}}"), value));
        let document: Value = serde_json::from_str(&filled).unwrap();
        let length = document.to_string().chars().filter(|character| !character.is_whitespace()).count();
        assert!(length <= LONGEST, "{name}: {length}");
    }
}

#[test]
fn a_role_can_have_every_policy_of_a_deployment() {
    // Besides, `make deploy` calls the operator's program.
    let operators = ["operator-protect.json", "operator-versions.json"];
    let files: BTreeSet<_> = Part::ALL.iter().flat_map(|part| part.files()).chain(&operators).collect();
    // The bucket's is for whoever deploys first, and may go after that.
    assert_eq!(files.len() - Part::Bucket.files().len(), MOST - 1, "{files:?}");
    let known = policies();
    assert!(files.iter().all(|file| known.contains_key(**file)), "{files:?}");
    let deploying = known.keys().filter(|file| file.starts_with("deploy"));
    assert!(deploying.clone().all(|file| files.contains(&file.as_str())), "{:?}", deploying.collect::<Vec<_>>());
}

#[test]
fn each_statement_has_a_name_of_its_own_and_no_action_is_a_pattern() {
    for (name, policy) in policies() {
        let mut seen = BTreeSet::new();
        for statement in policy.statements() {
            assert!(statement.sid.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}: {}", statement.sid);
            assert!(seen.insert(statement.sid.clone()), "{name} has two statements {}", statement.sid);
            for action in &statement.actions {
                assert!(!action.contains(['*', '?']), "{name} {}: {action}", statement.sid);
            }
        }
    }
}

#[test]
fn an_operators_statement_is_one_action_on_one_resource() {
    for (name, policy) in policies().into_iter().filter(|(name, _)| name.starts_with("operator")) {
        for statement in policy.statements() {
            let is_one = (statement.actions.len(), statement.resources.len()) == (1, 1);
            assert!(is_one, "{name} {}", statement.sid);
        }
    }
}

#[test]
fn only_what_knows_no_resource_is_granted_on_all_of_them() {
    let published = Published::read().unwrap();
    let mut everywhere = BTreeSet::new();
    for (name, policy) in policies() {
        for statement in policy.statements().iter().filter(|statement| !statement.denies) {
            let is_everywhere = statement.resources.iter().any(|resource| resource == "*");
            for action in &statement.actions {
                let knows = published.knows_resources(action).unwrap();
                assert_eq!(is_everywhere, !knows, "{name} {}: {action}", statement.sid);
                for resource in statement.resources.iter().filter(|_| knows) {
                    let is_about =
                        UNPUBLISHED.contains(&resource.as_str()) || published.is_about(action, resource).unwrap();
                    assert!(is_about, "{name} {}: {action} is never about {resource}", statement.sid);
                }
                if is_everywhere {
                    everywhere.insert(action.clone());
                }
            }
        }
    }
    assert_eq!(everywhere, WITHOUT_RESOURCES.map(str::to_owned).into());
}

#[test]
fn the_readme_names_every_file() {
    let readme = std::fs::read_to_string(workspace_root().join("docs/iam/README.md")).unwrap();
    for name in policies().keys().map(String::as_str).chain([TRUST]) {
        assert!(readme.contains(&format!("({name})")), "{name}");
    }
    for placeholder in values("stack").keys() {
        assert!(readme.contains(&format!("`{placeholder}`")), "{placeholder}");
    }
}
