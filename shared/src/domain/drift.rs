//! Where what CXone has no longer fits the routes, told before an event trips over it: the registered schema, and the
//! kinds of contacts that skills are for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    attributes::{AttributeDefinition, AttributeKey, AttributeValue, Registration, Schema},
    routes::{AttributeRule, DefaultSkills, QueueId, Route, Routes, Target},
};

/// One attribute of one route that the schema no longer takes as it did, or one skill that is for other contacts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Drift {
    /// The route's name.
    pub route: String,
    /// The prefixed key that the route sends; of a skill `skillId:` and its id.
    pub attribute: String,
    /// What changed.
    pub kind: DriftKind,
}

/// What may change about an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftKind {
    /// It is mapped, and not registered.
    Unregistered,
    /// It is registered with another type.
    TypeChanged,
    /// It holds fewer characters than before, or than the route's constant has.
    LengthShrunk,
    /// It is registered, but for its case or Unicode form.
    CaseDiffers,
    /// The skill is for another kind of contacts than the targets that go by it.
    MediaType,
}

/// What an API registers attributes for.
pub trait Registers {
    /// Whether the contacts of a route go where they have to be registered.
    fn concern(&self, route: &Route) -> bool;

    /// What is registered of a key.
    fn registration<'s>(&self, schema: &'s Schema, key: &AttributeKey) -> Registration<'s>;
}

/// Compares routes with a schema, and with the schema before it where there is one. Without one, a length counts as
/// shrunk only where a constant of the route shows it, and flattened names, which the routes file doesn't spell out,
/// are not known.
pub fn drift(routes: &Routes, by: &dyn Registers, schema: &Schema, previous: Option<&Schema>) -> Vec<Drift> {
    let mut found = BTreeSet::new();
    for route in routes.iter().filter(|route| by.concern(route)) {
        for rule in &route.attributes {
            let changed = changed(route, by, &rule.key, schema, previous);
            let kind = changed.or_else(|| outgrown(route, rule, by.registration(schema, &rule.key)));
            found.extend(kind.map(|kind| entry(route, &rule.key, kind)));
        }
        for definition in flattened(route, previous) {
            let key = definition.prefixed();
            found.extend(changed(route, by, &key, schema, previous).map(|kind| entry(route, &key, kind)));
        }
    }
    found.into_iter().collect()
}

/// The skills of the routes that are for another kind of contacts than a target that goes by them, among those whose
/// media type is known.
pub fn of_media_types(routes: &Routes, defaults: &DefaultSkills, known: &BTreeMap<QueueId, u64>) -> Vec<Drift> {
    let mut found = BTreeSet::new();
    for route in routes.iter() {
        for address in route.targets().iter().map(Target::address) {
            let (Some(due), Some(skill)) = (address.media_type(), defaults.queue_of(address)) else { continue };
            if known.get(&*skill).is_some_and(|media_type| *media_type != due) {
                let (route, attribute) = (route.name().to_owned(), format!("skillId:{skill}"));
                found.insert(Drift { route, attribute, kind: DriftKind::MediaType });
            }
        }
    }
    found.into_iter().collect()
}

fn entry(route: &Route, key: &AttributeKey, kind: DriftKind) -> Drift {
    Drift { route: route.name().to_owned(), attribute: key.to_string(), kind }
}

fn changed(
    route: &Route,
    by: &dyn Registers,
    key: &AttributeKey,
    schema: &Schema,
    previous: Option<&Schema>,
) -> Option<DriftKind> {
    match by.registration(schema, key) {
        Registration::Unregistered => Some(DriftKind::Unregistered),
        Registration::OtherType(_) => Some(DriftKind::TypeChanged),
        Registration::OtherSpelling(_) => Some(DriftKind::CaseDiffers),
        Registration::Registered(now) => match by.registration(previous?, key) {
            Registration::Registered(before) => {
                let limit = |definition: &AttributeDefinition| definition.length_limit(route.longest_text);
                (limit(now) < limit(before)).then_some(DriftKind::LengthShrunk)
            }
            _ => None,
        },
    }
}

/// Whether a constant of the rule is longer than its attribute now holds.
fn outgrown(route: &Route, rule: &AttributeRule, registration: Registration<'_>) -> Option<DriftKind> {
    let Registration::Registered(definition) = registration else { return None };
    rule.source
        .constants()
        .any(|(_, value)| match value {
            AttributeValue::String(text) | AttributeValue::Date(text) => {
                text.chars().count() > definition.length_limit(route.longest_text)
            }
            AttributeValue::Number(_) | AttributeValue::Boolean(_) => false,
        })
        .then_some(DriftKind::LengthShrunk)
}

/// The attributes that the route's flattened object may have been sent as: those that were registered under its prefix
/// and that the route doesn't map on its own.
fn flattened<'s>(route: &Route, previous: Option<&'s Schema>) -> impl Iterator<Item = &'s AttributeDefinition> {
    let prefix = route.flatten.as_ref().map(|flatten| flatten.prefix.as_str());
    let own: BTreeSet<_> = route.attributes.iter().map(|rule| rule.key.name()).collect();
    previous.into_iter().flat_map(Schema::definitions).filter(move |definition| {
        let rest = prefix.and_then(|prefix| definition.key.strip_prefix(prefix));
        rest.is_some_and(|rest| !rest.starts_with(char::is_lowercase)) && !own.contains(definition.key.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routes::{Profile, RouteRules};

    #[test]
    fn a_skill_for_other_contacts_than_a_target_of_its_is_told_once_for_each_route() {
        let rules = RouteRules { profile: Profile::Cxone, longest_text: 255, channels: false, drops_prefixes: true };
        let route = |name: &str, targets: serde_json::Value| {
            serde_json::json!({
                "name": name, "match": { "type": name }, "targets": targets, "priority": { "default": 1 },
                "from": { "value": "x" }, "to": { "value": "y" }, "callbackNumber": { "value": "+15550109876" },
            })
        };
        let digital = |channel: &str, skill: u64| serde_json::json!({ "digital": { "channelId": channel, "text": { "value": "t" }, "skillId": skill } });
        let orders = serde_json::json!([
            { "workItem": { "pointOfContact": "Orders" } },
            { "callback": { "skillId": 4013 } },
            { "digital": { "channelId": "any", "text": { "value": "t" } } },
        ]);
        let chats = serde_json::json!([digital("a", 4013), digital("b", 4013), digital("c", 4014), digital("d", 4015)]);
        let file = serde_json::json!({ "routes": [route("orders", orders), route("chats", chats)] });
        let routes = Routes::from_json(file.to_string(), rules).unwrap();
        let id = |number: u64| QueueId::new(number.to_string()).unwrap();
        let defaults = [("Orders".to_owned(), Some(id(4012)))].into_iter().collect();
        let told = |known: &[(u64, u64)]| {
            let known = known.iter().map(|(skill, media_type)| (id(*skill), *media_type)).collect();
            let drift = of_media_types(&routes, &defaults, &known);
            assert!(drift.iter().all(|part| part.kind == DriftKind::MediaType));
            drift.into_iter().map(|part| format!("{} {}", part.route, part.attribute)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[(4012, 6), (4014, 9)]), [""; 0]);
        assert_eq!(told(&[(4012, 4), (4013, 4)]), ["chats skillId:4013", "orders skillId:4012"]);
        assert_eq!(told(&[(4013, 9), (4014, 6)]), ["chats skillId:4014", "orders skillId:4013"]);
        let json = serde_json::to_value(DriftKind::MediaType).unwrap();
        assert_eq!(json, "media-type");
    }
}
