//! What the variables of a deployed function point to, as the template sets them.

use std::collections::BTreeMap;

use crate::local::{ACCESS_KEY, Queues, REGION, Tables};

/// Everything that a function reaches, and what it may do there. Both functions find the variables of both.
#[derive(Debug, Clone)]
pub struct Bindings<'a> {
    /// The endpoint of AWS.
    pub aws: String,
    /// CXone.
    pub cxone: CxoneApi,
    /// The three tables.
    pub tables: &'a Tables,
    /// The queues.
    pub queues: &'a Queues,
    /// The function's own secret.
    pub secret: &'a str,
    /// Requests that CXone grants a client in one window.
    pub rate_limit: usize,
    /// The window's length in seconds.
    pub window_seconds: u64,
    /// Workers at once.
    pub workers: usize,
}

/// Which of CXone's APIs, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CxoneApi {
    /// The guide's routing API.
    Guide {
        /// Its base URL.
        base_url: String,
    },
    /// A NICE CXone tenant, which is found by discovery.
    Tenant {
        /// Its issuer.
        issuer: String,
    },
}

impl Bindings<'_> {
    /// The variables of a function's environment.
    pub fn variables(self) -> BTreeMap<String, String> {
        let (profile, base_url, issuer) = match self.cxone {
            CxoneApi::Guide { base_url } => ("guide", base_url, "https://cxone.niceincontact.com".to_owned()),
            CxoneApi::Tenant { issuer } => ("cxone", String::new(), issuer),
        };
        let urgent = self.queues.urgent.iter().flat_map(|urgent| {
            [
                ("URGENT_QUEUE_URL", urgent.url.clone()),
                ("URGENT_QUEUE_ARN", urgent.arn.clone()),
                ("URGENT_CONCURRENCY", urgent.concurrency.to_string()),
            ]
        });
        let always = [
            ("AWS_ENDPOINT_URL", self.aws),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("AWS_SESSION_TOKEN", ACCESS_KEY.to_owned()),
            ("CXONE_PROFILE", profile.to_owned()),
            ("CXONE_BASE_URL", base_url),
            ("CXONE_ISSUER", issuer),
            ("CXONE_API_VERSION", "v34.0".to_owned()),
            ("SECRET_ARN", self.secret.to_owned()),
            ("CLIENTS_TABLE", self.tables.clients.clone()),
            ("REGISTRY_TABLE", self.tables.registry.clone()),
            ("LEDGER_TABLE", self.tables.ledger.clone()),
            ("CONTACT_QUEUE_URL", self.queues.contacts.clone()),
            ("DEAD_LETTER_QUEUE_URL", self.queues.dead_letters.clone()),
            ("RATE_LIMIT", self.rate_limit.to_string()),
            ("RATE_WINDOW_SECONDS", self.window_seconds.to_string()),
            ("MAXIMUM_CONCURRENCY", self.workers.to_string()),
            ("COMPLIANCE_BOUNDARY", "outside".to_owned()),
            ("QUEUE_HEALTH_MAX_AGE_SECONDS", "180".to_owned()),
            ("LOG_LEVEL", "INFO".to_owned()),
            ("STACK_NAME", "local".to_owned()),
        ];
        always.into_iter().chain(urgent).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
