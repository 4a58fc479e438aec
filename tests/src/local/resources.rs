//! Tables, queues and secrets for whatever runs a function here: tables and queues from the template's own definitions,
//! so that the two can't drift.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use cxone_simulator::ClientConfig;
use cxone_simulator::nice::AccessKey;
use serde_json::{Value, json};

use super::{ACCESS_KEY, LocalError, REGION, loopback_http, sdk_config};
use crate::template::{Template, TemplateError};

/// The names of the three tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// One item per identity.
    pub ledger: String,
    /// One item per OAuth client.
    pub clients: String,
    /// Attribute schema and queue health.
    pub registry: String,
}

/// The queues' URLs.
#[derive(Debug, Clone)]
pub struct Queues {
    /// Where events arrive.
    pub contacts: String,
    /// Where those go that can never succeed.
    pub dead_letters: String,
    /// Where events arrive that can't wait behind others, where there is such a queue.
    pub urgent: Option<UrgentQueue>,
}

/// The urgent queue.
#[derive(Debug, Clone)]
pub struct UrgentQueue {
    /// Its URL.
    pub url: String,
    /// Its ARN.
    pub arn: String,
    /// How many workers take from it at once.
    pub concurrency: usize,
}

/// Makes the three tables under names that start with `prefix`.
pub async fn create_tables(endpoint: &str, prefix: &str) -> Result<Tables, LocalError> {
    let template = Template::read()?;
    let client = aws_sdk_dynamodb::Client::new(&sdk_config(endpoint));
    let tables = Tables {
        ledger: format!("{prefix}-ledger"),
        clients: format!("{prefix}-clients"),
        registry: format!("{prefix}-registry"),
    };
    create_table(&client, &template, "LedgerTable", &tables.ledger).await?;
    create_table(&client, &template, "ClientsTable", &tables.clients).await?;
    create_table(&client, &template, "RegistryTable", &tables.registry).await?;
    Ok(tables)
}

/// Makes contact queue and dead-letter queue under names that start with `prefix`, the one with the other as its
/// dead-letter queue.
pub async fn create_queues(endpoint: &str, prefix: &str) -> Result<Queues, LocalError> {
    create_lanes(endpoint, prefix, 0).await
}

/// The same with an urgent queue that so many workers take from at once, or without one for 0, as the template's
/// `UrgentConcurrency` says.
///
/// By way of a stack: so made, a queue takes messages up to SQS's own limit, which the emulator's `CreateQueue`
/// refuses.
pub async fn create_lanes(endpoint: &str, prefix: &str, urgent_concurrency: usize) -> Result<Queues, LocalError> {
    let template = Template::read()?;
    let client = aws_sdk_sqs::Client::new(&sdk_config(endpoint));
    let (contacts, dead_letters) = (format!("{prefix}-contacts"), format!("{prefix}-dead-letters"));
    let urgent = (urgent_concurrency > 0).then(|| format!("{prefix}-urgent"));
    let mut resources = json!({
        "ContactQueue": queue(&template, "ContactQueue", &contacts)?,
        "DeadLetterQueue": queue(&template, "DeadLetterQueue", &dead_letters)?,
    });
    if let Some(urgent) = &urgent {
        resources["UrgentQueue"] = queue(&template, "UrgentQueue", urgent)?;
    }
    create_stack(endpoint, &format!("{prefix}-queues"), &json!({ "Resources": resources })).await?;
    let mut queues = Queues {
        contacts: url(&client, &contacts).await?,
        dead_letters: url(&client, &dead_letters).await?,
        urgent: None,
    };
    let receives = template.at("/Parameters/MaxReceiveCount/Default")?;
    let target = arn(&client, &queues.dead_letters).await?;
    let redrive = json!({"deadLetterTargetArn": target, "maxReceiveCount": receives}).to_string();
    redrive_to(&client, &queues.contacts, &redrive).await?;
    if let Some(name) = urgent {
        let url = url(&client, &name).await?;
        redrive_to(&client, &url, &redrive).await?;
        queues.urgent = Some(UrgentQueue { arn: arn(&client, &url).await?, url, concurrency: urgent_concurrency });
    }
    Ok(queues)
}

/// Gives a queue its redrive policy, which the emulator leaves out of a stack.
async fn redrive_to(client: &aws_sdk_sqs::Client, queue_url: &str, redrive: &str) -> Result<(), LocalError> {
    let request = client.set_queue_attributes().queue_url(queue_url);
    let set = request.attributes(QueueAttributeName::RedrivePolicy, redrive).send().await;
    set.map(drop).map_err(LocalError::aws("sqs:SetQueueAttributes"))
}

async fn arn(client: &aws_sdk_sqs::Client, queue_url: &str) -> Result<String, LocalError> {
    let request = client.get_queue_attributes().queue_url(queue_url).attribute_names(QueueAttributeName::QueueArn);
    let answer = request.send().await.map_err(LocalError::aws("sqs:GetQueueAttributes"))?;
    let arn = answer.attributes().and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn));
    arn.cloned().ok_or_else(|| LocalError::Emulator(format!("no ARN for {queue_url}")))
}

async fn create_table(
    client: &aws_sdk_dynamodb::Client,
    template: &Template,
    resource: &str,
    name: &str,
) -> Result<(), LocalError> {
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for key in list(template, resource, "KeySchema")? {
        let element = KeySchemaElement::builder()
            .attribute_name(text(key, "AttributeName")?)
            .key_type(KeyType::from(text(key, "KeyType")?));
        request = request.key_schema(element.build().map_err(LocalError::aws("dynamodb:CreateTable"))?);
    }
    for attribute in list(template, resource, "AttributeDefinitions")? {
        let definition = AttributeDefinition::builder()
            .attribute_name(text(attribute, "AttributeName")?)
            .attribute_type(ScalarAttributeType::from(text(attribute, "AttributeType")?));
        request = request.attribute_definitions(definition.build().map_err(LocalError::aws("dynamodb:CreateTable"))?);
    }
    request.send().await.map_err(LocalError::aws("dynamodb:CreateTable"))?;
    let Ok(time_to_live) = template.property(resource, "TimeToLiveSpecification") else { return Ok(()) };
    let specification = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(text(time_to_live, "AttributeName")?)
        .build()
        .map_err(LocalError::aws("dynamodb:UpdateTimeToLive"))?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(specification)
        .send()
        .await
        .map_err(LocalError::aws("dynamodb:UpdateTimeToLive"))?;
    Ok(())
}

/// A queue of the template under a name of its own, without what refers to other resources.
fn queue(template: &Template, resource: &str, name: &str) -> Result<Value, TemplateError> {
    let mut properties = template.at(&format!("/Resources/{resource}/Properties"))?.clone();
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|_, value| !value.is_object());
        properties.insert("QueueName".to_owned(), json!(name));
    }
    Ok(json!({"Type": "AWS::SQS::Queue", "Properties": properties}))
}

/// Makes a secret of these clients; its ARN.
pub async fn create_secret(endpoint: &str, name: &str, clients: &[ClientConfig]) -> Result<String, LocalError> {
    create_secret_of_text(endpoint, name, secret_text(clients)).await
}

/// Makes a secret of a text; its ARN.
pub async fn create_secret_of_text(endpoint: &str, name: &str, text: String) -> Result<String, LocalError> {
    let client = aws_sdk_secretsmanager::Client::new(&sdk_config(endpoint));
    let created = client.create_secret().name(name).secret_string(text).send().await;
    let created = created.map_err(LocalError::aws("secretsmanager:CreateSecret"))?;
    Ok(created.arn.unwrap_or_else(|| name.to_owned()))
}

/// What a secret of these clients holds.
pub fn secret_text(clients: &[ClientConfig]) -> String {
    let client = |client: &ClientConfig| json!({"client_id": client.client_id, "client_secret": client.client_secret});
    json!({ "clients": clients.iter().map(client).collect::<Vec<_>>() }).to_string()
}

/// What a secret of these access keys of a NICE CXone tenant holds.
pub fn key_secret_text(keys: &[AccessKey]) -> String {
    let key = |key: &AccessKey| {
        json!({
            "access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret,
            "client_id": key.client_id, "client_secret": key.client_secret,
        })
    };
    json!({ "clients": keys.iter().map(key).collect::<Vec<_>>() }).to_string()
}

/// A secret's text with so many of its clients, the last ones, for urgent messages alone.
pub fn with_urgent_clients(secret: &str, urgent: usize) -> Result<String, LocalError> {
    let unreadable = |source| LocalError::Unreadable { what: "the secret".to_owned(), source };
    let mut secret: Value = serde_json::from_str(secret).map_err(unreadable)?;
    let clients = secret["clients"].as_array_mut();
    clients.into_iter().flat_map(|clients| clients.iter_mut().rev().take(urgent)).for_each(|client| {
        client["lane"] = json!("urgent");
    });
    Ok(secret.to_string())
}

/// Asks for a stack, which the emulator makes a moment later.
async fn create_stack(endpoint: &str, name: &str, template: &Value) -> Result<(), LocalError> {
    let text = template.to_string();
    let form = [("Action", "CreateStack"), ("StackName", name), ("TemplateBody", &text)];
    // What tells the emulator which of its services is asked. It checks no signature.
    let scope = format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/cloudformation/aws4_request");
    let refused = |error: reqwest::Error| LocalError::aws("cloudformation:CreateStack")(error);
    let client = loopback_http().build().map_err(refused)?;
    let request = client.post(endpoint).header("authorization", scope).form(&form);
    request.send().await.and_then(reqwest::Response::error_for_status).map(drop).map_err(refused)
}

/// A queue's URL, once it is there.
async fn url(client: &aws_sdk_sqs::Client, name: &str) -> Result<String, LocalError> {
    const WITHIN: Duration = Duration::from_secs(10);
    const POLL: Duration = Duration::from_millis(10);
    let mut found = Err(LocalError::Emulator(format!("no queue {name} after {} s", WITHIN.as_secs())));
    for _ in 0..WITHIN.as_millis() / POLL.as_millis() {
        match client.get_queue_url().queue_name(name).send().await {
            Ok(answer) => return answer.queue_url.ok_or_else(|| LocalError::Emulator(format!("no URL for {name}"))),
            Err(error) => found = Err(LocalError::aws("sqs:GetQueueUrl")(error)),
        }
        tokio::time::sleep(POLL).await;
    }
    found
}

fn list<'a>(template: &'a Template, resource: &str, property: &str) -> Result<&'a Vec<Value>, TemplateError> {
    let missing = || TemplateError::Missing(format!("{property} of {resource}"));
    template.property(resource, property)?.as_array().ok_or_else(missing)
}

fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, TemplateError> {
    value.get(member).and_then(Value::as_str).ok_or_else(|| TemplateError::Missing(member.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_clients_of_a_secret_are_the_urgent_ones() {
        let clients = ["a", "b", "c"].map(|id| ClientConfig::new(id, "x"));
        let lanes = |urgent| -> Vec<Value> {
            let secret = with_urgent_clients(&secret_text(&clients), urgent).unwrap();
            let secret: Value = serde_json::from_str(&secret).unwrap();
            secret["clients"].as_array().unwrap().iter().map(|client| client["lane"].clone()).collect()
        };
        assert_eq!(lanes(0), [Value::Null, Value::Null, Value::Null]);
        assert_eq!(lanes(2), [Value::Null, json!("urgent"), json!("urgent")]);
    }
}
