//! The OAuth clients of one function, from its own secret in Secrets Manager.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::aws::failed;
use crate::{
    domain::credentials::Credentials,
    domain::time::Timestamp,
    ports::{Environment, Secrets, StoreError},
};

/// A changed secret is read again within five minutes (docs/rules.md#secrets), so a minute sooner than that.
const CACHED_FOR: Duration = Duration::from_secs(240);

/// Why a secret holds no clients.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSecret {
    /// It has no text.
    #[error("the secret has no text value")]
    NoText,
    /// The text is something else.
    #[error("the secret is not {{\"clients\":[{{\"client_id\",\"client_secret\"}},…]}}")]
    Shape,
    /// A member is empty.
    #[error("client {0} of the secret has an empty client_id or client_secret")]
    Empty(usize),
    /// Two clients have one id: two workers would share it.
    #[error("clients {0} and {1} of the secret have the same client_id")]
    Repeated(usize, usize),
}

/// The clients of one function.
#[derive(Debug)]
pub struct SecretsManager<E> {
    client: Client,
    arn: String,
    environment: E,
    cached: Mutex<Option<(Timestamp, Vec<Credentials>)>>,
}

impl<E: Environment> SecretsManager<E> {
    /// The clients in this secret.
    pub fn new(client: Client, arn: String, environment: E) -> Self {
        Self { client, arn, environment, cached: Mutex::new(None) }
    }

    async fn fetch(&self) -> Result<Vec<Credentials>, StoreError> {
        const STORE: &str = "Secrets Manager";
        const OPERATION: &str = "for the OAuth clients";
        let output = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let output = output.map_err(|error| failed(STORE, OPERATION, &error))?;
        parse(output.secret_string()).map_err(|error| StoreError {
            store: STORE,
            operation: OPERATION,
            source: Box::new(error),
        })
    }
}

impl<E: Environment> Secrets for SecretsManager<E> {
    async fn clients(&self) -> Result<Vec<Credentials>, StoreError> {
        let mut cached = self.cached.lock().await;
        let now = self.environment.now();
        if let Some((read, clients)) = &*cached
            && now.since(*read) < CACHED_FOR
        {
            return Ok(clients.clone());
        }
        let clients = self.fetch().await?;
        *cached = Some((now, clients.clone()));
        Ok(clients)
    }

    async fn clients_anew(&self) -> Result<Vec<Credentials>, StoreError> {
        *self.cached.lock().await = None;
        self.clients().await
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Secret {
    Many { clients: Vec<Pair> },
    One(Pair),
}

#[derive(Deserialize)]
struct Pair {
    client_id: String,
    client_secret: String,
}

fn parse(text: Option<&str>) -> Result<Vec<Credentials>, UnreadableSecret> {
    // Whatever serde has to say about it may quote it.
    let secret = serde_json::from_str(text.ok_or(UnreadableSecret::NoText)?).map_err(|_| UnreadableSecret::Shape)?;
    let pairs = match secret {
        Secret::Many { clients } => clients,
        Secret::One(pair) => vec![pair],
    };
    for (index, pair) in pairs.iter().enumerate() {
        if pair.client_id.is_empty() || pair.client_secret.is_empty() {
            return Err(UnreadableSecret::Empty(index));
        }
        if let Some(before) = pairs[..index].iter().position(|other| other.client_id == pair.client_id) {
            return Err(UnreadableSecret::Repeated(before, index));
        }
    }
    Ok(pairs
        .into_iter()
        .map(|pair| Credentials { client_id: pair.client_id, client_secret: SecretString::from(pair.client_secret) })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Vec<String>, UnreadableSecret> {
        parse(Some(text)).map(|clients| clients.into_iter().map(|client| client.client_id).collect())
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
    fn an_unreadable_secret_is_never_quoted() {
        for text in [r#"{"clients":"hunter2"}"#, r#"{"client_id":"hunter2"}"#, "hunter2", "[]"] {
            let error = ids(text).unwrap_err();
            assert_eq!(error, UnreadableSecret::Shape);
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!(ids(r#"{"client_id":"a","client_secret":""}"#), Err(UnreadableSecret::Empty(0)));
        assert_eq!(parse(None).unwrap_err(), UnreadableSecret::NoText);
    }
}
