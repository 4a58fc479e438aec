//! What a business unit of CXone holds at its start and how it behaves.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digital::{Channel, CustomField, DuplicateMessages};
use super::faults::Fault;
use super::request::Endpoint;
use crate::config::RateLimit;

/// The media type of callbacks.
pub(crate) const CALLBACK: u16 = 4;
/// The media type of work items.
pub(crate) const WORK_ITEM: u16 = 6;
/// The media type of digital contacts.
pub(crate) const DIGITAL: u16 = 9;

/// A business unit's start. In JSON every field is optional.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The loopback port to serve on; 0 takes any free one.
    pub port: u16,
    /// The number of the business unit, also a claim of its tokens.
    pub business_unit_id: u64,
    /// The tenant, as discovery and the tokens know it.
    pub tenant_id: Uuid,
    /// The area, such as `na1`.
    pub area: String,
    /// The cluster, such as `C31`.
    pub cluster: String,
    /// The domain of its hosts.
    pub domain: String,
    /// The one version served, as in the path: `v34.0`.
    pub api_version: String,
    /// The origin of the endpoints that it names, without a slash at the end; absent, `http://` and the request's
    /// `Host`.
    pub base_url: Option<String>,
    /// The issuer that it names and that its tokens claim; absent, the origin.
    pub issuer: Option<String>,
    /// What discovery says of the API's address.
    pub api_endpoint: ApiEndpoint,
    /// The access keys.
    pub access_keys: Vec<AccessKey>,
    /// The points of contact.
    pub points_of_contact: Vec<PointOfContact>,
    /// The skills.
    pub skills: Vec<Skill>,
    /// The most bytes of UTF-8 that a work item's payload may have: 51 200 by default.
    pub payload_bytes: usize,
    /// The forms in which work items and callbacks are taken; others are answered with 415.
    pub work_item_encodings: Vec<Encoding>,
    /// The most work items that may wait at once; absent, any number.
    pub port_limit: Option<usize>,
    /// Whether the answer to a callback names its contact; if not, it has no body. True by default.
    pub callback_contact_id: bool,
    /// The digital channels.
    pub channels: Vec<Channel>,
    /// The custom fields of digital contacts.
    pub custom_fields: Vec<CustomField>,
    /// What becomes of a message whose identifier its channel had before.
    pub duplicate_messages: DuplicateMessages,
    /// Seconds until the search finds a message: 0 by default.
    pub search_lag_seconds: u64,
    /// Whether the search gives every message, whatever was asked for. False by default.
    pub search_ignores_filters: bool,
    /// The most messages that one answer of the search holds, the oldest first: 25 by default.
    pub search_page: usize,
    /// The limit on the requests of each access key. NICE publishes none, so that a client must bear any.
    pub rate_limit: RateLimit,
    /// How tokens are made and refused.
    pub tokens: TokenRules,
    /// The shape of the activity of skills.
    pub activity_shape: ActivityShape,
    /// Where the text of an error stands.
    pub error_text: ErrorText,
    /// The identifier of the first contact; the next ones count on.
    pub first_contact_id: u64,
    /// Time before every answer, in milliseconds of real time.
    pub latency_milliseconds: u64,
    /// Seed of tokens and probabilistic faults.
    pub seed: u64,
    /// Faults in the order in which they are tried.
    pub faults: Vec<Fault>,
    /// Where the clock stands until it is advanced, in milliseconds since the Unix epoch; absent, the system's clock.
    pub manual_clock_milliseconds: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            business_unit_id: 4_400_001,
            tenant_id: Uuid::from_u128(0x11eb_0000_0000_4000_8000_0000_0000_0001),
            area: "na1".to_owned(),
            cluster: "C31".to_owned(),
            domain: "niceincontact.com".to_owned(),
            api_version: "v34.0".to_owned(),
            base_url: None,
            issuer: None,
            api_endpoint: ApiEndpoint::Own,
            access_keys: Vec::new(),
            points_of_contact: Vec::new(),
            skills: Vec::new(),
            payload_bytes: 51_200,
            work_item_encodings: vec![Encoding::Json, Encoding::Query, Encoding::Form],
            port_limit: None,
            callback_contact_id: true,
            channels: Vec::new(),
            custom_fields: Vec::new(),
            duplicate_messages: DuplicateMessages::SecondMessage,
            search_lag_seconds: 0,
            search_ignores_filters: false,
            search_page: 25,
            rate_limit: RateLimit::default(),
            tokens: TokenRules::default(),
            activity_shape: ActivityShape::Flat,
            error_text: ErrorText::Body,
            first_contact_id: 400_000_000_001,
            latency_milliseconds: 0,
            seed: 0,
            faults: Vec::new(),
            manual_clock_milliseconds: None,
        }
    }
}

impl Config {
    /// Adds an access key.
    #[must_use]
    pub fn with_access_key(mut self, access_key: AccessKey) -> Self {
        self.access_keys.push(access_key);
        self
    }

    /// Adds a point of contact.
    #[must_use]
    pub fn with_point_of_contact(mut self, point_of_contact: PointOfContact) -> Self {
        self.points_of_contact.push(point_of_contact);
        self
    }

    /// Adds a skill.
    #[must_use]
    pub fn with_skill(mut self, skill: Skill) -> Self {
        self.skills.push(skill);
        self
    }

    /// Adds a fault after those already there.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// What discovery says of the API's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApiEndpoint {
    /// The simulator's own origin.
    #[default]
    Own,
    /// Nothing.
    Absent,
    /// This address, be it foreign or without TLS.
    Url(String),
}

/// An access key of some user, and the registered application that presents it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// Its identifier; rate windows count by it.
    pub access_key_id: String,
    /// Its secret. Never shown by `Debug`.
    pub access_key_secret: String,
    /// The application. Without one only the older grant takes the key.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The application's secret. Never shown by `Debug`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Whether its user is active. A key of a deactivated user gets no token, and its tokens end.
    #[serde(default = "yes")]
    pub active: bool,
    /// The endpoints that its user's role doesn't allow: 403.
    #[serde(default)]
    pub denied: Vec<Endpoint>,
}

fn yes() -> bool {
    true
}

impl AccessKey {
    /// An active key with every right, that needs no application.
    pub fn new(access_key_id: &str, access_key_secret: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            access_key_secret: access_key_secret.to_owned(),
            client_id: None,
            client_secret: None,
            active: true,
            denied: Vec::new(),
        }
    }

    /// Has it presented by this application.
    #[must_use]
    pub fn with_client(self, client_id: &str, client_secret: &str) -> Self {
        Self { client_id: Some(client_id.to_owned()), client_secret: Some(client_secret.to_owned()), ..self }
    }

    /// Takes away the right to one endpoint.
    #[must_use]
    pub fn without(mut self, endpoint: Endpoint) -> Self {
        self.denied.push(endpoint);
        self
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .field("client_id", &self.client_id)
            .field("active", &self.active)
            .field("denied", &self.denied)
            .finish_non_exhaustive()
    }
}

/// Where contacts come in: a script and a skill. A work item names it as `id - name`, by its name or by its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PointOfContact {
    /// Its number, which CXone calls its code.
    pub id: u64,
    /// Its name, which CXone calls its description.
    pub name: String,
    /// The skill that its script queues at.
    #[serde(default)]
    pub default_skill_id: Option<u64>,
    /// Whether it takes contacts.
    #[serde(default = "yes")]
    pub active: bool,
    /// 6 for work items; others take none.
    #[serde(default = "work_item")]
    pub media_type_id: u16,
    /// The name of its script.
    #[serde(default)]
    pub script_name: String,
    /// A GUID that the list shows as its address, and that no work item may name it by.
    #[serde(default)]
    pub address: Option<Uuid>,
}

fn work_item() -> u16 {
    WORK_ITEM
}

impl PointOfContact {
    /// An active one for work items, whose script queues at this skill.
    pub fn new(id: u64, name: &str, default_skill_id: u64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            default_skill_id: Some(default_skill_id),
            active: true,
            media_type_id: WORK_ITEM,
            script_name: format!("Scripts\\{name}"),
            address: None,
        }
    }
}

/// A skill and its state now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Skill {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// 6 for work items, 4 for callbacks, 9 for digital contacts.
    pub media_type_id: u16,
    /// Whether it is active.
    pub is_active: bool,
    /// Contacts that wait.
    pub queue_count: u64,
    /// Agents logged in.
    pub agents_logged_in: u64,
    /// Agents free for a contact.
    pub agents_available: u64,
    /// The share of contacts answered in time, in percent.
    pub service_level: u64,
    /// What that share should be, in percent.
    pub service_level_goal: u64,
}

impl Default for Skill {
    fn default() -> Self {
        Self {
            id: 0,
            name: String::new(),
            media_type_id: WORK_ITEM,
            is_active: true,
            queue_count: 0,
            agents_logged_in: 5,
            agents_available: 2,
            service_level: 95,
            service_level_goal: 80,
        }
    }
}

impl Skill {
    /// An active skill for work items with agents and nobody waiting.
    pub fn open(id: u64) -> Self {
        Self { id, name: format!("Skill {id}"), ..Self::default() }
    }
}

/// A form in which a work item or a callback is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// A JSON object.
    Json,
    /// The query, with an empty body.
    Query,
    /// A form.
    Form,
}

/// The shape of the activity of skills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivityShape {
    /// As of version 24.
    Flat,
    /// Wrapped in `resultSet`, as up to version 23.
    ResultSet,
}

/// Where the text of an error stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorText {
    /// In the body.
    Body,
    /// In the header `icStatusDescription` alone; the body is empty.
    StatusDescription,
}

/// How tokens are made and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenRules {
    /// Seconds until a token expires: 3600 by default.
    pub lifetime_seconds: u64,
    /// The shape of the answer.
    pub shape: TokenShape,
    /// Whether an id token comes with it. True by default.
    pub id_token: bool,
    /// Whether the access token claims the tenant too. True by default.
    pub claims_tenant: bool,
    /// Status of `invalid_client` and `invalid_grant`: 400 by default, 401 as seen live.
    pub refused_status: u16,
}

impl Default for TokenRules {
    fn default() -> Self {
        let shape = TokenShape::Object;
        Self { lifetime_seconds: 3600, shape, id_token: true, claims_tenant: true, refused_status: 400 }
    }
}

/// The shape of a token answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenShape {
    /// An object.
    Object,
    /// An array of that one object.
    Array,
}
