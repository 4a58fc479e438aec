//! Where roles are to have a permissions boundary, whoever deploys can't make one without it, nor take it away.

use contact_injection_tests::iam::{Ask, Decision, decide};

use super::files::{Part, values};

const STACK: &str = "contact-injection";
const ROLE: &str = "arn:aws:iam::000000000000:role/contact-injection-InjectRole-1";

#[test]
fn no_role_is_made_or_given_more_without_the_boundary() {
    let policies = Part::Boundary.policies(STACK);
    for action in ["iam:CreateRole", "iam:PutRolePolicy"] {
        let without = Ask::new(action, ROLE);
        let with = |boundary: &str| decide(&policies, &without.clone().with("iam:PermissionsBoundary", boundary));
        assert_eq!(decide(&policies, &without), Decision::Denied("NoRoleWithoutIt".into()), "{action}");
        assert_eq!(with("arn:aws:iam::aws:policy/AdministratorAccess"), Decision::Denied("NoRoleWithoutIt".into()));
        assert_eq!(with(&values(STACK)["PermissionsBoundaryArn"]), Decision::Allowed("Roles".into()), "{action}");
    }
}

#[test]
fn the_boundary_is_neither_taken_away_nor_exchanged_nor_changed() {
    let policies = Part::Boundary.policies(STACK);
    let boundary = &values(STACK)["PermissionsBoundaryArn"];
    let away = Ask::new("iam:DeleteRolePermissionsBoundary", ROLE).with("iam:PermissionsBoundary", boundary);
    assert_eq!(decide(&policies, &away), Decision::Denied("NeverTakeItAway".into()));
    let another = Ask::new("iam:PutRolePermissionsBoundary", ROLE).with("iam:PermissionsBoundary", "arn:another");
    assert_eq!(decide(&policies, &another), Decision::Denied("NoRoleWithoutIt".into()));
    let wider = Ask::new("iam:CreatePolicyVersion", boundary);
    assert_eq!(decide(&policies, &wider), Decision::Denied("NeverChangeIt".into()));
}

#[test]
fn without_the_parameter_roles_need_no_boundary() {
    let policies = Part::Always.policies(STACK);
    assert_eq!(decide(&policies, &Ask::new("iam:CreateRole", ROLE)), Decision::Allowed("Roles".into()));
}

#[test]
fn the_role_that_deploys_cannot_change_itself_by_the_name_that_the_readme_gives_it() {
    let readme = std::fs::read_to_string(contact_injection_tests::workspace_root().join("docs/iam/README.md")).unwrap();
    let name = readme.split("aws iam create-role --role-name ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let name = name.expect("a command that creates it").replace("$Stack", STACK);
    let itself = Ask::new("iam:PutRolePolicy", format!("arn:aws:iam::000000000000:role/{}", name.trim_matches('"')));
    assert_eq!(decide(&Part::Always.policies(STACK), &itself), Decision::NotGranted);
}
