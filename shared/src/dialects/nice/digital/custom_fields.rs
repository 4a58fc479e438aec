//! The custom fields of a digital contact: its attributes without their prefixes, each as text, and the number to call
//! back where the tenant has a field for it.

use std::borrow::Cow;

use serde_json::Value;

use super::super::{Nice, json};
use crate::{
    dialects::{Content, HttpReply, HttpRequest, RegisteredAttributes, Unread, Verdict},
    domain::{
        attributes::{AttributeDefinition, AttributeKey, AttributeType, AttributeValue, Registration, Schema},
        contact::{Attributes, Contact},
        drift::Registers,
        pii,
        problem::Problem,
        reason::DeadLetterReason,
        routes::{Route, Unregistered},
        token::Token,
    },
};

/// The field that the number to call back goes to, where the tenant has defined it.
pub(in super::super) const CALLBACK_NUMBER: &str = "callbackNumber";

/// Characters that the ident of a field may have.
const LONGEST_IDENT: usize = 255;

/// The fields of a contact that is fitted for a digital channel.
pub(super) fn of(contact: &Contact) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    contact.attributes.iter().map(|(key, value)| (key.name(), value.to_text()))
}

/// The contact with the fields that the tenant has.
///
/// # Errors
/// [`Problem`] where it has not one that the route makes.
pub(in super::super) fn fitted(contact: &Contact, route: &Route, fields: &Schema) -> Result<Contact, Problem> {
    let flattened = |key: &AttributeKey| !route.attributes.iter().any(|rule| rule.key == *key);
    let dropped = route.flatten.as_ref().is_some_and(|flatten| flatten.unregistered == Unregistered::Drop);
    let mut attributes = Attributes::new();
    for (key, value) in &contact.attributes {
        if key.name().chars().count() > LONGEST_IDENT {
            let rule = format!("has a name that is longer than {LONGEST_IDENT} characters");
            return Err(problem(DeadLetterReason::InvalidAttribute, key, &rule, route));
        }
        match registration(fields, key) {
            Registration::Registered(_) => {
                attributes.insert(key.clone(), value.clone());
            }
            Registration::Unregistered | Registration::OtherSpelling(_) if dropped && flattened(key) => {}
            Registration::Unregistered => {
                // Nobody but its sender has chosen this name.
                let told = if flattened(key) { &masked(key) } else { key };
                return Err(problem(DeadLetterReason::UnregisteredAttribute, told, "is no custom field", route));
            }
            Registration::OtherSpelling(similar) => {
                let rule = format!("is no custom field; did you mean {}?", similar.key);
                return Err(problem(DeadLetterReason::UnregisteredAttribute, key, &rule, route));
            }
            Registration::OtherType(_) => {
                let rule = "is no date, and its custom field holds one";
                return Err(problem(DeadLetterReason::InvalidAttribute, key, rule, route));
            }
        }
    }
    let number = AttributeKey::new(AttributeType::String, CALLBACK_NUMBER);
    let has_field = !fields.named(CALLBACK_NUMBER).is_empty()
        && matches!(registration(fields, &number), Registration::Registered(_));
    if let Some(text) = contact.callback_number.as_ref().filter(|_| has_field) {
        attributes.entry(number).or_insert_with(|| AttributeValue::String(text.clone()));
    }
    Ok(Contact { attributes, ..contact.clone() })
}

/// A key whose name tells nothing personal.
fn masked(key: &AttributeKey) -> AttributeKey {
    let name = pii::redact(key.name());
    if name == key.name() { key.clone() } else { AttributeKey::new(key.kind(), pii::MASK) }
}

fn problem(code: DeadLetterReason, key: &AttributeKey, rule: &str, route: &Route) -> Problem {
    Problem::new(code, format!("{key} {rule} (route {})", route.name())).on(key)
}

/// What the tenant knows of a key: a text field takes a value of any type.
fn registration<'s>(fields: &'s Schema, key: &AttributeKey) -> Registration<'s> {
    let takes_it = |field: &&AttributeDefinition| field.attribute_type == AttributeType::String;
    match fields.registration(key) {
        Registration::OtherType(other) => fields
            .named(key.name())
            .iter()
            .find(takes_it)
            .map_or(Registration::OtherType(other), Registration::Registered),
        known => known,
    }
}

impl RegisteredAttributes for Nice {
    fn schema<'r>(&self, token: &'r Token) -> HttpRequest<'r> {
        self.digital(token, [Cow::from("consumer-contact-custom-fields")], Content::Get)
    }

    fn read_schema(&self, reply: &HttpReply) -> Verdict<Result<Schema, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        let meaning = meaning.and_then(|body| {
            let list = body.as_array().or_else(|| body.get("data")?.as_array()).ok_or(Unread::NotJson)?;
            let fields: Vec<_> = list.iter().filter_map(definition).collect();
            // One that can't be read may be one that a route makes.
            (fields.len() == list.len()).then(|| Schema::new(fields)).ok_or(Unread::NotJson)
        });
        Verdict { meaning, lesson }
    }
}

impl Registers for Nice {
    fn concern(&self, route: &Route) -> bool {
        route.has_digital()
    }

    fn registration<'s>(&self, schema: &'s Schema, key: &AttributeKey) -> Registration<'s> {
        registration(schema, key)
    }
}

fn definition(row: &Value) -> Option<AttributeDefinition> {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let attribute_type = if text("type")? == "date" { AttributeType::Date } else { AttributeType::String };
    let required = row.get("required").and_then(Value::as_bool).unwrap_or_default();
    Some(AttributeDefinition { key: text("ident")?.to_owned(), attribute_type, max_length: None, required })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        dialects::{
            HttpResponse,
            nice::{FACTS, ISSUER, fixtures::contact},
        },
        domain::{
            drift::{DriftKind, drift},
            routes::Routes,
            time::Timestamp,
        },
    };

    fn routes(flatten: &Value) -> Routes {
        let mut route = json!({
            "name": "r", "match": {"type": "t"}, "priority": {"default": 1},
            "targets": [{"digital": {"channelId": "chat", "text": {"value": "hello"}}}],
            "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"},
            "attributes": {"string:ref": {"path": "$.ref"}},
        });
        if !flatten.is_null() {
            route["flatten"] = flatten.clone();
        }
        Routes::from_json(json!({"routes": [route]}).to_string(), FACTS.routes).unwrap()
    }

    fn read(body: &Value) -> Result<Schema, Unread> {
        let nice = Nice::new(ISSUER, "v34.0", None, &routes(&Value::Null)).unwrap();
        let bytes = body.to_string();
        let reply = HttpReply::Answered(HttpResponse::new(200, None, bytes.as_bytes(), Timestamp::from_millis(0)));
        nice.read_schema(&reply).meaning
    }

    fn fields() -> Schema {
        let field = |ident: &str, kind: &str| json!({"ident": ident, "label": ident, "type": kind, "required": false});
        read(&json!([field("ref", "text"), field("due", "date"), field("plan", "list"), field("mail", "email")]))
            .unwrap()
    }

    fn text(text: &str) -> AttributeValue {
        AttributeValue::String(text.to_owned())
    }

    fn fit(attributes: &[(&str, AttributeValue)], flatten: &Value) -> Result<Vec<(String, String)>, (String, String)> {
        let routes = routes(flatten);
        let fitted = fitted(&contact(attributes), routes.iter().next().unwrap(), &fields());
        let told = |problem: Problem| (problem.code.as_str().to_owned(), problem.message);
        let fitted = fitted.map_err(told)?;
        Ok(of(&fitted).map(|(ident, value)| (ident.to_owned(), value.into_owned())).collect())
    }

    #[test]
    fn every_value_goes_as_text_under_its_name_alone() {
        let due = AttributeValue::Date("2026-12-01".to_owned());
        for (key, value, told) in [
            ("string:ref", text("A"), "A"),
            ("number:ref", AttributeValue::Number(1250.into()), "1250"),
            ("boolean:plan", AttributeValue::Boolean(true), "true"),
            ("boolean:plan", AttributeValue::Boolean(false), "false"),
            ("date:due", due.clone(), "2026-12-01"),
            ("date:mail", due, "2026-12-01"),
        ] {
            let name = key.split_once(':').unwrap().1.to_owned();
            assert_eq!(fit(&[(key, value)], &Value::Null), Ok(vec![(name, told.to_owned())]), "{key}");
        }
    }

    #[test]
    fn a_field_that_the_tenant_has_not_is_told_before_anything_is_sent() {
        let refused = |key: &str| fit(&[(key, text("A"))], &Value::Null).unwrap_err();
        for (key, code, words) in [
            ("string:other", "unregistered-attribute", "is no custom field (route r)"),
            ("string:REF", "unregistered-attribute", "did you mean ref?"),
            ("string:due", "invalid-attribute", "holds one"),
        ] {
            let (told, message) = refused(key);
            assert!(told == code && message.contains(words) && message.contains(key), "{told} {message}");
        }
        let long = format!("string:{}", "x".repeat(256));
        assert_eq!(refused(&long).0, "invalid-attribute");
    }

    #[test]
    fn what_an_object_is_flattened_into_may_be_dropped_and_what_the_route_maps_itself_not() {
        let dropping = json!({"path": "$.o", "prefix": "order", "unregistered": "drop"});
        let attributes = [("string:orderItem", text("x")), ("string:ref", text("A")), ("string:orderREF", text("y"))];
        assert_eq!(fit(&attributes, &dropping), Ok(vec![("ref".to_owned(), "A".to_owned())]));
        let refusing = json!({"path": "$.o", "prefix": "order"});
        assert_eq!(fit(&attributes, &refusing).unwrap_err().0, "unregistered-attribute");
        for personal in ["string:order-4111111111111111", "string:orderpat@example.com"] {
            let (_, told) = fit(&[(personal, text("x"))], &refusing).unwrap_err();
            assert!(told.starts_with("string:[redacted] is no custom field"), "{told}");
        }
    }

    #[test]
    fn the_number_to_call_back_goes_to_its_field_where_there_is_one() {
        let routes = routes(&Value::Null);
        let with = read(&json!([{"ident": "callbackNumber", "type": "text"}])).unwrap();
        let fit = |contact: &Contact, fields: &Schema| {
            let fitted = fitted(contact, routes.iter().next().unwrap(), fields).unwrap();
            of(&fitted).map(|(ident, value)| format!("{ident}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(fit(&contact(&[]), &with), ["callbackNumber=+15550301234"]);
        let date = read(&json!([{"ident": "callbackNumber", "type": "date"}])).unwrap();
        assert!(fit(&contact(&[]), &date).is_empty(), "it is no date");
        assert!(fit(&contact(&[]), &Schema::unrestricted()).is_empty(), "nobody knows of such a field");
        assert!(fit(&contact(&[]), &fields()).is_empty());
        let own = contact(&[("string:callbackNumber", text("mapped"))]);
        assert_eq!(fit(&own, &with), ["callbackNumber=mapped"], "what the route maps itself is the route's");
    }

    #[test]
    fn definitions_are_read_as_a_whole_or_not_at_all() {
        assert_eq!(read(&json!([])).map(|schema| schema.definitions().len()), Ok(0));
        assert_eq!(read(&json!({"data": [{"ident": "a", "type": "text"}]})).map(|all| all.definitions().len()), Ok(1));
        for unread in
            [json!({}), json!([7]), json!([{"ident": "a"}]), json!([{"type": "text"}, {"ident": "b", "type": "text"}])]
        {
            assert_eq!(read(&unread).map(|_| ()), Err(Unread::NotJson), "{unread}");
        }
        let required = read(&json!([{"ident": "a", "type": "text", "required": true}])).unwrap();
        assert!(required.definitions()[0].required);
    }

    #[test]
    fn the_drift_of_custom_fields_concerns_digital_routes_alone_and_a_text_takes_any_type() {
        let targets = |targets: Value| {
            move |route: &mut Value| {
                route["targets"] = targets.clone();
                route["attributes"] = json!({
                    "string:caseRef": { "path": "$.a" }, "number:sum": { "path": "$.b" },
                    "string:region": { "path": "$.c" }, "string:due": { "path": "$.d" },
                });
            }
        };
        let found = |change: &dyn Fn(&mut Value)| {
            let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/cxone/routes.json"));
            let mut file: Value = serde_json::from_str(file).unwrap();
            change(&mut file["routes"][2]);
            let routes = Routes::from_json(file.to_string(), FACTS.routes).unwrap();
            let nice = Nice::new("https://cxone.niceincontact.com", "v34.0", None, &routes).unwrap();
            let fields = json!([
                { "ident": "sum", "type": "text" }, { "ident": "Region", "type": "list", "required": true },
                { "ident": "due", "type": "date" },
            ]);
            let answer = HttpResponse::new(200, None, fields.to_string().as_bytes(), Timestamp::from_millis(0));
            let fields = nice.read_schema(&HttpReply::Answered(answer)).meaning.unwrap();
            let drift = drift(&routes, &nice, &fields, None);
            drift.into_iter().map(|part| (part.route, part.attribute, part.kind)).collect::<Vec<_>>()
        };
        let digital = json!([{ "digital": { "channelId": "c", "text": { "value": "t" } } }]);
        let named = |name: &str, kind| ("escalations".to_owned(), name.to_owned(), kind);
        let expected = [
            named("string:caseRef", DriftKind::Unregistered),
            named("string:due", DriftKind::TypeChanged),
            named("string:region", DriftKind::CaseDiffers),
        ];
        assert_eq!(found(&targets(digital)), expected);
        let item = json!([{ "workItem": { "pointOfContact": "Cases" } }]);
        assert_eq!(found(&targets(item)), []);
    }
}
