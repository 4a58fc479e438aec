//! The event source mappings off and on, on a stack whose function drains its queue.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Stage, run};

/// A function that takes whatever comes, with the mapping of its queue.
fn consumer() -> Value {
    let code = "def handler(event, context):\n    return {'batchItemFailures': []}\n";
    json!({
        "Consumer": { "Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "python3.12", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/none",
            "Code": { "ZipFile": code },
        }},
        "Mapping": { "Type": "AWS::Lambda::EventSourceMapping", "Properties": {
            "FunctionName": { "Ref": "Consumer" }, "EventSourceArn": { "Fn::GetAtt": ["ContactQueue", "Arn"] },
        }},
    })
}

async fn send(stage: &Stage) {
    let request = stage.sqs.send_message().queue_url(stage.output("ContactQueueUrl"));
    request.message_body("{}").send().await.unwrap();
}

/// Whether the queue is empty within so many seconds.
async fn is_drained_within(stage: &Stage, seconds: u64) -> bool {
    for _ in 0..seconds * 10 {
        if stage.depth("ContactQueueUrl").await == (0, 0) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
async fn nothing_is_received_between_pause_and_resume() {
    let stage = Stage::with("paused", &consumer(), &json!({})).await;
    send(&stage).await;
    assert!(is_drained_within(&stage, 60).await, "the mapping is on at first");
    let paused = stage.run(&["pause"]).await;
    assert_eq!((paused.code, paused.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(paused.out);
    send(&stage).await;
    // A poll that was under way may still take one.
    if is_drained_within(&stage, 3).await {
        send(&stage).await;
        assert!(!is_drained_within(&stage, 3).await, "nothing is received");
    }
    let resumed = stage.run(&["resume", "--json"]).await;
    assert_eq!(resumed.json(), json!({ "mappings": [{ "queue": "paused-contacts", "state": "Enabled" }] }));
    assert!(is_drained_within(&stage, 60).await, "and it goes on");
}

#[tokio::test]
async fn a_stack_without_mappings_cannot_be_paused() {
    let stage = Stage::new("unmapped").await;
    let paused = run(&["pause", "--stack", &stage.stack]).await;
    assert_eq!(paused.code, Some(3));
    assert!(paused.err.contains("no event source mapping receives from the stack's queues"), "{paused:?}");
}
