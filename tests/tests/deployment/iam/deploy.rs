//! What a deployment asks for, held against what its policies grant.

use std::collections::BTreeSet;

use contact_injection_tests::iam::{Ask, Decision, decide, shortest_stack_part};
use serde_json::json;

use super::files::{Part, values};
use super::needs::{Need, needs};
use super::sam;
use super::template::{Resource, arns, bucket, resources};

/// The stacks of samconfig.toml, and one with the longest name that there is: the names of its resources are cut.
fn stacks() -> [String; 4] {
    let longest = format!("{}z", "s".repeat(127));
    ["contact-injection".to_owned(), "contact-injection-staging".into(), "contact-injection-production".into(), longest]
}

/// What a template of ours doesn't ask for by a property of its own.
fn besides(stack: &str, resources: &[Resource]) -> Vec<Need> {
    let key = values(stack)["KmsKeyArn"].clone();
    // "If you use a customer managed key, you must also have kms:GenerateDataKey, kms:Encrypt, and kms:Decrypt
    // permissions on the key": the API reference of Secrets Manager's UpdateSecret, and of CreateSecret but for the
    // second.
    let secrets = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"].map(|action| {
        let ask = Ask::new(action, &key).with("kms:ViaService", "secretsmanager.eu-west-1.amazonaws.com");
        Need { part: Part::Key, ask, by: "InjectSecret (AWS::SecretsManager::Secret)".to_owned() }
    });
    // A key and a VPC bring a policy that roles are given besides, in a template that has them or has them to come.
    let role = resources.iter().find(|resource| resource.id == "InjectRole").expect("the inject function's role");
    let brought =
        [("KeyPolicy", "HasKmsKey"), ("NetworkPolicy", "HasSubnets")].into_iter().flat_map(|(id, condition)| {
            let written = json!({ "Condition": condition, "Properties": {} });
            let policy = Resource::new(stack, id, "AWS::IAM::ManagedPolicy", written);
            let arn = arns(&policy, resources)[0].clone();
            let given = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"].map(|action| {
                let ask = Ask::new(action, &arns(role, resources)[0]).with("iam:PolicyARN", &arn);
                Need { part: policy.part(), ask, by: "InjectRole (AWS::IAM::Role)".to_owned() }
            });
            needs(&[policy]).0.into_iter().chain(given)
        });
    secrets.into_iter().chain(brought).collect()
}

/// Everything that `CloudFormation` asks for, and what it would ask for and isn't granted.
fn asked(stack: &str) -> (Vec<Need>, Vec<(Need, &'static str)>) {
    let resources = resources(stack);
    let (mut asked, mut never) = needs(&resources);
    let of_bucket = needs(&bucket());
    asked.extend(of_bucket.0);
    asked.extend(besides(stack, &resources));
    never.extend(of_bucket.1);
    (asked, never)
}

/// What of these needs isn't granted by the policies of its part.
fn missing(stack: &str, needs: &[Need]) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for part in Part::ALL {
        let policies = part.policies(stack);
        for Need { ask, by, .. } in needs.iter().filter(|need| need.part == part) {
            // Where roles are to have a boundary, each is asked for with it.
            let ask = match part {
                Part::Boundary => ask.clone().with("iam:PermissionsBoundary", &values(stack)["PermissionsBoundaryArn"]),
                _ => ask.clone(),
            };
            if !matches!(decide(&policies, &ask), Decision::Allowed(_)) {
                missing.insert(format!("{part:?} {} on {} {:?}, for {by}", ask.action, ask.resource, ask.context));
            }
        }
    }
    missing
}

#[test]
fn whatever_cloudformation_asks_for_is_granted_on_the_resources_that_a_stack_may_have() {
    for stack in stacks() {
        let (asked, _) = asked(&stack);
        assert!(asked.len() > 500, "{}", asked.len());
        assert_eq!(missing(&stack, &asked), BTreeSet::new());
    }
}

#[test]
fn what_a_deployment_never_does_is_granted_by_none_of_its_policies() {
    let stack = &stacks()[0];
    let policies: Vec<_> = Part::ALL.into_iter().flat_map(|part| part.policies(stack)).collect();
    let (_, never) = asked(stack);
    let actions: BTreeSet<_> = never.iter().map(|(need, _)| need.ask.action.as_str()).collect();
    let expected = ["iam:DeleteRolePermissionsBoundary", "s3:DeleteObject", "secretsmanager:GetSecretValue"];
    let kept = resources(stack).iter().any(Resource::is_kept);
    assert!(actions.is_subset(&expected.into()) && kept, "{actions:?}");
    for (need, why) in never {
        let decision = decide(&policies, &need.ask);
        assert!(!matches!(decision, Decision::Allowed(_)), "{why}: {need:?} {decision:?}");
    }
}

#[tokio::test]
async fn a_deployment_is_granted_what_it_asks_for_and_nothing_else() {
    let stack = &stacks()[0];
    let recorded = sam::recorded(stack).await;
    assert_eq!(missing(stack, &recorded), BTreeSet::new());
    let needs: Vec<_> = asked(stack).0.into_iter().chain(recorded).collect();
    let mut unused = BTreeSet::new();
    for part in Part::ALL {
        let asks: Vec<_> = needs.iter().filter(|need| need.part == part).map(|need| &need.ask).collect();
        let own = part.policies(stack).into_iter().rev().take(part.files().len()).rev();
        for (file, policy) in part.files().iter().zip(own) {
            for statement in policy.statements().iter().filter(|statement| !statement.denies) {
                for (action, resource) in
                    statement.actions.iter().flat_map(|action| statement.resources.iter().map(move |on| (action, on)))
                {
                    if !asks.iter().any(|ask| statement.grants(action, resource, ask)) {
                        unused.insert(format!("{file} {}: {action} on {resource}", statement.sid));
                    }
                }
                let covered: Vec<_> = asks.iter().filter(|ask| statement.covers(ask)).map(|ask| &ask.context).collect();
                for value in statement.values_unlike(&covered) {
                    unused.insert(format!("{file} {}: nothing asks with {value}", statement.sid));
                }
            }
        }
    }
    assert_eq!(unused, BTreeSet::new());
}

#[test]
fn a_stacks_names_begin_with_as_much_of_its_own_as_the_policies_look_at() {
    // Of Lambda, of roles and of schedules: no other service takes fewer characters.
    let names = values(&"s".repeat(128))["Names"].len();
    assert!(names <= shortest_stack_part(64), "{names}");
}
