//! One upstream event: the SQS message body, parsed once into a type that the rest relies on.
//!
//! Three forms arrive and one is kept: CloudEvents, which names what the others leave implicit. An EventBridge event is
//! renamed into it, and an SNS notification is a wrapper. Pointers are into the event as its sender wrote it.

mod rules;

use std::fmt;

use serde_json::Value;

use self::rules::{Rules, malformed};
use super::{
    idempotency::DataHash,
    json::{self, Document, Fault, Kind, Node, Place},
    problem::Problem,
    time::Timestamp,
    traceparent::Traceparent,
};

/// An event that every rule of its envelope holds for.
#[derive(Clone)]
pub struct Event {
    identity: Identity,
    kind: String,
    time: Option<Timestamp>,
    expiry: Option<Timestamp>,
    envelope: Document,
    /// Where `data` stands in the envelope.
    data: Place,
    form: Form,
}

/// What makes an event the same event, in a redrive too: its source and the id that is unique there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    source: String,
    id: String,
}

/// A body that is not an event, with every rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed event: {}", list(.problems))]
pub struct MalformedEvent {
    /// The identity, where source and id could be read in spite of the rest.
    pub identity: Option<Identity>,
    /// Its data, where they are an object in spite of the rest.
    pub data: Option<DataHash>,
    /// Where it stands in its sender's trace.
    pub traceparent: Option<Traceparent>,
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl Event {
    /// Reads one SQS message body: a CloudEvent or an EventBridge event, bare or inside an SNS notification.
    pub fn parse(body: &str) -> Result<Self, MalformedEvent> {
        Self::unwrapped(json::read(body)?)
    }

    /// Reads an event that is JSON already, by the same rules but one: a member that was repeated can't be seen any
    /// more.
    pub fn from_json(value: &Value) -> Result<Self, MalformedEvent> {
        Self::unwrapped(json::bounded(value)?)
    }

    /// Source and id.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The CloudEvents `type`, or EventBridge's `detail-type`.
    pub fn event_type(&self) -> &str {
        &self.kind
    }

    /// When the occurrence happened, by its sender.
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// The `expirytime` extension: when the event stops being worth anything.
    pub fn expiry(&self) -> Option<Timestamp> {
        self.expiry
    }

    /// The `traceparent` extension, where it is valid.
    pub fn traceparent(&self) -> Option<Traceparent> {
        traceparent(self.envelope())
    }

    /// The whole event as a CloudEvent, whatever form it arrived in.
    pub(crate) fn envelope(&self) -> Node<'_> {
        self.envelope.root()
    }

    /// `data`: always an object.
    pub(crate) fn data(&self) -> Node<'_> {
        self.envelope.at(self.data)
    }

    /// [`Self::envelope`] as serde's tree.
    pub(crate) fn envelope_tree(&self) -> &Value {
        self.envelope.tree()
    }

    /// [`Self::data`] as serde's tree.
    pub(crate) fn data_tree(&self) -> &Value {
        &self.envelope.tree()["data"]
    }

    /// Turns a pointer into [`Self::envelope`] into one into the event that the sender wrote.
    pub(crate) fn sender_pointer(&self, pointer: &str) -> String {
        for (kept, sent) in [("/data", self.form.data()), ("/type", self.form.event_type())] {
            if let Some(rest) = pointer.strip_prefix(kept)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return format!("/{sent}{rest}");
            }
        }
        pointer.to_owned()
    }

    fn unwrapped(document: Document) -> Result<Self, MalformedEvent> {
        let text = |name| document.root().get(name).and_then(Node::as_str);
        if text("Type") != Some("Notification") {
            return Self::from_envelope(document);
        }
        let Some(message) = text("Message") else {
            return Err(malformed("an SNS notification has no Message text", "/Message").into());
        };
        let inner = json::read(message).map_err(|fault| {
            malformed(format!("the SNS Message is not JSON that is accepted: {}", fault.message), "/Message")
        })?;
        Self::from_envelope(inner)
    }

    fn from_envelope(document: Document) -> Result<Self, MalformedEvent> {
        if document.root().kind() != Kind::Object {
            return Err(malformed("the event is not a JSON object", "").into());
        }
        let form = Form::of(document.root());
        let mut rules = Rules::of(document.root());
        if form == Form::CloudEvent {
            rules.cloud_event();
        }
        let source = rules.identifier("source");
        let id = rules.identifier("id");
        let kind = rules.text(form.event_type());
        let time = rules.time("time");
        let expiry = rules.time("expirytime");
        rules.data(form.data());
        let problems = rules.problems();

        let identity = source.zip(id).map(|(source, id)| Identity { source, id });
        let envelope = form.into_cloud_event(document);
        match (identity, kind, envelope.root().get("data").map(Node::place)) {
            (Some(identity), Some(kind), Some(data)) if problems.is_empty() => {
                Ok(Self { identity, kind, time, expiry, envelope, data, form })
            }
            (identity, ..) => {
                let data = envelope.root().get("data").filter(|data| data.kind() == Kind::Object).map(DataHash::of);
                Err(MalformedEvent { identity, data, traceparent: traceparent(envelope.root()), problems })
            }
        }
    }
}

impl fmt::Debug for Event {
    /// The identity alone: an event's data is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Identity {
    /// The system that the event comes from: CloudEvents `source`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The event's id, unique within its source.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<Problem> for MalformedEvent {
    fn from(problem: Problem) -> Self {
        Self { identity: None, data: None, traceparent: None, problems: vec![problem] }
    }
}

impl From<Fault> for MalformedEvent {
    fn from(fault: Fault) -> Self {
        malformed(format!("the body is not JSON that is accepted: {}", fault.message), fault.pointer).into()
    }
}

/// The form that an event arrived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    CloudEvent,
    EventBridge,
}

impl Form {
    /// What is neither is held to the rules of CloudEvents: that says best what is missing.
    fn of(event: Node<'_>) -> Self {
        if event.get("detail-type").is_some() && event.get("specversion").is_none() {
            Self::EventBridge
        } else {
            Self::CloudEvent
        }
    }

    const fn event_type(self) -> &'static str {
        match self {
            Self::CloudEvent => "type",
            Self::EventBridge => "detail-type",
        }
    }

    const fn data(self) -> &'static str {
        match self {
            Self::CloudEvent => "data",
            Self::EventBridge => "detail",
        }
    }

    fn into_cloud_event(self, sent: Document) -> Document {
        if self == Self::CloudEvent {
            return sent;
        }
        let mut event = Document::with_room_for(0);
        let object = event.object();
        event.text("specversion");
        event.text("1.0");
        for (name, value) in sent.root().members() {
            let name = match name {
                // EventBridge's own `version` says how to read the form that is given up here. It has neither of the
                // others, whose names are needed for what it calls differently.
                "version" | "type" | "data" => continue,
                _ if name == self.event_type() => "type",
                _ if name == self.data() => "data",
                _ => name,
            };
            event.text(name);
            event.copy(value);
        }
        event.close(object);
        event
    }
}

/// An invalid one is ignored, as W3C has it.
fn traceparent(event: Node<'_>) -> Option<Traceparent> {
    event.get("traceparent").and_then(Node::as_str).and_then(Traceparent::parse)
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn cloud_event(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Event, MalformedEvent> {
        let mut event = json!({
            "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2024-05-15T14:30:00Z", "data": { "a": 1 },
        });
        change(event.as_object_mut().unwrap());
        Event::parse(&event.to_string())
    }

    fn pointers(event: Result<Event, MalformedEvent>) -> Vec<String> {
        event.unwrap_err().problems.into_iter().map(|problem| problem.pointer.unwrap()).collect()
    }

    #[test]
    fn a_cloud_event_is_read() {
        let event = cloud_event(|_| ()).unwrap();
        assert_eq!((event.identity().source(), event.identity().id(), event.event_type()), ("/s", "1", "t"));
        assert_eq!(event.time().unwrap().to_string(), "2024-05-15T14:30:00.000Z");
        assert_eq!((event.expiry(), event.data_tree()["a"].as_i64()), (None, Some(1)));
        let expiring = cloud_event(|event| drop(event.insert("expirytime".to_owned(), "2024-05-15T15:00:00Z".into())));
        assert_eq!(expiring.unwrap().expiry(), Timestamp::parse_rfc3339("2024-05-15T15:00:00Z"));
    }

    #[test]
    fn an_eventbridge_event_is_read_as_a_cloud_event() {
        let body = json!({
            "version": "0", "id": "1", "source": "s", "detail-type": "T", "account": "123456789012", "detail": { "a": 1 },
        });
        let event = Event::from_json(&body).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": "1", "source": "s", "type": "T", "account": "123456789012", "data": { "a": 1 },
        });
        assert_eq!(event.envelope_tree(), &expected);
        assert_eq!(event.sender_pointer("/data/a"), "/detail/a");
        assert_eq!(event.sender_pointer("/database"), "/database");
    }

    #[test]
    fn an_sns_notification_is_unwrapped_once() {
        let inner = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {} }).to_string();
        let wrapped = json!({ "Type": "Notification", "Message": inner });
        assert_eq!(Event::from_json(&wrapped).unwrap().event_type(), "t");
        let twice = json!({ "Type": "Notification", "Message": wrapped.to_string() });
        assert!(Event::from_json(&twice).is_err());
        assert_eq!(pointers(Event::from_json(&json!({ "Type": "Notification", "Message": "hello" }))), ["/Message"]);
        assert_eq!(pointers(Event::from_json(&json!({ "Type": "Notification" }))), ["/Message"]);
    }

    #[test]
    fn every_broken_rule_is_told_at_once() {
        let event = Event::parse(
            r#"{"specversion":"0.3","id":"","source":7,"data":[],"data_base64":"AA==","datacontenttype":"text/xml",
                "time":"yesterday","expirytime":5,"subject":1}"#,
        );
        let broken = [
            "/specversion",
            "/data_base64",
            "/datacontenttype",
            "/subject",
            "/source",
            "/id",
            "/type",
            "/time",
            "/expirytime",
            "/data",
        ];
        assert_eq!(pointers(event), broken);
    }

    #[test]
    fn what_is_no_event_at_all_is_told_so() {
        for body in ["", "null", "[]", "\"text\"", "{", "{}", "1e999"] {
            let malformed = Event::parse(body).unwrap_err();
            assert!(malformed.identity.is_none() && !malformed.problems.is_empty(), "{body}");
        }
        assert_eq!(pointers(Event::parse("{}")), ["/specversion", "/source", "/id", "/type", "/data"]);
    }

    #[test]
    fn the_identity_survives_other_problems() {
        let malformed = cloud_event(|event| drop(event.remove("data"))).unwrap_err();
        assert!(malformed.to_string().contains("data is missing"), "{malformed}");
        assert_eq!(malformed.identity.unwrap().id(), "1");
        assert_eq!(malformed.problems[0].message, "data is missing");
        assert_eq!(malformed.data, None);
        let malformed = cloud_event(|event| drop(event.insert("data".to_owned(), json!([1])))).unwrap_err();
        assert_eq!(malformed.data, None, "a list is no event's data");
        let sound = cloud_event(|_| ()).unwrap();
        let malformed = cloud_event(|event| drop(event.insert("time".to_owned(), json!("noon")))).unwrap_err();
        assert_eq!(
            malformed.data,
            Some(DataHash::of(sound.data())),
            "the ledger can tell whether they are the event's"
        );
    }

    #[test]
    fn a_control_character_in_the_identity_is_refused() {
        for name in ["id", "source"] {
            let event = cloud_event(|event| drop(event.insert(name.to_owned(), "a\u{1f}b".into())));
            assert_eq!(pointers(event), [format!("/{name}")]);
        }
    }

    #[test]
    fn a_valid_traceparent_is_kept_and_any_other_is_as_good_as_none() {
        let traced = |value: Value| cloud_event(|event| drop(event.insert("traceparent".to_owned(), value)));
        let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traced(sent.into()).unwrap().traceparent().unwrap().as_str(), sent);
        for other in [json!("00-trace"), json!(7), Value::Null] {
            assert_eq!(traced(other).unwrap().traceparent(), None);
        }
        let malformed = Event::parse(&json!({ "id": "1", "traceparent": sent }).to_string());
        assert_eq!(malformed.unwrap_err().traceparent, Traceparent::parse(sent));
    }

    #[test]
    fn a_null_member_counts_as_absent() {
        assert!(cloud_event(|event| drop(event.insert("expirytime".to_owned(), Value::Null))).is_ok());
        let event = cloud_event(|event| drop(event.insert("data".to_owned(), Value::Null)));
        assert_eq!(pointers(event), ["/data"]);
    }

    #[test]
    fn debug_output_has_no_data() {
        let event =
            cloud_event(|event| drop(event.insert("data".to_owned(), json!({ "phone": "+15550100000" })))).unwrap();
        let debug = format!("{event:?}");
        assert!(debug.contains("/s") && !debug.contains("555"), "{debug}");
    }
}
