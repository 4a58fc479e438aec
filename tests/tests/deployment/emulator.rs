//! The emulator as other tests rely on it: the template's tables and queues in it, and nothing of it left behind.

use std::net::TcpStream;

use aws_sdk_sqs::types::QueueAttributeName;
use contact_injection_tests::local::{Ministack, create_lanes, create_queues, create_tables, sdk_config};
use contact_injection_tests::template::Template;

#[tokio::test]
async fn tables_and_queues_are_the_templates_and_end_with_the_emulator() {
    let emulator = Ministack::start().unwrap();
    let endpoint = emulator.endpoint().to_owned();

    let tables = create_tables(&endpoint, "one").await.unwrap();
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config(&endpoint));
    let ledger = dynamodb.describe_table().table_name(&tables.ledger).send().await.unwrap();
    assert_eq!(ledger.table().unwrap().key_schema()[0].attribute_name(), "idempotencyKey");
    let time_to_live = dynamodb.describe_time_to_live().table_name(&tables.ledger).send().await.unwrap();
    assert_eq!(time_to_live.time_to_live_description().unwrap().attribute_name(), Some("expiresAt"));

    let queues = create_queues(&endpoint, "one").await.unwrap();
    let sqs = aws_sdk_sqs::Client::new(&sdk_config(&endpoint));
    assert!(queues.urgent.is_none());
    create_tables(&endpoint, "two").await.unwrap();
    let two = create_lanes(&endpoint, "two", 2).await.unwrap();
    let urgent = two.urgent.unwrap();
    let template = Template::read().unwrap();
    for (resource, url, dead_letters) in [
        ("ContactQueue", &queues.contacts, "one-dead-letters"),
        ("ContactQueue", &two.contacts, "two-dead-letters"),
        ("UrgentQueue", &urgent.url, "two-dead-letters"),
    ] {
        let request = sqs.get_queue_attributes().queue_url(url);
        let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
        let attributes = answer.attributes().unwrap();
        let visibility = template.property(resource, "VisibilityTimeout").unwrap().to_string();
        assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], visibility, "{url}");
        assert!(attributes[&QueueAttributeName::RedrivePolicy].contains(dead_letters), "{url}");
    }
    assert!(urgent.arn.ends_with(":two-urgent"), "{}", urgent.arn);

    drop(emulator);
    let address = endpoint.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).is_err(), "the emulator is still there");
}
