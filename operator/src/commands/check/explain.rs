//! Which data an event must carry, by its route: for whoever sends it.

use contact_injection::domain::attributes::Schema;
use contact_injection::domain::mapping::ComplianceBoundary;
use serde_json::{Value, json};

use super::members;
use crate::answer::{plain, table};

/// A value that a route takes from an event.
struct Taken<'f> {
    path: &'f str,
    of_event: bool,
    becomes: String,
    must: bool,
    how: String,
}

/// Every route of a file that is known to be good, in words and for a program.
pub(super) fn routes(file: &Value, schema: Option<&Schema>, boundary: ComplianceBoundary) -> (String, Value) {
    let (mut text, mut json) = (String::new(), Vec::new());
    for route in members(file) {
        let taken = taken(route, schema, boundary);
        let word = |name: &str| plain(route["match"][name].as_str().unwrap_or("*"));
        let name = plain(route["name"].as_str().unwrap_or("-"));
        text.extend([
            name,
            ": events of type ".to_owned(),
            word("type"),
            " from ".to_owned(),
            word("source"),
            "\n".to_owned(),
        ]);
        let rows: Vec<_> = taken
            .iter()
            .map(|one| {
                let must = if one.must { "must carry" } else { "may carry" };
                let of = if one.of_event { "of the event" } else { "" };
                [
                    "  ".to_owned() + must,
                    plain(one.path),
                    of.to_owned(),
                    format!("for {}", one.becomes),
                    one.how.clone(),
                ]
            })
            .collect();
        text += &table(&rows);
        text.push('\n');
        let taken: Vec<_> = taken
            .iter()
            .map(|one| {
                let of = if one.of_event { "event" } else { "data" };
                json!({ "path": one.path, "of": of, "for": one.becomes, "must": one.must, "how": one.how })
            })
            .collect();
        json.push(json!({ "route": route["name"], "match": route["match"], "takes": taken }));
    }
    (text, json.into())
}

/// What a route takes: first what an event must carry.
fn taken<'f>(route: &'f Value, schema: Option<&Schema>, boundary: ComplianceBoundary) -> Vec<Taken<'f>> {
    let registered = |key: &str| {
        let definitions = schema.into_iter().flat_map(Schema::definitions);
        definitions.filter(|definition| definition.required).any(|definition| definition.prefixed().to_string() == key)
    };
    let targets = route["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    // What no target of a route can do without, an event must carry.
    let called = !targets.is_empty() && targets.iter().all(|target| target.get("callback").is_some());
    let fields = ["from", "to", "callbackNumber", "wrapUpCode"].map(|name| (name.to_owned(), &route[name]));
    let attributes = route["attributes"].as_object().into_iter().flatten().map(|(key, rule)| (key.clone(), rule));
    let mut taken: Vec<_> = fields
        .into_iter()
        .chain(attributes)
        .filter_map(|(becomes, rule)| {
            let path = rule["path"].as_str()?;
            // What is stripped is not even looked at.
            if rule["pii"] == "strip" && boundary == ComplianceBoundary::Outside {
                return None;
            }
            let mandatory = rule["required"] == true
                || ["from", "to"].contains(&becomes.as_str())
                || (called && becomes == "callbackNumber");
            let must = (mandatory || registered(&becomes)) && rule.get("default").is_none();
            Some(Taken { path, of_event: rule["of"] == "event", must, how: how(&becomes, rule), becomes })
        })
        .collect();
    for (place, target) in targets.iter().enumerate() {
        let rule = &target["digital"]["text"];
        let Some(path) = rule["path"].as_str() else { continue };
        let becomes = format!("the text of target {place}");
        let must = targets.len() == 1 && rule.get("default").is_none();
        taken.push(Taken { path, of_event: rule["of"] == "event", must, how: how(&becomes, rule), becomes });
    }
    if let Some(path) = route["flatten"]["path"].as_str() {
        let prefix = route["flatten"]["prefix"].as_str().unwrap_or_default();
        let becomes = format!("attributes that begin with {prefix}");
        let of_event = route["flatten"]["of"] == "event";
        taken.push(Taken { path, of_event, becomes, must: false, how: "an object".to_owned() });
    }
    for rule in route["priority"]["rules"].as_array().into_iter().flatten() {
        let Some(path) = rule["when"].as_str() else { continue };
        let (becomes, how) = (format!("priority {}", rule["value"]), "anything that is selected".to_owned());
        taken.push(Taken { path, of_event: rule["of"] == "event", becomes, must: false, how });
    }
    taken.sort_by_key(|one| !one.must);
    taken
}

/// In which form a value is taken.
fn how(becomes: &str, rule: &Value) -> String {
    let kind = becomes.split_once(':').map_or("string", |(kind, _)| kind);
    let mut how = match (rule["format"].as_str(), rule["region"].as_str()) {
        (Some("e164"), Some(region)) => format!("a phone number, of {region} or international"),
        (Some(_), _) => "an international phone number".to_owned(),
        (None, _) => format!("a {kind}"),
    };
    if rule["coerce"] == true {
        how += ", or what can become one";
    }
    if rule["overflow"] == "truncate" {
        how += ", cut where it is too long";
    }
    how
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kind_of_a_target_needs_must_be_carried_only_where_no_other_kind_is_left() {
        let text = json!({ "digital": { "channelId": "c", "text": { "path": "$.summary" } } });
        let call = json!({ "callback": { "skillId": 1 } });
        let told = |targets: &[&Value]| {
            let route = json!({ "name": "r", "targets": targets, "callbackNumber": { "path": "$.phone" } });
            routes(&json!({ "routes": [route] }), None, ComplianceBoundary::Outside).0
        };
        let both = told(&[&call, &text]);
        assert!(
            both.contains("  may carry  $.phone ") && both.contains(" for the text of target 1  a string"),
            "{both}"
        );
        assert!(told(&[&call, &call]).contains("must carry  $.phone"));
        let alone = told(&[&text]);
        assert!(alone.contains("must carry  $.summary") && alone.contains("may carry   $.phone"), "{alone}");
    }

    #[test]
    fn what_an_event_must_carry_comes_first() {
        let file = json!({ "routes": [{
            "name": "orders", "match": { "type": "order.*" },
            "from": { "path": "$.phone", "format": "e164", "region": "US" }, "to": { "value": "+15550201234" },
            "attributes": {
                "boolean:vip": { "path": "$.vip", "default": false },
                "number:total": { "path": "$.total", "coerce": true },
                "string:ref": { "path": "$.subject", "of": "event", "required": true },
                "string:tax": { "path": "$.ssn", "pii": "strip", "required": true },
            },
            "priority": { "default": 1, "rules": [{ "when": "$[?@ == 'gold']", "value": 2 }] },
            "flatten": { "path": "$.x", "of": "event", "prefix": "x" }
        }] });
        let (inside, _) = routes(&file, None, ComplianceBoundary::Inside);
        assert!(inside.contains("must carry  $.ssn"), "{inside}");
        let (text, json) = routes(&file, None, ComplianceBoundary::Outside);
        assert!(!text.contains("$.ssn") && text.contains("for priority 2"), "{text}");
        assert_eq!(json[0]["takes"][4]["of"], "event", "{text}");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "orders: events of type order.* from *");
        assert!(lines[1].starts_with("  must carry  $.phone"), "{text}");
        assert!(lines[2].starts_with("  must carry  $.subject") && lines[2].contains(" of the event "), "{text}");
        assert!(lines[3].starts_with("  may carry   $.vip"), "{text}");
        assert!(lines[4].ends_with("a number, or what can become one"), "{text}");
        assert_eq!(json[0]["takes"][1]["must"], true);
    }
}
