//! `POST /oauth/token` (docs/wire.md#token-request).

use secrecy::ExposeSecret as _;

use super::{path, statuses::row};
use crate::{
    dialects::{
        Content, HttpReply, HttpRequest, Verdict,
        answer::{Token, granted, no_token, of_token_error},
    },
    domain::{
        credentials::Credentials,
        lease::Lesson,
        token::{GrantedToken, TokenError},
    },
};

/// What the functions' requests need and no more.
const SCOPES: &str = "routing:contacts:write routing:queues:read contacts:attributes:read";

pub(super) fn request(credentials: &Credentials) -> HttpRequest<'_> {
    let form = [
        ("client_id", credentials.client_id.as_str()),
        ("client_secret", credentials.secret.expose_secret()),
        ("grant_type", "client_credentials"),
        ("scope", SCOPES),
    ];
    let form = form.map(|(name, value)| (name, value.into())).into();
    HttpRequest::new(path(["oauth", "token"]), Content::PostForm(form))
}

pub(super) fn read(reply: &HttpReply) -> Verdict<Result<GrantedToken, TokenError>> {
    let meaning = match reply {
        HttpReply::Answered(response) => match row(response.status).token {
            Token::Granted => response.body.as_ref().and_then(granted).ok_or(TokenError::Unreadable),
            refused => Err(no_token(response, refused)),
        },
        HttpReply::Silence | HttpReply::Unreachable => Err(TokenError::Unanswered),
    };
    let lesson = meaning.as_ref().err().map_or(Lesson::Works, of_token_error);
    Verdict { meaning, lesson }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        dialects::HttpResponse,
        domain::{contact_result::ErrorCode, retry_after::RetryAfter, time::Timestamp},
    };

    fn reply(status: u16, body: &[u8]) -> HttpReply {
        HttpReply::Answered(HttpResponse::new(status, Some("7"), body, Timestamp::from_millis(0)))
    }

    fn token(status: u16, body: &Value) -> Result<GrantedToken, TokenError> {
        read(&reply(status, body.to_string().as_bytes())).meaning
    }

    #[test]
    fn a_senseless_lifetime_says_nothing() {
        let expires_in =
            |value: Value| token(200, &json!({"access_token": "t", "expires_in": value})).unwrap().expires_in;
        assert_eq!(expires_in(json!(60)), Some(60));
        assert_eq!(expires_in(json!("60")), Some(60));
        for senseless in [json!(0), json!(-1), json!("soon"), json!(1.5), json!(null), json!([60])] {
            assert_eq!(expires_in(senseless.clone()), None, "{senseless}");
        }
        assert_eq!(expires_in(json!(u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn an_answer_without_a_usable_token_is_unreadable() {
        for body in [
            json!({}),
            json!({"access_token": ""}),
            json!({"access_token": 5}),
            json!({"access_token": "a b"}),
            json!([]),
        ] {
            assert_eq!(token(200, &body).unwrap_err(), TokenError::Unreadable, "{body}");
        }
        assert_eq!(read(&reply(200, b"")).meaning.unwrap_err(), TokenError::Unreadable);
    }

    #[test]
    fn refusals_of_the_client_are_told_from_failures_of_the_service() {
        let error = |status, body: Value| token(status, &body).unwrap_err();
        assert_eq!(error(401, json!({"error": "invalid_client"})), TokenError::InvalidClient);
        assert_eq!(error(400, json!({"error": "invalid_client"})), TokenError::InvalidClient);
        assert_eq!(error(401, json!({})), TokenError::InvalidClient);
        let refused = error(400, json!({"error": "invalid_scope"}));
        assert_eq!(refused, TokenError::Refused { status: 400, error: ErrorCode::read("invalid_scope") });
        assert_eq!(refused.to_string(), "the authorization server answered 400 invalid_scope");
        let refused = error(400, json!({"error": "not for 'Jane Doe'", "error_description": "not for 'Jane Doe'"}));
        assert_eq!(refused, TokenError::Refused { status: 400, error: None });
        assert_eq!(refused.to_string(), "the authorization server answered 400 without an error code");
        let wait = Some(RetryAfter::new(Duration::from_secs(7)));
        let unavailable = |status| TokenError::Unavailable { status, retry_after: wait };
        assert_eq!(error(408, json!({})), unavailable(408));
        assert_eq!(error(403, json!({"message": "Forbidden"})), unavailable(403), "a gateway's words");
        assert_eq!(error(404, json!("no such page")), unavailable(404));
        assert_eq!(error(429, json!({})), unavailable(429));
        assert_eq!(error(503, json!({})), unavailable(503));
    }

    #[test]
    fn a_client_that_is_not_known_is_no_fault_of_the_service() {
        let lesson = |status, body: &[u8]| read(&reply(status, body)).lesson;
        assert_eq!(lesson(200, br#"{"access_token": "t"}"#), Lesson::Works);
        assert_eq!(lesson(401, b""), Lesson::Works);
        assert_eq!(lesson(400, br#"{"error": "invalid_scope"}"#), Lesson::Works);
        assert_eq!([lesson(200, b""), lesson(429, b""), lesson(400, b"")], [Lesson::Fails; 3]);
        assert_eq!(
            [HttpReply::Silence, HttpReply::Unreachable].map(|reply| read(&reply).lesson),
            [Lesson::Unanswered; 2]
        );
    }
}
