//! What can be told of a secret's text without telling any of it: which members its clients have, and what a careless
//! hand may have done to them on their way into it.

use serde_json::{Map, Value};

use super::lane::Lane;

/// The member of a secret that names further ones.
pub const FURTHER: &str = "further_secrets";

/// The members that a client may have, in the order in which they are told.
const MEMBERS: [&str; 6] =
    ["access_key_id", "access_key_secret", "client_id", "client_secret", "token_endpoint", "lane"];

/// Those that are key material, which CXone gives out in base32 with all of its padding.
const KEY_MATERIAL: [&str; 2] = ["access_key_id", "access_key_secret"];

/// What can be told of a secret's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretForm {
    /// Its clients, in their order.
    pub clients: Vec<ClientForm>,
    /// What is wrong with it, in words of this program's own.
    pub problems: Vec<String>,
}

/// What can be told of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientForm {
    /// Those of the known members that it has.
    pub members: Vec<&'static str>,
    /// Members that it has besides.
    pub others: usize,
    /// Members with white space in them, which none of them has of its own.
    pub stray: Vec<&'static str>,
    /// Key material whose `=` at the end seem to be lost.
    pub unpadded: Vec<&'static str>,
    /// The lane that it is kept for, where it names one.
    pub lane: Option<Lane>,
}

impl SecretForm {
    /// The form of this text, as far as it is one.
    pub fn of(text: &str) -> Self {
        let clients = match serde_json::from_str(text) {
            Ok(Value::Object(mut secret)) => match (secret.remove("clients"), secret.remove(FURTHER)) {
                (Some(Value::Array(clients)), _) => clients,
                (None, None) => vec![Value::Object(secret)],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let clients = clients.iter().filter_map(Value::as_object).map(ClientForm::of).collect();
        Self { clients, problems: Vec::new() }
    }
}

impl ClientForm {
    fn of(client: &Map<String, Value>) -> Self {
        let members: Vec<_> = MEMBERS.into_iter().filter(|name| client.contains_key(*name)).collect();
        let having = |holds: fn(&str) -> bool| {
            let held = |name: &&&str| client.get(**name).and_then(Value::as_str).is_some_and(holds);
            members.iter().filter(held).copied().collect::<Vec<_>>()
        };
        let unpadded = having(is_unpadded).into_iter().filter(|name| KEY_MATERIAL.contains(name)).collect();
        let stray = having(|text| text.chars().any(|char| char.is_whitespace() || char.is_control()));
        let lane = client.get("lane").and_then(Value::as_str).and_then(Lane::named);
        Self { others: client.len() - members.len(), stray, unpadded, lane, members }
    }
}

/// How the padding of CXone's key material ends.
const PADDING: &str = "====";

/// Whether a text is of an encoding whose length is a multiple of eight (base32) or four (base64), and its own isn't.
fn is_unpadded(text: &str) -> bool {
    let text = text.trim();
    if text.ends_with(PADDING) {
        return false;
    }
    let bare = text.trim_end_matches('=');
    let base32 = bare.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
    let base64 = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    match (base32, base64) {
        (true, _) => !text.len().is_multiple_of(8),
        (false, true) => !text.len().is_multiple_of(4),
        (false, false) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(client: &Value) -> ClientForm {
        SecretForm::of(&client.to_string()).clients.remove(0)
    }

    #[test]
    fn members_are_told_by_known_names_and_others_by_their_count() {
        let list = json!({ "clients": [{ "client_id": "a", "access_key_id": "b" }, { "hunter2": "x" }] });
        let form = SecretForm::of(&list.to_string());
        assert_eq!(form.clients[0].members, ["access_key_id", "client_id"]);
        assert_eq!((form.clients[1].members.len(), form.clients[1].others), (0, 1));
        assert!(!format!("{form:?}").contains("hunter2"));
        for text in
            ["hunter2", "[]", r#"{"clients": 7}"#, r#"{"clients": ["hunter2"]}"#, r#"{"further_secrets": ["hunter2"]}"#]
        {
            assert_eq!(SecretForm::of(text).clients, [], "{text}");
        }
    }

    #[test]
    fn a_lane_is_told_where_there_is_such_a_one() {
        let lane = |lane: &str| only(&json!({ "client_id": "a", "lane": lane })).lane;
        assert_eq!((lane("urgent"), lane("standard"), lane("vip")), (Some(Lane::Urgent), Some(Lane::Standard), None));
    }

    #[test]
    fn white_space_is_found_wherever_it_strayed_to() {
        for text in ["x ", "\tx", "x\n", "x y", "x\u{a0}"] {
            assert_eq!(only(&json!({ "client_secret": text, "client_id": "x" })).stray, ["client_secret"], "{text:?}");
        }
    }

    #[test]
    fn lost_padding_shows_by_the_length_of_what_is_left() {
        let key = "WYSUKJNJRYOE2M3P7HZ3VXQ7SFW5AQEXBPEYFNTJ3ZPZJWAGMZ3Q";
        let unpadded = |text: &str| only(&json!({ "access_key_id": text, "client_id": text })).unpadded;
        assert_eq!(unpadded(&format!("{key}====")), [""; 0]);
        for lost in [key.to_owned(), format!("{key}=="), format!(" {key}===")] {
            assert_eq!(unpadded(&lost), ["access_key_id"], "{lost}");
        }
        assert_eq!(unpadded("c2VjcmV0MQ"), ["access_key_id"], "base64");
        assert_eq!((unpadded("c2VjcmV0MQ=="), unpadded("worker-1")), (vec![], vec![]));
    }
}
