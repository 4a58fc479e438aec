//! The program on a stack of the real template, deployed as the tools deploy it to AWS.

use contact_injection_tests::local::{Deploy, REGION};
use contact_injection_tests::workspace_root;
use serde_json::json;
use tempfile::TempDir;

use super::stage::{emulator, run};

#[tokio::test]
async fn a_stack_of_the_real_template_has_what_each_command_needs() {
    let folder = TempDir::new().unwrap();
    // The emulator keeps a parameter's number as the text that it is in CloudFormation, which no SDK reads as a
    // mapping's.
    let text = std::fs::read_to_string(workspace_root().join("template.yaml")).unwrap();
    let text = text.replace("MaximumConcurrency: !Ref MaximumConcurrency", "MaximumConcurrency: 2");
    std::fs::write(folder.path().join("template.yaml"), text).unwrap();
    std::fs::copy(workspace_root().join("outcomes.yaml"), folder.path().join("outcomes.yaml")).unwrap();
    // Functions that are there and do nothing: none is invoked here.
    std::fs::write(folder.path().join("bootstrap"), "#!/bin/sh\n").unwrap();
    let template = folder.path().join("template.yaml");
    let deploy = Deploy { template, stack: "the-template", region: REGION, parameters: Vec::new() };
    deploy.to(emulator()).await.unwrap();
    let on = |words: &[&'static str]| [&["--stack", "the-template", "--json"], words].concat();
    let listed = run(&on(&["dead-letters"])).await;
    assert_eq!((listed.code, &listed.json()["total"]), (Some(0), &json!(0)), "{listed:?}");
    let moved = run(&on(&["redrive"])).await;
    assert_eq!(moved.json(), json!({ "moved": 0, "planned": 0, "interrupted": false }), "{moved:?}");
    let resolved = run(&on(&["resolve", "a2557f4f-de63-5abf-938e-b777f7427914", "retry"])).await;
    assert_eq!(resolved.json(), json!({ "resolved": false }), "{resolved:?}");
    let versions = run(&on(&["versions"])).await.json()["versions"].clone();
    assert_eq!((&versions[0]["version"], &versions[0]["live"]), (&json!(1), &json!(true)), "{versions}");
    for (command, state) in [("pause", "Disabled"), ("resume", "Enabled")] {
        let ran = run(&on(&[command])).await;
        let mappings = ran.json()["mappings"].as_array().unwrap().clone();
        assert_eq!((ran.code, mappings.len(), &mappings[0]["state"]), (Some(0), 1, &json!(state)), "{ran:?}");
    }
}
