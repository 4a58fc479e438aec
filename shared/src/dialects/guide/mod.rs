//! The routing API of the guide, as docs/wire.md tells it: a file for each request with the reading of its answer, and
//! [`statuses`] for what each status means.

mod contact;
mod error;
mod health;
mod schema;
mod statuses;
mod token;

use std::{borrow::Cow, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

pub use self::schema::UnreadableSchema;
use super::{Content, Dialect, Facts, HttpReply, HttpRequest, HttpResponse, Submission, Unread, Verdict};
use crate::domain::{
    attributes::Schema,
    contact::Contact,
    contact_result::ContactResult,
    credentials::Credentials,
    health::QueueHealth,
    lease::Lesson,
    routes::{Address, Priority, QueueId},
    time::Timestamp,
    token::{GrantedToken, TokenError},
};

/// What holds of the API as a whole: docs/wire.md#key-memory, docs/rules.md#attributes.
pub const FACTS: Facts = Facts { key_memory: Duration::from_secs(24 * 3600), longest_text: 255 };

/// The guide's routing API.
#[derive(Clone, Copy, Debug)]
pub struct Guide;

impl Dialect for Guide {
    fn facts(&self) -> Facts {
        FACTS
    }

    fn token<'r>(&self, credentials: &'r Credentials) -> HttpRequest<'r> {
        token::request(credentials)
    }

    fn read_token(&self, reply: &HttpReply) -> Verdict<Result<GrantedToken, TokenError>> {
        token::read(reply)
    }

    fn contact<'r>(&self, token: &'r SecretString, submission: &Submission<'_>) -> HttpRequest<'r> {
        contact::request(token, submission)
    }

    fn contact_body(&self, contact: &Contact, address: &Address, priority: Priority) -> Value {
        contact::body(contact, address, priority)
    }

    fn read_contact(&self, contact: &Contact, reply: &HttpReply) -> Verdict<ContactResult> {
        contact::read(contact, reply)
    }

    fn queue_health<'r>(&self, token: &'r SecretString, queue: &QueueId) -> HttpRequest<'r> {
        let mut path = path(["api", "v2", "routing", "queues"]);
        path.push(queue.as_str().to_owned().into());
        get(token, path)
    }

    fn read_queue_health(
        &self,
        queue: &QueueId,
        asked: Timestamp,
        reply: &HttpReply,
    ) -> Verdict<Result<Option<QueueHealth>, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        let meaning = match meaning {
            Ok(body) => health::read(queue, body, asked).map(Some).ok_or(Unread::AnotherQueue),
            Err(Unread::Status(404)) => Ok(None),
            Err(unread) => Err(unread),
        };
        Verdict { meaning, lesson }
    }

    fn schema<'r>(&self, token: &'r SecretString) -> HttpRequest<'r> {
        get(token, path(["api", "v2", "contacts", "attributes"]))
    }

    fn read_schema(&self, reply: &HttpReply) -> Verdict<Result<Schema, Unread>> {
        let Verdict { meaning, lesson } = json(reply);
        Verdict { meaning: meaning.and_then(|body| Ok(schema::read(body)?)), lesson }
    }
}

fn path<const N: usize>(segments: [&'static str; N]) -> Vec<Cow<'static, str>> {
    segments.map(Cow::from).into()
}

fn get<'r>(token: &'r SecretString, path: Vec<Cow<'static, str>>) -> HttpRequest<'r> {
    HttpRequest { path, bearer: Some(token), headers: Vec::new(), content: Content::Get }
}

/// The JSON that answers a GET.
fn json(reply: &HttpReply) -> Verdict<Result<&Value, Unread>> {
    let response = match reply {
        HttpReply::Answered(response) => response,
        HttpReply::Silence => return Verdict { meaning: Err(Unread::Unanswered), lesson: Lesson::Unanswered },
        HttpReply::Unreachable => return Verdict { meaning: Err(Unread::Unanswered), lesson: Lesson::Unreachable },
    };
    let HttpResponse { status, retry_after, body } = response;
    match (status, body) {
        (200..=299, Some(body)) => Verdict { meaning: Ok(body), lesson: Lesson::Works },
        (200..=299, None) => Verdict { meaning: Err(Unread::NotJson), lesson: statuses::UNREADABLE },
        _ => {
            let lesson = statuses::row(*status).lesson(*retry_after);
            Verdict { meaning: Err(Unread::Status(*status)), lesson }
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn queue() -> QueueId {
        QueueId::new("q-1".to_owned()).unwrap()
    }

    fn reply(status: u16, body: &str) -> HttpReply {
        HttpReply::Answered(HttpResponse::new(status, None, body.as_bytes(), NOW))
    }

    #[test]
    fn each_request_goes_its_way_under_its_token_or_with_its_credentials() {
        let (token, secret) = (SecretString::from("t"), SecretString::from("s"));
        let credentials = Credentials { client_id: "c".to_owned(), client_secret: secret };
        let told = |request: HttpRequest<'_>| {
            let bearer = request.bearer.map(|token| token.expose_secret().to_owned());
            (request.path.join("/"), bearer, matches!(request.content, Content::Get))
        };
        let under = || Some("t".to_owned());
        assert_eq!(told(Guide.queue_health(&token, &queue())), ("api/v2/routing/queues/q-1".to_owned(), under(), true));
        assert_eq!(told(Guide.schema(&token)), ("api/v2/contacts/attributes".to_owned(), under(), true));
        let request = Guide.token(&credentials);
        let Content::PostForm(form) = &request.content else { panic!("a form") };
        assert_eq!(form[..3], [("client_id", "c"), ("client_secret", "s"), ("grant_type", "client_credentials")]);
        assert_eq!(told(request), ("oauth/token".to_owned(), None, false));
    }

    #[test]
    fn what_is_read_is_json_there_or_missing() {
        let health = |status, body| {
            let Verdict { meaning, lesson } = Guide.read_queue_health(&queue(), NOW, &reply(status, body));
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
