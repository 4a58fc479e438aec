//! A DynamoDB stream: everything that was ever written to its table.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ACCESS_KEY, LocalError, REGION, loopback_http};

/// The records of every shard of a stream, each shard's oldest first, in DynamoDB's own JSON.
///
/// # Errors
/// Where the emulator refuses a request, or its answer has another shape.
pub async fn stream_records(endpoint: &str, stream: &str) -> Result<Vec<Value>, LocalError> {
    let mut records = Vec::new();
    let mut shards = json!({ "StreamArn": stream });
    loop {
        let described: Described = ask(endpoint, "DescribeStream", &shards).await?;
        for Shard { shard_id } in described.stream_description.shards {
            let from = json!({ "StreamArn": stream, "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON" });
            let Begun { shard_iterator } = ask(endpoint, "GetShardIterator", &from).await?;
            let mut next = Some(shard_iterator);
            while let Some(iterator) = next.take() {
                let page: Page = ask(endpoint, "GetRecords", &json!({ "ShardIterator": iterator })).await?;
                // A shard that is still written to has always a next iterator. The emulator's has nothing more once it
                // has nothing.
                next = page.next_shard_iterator.filter(|_| !page.records.is_empty());
                records.extend(page.records);
            }
        }
        let Some(last) = described.stream_description.last_evaluated_shard_id else { return Ok(records) };
        shards["ExclusiveStartShardId"] = last.into();
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    stream_description: Description,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    shards: Vec<Shard>,
    last_evaluated_shard_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shard {
    shard_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    shard_iterator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    records: Vec<Value>,
    next_shard_iterator: Option<String>,
}

/// One request to DynamoDB Streams.
async fn ask<T: DeserializeOwned>(endpoint: &str, operation: &str, input: &Value) -> Result<T, LocalError> {
    const CALL: &str = "a call of DynamoDB Streams";
    // What tells the emulator which of its services is asked. It checks no signature.
    let scope = format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/dynamodb/aws4_request");
    let client = loopback_http().build().map_err(LocalError::aws(CALL))?;
    let request = client
        .post(endpoint)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
        .header("authorization", scope)
        .body(input.to_string());
    let answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(LocalError::aws(CALL))?;
    let text = answer.text().await.map_err(LocalError::aws(CALL))?;
    serde_json::from_str(&text)
        .map_err(|source| LocalError::Unreadable { what: format!("the answer to {operation}"), source })
}
