//! The routing API of the guide, as docs/wire.md tells it: a file for each request with the reading of its answer, and
//! [`statuses`] for what each status means.

pub(super) mod contact;
mod health;
mod schema;
mod statuses;
mod token;

use std::{borrow::Cow, time::Duration};

use secrecy::SecretString;
use serde_json::{Map, Value};

pub use self::schema::UnreadableSchema;
use super::{
    Afterwards, Authorization, ClientProblem, Content, Dialect, Facts, Fit, HealthOfAll, HttpReply, HttpRequest,
    RegisteredAttributes, Submission, TokenSearch, TokenStep, Unfit, Unread, Verdict, answer::json, survey::Survey,
    text_member,
};
use crate::domain::{
    attributes::{AttributeKey, Registration, Schema},
    contact::Contact,
    contact_result::ContactResult,
    credentials::Credentials,
    drift::Registers,
    health::QueueHealth,
    routes::{Address, Profile, QueueId, Route, RouteRules, SkillLimits},
    time::Timestamp,
    token::{Endpoints, Token, TokenError},
};

/// What holds of the API as a whole: docs/wire.md#key-memory, docs/rules.md#attributes.
pub const FACTS: Facts = Facts {
    key_memory: Some(Duration::from_secs(24 * 3600)),
    every_attribute_registered: true,
    routes: RouteRules { profile: Profile::Guide, longest_text: 255, channels: true, drops_prefixes: false },
};

/// The guide's routing API.
#[derive(Clone, Copy, Debug)]
pub struct Guide;

impl Dialect for Guide {
    fn facts(&self) -> Facts {
        FACTS
    }

    fn credentials(&self, client: &Map<String, Value>) -> Result<Credentials, ClientProblem> {
        for other in ["access_key_id", "access_key_secret", "token_endpoint"] {
            if client.contains_key(other) {
                return Err(ClientProblem::OtherProfile(other));
            }
        }
        let required = |name| text_member(client, name)?.ok_or(ClientProblem::Missing(name));
        Ok(Credentials::client(required("client_id")?, SecretString::from(required("client_secret")?)))
    }

    fn token<'r>(&'r self, credentials: &'r Credentials, _: &'r TokenSearch) -> HttpRequest<'r> {
        token::request(credentials)
    }

    fn read_token(&self, _: &Credentials, _: TokenSearch, reply: &HttpReply) -> Verdict<Result<TokenStep, TokenError>> {
        let Verdict { meaning, lesson } = token::read(reply);
        Verdict { meaning: meaning.map(TokenStep::Granted), lesson }
    }

    fn serves(&self, _: &Endpoints) -> bool {
        true
    }

    fn fitted(&self, _: &Contact, _: &Address, _: Fit<'_>) -> Result<Option<Contact>, Unfit> {
        Ok(None)
    }

    fn contact<'r>(&self, token: &'r Token, submission: &Submission<'_>) -> HttpRequest<'r> {
        contact::request(token, submission)
    }

    fn contact_body(&self, submission: &Submission<'_>) -> Value {
        contact::body(submission)
    }

    fn read_contact(&self, contact: &Contact, _: &Address, reply: &HttpReply) -> Verdict<ContactResult> {
        contact::read(contact, reply)
    }

    fn afterwards(&self, _: &Address) -> Option<&dyn Afterwards> {
        None
    }

    fn queue_health<'r>(&self, token: &'r Token, queue: &QueueId) -> HttpRequest<'r> {
        let mut path = path(["api", "v2", "routing", "queues"]);
        path.push(queue.as_str().to_owned().into());
        get(token, path)
    }

    fn read_queue_health(
        &self,
        queue: &QueueId,
        _: SkillLimits,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<Option<QueueHealth>, Unread>> {
        let Verdict { meaning, lesson } = json(reply, |status| statuses::row(status).client);
        let meaning = match meaning {
            Ok(body) => health::read(queue, body, asked).map(Some).ok_or(Unread::AnotherQueue),
            Err(Unread::Status(404)) => Ok(None),
            Err(unread) => Err(unread),
        };
        Verdict { meaning, lesson }
    }

    fn health_of_all(&self) -> Option<&dyn HealthOfAll> {
        None
    }

    fn registered_attributes(&self) -> Option<&dyn RegisteredAttributes> {
        Some(self)
    }

    fn survey(&self) -> Option<&dyn Survey> {
        None
    }
}

impl RegisteredAttributes for Guide {
    fn schema<'r>(&self, token: &'r Token) -> HttpRequest<'r> {
        get(token, path(["api", "v2", "contacts", "attributes"]))
    }

    fn read_schema(&self, reply: &HttpReply) -> Verdict<Result<Schema, Unread>> {
        let Verdict { meaning, lesson } = json(reply, |status| statuses::row(status).client);
        Verdict { meaning: meaning.and_then(|body| Ok(schema::read(body)?)), lesson }
    }
}

impl Registers for Guide {
    fn concern(&self, _: &Route) -> bool {
        true
    }

    fn registration<'s>(&self, schema: &'s Schema, key: &AttributeKey) -> Registration<'s> {
        schema.registration(key)
    }
}

fn path<const N: usize>(segments: [&'static str; N]) -> Vec<Cow<'static, str>> {
    segments.map(Cow::from).into()
}

fn get<'r>(token: &'r Token, path: Vec<Cow<'static, str>>) -> HttpRequest<'r> {
    HttpRequest { authorization: Authorization::Bearer(token.access_token()), ..HttpRequest::new(path, Content::Get) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::domain::token::GrantedToken;
    use crate::{dialects::HttpResponse, domain::lease::Lesson};

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn queue() -> QueueId {
        QueueId::new("q-1".to_owned()).unwrap()
    }

    fn reply(status: u16, body: &str) -> HttpReply {
        HttpReply::Answered(HttpResponse::new(status, None, body.as_bytes(), NOW))
    }

    #[test]
    fn each_request_goes_its_way_under_its_token_or_with_its_credentials() {
        let granted = GrantedToken { access_token: "t".into(), expires_in: None, endpoints: Endpoints::default() };
        let token = Token::obtained(granted, NOW);
        let credentials = Credentials::client("c", SecretString::from("s"));
        let told = |request: HttpRequest<'_>| {
            let bearer = match request.authorization {
                Authorization::Bearer(token) => Some(token.expose_secret().to_owned()),
                Authorization::Basic(..) | Authorization::None => None,
            };
            (request.path.join("/"), bearer, matches!(request.content, Content::Get))
        };
        let under = || Some("t".to_owned());
        assert_eq!(told(Guide.queue_health(&token, &queue())), ("api/v2/routing/queues/q-1".to_owned(), under(), true));
        assert_eq!(told(Guide.schema(&token)), ("api/v2/contacts/attributes".to_owned(), under(), true));
        let search = TokenSearch::default();
        let request = Guide.token(&credentials, &search);
        let Content::PostForm(form) = &request.content else { panic!("a form") };
        let form: Vec<_> = form[..3].iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(form, [("client_id", "c"), ("client_secret", "s"), ("grant_type", "client_credentials")]);
        assert_eq!(told(request), ("oauth/token".to_owned(), None, false));
    }

    #[test]
    fn what_is_read_is_json_there_or_missing() {
        let health = |status, body| {
            let Verdict { meaning, lesson } =
                Guide.read_queue_health(&queue(), SkillLimits::default(), NOW, &reply(status, body));
            (meaning.map(|health| health.is_some()), lesson)
        };
        let body = json!({"id": "q-1", "activeAgents": 1}).to_string();
        assert_eq!(health(200, &body), (Ok(true), Lesson::Works));
        assert_eq!(health(404, &body), (Ok(false), Lesson::Works));
        assert_eq!(health(200, "<html>"), (Err(Unread::NotJson), Lesson::Fails));
        assert_eq!(health(200, "{}"), (Err(Unread::AnotherQueue), Lesson::Works));
        assert_eq!(health(503, &body), (Err(Unread::Status(503)), Lesson::Fails));
        assert_eq!(health(401, &body), (Err(Unread::Status(401)), Lesson::TokenRefused));
        for (reply, lesson) in [(HttpReply::Silence, Lesson::Unanswered), (HttpReply::Unreachable, Lesson::Unreachable)]
        {
            assert_eq!(Guide.read_schema(&reply), Verdict { meaning: Err(Unread::Unanswered), lesson });
        }
        let unreadable = Guide.read_schema(&reply(200, "[]"));
        let empty = Err(Unread::Schema(UnreadableSchema::Empty));
        assert_eq!(unreadable, Verdict { meaning: empty, lesson: Lesson::Works });
    }
}
