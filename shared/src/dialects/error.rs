//! What an error answer says, without its words.
//!
//! CXone's error texts are free, and may repeat a value of the event in any form: no pattern finds a name in a
//! sentence. So no text is kept. What is kept is the error's code, where it has the form of one, and which of our own
//! names the answer mentions: they are ours, and tell nothing of anybody.

use serde_json::Value;

use crate::domain::contact_result::{ErrorCode, ErrorDetail};

/// Members whose text is a field's name, or the way to it.
const NAMING: [&str; 5] = ["field", "path", "pointer", "parameter", "property"];

/// The code of an error, and those of `own_names` that it mentions; nothing where there is neither.
pub(super) fn error_detail(body: &Value, own_names: impl Iterator<Item = String>) -> Option<ErrorDetail> {
    let code = ["error", "code"].into_iter().find_map(|name| ErrorCode::read(body.get(name)?.as_str()?));
    let mut texts = Vec::new();
    collect(body, false, &mut texts);
    let mentioned = |name: &String| {
        let distinctive = is_distinctive(name);
        texts.iter().any(|(text, naming)| (*naming || distinctive) && holds_word(text, name))
    };
    let detail = ErrorDetail { code, fields: own_names.filter(mentioned).collect() };
    (detail != ErrorDetail::default()).then_some(detail)
}

/// Every text in an answer, each with whether it stands where a field is named.
fn collect<'a>(value: &'a Value, naming: bool, texts: &mut Vec<(&'a str, bool)>) {
    match value {
        Value::String(text) => texts.push((text, naming)),
        Value::Array(list) => list.iter().for_each(|one| collect(one, naming, texts)),
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| collect(member, NAMING.contains(&name.as_str()), texts));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether no English sentence has this word by itself: `callbackNumber` and `string:notes`, but not `from`.
fn is_distinctive(name: &str) -> bool {
    name.contains(|char: char| char == ':' || char.is_ascii_uppercase())
}

/// Whether a text holds a name as a whole word. A colon belongs to a word that goes on after it, as `string:notes`
/// does.
fn holds_word(text: &str, name: &str) -> bool {
    let in_word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-');
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let begins = !before.ends_with(|char| in_word(char) || char == ':');
        let ends = !after.strip_prefix(':').unwrap_or(after).starts_with(in_word);
        begins && ends
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{
        super::guide::contact::{field_names, tests::contact},
        *,
    };

    fn told(body: &Value) -> String {
        error_detail(body, field_names(&contact())).map(|detail| detail.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_apostrophe_lets_no_name_through() {
        let body = json!({
            "error": "invalid_attribute",
            "message": "string:notes doesn't accept 'Jane Doe' of jane@example.com, +15550109876 isn't a number",
        });
        assert_eq!(told(&body), "invalid_attribute: string:notes");
    }

    #[test]
    fn a_code_has_the_form_of_one() {
        for code in ["invalid_payload", "E42", "Queue.NotFound", "too-long", &"a".repeat(64)] {
            assert_eq!(told(&json!({"error": code})), code);
            assert_eq!(told(&json!({"error": "Not one", "code": code})), code);
        }
        let long = "a".repeat(65);
        for none in ["", "Jane Doe", "4111", "_x", "jane@example.com", "+15550109876", "naïve", "a:b", &long] {
            assert_eq!(told(&json!({"error": none})), "", "{none}");
        }
        for none in [json!({"error": 400}), json!({"error": {"code": "x"}}), json!(["error"]), json!("error")] {
            assert_eq!(error_detail(&none, field_names(&contact())), None, "{none}");
        }
    }

    #[test]
    fn a_field_counts_where_a_member_names_it() {
        for (body, fields) in [
            (json!({"field": "from"}), "from"),
            (
                json!({"errors": [{"path": "$.priority", "message": "Jane"}, {"property": "callbackNumber"}]}),
                "priority, callbackNumber",
            ),
            (json!({"violations": [{"pointer": "/attributes/string:notes"}]}), "attributes, string:notes"),
            (json!({"details": {"parameter": ["to", "skillIds[0]"]}}), "skillIds, to"),
            (json!({"field": "body.attributes['string:order.ref']"}), "attributes, string:order.ref"),
            (json!({"field": "string:type"}), ""),
            (json!({"field": "fromage"}), ""),
        ] {
            assert_eq!(told(&body), fields, "{body}");
        }
    }

    #[test]
    fn a_sentence_names_a_field_only_by_a_word_that_english_has_not() {
        let errors = json!({"errors": ["callbackNumber: must be E.164", "queueId, string:notes."]});
        assert_eq!(told(&errors), "queueId, callbackNumber, string:notes");
        let english =
            json!({"message": "this type of channel has no priority from us to you: attributes", "detail": "from"});
        assert_eq!(told(&english), "");
        for other in ["string:notes2", "xstring:notes", "my-queueId", "queueIds", "queueId:x", "Queueid"] {
            assert_eq!(told(&json!({"message": other})), "", "{other}");
        }
    }

    #[test]
    fn each_name_is_told_once() {
        let body = json!({"field": "queueId", "message": "queueId queueId", "errors": [{"path": "queueId"}]});
        assert_eq!(told(&body), "queueId");
    }

    /// Words as an answer may hold them: anything, and what is nearly ours.
    fn words() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "\\PC{0,12}",
            "[a-zA-Z0-9_.:'\" -]{0,70}",
            Just("doesn't accept 'Jane Doe'".to_owned()),
            Just("queueId".to_owned()),
            Just("string:notes".to_owned()),
        ];
        proptest::collection::vec(word, 0..4).prop_map(|words| words.join(" "))
    }

    fn answers() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![words().prop_map(Value::from), any::<i64>().prop_map(Value::from), Just(Value::Null)];
        let name = prop_oneof![
            proptest::sample::select(vec!["error", "code", "message", "errors", "field", "path", "details"])
                .prop_map(str::to_owned),
            words(),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::hash_map(name.clone(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_of_an_answer_is_kept_but_a_code_and_our_own_names(body in answers()) {
            let own: Vec<_> = field_names(&contact()).collect();
            let Some(detail) = error_detail(&body, own.iter().cloned()) else { return Ok(()) };
            let code = ["error", "code"]
                .into_iter()
                .filter_map(|name| body.get(name)?.as_str())
                .find(|text| regex_lite::Regex::new("^[A-Za-z][A-Za-z0-9_.-]{0,63}$").unwrap().is_match(text));
            let kept = detail.code.as_ref().map(ToString::to_string);
            prop_assert_eq!(kept.as_deref(), code);
            let mut once = detail.fields.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), detail.fields.len());
            prop_assert!(detail.fields.iter().all(|name| own.contains(name)), "{:?}", detail);
            let told = detail.to_string();
            let fields = code.map_or(told.as_str(), |code| told[code.len()..].trim_start_matches(": "));
            prop_assert_eq!(fields, detail.fields.join(", "));
        }
    }
}
