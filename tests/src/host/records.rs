//! Messages as the records of an SQS event.

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::runtime_api::since_epoch;
use crate::local::REGION;

/// A message of the queue at this URL as Lambda hands it to a function.
pub fn record(queue_url: &str, message: &Message) -> Value {
    let queue = queue_url.rsplit('/').next();
    let system = message.attributes().into_iter().flatten();
    let own = message.message_attributes().into_iter().flatten();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "md5OfBody": message.md5_of_body(),
        "attributes": system.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect::<Map<_, _>>(),
        "messageAttributes": own.map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>(),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{REGION}:000000000000:{}", queue.unwrap_or_default()),
        "awsRegion": REGION,
    })
}

/// A record of a message that never was in a queue, and of which nobody knows when it was sent.
pub fn record_of(body: impl Into<Value>) -> Value {
    let id = Uuid::new_v4().to_string();
    let mut record = record("contacts", &Message::builder().receipt_handle(&id).message_id(id).build());
    record["body"] = body.into();
    record["attributes"]["ApproximateReceiveCount"] = "1".into();
    record
}

/// An event of messages that are sent just now, past any queue.
pub fn message_event(bodies: &[String]) -> Value {
    let now = since_epoch().as_millis().to_string();
    let record = |body: &String| {
        let mut record = record_of(body.as_str());
        record["attributes"]["SentTimestamp"] = now.clone().into();
        record
    };
    json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })
}

fn attribute(value: &MessageAttributeValue) -> Value {
    json!({
        "dataType": value.data_type(),
        "stringValue": value.string_value(),
        "binaryValue": value.binary_value().map(|bytes| STANDARD.encode(bytes)),
        "stringListValues": [],
        "binaryListValues": [],
    })
}
