//! A request of HTTP as it arrived, and the endpoint that it addresses.

use serde::{Deserialize, Serialize};

/// The endpoints of this face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `GET /.well-known/openid-configuration`.
    OpenidConfiguration,
    /// `GET /.well-known/cxone-configuration`.
    CxoneConfiguration,
    /// `POST /auth/token`.
    Token,
    /// `POST /authentication/v1/token/access-key`, the older grant.
    AccessKeyToken,
    /// `POST …/interactions/work-items`.
    WorkItems,
    /// `POST …/queuecallback`.
    Callbacks,
    /// `POST /dfo/3.0/channels/{channelId}/messages`.
    Messages,
    /// `GET /dfo/3.0/messages`.
    MessageSearch,
    /// `PUT /dfo/3.0/contacts/{contactNumber}`.
    DigitalContact,
    /// `GET /dfo/3.0/channels`.
    Channels,
    /// `GET /dfo/3.0/channels/{channelId}`.
    Channel,
    /// `GET /dfo/3.0/consumer-contact-custom-fields`.
    CustomFields,
    /// `GET …/skills/activity`.
    Skills,
    /// `GET …/skills/{skillId}/activity`.
    Skill,
    /// `GET …/points-of-contact`.
    PointsOfContact,
    /// `GET …/contacts/{contactId}`.
    Contact,
    /// `GET …/contacts/active`.
    ActiveContacts,
    /// `GET …/contacts/completed`.
    CompletedContacts,
    /// `GET …/server-time`.
    ServerTime,
    /// `GET …/business-unit`.
    BusinessUnit,
    /// Anything else, answered with 404.
    Unknown,
}

impl Endpoint {
    /// Whether it takes no bearer token: discovery and the grants.
    pub fn is_open(self) -> bool {
        matches!(self, Self::OpenidConfiguration | Self::CxoneConfiguration | Self::Token | Self::AccessKeyToken)
    }
}

/// The connection that a request came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Its first request.
    New,
    /// It carried a request before.
    Reused,
}

/// A request of HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The method in upper case.
    pub method: String,
    /// The decoded path, starting with a slash.
    pub path: String,
    /// The decoded query in its order.
    pub query: Vec<(String, String)>,
    /// The headers, names in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A part of the API, each with its own form of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Discovery, the grants and whatever is none of the others.
    Root,
    /// The services of calls and work items, below their version.
    Services,
    /// The digital channels, below `/dfo`.
    Digital,
}

/// What a path addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) part: Part,
    pub(crate) endpoint: Endpoint,
    /// The version in the path, where it has one.
    pub(crate) version: Option<String>,
    /// The skill, contact or channel in the path, as it is written there.
    pub(crate) id: Option<String>,
}

impl Request {
    /// A request for a target as HTTP writes it, with its query. What can't be decoded stays as it is.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let plain = |text: &str, form| decoded(text, form).unwrap_or_else(|| text.to_owned());
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (plain(name, true), plain(value, true))
        });
        let (path, query) = (plain(path, false), query.collect());
        Self { method: method.to_owned(), path, query, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has this body of this media type.
    #[must_use]
    pub fn with_body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.with_header("content-type", media_type) }
    }

    /// The first header of a name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The endpoint that it addresses.
    pub fn endpoint(&self) -> Endpoint {
        self.route().endpoint
    }

    /// The credentials of an `Authorization` header of this scheme.
    pub(crate) fn authorization(&self, scheme: &str) -> Option<&str> {
        let (found, credentials) = self.header("authorization")?.split_once(' ')?;
        found.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
    }

    /// The media type of the body in lower case, without parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let essence = self.header("content-type")?.split(';').next()?.trim().to_ascii_lowercase();
        Some(essence).filter(|essence| !essence.is_empty())
    }

    /// Whether it takes JSON by that very name.
    pub(crate) fn accepts_json(&self) -> bool {
        let ranges = self.header("accept").unwrap_or_default().split(',');
        ranges.filter_map(|range| range.split(';').next()).any(|range| range.trim() == "application/json")
    }

    pub(crate) fn route(&self) -> Route {
        let written: Vec<&str> = self.path.strip_prefix('/').unwrap_or_default().split('/').collect();
        let lower: Vec<String> = written.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let segments: Vec<&str> = lower.iter().map(String::as_str).collect();
        let (part, version, rest) = match segments.as_slice() {
            ["incontactapi", "services", version, rest @ ..] => (Part::Services, Some((*version).to_owned()), rest),
            ["dfo", rest @ ..] => (Part::Digital, None, rest),
            rest => (Part::Root, None, rest),
        };
        let (endpoint, from_last) = addressed(&self.method, part, rest);
        let id = from_last.and_then(|place| written.iter().rev().nth(place)).map(|id| (*id).to_owned());
        Route { part, endpoint, version, id }
    }
}

/// The endpoint of segments in lower case, and where its identifier stands, counted from the last segment.
fn addressed(method: &str, part: Part, segments: &[&str]) -> (Endpoint, Option<usize>) {
    let endpoint = match (method, part, segments) {
        ("GET", Part::Root, [".well-known", "openid-configuration"]) => Endpoint::OpenidConfiguration,
        ("GET", Part::Root, [".well-known", "cxone-configuration"]) => Endpoint::CxoneConfiguration,
        ("POST", Part::Root, ["auth", "token"]) => Endpoint::Token,
        ("POST", Part::Root, ["authentication", "v1", "token", "access-key"]) => Endpoint::AccessKeyToken,
        ("POST", Part::Services, ["interactions", "work-items"]) => Endpoint::WorkItems,
        ("POST", Part::Services, ["queuecallback"]) => Endpoint::Callbacks,
        ("GET", Part::Services, ["skills", "activity"]) => Endpoint::Skills,
        ("GET", Part::Services, ["skills", _, "activity"]) => return (Endpoint::Skill, Some(1)),
        ("GET", Part::Services, ["points-of-contact"]) => Endpoint::PointsOfContact,
        ("GET", Part::Services, ["contacts", "active"]) => Endpoint::ActiveContacts,
        ("GET", Part::Services, ["contacts", "completed"]) => Endpoint::CompletedContacts,
        ("GET", Part::Services, ["contacts", _]) => return (Endpoint::Contact, Some(0)),
        ("GET", Part::Services, ["server-time"]) => Endpoint::ServerTime,
        ("GET", Part::Services, ["business-unit"]) => Endpoint::BusinessUnit,
        ("POST", Part::Digital, ["3.0", "channels", _, "messages"]) => return (Endpoint::Messages, Some(1)),
        ("GET", Part::Digital, ["3.0", "messages"]) => Endpoint::MessageSearch,
        ("PUT", Part::Digital, ["3.0", "contacts", _]) => return (Endpoint::DigitalContact, Some(0)),
        ("GET", Part::Digital, ["3.0", "channels"]) => Endpoint::Channels,
        ("GET", Part::Digital, ["3.0", "channels", _]) => return (Endpoint::Channel, Some(0)),
        ("GET", Part::Digital, ["3.0", "consumer-contact-custom-fields"]) => Endpoint::CustomFields,
        _ => Endpoint::Unknown,
    };
    (endpoint, None)
}

/// Decodes percent signs, and plus signs of a form; `None` where it is no such text.
pub(crate) fn decoded(text: &str, form: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if form => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_decoded_into_path_and_query() {
        let request = Request::new("GET", "/inContactAPI/services/v34.0/Skills/4012/activity?Fields=a%2Cb&x=1+2&y");
        assert_eq!(request.path, "/inContactAPI/services/v34.0/Skills/4012/activity");
        let pairs = [("Fields", "a,b"), ("x", "1 2"), ("y", "")];
        assert_eq!(request.query, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let route = request.route();
        assert_eq!((route.endpoint, route.version.as_deref()), (Endpoint::Skill, Some("v34.0")));
        assert_eq!(route.id.as_deref(), Some("4012"));
    }

    #[test]
    fn an_identifier_in_a_path_keeps_its_case() {
        let route = Request::new("POST", "/DFO/3.0/Channels/chat_0B7c/Messages").route();
        assert_eq!((route.endpoint, route.id.as_deref()), (Endpoint::Messages, Some("chat_0B7c")));
        let route = Request::new("GET", "/dfo/3.0/channels/Channels").route();
        assert_eq!((route.part, route.id.as_deref()), (Part::Digital, Some("Channels")));
    }

    #[test]
    fn a_method_or_place_that_is_not_the_endpoints_is_no_endpoint() {
        for (method, target) in [
            ("GET", "/inContactAPI/services/v34.0/interactions/work-items"),
            ("POST", "/interactions/work-items"),
            ("GET", "/inContactAPI/services/v34.0/auth/token"),
            ("GET", "/inContactAPI/services/v34.0/server-time/"),
            ("GET", "/inContactAPI/services/v34.0/dfo/3.0/channels"),
            ("GET", "/dfo/2.0/channels"),
        ] {
            assert_eq!(Request::new(method, target).endpoint(), Endpoint::Unknown, "{method} {target}");
        }
    }

    #[test]
    fn a_broken_percent_sign_is_not_decoded() {
        assert_eq!(decoded("a%2", true), None);
        assert_eq!(decoded("a%zz", true), None);
        assert_eq!(decoded("%C3%A9+", true).as_deref(), Some("é "));
        assert_eq!(decoded("+", false).as_deref(), Some("+"));
    }
}
