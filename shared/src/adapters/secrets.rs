//! The OAuth clients of one function, from its own secret in Secrets Manager and those that it names.
//!
//! A secret holds 65,536 bytes: some 600 clients. It may name further ones. No edit of any of them stops a worker:
//! where one can't be used by now, what it last held serves on, in a fresh environment what it held before its last
//! change, which Secrets Manager keeps. It is said once, without a character of it, and the secret is read again soon.

mod text;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use aws_sdk_secretsmanager::Client;
use futures::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::warn;

use self::text::{Contents, UnreadableSecret, told};
use super::aws::failed;
use crate::{
    dialects::Dialect,
    domain::{credentials::Credentials, lane::Lanes, secret_form::SecretForm, time::Timestamp},
    error::chain,
    ports::{Environment, Secrets, StoreError},
};

/// A changed secret is read again within five minutes (docs/rules.md#secrets), so a minute sooner than that.
const CACHED_FOR: Duration = Duration::from_secs(240);

/// How soon a secret is read again that could not be used: whoever broke it is mending it.
const READ_AGAIN: Duration = Duration::from_secs(30);

const STORE: &str = "Secrets Manager";
const OPERATION: &str = "for the OAuth clients";

/// Which of a secret's versions is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// As it is.
    Current,
    /// As it was before its last change.
    Previous,
}

/// Why a secret can't be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Unread(StoreError),
    #[error(transparent)]
    Unreadable(UnreadableSecret),
}

impl From<Unusable> for StoreError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unread(error) => error,
            Unusable::Unreadable(why) => Self { store: STORE, operation: OPERATION, source: why.into() },
        }
    }
}

/// What was read of all secrets.
#[derive(Debug, Default)]
struct Reading {
    clients: Vec<Credentials>,
    /// What is wrong with them.
    problems: Vec<String>,
    /// Whether one of them is not as it is now.
    outdated: bool,
}

/// What an environment keeps of the secrets.
#[derive(Debug, Default)]
struct Kept {
    clients: Arc<[Credentials]>,
    /// When they are read again.
    until: Option<Timestamp>,
    /// What each secret held when it could last be used.
    good: HashMap<String, Contents>,
    /// What was said of them last.
    told: Vec<String>,
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
    kept: Mutex<Kept>,
}

impl<E: Environment> SecretsManager<E> {
    /// The clients in this secret, in the form that this API has for them.
    pub fn new(client: Client, arn: String, dialect: Arc<dyn Dialect>, lanes: Lanes, environment: E) -> Self {
        Self { client, arn, dialect, lanes, environment, kept: Mutex::default() }
    }

    /// A secret's text, where it has one.
    async fn text(&self, secret: &str, version: Version) -> Result<Option<SecretString>, StoreError> {
        let get = self.client.get_secret_value().secret_id(secret);
        let get = if version == Version::Previous { get.version_stage("AWSPREVIOUS") } else { get };
        let output = get.send().await.map_err(|error| failed(STORE, OPERATION, &error))?;
        Ok(output.secret_string().map(SecretString::from))
    }

    async fn contents(&self, secret: &str, version: Version) -> Result<Contents, Unusable> {
        let text = self.text(secret, version).await.map_err(Unusable::Unread)?;
        let text = text.as_ref().map(ExposeSecret::expose_secret);
        Contents::of(text, &*self.dialect, self.lanes).map_err(Unusable::Unreadable)
    }

    /// Everything that can be used of the function's own secret and of those that it names.
    async fn read(&self, good: &mut HashMap<String, Contents>) -> Result<Reading, StoreError> {
        let mut reading = Reading::default();
        let own = self.contents(&self.arn, Version::Current).await;
        let own = self.usable(own, &self.arn, "the secret", good, &mut reading).await?;
        let further = own.further.clone();
        let mut ids = HashSet::new();
        reading.take(own.without(&mut ids), "the secret");
        let read = join_all(further.iter().map(|name| self.contents(name, Version::Current))).await;
        for (place, (name, contents)) in further.iter().zip(read).enumerate() {
            let which = format!("further secret {place}");
            match self.usable(contents, name, &which, good, &mut reading).await {
                Ok(contents) => {
                    if !contents.further.is_empty() {
                        reading
                            .problems
                            .push(format!("{which}: it names further ones, which the first secret alone may"));
                    }
                    reading.take(contents.without(&mut ids), &which);
                }
                Err(error) => reading.lacks(format!("{which}: {}; its clients are missing", reason(&error))),
            }
        }
        // One that is named no more serves no more, whenever it is named again.
        good.retain(|secret, _| *secret == self.arn || further.contains(secret));
        Ok(reading)
    }

    /// What a secret holds, or held.
    async fn usable(
        &self,
        contents: Result<Contents, Unusable>,
        secret: &str,
        which: &str,
        good: &mut HashMap<String, Contents>,
        reading: &mut Reading,
    ) -> Result<Contents, StoreError> {
        let why = match contents {
            Ok(contents) => {
                good.insert(secret.to_owned(), contents.clone());
                return Ok(contents);
            }
            Err(why) => why,
        };
        let unreadable = matches!(why, Unusable::Unreadable(_));
        let error = StoreError::from(why);
        let why = if secret == self.arn { chain(&error) } else { reason(&error) };
        if let Some(last) = good.get(secret) {
            reading.lacks(format!("{which}: {why}; what it held last serves on"));
            return Ok(last.clone());
        }
        // One that could not be read can't be read as it was either.
        let before = if unreadable { self.contents(secret, Version::Previous).await.ok() } else { None };
        let Some(before) = before else { return Err(error) };
        reading.lacks(format!("{which}: {why}; what it held before its last change serves"));
        good.insert(secret.to_owned(), before.clone());
        Ok(before)
    }
}

impl Reading {
    fn take(&mut self, contents: Contents, which: &str) {
        self.clients.extend(contents.clients.into_iter().map(|(_, client)| client));
        self.problems.extend(told(&contents.faults).map(|told| format!("{which}: {told}; the others serve")));
    }

    fn lacks(&mut self, problem: String) {
        self.problems.push(problem);
        self.outdated = true;
    }
}

/// Why a further secret can't be used, in words of this program's own: AWS's would repeat a further secret's name,
/// which is part of what its own secret holds.
fn reason(error: &StoreError) -> String {
    let unreadable = error.source.downcast_ref::<UnreadableSecret>();
    unreadable.map_or_else(|| "it can't be read: may the function?".to_owned(), ToString::to_string)
}

impl<E: Environment> Secrets for SecretsManager<E> {
    async fn clients(&self) -> Result<Arc<[Credentials]>, StoreError> {
        let mut kept = self.kept.lock().await;
        let now = self.environment.now();
        if kept.until.is_some_and(|until| now < until) {
            return Ok(Arc::clone(&kept.clients));
        }
        let Reading { clients, problems, outdated } = self.read(&mut kept.good).await?;
        for problem in problems.iter().filter(|problem| !kept.told.contains(problem)) {
            warn!(problem, "a secret has to be mended");
        }
        let until = now.plus(if outdated { READ_AGAIN } else { CACHED_FOR });
        (kept.clients, kept.until, kept.told) = (clients.into(), Some(until), problems);
        Ok(Arc::clone(&kept.clients))
    }

    async fn clients_anew(&self) -> Result<Arc<[Credentials]>, StoreError> {
        self.kept.lock().await.until = None;
        self.clients().await
    }

    async fn form(&self) -> Result<SecretForm, StoreError> {
        let of = |text: Option<SecretString>| SecretForm::of(text.as_ref().map_or("", ExposeSecret::expose_secret));
        let mut form = of(self.text(&self.arn, Version::Current).await?);
        // As a fresh environment finds them.
        let mut good = HashMap::new();
        form.problems = match self.read(&mut good).await {
            Ok(reading) => reading.problems,
            Err(error) => vec![format!("{}; a fresh environment doesn't start with it", chain(&error))],
        };
        for name in good.remove(&self.arn).map(|own| own.further).unwrap_or_default() {
            form.clients.extend(self.text(&name, Version::Current).await.map(of).unwrap_or_default().clients);
        }
        Ok(form)
    }
}
