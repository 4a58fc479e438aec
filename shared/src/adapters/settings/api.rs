//! Which of CXone's APIs a deployment speaks, and where it is.

use std::sync::Arc;

use super::Reader;
use crate::{
    adapters::http::{self, ForbiddenUrl},
    dialects::{Dialect, guide, nice},
    domain::routes::{RouteRules, Routes},
};

/// Where the guide's routing API is.
const GUIDE_BASE_URL: &str = "https://api.nicecxone.com";

/// Which of CXone's APIs, and where.
pub(super) enum Api {
    Guide { base: String },
    Tenant { issuer: String, version: String, base: Option<String> },
}

impl Api {
    pub(super) const fn rules(&self) -> RouteRules {
        match self {
            Self::Guide { .. } => guide::FACTS.routes,
            Self::Tenant { .. } => nice::FACTS.routes,
        }
    }
}

impl Reader<'_> {
    /// Which of CXone's APIs, and where.
    pub(super) fn api(&mut self) -> Option<Api> {
        let base = match self.text_or("CXONE_BASE_URL", "") {
            none if none.is_empty() => None,
            text => Some(self.url("CXONE_BASE_URL", text)?),
        };
        match self.text_or("CXONE_PROFILE", "guide").trim() {
            "guide" => Some(Api::Guide { base: base.unwrap_or_else(|| GUIDE_BASE_URL.to_owned()) }),
            "cxone" => {
                let issuer = self.text_or("CXONE_ISSUER", nice::ISSUER);
                let issuer = self.url("CXONE_ISSUER", issuer);
                let version = Some(self.text_or("CXONE_API_VERSION", nice::VERSION));
                let version = version.filter(|text| self.is_version(text));
                Some(Api::Tenant { issuer: issuer?, version: version?, base })
            }
            other => {
                self.problems.push(format!("CXONE_PROFILE is '{other}', but must be guide or cxone"));
                None
            }
        }
    }

    fn is_version(&mut self, text: &str) -> bool {
        let numbers = text
            .strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        if !numbers {
            self.problems.push(format!("CXONE_API_VERSION is '{text}', but must be one like v34.0"));
        }
        numbers
    }

    pub(super) fn dialect(&mut self, api: Api, routes: &Routes) -> Option<(Arc<dyn Dialect>, Option<String>)> {
        let (issuer, version, base) = match api {
            Api::Guide { base } => return Some((Arc::new(guide::Guide), Some(base))),
            Api::Tenant { issuer, version, base } => (issuer, version, base),
        };
        match nice::Nice::new(&issuer, &version, base.as_deref(), routes) {
            Ok(nice) => {
                let before = self.problems.len();
                if !nice.hosts().allow_issuer(&issuer) {
                    let rule = "is none of CXone's, so that CXONE_BASE_URL must say where the API is";
                    self.problems.push(format!("CXONE_ISSUER {rule}"));
                }
                if !nice.allows_digital() {
                    let rule = "is at a host that is none of CXone's, nor CXONE_BASE_URL's";
                    self.problems.push(format!("the routes file: \"/cxone/digitalBaseUrl\" {rule}"));
                }
                (self.problems.len() == before).then(|| (Arc::new(nice) as Arc<dyn Dialect>, base))
            }
            Err(error) => {
                self.problems.push(format!("CXONE_ISSUER: {error}"));
                None
            }
        }
    }

    fn url(&mut self, name: &str, text: String) -> Option<String> {
        let checked: Result<_, ForbiddenUrl> = http::base_url(&text);
        match checked {
            Ok(_) => Some(text),
            // The text isn't repeated: it may hold credentials.
            Err(forbidden) => {
                self.problems.push(format!("{name}: {forbidden}"));
                None
            }
        }
    }
}
