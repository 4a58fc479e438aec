//! What every test here needs: a stack with the outputs of the template, letters in its queue, and the program.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};
use contact_injection::adapters::{dynamodb::DynamoLedger, environment::System};
use contact_injection::domain::claim::{RECORD_VERSION, Record, State};
use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection::domain::time::Timestamp;
use contact_injection::ports::{Ledger as _, Swap};
use contact_injection_tests::local::{ACCESS_KEY, Ministack, REGION, sdk_config};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

/// SQS's largest batch.
const BATCH: usize = 10;

/// A stack of its own.
pub(crate) struct Stage {
    pub(crate) stack: String,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    outputs: BTreeMap<String, String>,
}

/// What the program printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A letter to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) body: String,
    attributes: Vec<(&'static str, String)>,
    group: Option<&'static str>,
}

impl Letter {
    /// As the function dead-letters the event with this source and id.
    pub(crate) fn of(reason: &str, source: &str, id: &str) -> Self {
        let key = IdempotencyKey::of_event(source, id).to_string();
        let attributes = [
            ("failureReason", reason),
            ("failureDetail", "a rule that it breaks"),
            ("failedAt", "2026-03-01T12:00:00Z"),
            ("attempts", "1"),
            ("idempotencyKey", &key),
        ];
        let attributes = attributes.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { body: event(source, id), attributes, group: None }
    }

    /// As SQS itself moves it.
    pub(crate) fn bare(source: &str, id: &str) -> Self {
        Self { body: event(source, id), attributes: Vec::new(), group: None }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.retain(|(known, _)| *known != name);
        self.attributes.push((name, value.to_owned()));
        self
    }

    pub(crate) fn with_body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    pub(crate) fn in_group(self, group: &'static str) -> Self {
        Self { group: Some(group), ..self }
    }

    fn entry(&self, id: usize) -> SendMessageBatchRequestEntry {
        let attribute = |(name, value): &(&str, String)| {
            let kind = if matches!(*name, "attempts" | "httpStatus") { "Number" } else { "String" };
            let value = MessageAttributeValue::builder().data_type(kind).string_value(value).build().unwrap();
            ((*name).to_owned(), value)
        };
        let attributes = self.attributes.iter().map(attribute).collect();
        let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(&self.body);
        let entry = entry.set_message_group_id(self.group.map(str::to_owned));
        entry.set_message_attributes(Some(attributes)).build().unwrap()
    }
}

/// An event whose data are a person's.
fn event(source: &str, id: &str) -> String {
    let data = json!({ "phone": "+15550109876", "name": "Pat Doe", "mail": "pat.doe@example.com" });
    json!({ "specversion": "1.0", "id": id, "source": source, "type": "order", "data": data }).to_string()
}

/// The emulator that all tests of this process share. It ends with the process.
pub(crate) fn emulator() -> &'static Ministack {
    static EMULATOR: OnceLock<Ministack> = OnceLock::new();
    EMULATOR.get_or_init(|| Ministack::start().unwrap())
}

impl Stage {
    /// A stack of two queues and a ledger.
    pub(crate) async fn new(stack: &str) -> Self {
        Self::with(stack, &json!({}), &json!({})).await
    }

    /// A stack with more resources and outputs.
    pub(crate) async fn with(stack: &str, resources: &Value, outputs: &Value) -> Self {
        let config = sdk_config(emulator().endpoint());
        let client = aws_sdk_cloudformation::Client::new(&config);
        let mut template = template(stack);
        for (part, more) in [("Resources", resources), ("Outputs", outputs)] {
            let part = template[part].as_object_mut().unwrap();
            part.extend(more.as_object().unwrap().clone());
        }
        client.create_stack().stack_name(stack).template_body(template.to_string()).send().await.unwrap();
        let outputs = outputs_of(&client, stack).await;
        let (sqs, dynamodb) = (aws_sdk_sqs::Client::new(&config), aws_sdk_dynamodb::Client::new(&config));
        Self { stack: stack.to_owned(), sqs, dynamodb, outputs }
    }

    /// The program on this stack, with nothing of this shell's environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = program(words);
        command.env("CONTACT_INJECTION_STACK", &self.stack);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, words: &[&str]) -> Ran {
        ran(self.command(words).output().await.unwrap())
    }

    /// Puts letters into the dead-letter queue.
    pub(crate) async fn send(&self, letters: &[Letter]) {
        for batch in letters.chunks(BATCH) {
            let entries = batch.iter().enumerate().map(|(id, letter)| letter.entry(id)).collect();
            let request = self.sqs.send_message_batch().queue_url(self.output("DeadLetterQueueUrl"));
            assert!(request.set_entries(Some(entries)).send().await.unwrap().failed().is_empty());
        }
    }

    /// Messages of a queue that are to be had now, and out of sight.
    pub(crate) async fn depth(&self, output: &str) -> (usize, usize) {
        let request = self.sqs.get_queue_attributes().queue_url(self.output(output));
        let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
        let count = |name| answer.attributes().unwrap()[&name].parse().unwrap();
        (
            count(QueueAttributeName::ApproximateNumberOfMessages),
            count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        )
    }

    /// Takes everything out of a queue.
    pub(crate) async fn take(&self, output: &str) -> Vec<Message> {
        let mut taken = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(self.output(output)).max_number_of_messages(10);
            let request = request.message_attribute_names("All").message_system_attribute_names("All".into());
            let messages = request.visibility_timeout(3600).send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return taken;
            }
            taken.extend(messages);
        }
    }

    /// Puts the record of an event of this route on the ledger: dead-lettered, unless `change` says otherwise.
    pub(crate) async fn record(&self, key: IdempotencyKey, route: &str, change: impl FnOnce(&mut Record)) {
        let at = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        let mut record = Record::blank(RECORD_VERSION, State::DeadLettered, Uuid::from_u128(7), at);
        route.clone_into(&mut record.event.route);
        change(&mut record);
        let table = self.output("LedgerTableName").to_owned();
        let ledger = DynamoLedger::new(self.dynamodb.clone(), table, System::new());
        assert_eq!(ledger.insert(key, &record).await.unwrap(), Swap::Done);
    }

    pub(crate) fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }
}

/// The program, on no stack, with nothing of this shell's environment.
pub(crate) fn program(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contact-injection"));
    command
        .args(words)
        .env_clear()
        .env("AWS_ENDPOINT_URL", emulator().endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
        .env("AWS_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(words: &[&str]) -> Ran {
    ran(program(words).output().await.unwrap())
}

pub(crate) fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn template(stack: &str) -> Value {
    let value = |value: Value| json!({ "Value": value });
    let queue =
        |name: &str| json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": format!("{stack}-{name}") } });
    let url = |name: &str| value(json!({ "Ref": name }));
    let arn = |name: &str| value(json!({ "Fn::GetAtt": [name, "Arn"] }));
    let table = json!({ "Type": "AWS::DynamoDB::Table", "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "idempotencyKey", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "idempotencyKey", "KeyType": "HASH" }],
    }});
    json!({
        "Resources": {
            "ContactQueue": queue("contacts"), "DeadLetterQueue": queue("dead-letters"), "LedgerTable": table,
        },
        "Outputs": {
            "ContactQueueUrl": url("ContactQueue"), "ContactQueueArn": arn("ContactQueue"),
            "DeadLetterQueueUrl": url("DeadLetterQueue"), "DeadLetterQueueArn": arn("DeadLetterQueue"),
            "LedgerTableName": value(json!({ "Ref": "LedgerTable" })),
        },
    })
}

/// The stack's outputs, once it is there.
async fn outputs_of(client: &aws_sdk_cloudformation::Client, stack: &str) -> BTreeMap<String, String> {
    for _ in 0..1000 {
        let answer = client.describe_stacks().stack_name(stack).send().await.unwrap();
        let described = &answer.stacks()[0];
        match described.stack_status().unwrap().as_str() {
            "CREATE_COMPLETE" => {
                let outputs = described.outputs().iter();
                return outputs
                    .map(|output| (output.output_key().unwrap().into(), output.output_value().unwrap().into()))
                    .collect();
            }
            "CREATE_IN_PROGRESS" => tokio::time::sleep(Duration::from_millis(10)).await,
            other => panic!("{other}: {described:?}"),
        }
    }
    panic!("no stack {stack}");
}
