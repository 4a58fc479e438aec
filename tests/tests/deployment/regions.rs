//! Where each template can be deployed: no stack is made of a template with a resource type that the region lacks, not
//! even where a condition leaves the resource out. What each region knows is what AWS publishes, in cfn-lint's copy.
#![expect(clippy::unwrap_used, reason = "what can't be read fails its test")]

use std::collections::BTreeSet;
use std::process::Command;

use contact_injection_tests::template::Template;
use contact_injection_tests::workspace_root;
use serde_json::json;

/// Regions without the type of the pipe, as the README names them.
const WITHOUT_PIPES: [&str; 10] = [
    "ap-east-2",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "il-central-1",
    "mx-central-1",
    "us-gov-east-1",
    "us-gov-west-1",
];
/// Regions of other partitions, of which nothing is published: cfn-lint takes what `us-east-1` knows.
const OTHER_PARTITIONS: [&str; 3] = ["us-iso", "eu-iso", "eusc-"];
/// What cfn-lint has beside the regions.
const NO_REGION: &str = "sam";

/// Every region of the partitions aws, aws-us-gov and aws-cn.
fn regions() -> BTreeSet<String> {
    let packages = workspace_root().join(".venv/lib");
    let python = std::fs::read_dir(packages).unwrap().next().unwrap().unwrap().path();
    let known = std::fs::read_dir(python.join("site-packages/cfnlint/data/schemas/providers")).unwrap();
    let names = known.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    names
        .filter(|name| name != NO_REGION && !OTHER_PARTITIONS.iter().any(|partition| name.starts_with(partition)))
        .collect()
}

/// The regions in which a type of this template is unknown, with that type; of its own it has this one at least.
fn lacking(template: &str, regions: &BTreeSet<String>, own: &str) -> BTreeSet<(String, String)> {
    let template = Template::translated(template).unwrap();
    let resources = template.at("/Resources").unwrap().as_object().unwrap();
    let kinds: BTreeSet<_> = resources.values().map(|resource| resource["Type"].as_str().unwrap()).collect();
    assert!(kinds.contains(own) && !kinds.contains("AWS::Serverless::Function"), "{kinds:?}");
    let mut python = Command::new(workspace_root().join(".venv/bin/python"));
    python.args(["-c", include_str!("regions.py"), &json!(kinds).to_string(), &json!(regions).to_string()]);
    serde_json::from_slice(&python.output().unwrap().stdout).unwrap()
}

#[test]
fn every_region_of_three_partitions_knows_every_resource_type_of_the_template() {
    let regions = regions();
    for region in ["us-east-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1"] {
        assert!(regions.contains(region), "{region} isn't among {regions:?}");
    }
    assert_eq!(lacking("template.yaml", &regions, "AWS::CodeDeploy::DeploymentGroup"), BTreeSet::new());
}

#[test]
fn outcome_events_can_be_had_in_every_region_but_where_the_readme_says_that_there_are_no_pipes() {
    let expected = WITHOUT_PIPES.map(|region| (region.to_owned(), "AWS::Pipes::Pipe".to_owned()));
    assert_eq!(lacking("outcomes.yaml", &regions(), "AWS::Pipes::Pipe"), BTreeSet::from(expected));
    let readme = std::fs::read_to_string(workspace_root().join("README.md")).unwrap();
    for region in WITHOUT_PIPES {
        assert!(readme.contains(&format!("`{region}`")), "{region}");
    }
}
