//! Tables and queues for tests of the adapters, made from the template's own definitions so that the two can't drift.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::{LocalError, sdk_config};
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

/// The URLs of the two queues.
#[derive(Debug, Clone)]
pub struct Queues {
    /// Where events arrive.
    pub contacts: String,
    /// Where those go that can never succeed.
    pub dead_letters: String,
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

/// Makes the two queues under names that start with `prefix`, the one with the other as its dead-letter queue.
pub async fn create_queues(endpoint: &str, prefix: &str) -> Result<Queues, LocalError> {
    let template = Template::read()?;
    let client = aws_sdk_sqs::Client::new(&sdk_config(endpoint));
    let dead_letters =
        create_queue(&client, &template, "DeadLetterQueue", &format!("{prefix}-dead-letters"), None).await?;
    let answer = client
        .get_queue_attributes()
        .queue_url(&dead_letters)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(LocalError::aws("sqs:GetQueueAttributes"))?;
    let arn = answer.attributes().and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn));
    let receives = template.at("/Parameters/MaxReceiveCount/Default")?;
    let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": receives}).to_string();
    let contacts =
        create_queue(&client, &template, "ContactQueue", &format!("{prefix}-contacts"), Some(redrive)).await?;
    Ok(Queues { contacts, dead_letters })
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

async fn create_queue(
    client: &aws_sdk_sqs::Client,
    template: &Template,
    resource: &str,
    name: &str,
    redrive: Option<String>,
) -> Result<String, LocalError> {
    let mut attributes = HashMap::new();
    for attribute in [QueueAttributeName::VisibilityTimeout, QueueAttributeName::MessageRetentionPeriod] {
        if let Ok(value) = template.property(resource, attribute.as_str()) {
            attributes.insert(attribute, value.to_string());
        }
    }
    attributes.extend(redrive.map(|policy| (QueueAttributeName::RedrivePolicy, policy)));
    let created = client
        .create_queue()
        .queue_name(name)
        .set_attributes(Some(attributes))
        .send()
        .await
        .map_err(LocalError::aws("sqs:CreateQueue"))?;
    created.queue_url.ok_or_else(|| LocalError::Emulator(format!("no URL for the queue {name}")))
}

fn list<'a>(template: &'a Template, resource: &str, property: &str) -> Result<&'a Vec<Value>, TemplateError> {
    let missing = || TemplateError::Missing(format!("{property} of {resource}"));
    template.property(resource, property)?.as_array().ok_or_else(missing)
}

fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, TemplateError> {
    value.get(member).and_then(Value::as_str).ok_or_else(|| TemplateError::Missing(member.to_owned()))
}
