//! Who may take the role that deploys.

use contact_injection_tests::workspace_root;
use serde_json::{Value, json};

fn text(path: &str) -> String {
    std::fs::read_to_string(workspace_root().join(path)).unwrap()
}

#[test]
fn only_runs_for_one_environment_of_one_repository_may_deploy() {
    let trust: Value = serde_json::from_str(&text("docs/iam/trust-github.json")).unwrap();
    let [statement] = &trust["Statement"].as_array().unwrap()[..] else { panic!("one statement: {trust}") };
    assert_eq!(trust["Version"], "2012-10-17");
    assert_eq!(statement["Effect"], "Allow");
    assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
    let provider = "arn:${Partition}:iam::${Account}:oidc-provider/token.actions.githubusercontent.com";
    assert_eq!(statement["Principal"], json!({ "Federated": provider }));
    // Equal, since a pattern would let in branches or repositories that nobody thought of.
    assert_eq!(
        statement["Condition"],
        json!({ "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:${Repository}:environment:${Environment}",
        }})
    );
}

#[test]
fn the_workflow_deploys_in_an_environment_and_takes_the_role_by_its_identity() {
    let workflow = text(".github/workflows/ci.yml");
    for line in [
        "environment: ${{ inputs.environment || 'staging' }}",
        "id-token: write",
        "role-to-assume: ${{ vars.DEPLOY_ROLE_ARN }}",
    ] {
        assert!(workflow.contains(line), "{line}");
    }
}
