//! A secret's text, read: every client that can be used, and what is wrong with the others.
//!
//! A mistake in one client costs that client alone. What is wrong is told by its place, with not a character of the
//! text.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    dialects::{ClientProblem, Dialect},
    domain::{
        credentials::{ClientId, Credentials},
        lane::{Lane, Lanes},
        secret_form::FURTHER,
    },
};

/// Further secrets that one names: with some six hundred clients in each, twelve thousand.
const MOST_FURTHER: usize = 20;

/// Faults that are told one by one.
const TOLD: usize = 5;

/// Why nothing of a secret can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnreadableSecret {
    /// It has no text.
    #[error("it has no text value")]
    NoText,
    /// The text is something else.
    #[error("it is not {{\"clients\":[{{…}},…]}}, nor one client alone")]
    Shape,
    /// What should name further secrets is something else.
    #[error("{FURTHER} is no list of names, at most {MOST_FURTHER}")]
    Further,
    /// It holds no client that can be used.
    #[error("it holds no client that can be used{}", because(.0))]
    NoClient(Vec<Fault>),
}

/// What is wrong with a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A client is no object.
    #[error("client {0} is no {{…}}")]
    NoObject(usize),
    /// A client can't be used.
    #[error("client {0} {1}")]
    Client(usize, ClientProblem),
    /// A client is for no lane that there is.
    #[error("client {0} has a lane that is neither \"urgent\" nor \"standard\"")]
    Lane(usize),
    /// It has the id of a client that stands before it: two workers would share it.
    #[error("client {0} has the same id as one before it")]
    Repeated(usize),
}

/// What a secret's text holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    /// Its clients that can be used, each with its place.
    pub(super) clients: Vec<(usize, Credentials)>,
    /// The names of further secrets.
    pub(super) further: Vec<String>,
    /// What is wrong with the rest.
    pub(super) faults: Vec<Fault>,
}

impl Contents {
    /// What this text holds.
    ///
    /// # Errors
    /// [`UnreadableSecret`] where nothing of it can be used.
    pub(super) fn of(text: Option<&str>, dialect: &dyn Dialect, lanes: Lanes) -> Result<Self, UnreadableSecret> {
        // Whatever serde has to say about it may quote it.
        let secret = serde_json::from_str(text.ok_or(UnreadableSecret::NoText)?);
        let Ok(Value::Object(mut secret)) = secret else { return Err(UnreadableSecret::Shape) };
        let (mut contents, named) = (Self::default(), secret.remove(FURTHER));
        match named.as_ref().map(names) {
            Some(Some(further)) => contents.further = further,
            Some(None) => return Err(UnreadableSecret::Further),
            None => {}
        }
        let clients = match secret.remove("clients") {
            Some(Value::Array(clients)) => clients,
            Some(_) => return Err(UnreadableSecret::Shape),
            None if named.is_some() => Vec::new(),
            None => vec![Value::Object(secret)],
        };
        let mut ids = HashSet::new();
        for (place, client) in clients.iter().enumerate() {
            match read(place, client, dialect, lanes) {
                Ok(client) => contents.add(place, client, &mut ids),
                Err(fault) => contents.faults.push(fault),
            }
        }
        // A list without clients is meant: nobody is to work.
        if contents.clients.is_empty() && contents.further.is_empty() && !contents.faults.is_empty() {
            return Err(UnreadableSecret::NoClient(contents.faults));
        }
        Ok(contents)
    }

    /// Those of its clients whose ids are none of these.
    pub(super) fn without(self, ids: &mut HashSet<ClientId>) -> Self {
        let mut others = Self { further: self.further, faults: self.faults, clients: Vec::new() };
        for (place, client) in self.clients {
            others.add(place, client, ids);
        }
        others
    }

    fn add(&mut self, place: usize, client: Credentials, ids: &mut HashSet<ClientId>) {
        if ids.insert(client.client_id.clone()) {
            self.clients.push((place, client));
        } else {
            self.faults.push(Fault::Repeated(place));
        }
    }
}

/// Faults as one text; nothing where there is none.
pub(super) fn told(faults: &[Fault]) -> Option<String> {
    let first: Vec<_> = faults.iter().take(TOLD).map(ToString::to_string).collect();
    match faults.len() - first.len() {
        _ if first.is_empty() => None,
        0 => Some(first.join("; ")),
        more => Some(format!("{}; and {more} more", first.join("; "))),
    }
}

fn because(faults: &[Fault]) -> String {
    told(faults).map(|told| format!(": {told}")).unwrap_or_default()
}

fn names(further: &Value) -> Option<Vec<String>> {
    let names = further.as_array().filter(|names| names.len() <= MOST_FURTHER)?;
    names.iter().map(|name| name.as_str().filter(|name| !name.is_empty()).map(str::to_owned)).collect()
}

fn read(place: usize, client: &Value, dialect: &dyn Dialect, lanes: Lanes) -> Result<Credentials, Fault> {
    let client = client.as_object().ok_or(Fault::NoObject(place))?;
    let lane = lane(client, lanes).ok_or(Fault::Lane(place))?;
    let client = dialect.credentials(client).map_err(|problem| Fault::Client(place, problem))?;
    Ok(Credentials { lane, ..client })
}

/// The lane that a client is kept for; nothing where it names none that there is.
fn lane(client: &Map<String, Value>, lanes: Lanes) -> Option<Lane> {
    match client.get("lane").filter(|_| lanes == Lanes::Two) {
        None => Some(Lane::Standard),
        Some(named) => Lane::named(named.as_str()?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::dialects::guide::Guide;

    /// What Secrets Manager holds, in bytes.
    const LARGEST_SECRET: usize = 65_536;

    fn contents(text: &str) -> Result<Contents, UnreadableSecret> {
        Contents::of(Some(text), &Guide, Lanes::One)
    }

    /// Its clients' ids, and what is wrong with the others.
    fn read(text: &str) -> (Vec<String>, Vec<Fault>) {
        let Contents { clients, faults, .. } = contents(text).unwrap();
        (clients.iter().map(|(_, client)| client.client_id.as_str().to_owned()).collect(), faults)
    }

    #[test]
    fn a_list_and_a_bare_pair_are_both_read() {
        let list = r#"{"clients":[{"client_id":"a","client_secret":"x"},{"client_id":"b","client_secret":"y"}]}"#;
        assert_eq!(read(list), (vec!["a".to_owned(), "b".to_owned()], vec![]));
        assert_eq!(read(r#"{"client_id":"a","client_secret":"x"}"#), (vec!["a".to_owned()], vec![]));
    }

    #[test]
    fn a_faulty_client_costs_itself_alone_and_is_told_by_its_place() {
        let client = |id: &str| json!({"client_id": id, "client_secret": "x"});
        let of = |entry: Value| {
            let (ids, faults) = read(&json!({"clients": [client("a"), entry, client("b")]}).to_string());
            assert_eq!(ids, ["a", "b"]);
            faults
        };
        assert_eq!(of(json!("hunter2")), [Fault::NoObject(1)]);
        assert_eq!(of(json!({"client_id": "hunter2"})), [Fault::Client(1, ClientProblem::Missing("client_secret"))]);
        assert_eq!(of(client("a")), [Fault::Repeated(1)], "two workers would share it");
    }

    #[test]
    fn a_secret_without_a_client_that_can_be_used_is_unreadable_and_says_what_is_wrong() {
        assert!(contents(r#"{"clients":[]}"#).unwrap().clients.is_empty(), "nobody is to work");
        let told = |text: &str| contents(text).unwrap_err().to_string();
        assert_eq!(
            told(r#"{"client_id":"hunter2"}"#),
            "it holds no client that can be used: client 0 has no client_secret"
        );
        let seven = told(&json!({"clients": vec!["hunter2"; 7]}).to_string());
        assert!(seven.ends_with("client 4 is no {…}; and 2 more"), "{seven}");
        for text in [r#"{"clients":"hunter2"}"#, "hunter2", "[]", r#"{"clients":"hunter2","further_secrets":["a"]}"#] {
            assert_eq!(contents(text).unwrap_err(), UnreadableSecret::Shape, "{text}");
        }
        assert_eq!(Contents::of(None, &Guide, Lanes::One).unwrap_err(), UnreadableSecret::NoText);
    }

    #[test]
    fn a_clients_lane_is_read_where_there_are_two_and_is_one_of_them() {
        let read = |lane: &str, lanes| {
            let text = format!(r#"{{"clients":[{{"client_id":"a","client_secret":"x","lane":{lane}}}]}}"#);
            Contents::of(Some(&text), &Guide, lanes).map(|contents| contents.clients[0].1.lane)
        };
        assert_eq!(read(r#""urgent""#, Lanes::Two), Ok(Lane::Urgent));
        assert_eq!(read(r#""standard""#, Lanes::Two), Ok(Lane::Standard));
        for unknown in ["\"Urgent\"", "\"\"", "7", "null"] {
            assert_eq!(read(unknown, Lanes::Two), Err(UnreadableSecret::NoClient(vec![Fault::Lane(0)])));
            assert_eq!(read(unknown, Lanes::One), Ok(Lane::Standard));
        }
        assert_eq!(read(r#""urgent""#, Lanes::One), Ok(Lane::Standard), "it says nothing");
    }

    #[test]
    fn further_secrets_are_named_in_a_list() {
        let further = |named: Value| {
            let secret = json!({"clients": [{"client_id": "a", "client_secret": "x"}], "further_secrets": named});
            contents(&secret.to_string()).map(|contents| (contents.clients.len(), contents.further))
        };
        assert_eq!(further(json!(["s/inject/2"])), Ok((1, vec!["s/inject/2".to_owned()])));
        for other in [json!("s/inject/2"), json!([7]), json!([""]), json!(vec!["s"; MOST_FURTHER + 1])] {
            assert_eq!(
                further(other.clone()),
                Err(UnreadableSecret::Further),
                "what was named before serves on: {other}"
            );
        }
        assert_eq!(further(json!(vec!["s"; MOST_FURTHER])).unwrap().1.len(), MOST_FURTHER);
        let alone = contents(r#"{"further_secrets":["s/inject/2"]}"#).unwrap();
        assert_eq!((alone.clients.len(), alone.further.len(), alone.faults), (0, 1, vec![]));
    }

    #[test]
    fn a_thousand_clients_are_held_by_two_secrets() {
        let client = |number: u128| {
            let id = Uuid::from_u128(number).to_string();
            json!({"client_id": id, "client_secret": "x".repeat(32), "lane": "urgent"})
        };
        let secret = |from: u128| {
            let clients: Vec<_> = (from..from + 500).map(client).collect();
            json!({"clients": clients, "further_secrets": ["contact-injection/inject/2"]}).to_string()
        };
        let [first, second] = [secret(0), secret(500)];
        assert!(first.len() <= LARGEST_SECRET, "{} bytes", first.len());
        let mut ids = HashSet::new();
        let read = [first, second].map(|text| contents(&text).unwrap().without(&mut ids).clients.len());
        assert_eq!(read, [500, 500]);
        assert_eq!(contents(&secret(999)).unwrap().without(&mut ids).faults, [Fault::Repeated(0)]);
        // The shortest list of pairs would not do with one.
        let pairs: Vec<_> = (0..1000).map(|number| [Uuid::from_u128(number).to_string(), "x".repeat(24)]).collect();
        assert!(json!(pairs).to_string().len() > LARGEST_SECRET);
    }
}
