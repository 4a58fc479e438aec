//! The OAuth clients of one function, from its own secret in Secrets Manager.

use std::{sync::Arc, time::Duration};

use aws_sdk_secretsmanager::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::aws::failed;
use crate::{
    dialects::{ClientProblem, Dialect},
    domain::{
        credentials::Credentials,
        lane::{Lane, Lanes},
        secret_form::SecretForm,
        time::Timestamp,
    },
    error::chain,
    ports::{Environment, Secrets, StoreError},
};

/// A changed secret is read again within five minutes (docs/rules.md#secrets), so a minute sooner than that.
const CACHED_FOR: Duration = Duration::from_secs(240);

const STORE: &str = "Secrets Manager";
const OPERATION: &str = "for the OAuth clients";

/// Why a secret holds no clients.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSecret {
    /// It has no text.
    #[error("the secret has no text value")]
    NoText,
    /// The text is something else.
    #[error("the secret is not {{\"clients\":[{{…}},…]}}, nor one client alone")]
    Shape,
    /// A client can't be used.
    #[error("client {0} of the secret {1}")]
    Client(usize, #[source] ClientProblem),
    /// A client is for no lane that there is.
    #[error("client {0} of the secret has a lane that is neither \"urgent\" nor \"standard\"")]
    Lane(usize),
    /// Two clients have one id: two workers would share it.
    #[error("clients {0} and {1} of the secret have the same id")]
    Repeated(usize, usize),
}

/// The clients of one function.
#[derive(Debug)]
pub struct SecretsManager<E> {
    client: Client,
    arn: String,
    /// Whose form the clients have.
    dialect: Arc<dyn Dialect>,
    lanes: Lanes,
    environment: E,
    cached: Mutex<Option<(Timestamp, Arc<[Credentials]>)>>,
}

impl<E: Environment> SecretsManager<E> {
    /// The clients in this secret, in the form that this API has for them.
    pub fn new(client: Client, arn: String, dialect: Arc<dyn Dialect>, lanes: Lanes, environment: E) -> Self {
        Self { client, arn, dialect, lanes, environment, cached: Mutex::new(None) }
    }

    /// The secret's text, where it has one.
    async fn text(&self) -> Result<Option<SecretString>, StoreError> {
        let output = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let output = output.map_err(|error| failed(STORE, OPERATION, &error))?;
        Ok(output.secret_string().map(SecretString::from))
    }

    async fn fetch(&self) -> Result<Arc<[Credentials]>, StoreError> {
        let text = self.text().await?;
        let text = text.as_ref().map(ExposeSecret::expose_secret);
        let parsed = parse(text, &*self.dialect, self.lanes).map(Arc::from);
        parsed.map_err(|error| StoreError { store: STORE, operation: OPERATION, source: Box::new(error) })
    }
}

impl<E: Environment> Secrets for SecretsManager<E> {
    async fn clients(&self) -> Result<Arc<[Credentials]>, StoreError> {
        let mut cached = self.cached.lock().await;
        let now = self.environment.now();
        if let Some((read, clients)) = &*cached
            && now.since(*read) < CACHED_FOR
        {
            return Ok(Arc::clone(clients));
        }
        let clients = self.fetch().await?;
        *cached = Some((now, Arc::clone(&clients)));
        Ok(clients)
    }

    async fn clients_anew(&self) -> Result<Arc<[Credentials]>, StoreError> {
        *self.cached.lock().await = None;
        self.clients().await
    }

    async fn form(&self) -> Result<SecretForm, StoreError> {
        let text = self.text().await?;
        let text = text.as_ref().map(ExposeSecret::expose_secret);
        let problem = parse(text, &*self.dialect, self.lanes).err().map(|error| chain(&error));
        Ok(SecretForm::of(text.unwrap_or_default(), problem))
    }
}

fn parse(text: Option<&str>, dialect: &dyn Dialect, lanes: Lanes) -> Result<Vec<Credentials>, UnreadableSecret> {
    // Whatever serde has to say about it may quote it.
    let secret = serde_json::from_str(text.ok_or(UnreadableSecret::NoText)?).map_err(|_| UnreadableSecret::Shape)?;
    let Value::Object(mut secret) = secret else { return Err(UnreadableSecret::Shape) };
    let clients = match secret.remove("clients") {
        Some(Value::Array(clients)) => clients,
        Some(_) => return Err(UnreadableSecret::Shape),
        None => vec![Value::Object(secret)],
    };
    let mut read: Vec<Credentials> = Vec::with_capacity(clients.len());
    for (index, client) in clients.iter().enumerate() {
        let client = client.as_object().ok_or(UnreadableSecret::Shape)?;
        let lane = lane(client, lanes).ok_or(UnreadableSecret::Lane(index))?;
        let client = dialect.credentials(client).map_err(|problem| UnreadableSecret::Client(index, problem))?;
        let client = Credentials { lane, ..client };
        if let Some(before) = read.iter().position(|other| other.client_id == client.client_id) {
            return Err(UnreadableSecret::Repeated(before, index));
        }
        read.push(client);
    }
    Ok(read)
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
    use super::*;
    use crate::dialects::guide::Guide;

    fn ids(text: &str) -> Result<Vec<String>, UnreadableSecret> {
        let parsed = parse(Some(text), &Guide, Lanes::One);
        parsed.map(|clients| clients.iter().map(|client| client.client_id.as_str().to_owned()).collect())
    }

    #[test]
    fn a_list_and_a_bare_pair_are_both_read() {
        let list = r#"{"clients":[{"client_id":"a","client_secret":"x"},{"client_id":"b","client_secret":"y"}]}"#;
        assert_eq!(ids(list), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(ids(r#"{"client_id":"a","client_secret":"x"}"#), Ok(vec!["a".to_owned()]));
        assert_eq!(ids(r#"{"clients":[]}"#), Ok(vec![]));
    }

    #[test]
    fn two_clients_of_one_id_are_refused_since_two_workers_would_share_it() {
        let twice = r#"{"clients":[{"client_id":"a","client_secret":"x"},{"client_id":"a","client_secret":"y"}]}"#;
        assert_eq!(ids(twice), Err(UnreadableSecret::Repeated(0, 1)));
    }

    #[test]
    fn a_clients_lane_is_read_where_there_are_two_and_is_one_of_them() {
        let read = |lane: &str, lanes| {
            let text = format!(r#"{{"clients":[{{"client_id":"a","client_secret":"x","lane":{lane}}}]}}"#);
            parse(Some(&text), &Guide, lanes).map(|clients| clients[0].lane)
        };
        assert_eq!(read(r#""urgent""#, Lanes::Two), Ok(Lane::Urgent));
        assert_eq!(read(r#""standard""#, Lanes::Two), Ok(Lane::Standard));
        for unknown in ["\"Urgent\"", "\"\"", "7", "null"] {
            assert_eq!(read(unknown, Lanes::Two), Err(UnreadableSecret::Lane(0)));
            assert_eq!(read(unknown, Lanes::One), Ok(Lane::Standard));
        }
        assert_eq!(read(r#""urgent""#, Lanes::One), Ok(Lane::Standard), "it says nothing");
        let none = parse(Some(r#"{"client_id":"a","client_secret":"x"}"#), &Guide, Lanes::Two).unwrap();
        assert_eq!(none[0].lane, Lane::Standard);
    }

    #[test]
    fn an_unreadable_secret_is_never_quoted() {
        for text in [r#"{"clients":"hunter2"}"#, r#"{"clients":["hunter2"]}"#, "hunter2", "[]"] {
            assert_eq!(ids(text), Err(UnreadableSecret::Shape));
        }
        let told = |text| ids(text).unwrap_err().to_string();
        let missing = told(r#"{"client_id":"hunter2"}"#);
        assert_eq!(missing, "client 0 of the secret has no client_secret");
        let foreign = told(r#"{"clients":[{"client_id":"a","client_secret":"x"},{"access_key_id":"hunter2"}]}"#);
        assert!(foreign.starts_with("client 1 of the secret has access_key_id, which is for"), "{foreign}");
        assert_eq!(parse(None, &Guide, Lanes::One).unwrap_err(), UnreadableSecret::NoText);
    }
}
