//! What a simulated tenant holds at its start and how it behaves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::queue::Queue;
use crate::schema::{AttributeDefinition, SchemaShape};

/// The scope that creating a contact takes.
pub const SCOPE_CONTACTS_WRITE: &str = "routing:contacts:write";
/// The scope that reading a queue takes.
pub const SCOPE_QUEUES_READ: &str = "routing:queues:read";
/// The scope that reading the attribute schema takes.
pub const SCOPE_ATTRIBUTES_READ: &str = "contacts:attributes:read";

/// A tenant's start: what it knows, its limits, and the faults that it will show. In JSON every field is optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SimulatorConfig {
    /// The loopback port to serve on; 0 takes any free one.
    pub port: u16,
    /// The OAuth clients of the tenant.
    pub clients: Vec<ClientConfig>,
    /// The queues of the tenant.
    pub queues: Vec<Queue>,
    /// The skills that some agent has. A contact for any other skill is created and fails at once.
    pub skills: Vec<String>,
    /// The registered attribute schema.
    pub attributes: Vec<AttributeDefinition>,
    /// The form in which the attribute schema is served.
    pub schema_shape: SchemaShape,
    /// The limit on each client's requests.
    pub rate_limit: RateLimit,
    /// How access tokens are made.
    pub tokens: TokenRules,
    /// What becomes of a string attribute over 255 characters.
    pub oversized_strings: OversizedStrings,
    /// Time before every answer, in milliseconds of real time.
    pub latency_milliseconds: u64,
    /// Seed of identifiers, tokens and probabilistic faults.
    pub seed: u64,
    /// Faults in the order in which they are tried.
    pub faults: Vec<Fault>,
    /// Where the clock stands until it is advanced, in milliseconds since the Unix epoch; absent, the system's clock.
    pub manual_clock_milliseconds: Option<u64>,
}

impl SimulatorConfig {
    /// Adds an OAuth client with all three scopes of the contract.
    #[must_use]
    pub fn with_client(mut self, client_id: &str, client_secret: &str) -> Self {
        self.clients.push(ClientConfig::new(client_id, client_secret));
        self
    }

    /// Adds a queue.
    #[must_use]
    pub fn with_queue(mut self, queue: Queue) -> Self {
        self.queues.push(queue);
        self
    }

    /// Adds a skill that some agent has.
    #[must_use]
    pub fn with_skill(mut self, skill: &str) -> Self {
        self.skills.push(skill.to_owned());
        self
    }

    /// Adds an attribute to the registered schema.
    #[must_use]
    pub fn with_attribute(mut self, attribute: AttributeDefinition) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Adds a fault after those already there.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// An OAuth client of the tenant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Its public identifier; rate windows count by it.
    pub client_id: String,
    /// Its secret. Never shown by `Debug`.
    pub client_secret: String,
    /// The scopes that it may ask for.
    #[serde(default = "all_scopes")]
    pub scopes: Vec<String>,
}

impl ClientConfig {
    /// A client that may ask for all three scopes of the contract.
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        Self { client_id: client_id.to_owned(), client_secret: client_secret.to_owned(), scopes: all_scopes() }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

fn all_scopes() -> Vec<String> {
    [SCOPE_CONTACTS_WRITE, SCOPE_QUEUES_READ, SCOPE_ATTRIBUTES_READ].map(str::to_owned).to_vec()
}

/// The sliding window over each client's authenticated requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RateLimit {
    /// Requests that any window may hold; one more is answered with 429. 120 by default (docs/rules.md#rate-window).
    pub limit: usize,
    /// The window's length in milliseconds: 60 000 by default. A request exactly this old no longer counts.
    pub window_milliseconds: u64,
    /// Whether a request answered with 429 for the window counts in it too. True by default, the strict reading.
    pub count_refused: bool,
    /// The form of `Retry-After` on every 429 and 503.
    pub retry_after: RetryAfterForm,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { limit: 120, window_milliseconds: 60_000, count_refused: true, retry_after: RetryAfterForm::Seconds }
    }
}

/// How `Retry-After` is written (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAfterForm {
    /// Whole seconds, rounded up.
    #[default]
    Seconds,
    /// An HTTP date by the simulator's clock.
    HttpDate,
    /// Not at all.
    Absent,
}

/// How access tokens are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenRules {
    /// Seconds until a token expires: 3600 by default (docs/rules.md#token-lifetime).
    pub lifetime_seconds: u64,
    /// The look of a token.
    pub format: TokenFormat,
    /// Whether the answer says `expires_in`. True by default.
    pub state_expires_in: bool,
    /// Status of an `invalid_client` answer: 401 by default; the contract allows 400 too.
    pub invalid_client_status: u16,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self { lifetime_seconds: 3600, format: TokenFormat::Jwt, state_expires_in: true, invalid_client_status: 401 }
    }
}

/// The look of a token; it is checked by look-up in either case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenFormat {
    /// Three base64url parts with `exp` in the claims and a signature that nothing verifies.
    #[default]
    Jwt,
    /// Random hexadecimal digits.
    Opaque,
}

/// What becomes of a string attribute of more than 255 characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OversizedStrings {
    /// 400, so that a client which failed to check is found out.
    #[default]
    Refuse,
    /// Cut to 255 characters in silence, as the guide says that CXone does.
    Truncate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_of_clients_alone_takes_the_guides_limits() {
        let config: SimulatorConfig =
            serde_json::from_str(r#"{"clients":[{"client_id":"worker-1","client_secret":"s"}]}"#).unwrap();
        assert_eq!((config.rate_limit.limit, config.rate_limit.window_milliseconds), (120, 60_000));
        assert_eq!(config.tokens.lifetime_seconds, 3600);
        assert_eq!(config.clients[0].scopes.len(), 3);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(serde_json::from_str::<SimulatorConfig>(r#"{"rateLimits":{}}"#).is_err());
    }

    #[test]
    fn debug_hides_the_client_secret() {
        assert!(!format!("{:?}", ClientConfig::new("worker-1", "hush")).contains("hush"));
    }
}
