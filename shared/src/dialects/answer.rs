//! What is read alike of every API's answers: silence, JSON, what a status teaches, and what OAuth says of a token.

use secrecy::SecretString;
use serde_json::Value;

use super::{HttpReply, HttpResponse, Unread, Verdict};
use crate::domain::{
    contact_result::{ContactResult, Doubt, ErrorCode, Refusal},
    lease::Lesson,
    retry_after::RetryAfter,
    token::{Endpoints, GrantedToken, TokenError},
};

/// The lesson of a 2xx that holds nothing that can be read: the service's own fault.
pub(super) const UNREADABLE: Lesson = Lesson::Fails;

/// What a status teaches of the client that asked under a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// The service works.
    Works,
    /// The service works, and the token is no good.
    TokenRefused,
    /// There were too many requests.
    TooMany,
    /// The service fails.
    Fails,
}

impl Client {
    /// The lesson, given how long the answer asks to wait.
    pub(super) const fn lesson(self, retry_after: Option<RetryAfter>) -> Lesson {
        match self {
            Self::Works => Lesson::Works,
            Self::TokenRefused => Lesson::TokenRefused,
            Self::TooMany => Lesson::TooMany(retry_after),
            Self::Fails => Lesson::Fails,
        }
    }
}

/// What a status says to a request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A token.
    Granted,
    /// A refusal, where the body is of OAuth's form.
    Refused,
    /// A refusal of the client, whatever the body: RFC 6749, section 5.2, has this status for nothing else.
    ClientRefused,
    /// None now.
    Unavailable,
}

/// The JSON that answers a question; `client` is what a status teaches in this API.
pub(super) fn json(reply: &HttpReply, client: impl FnOnce(u16) -> Client) -> Verdict<Result<&Value, Unread>> {
    let response = match reply {
        HttpReply::Answered(response) => response,
        HttpReply::Silence => return Verdict { meaning: Err(Unread::Unanswered), lesson: Lesson::Unanswered },
        HttpReply::Unreachable => return Verdict { meaning: Err(Unread::Unanswered), lesson: Lesson::Unreachable },
    };
    let HttpResponse { status, retry_after, body, .. } = response;
    match (status, body) {
        (200..=299, Some(body)) => Verdict { meaning: Ok(body), lesson: Lesson::Works },
        (200..=299, None) => Verdict { meaning: Err(Unread::NotJson), lesson: UNREADABLE },
        _ => Verdict { meaning: Err(Unread::Status(*status)), lesson: client(*status).lesson(*retry_after) },
    }
}

/// Whether a request that asks for nothing back was done.
pub(super) fn acknowledged(reply: &HttpReply, client: impl FnOnce(u16) -> Client) -> Verdict<Result<(), Unread>> {
    let Verdict { meaning, lesson } = json(reply, client);
    match meaning {
        // There is no body to be read.
        Err(Unread::NotJson) => Verdict { meaning: Ok(()), lesson: Lesson::Works },
        meaning => Verdict { meaning: meaning.map(drop), lesson },
    }
}

/// The answer to a request for a contact.
///
/// # Errors
/// What it means that there is none: silence is doubt, and where there was no connection nothing was sent.
pub(super) fn of_contact(reply: &HttpReply) -> Result<&HttpResponse, Verdict<ContactResult>> {
    match reply {
        HttpReply::Answered(response) => Ok(response),
        HttpReply::Silence => {
            Err(Verdict { meaning: ContactResult::InDoubt(Doubt::Unanswered), lesson: Lesson::Unanswered })
        }
        HttpReply::Unreachable => {
            Err(Verdict { meaning: ContactResult::refused(Refusal::Unreachable), lesson: Lesson::Unreachable })
        }
    }
}

/// The token of an answer (RFC 6749, section 5.1).
pub(super) fn granted(answer: &Value) -> Option<GrantedToken> {
    let access_token = answer.get("access_token")?.as_str().filter(|token| is_header_value(token))?;
    let expires_in = answer.get("expires_in").and_then(lifetime);
    Some(GrantedToken { access_token: SecretString::from(access_token), expires_in, endpoints: Endpoints::default() })
}

/// `expires_in`: a positive whole number, or the text of one. Anything else says nothing.
fn lifetime(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|seconds| *seconds > 0)
}

fn is_header_value(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Why there is no token in an answer whose status says this (RFC 6749, section 5.2).
pub(super) fn no_token(response: &HttpResponse, says: Token) -> TokenError {
    let &HttpResponse { status, retry_after, .. } = response;
    match (says, response.member("error").and_then(Value::as_str)) {
        (Token::Granted, _) => TokenError::Unreadable,
        (Token::Refused | Token::ClientRefused, Some("invalid_client")) | (Token::ClientRefused, None) => {
            TokenError::InvalidClient
        }
        (Token::Refused | Token::ClientRefused, Some(error)) => {
            TokenError::Refused { status, error: ErrorCode::read(error) }
        }
        // A refusal that isn't of OAuth's form is a gateway's, which knows nothing of the client.
        (Token::Refused, None) | (Token::Unavailable, _) => TokenError::Unavailable { status, retry_after },
    }
}

/// What a failure to get a token teaches: a client that isn't known is our fault, and the service works.
pub(super) const fn of_token_error(error: &TokenError) -> Lesson {
    match error {
        TokenError::InvalidClient
        | TokenError::InvalidGrant
        | TokenError::ForeignHost(_)
        | TokenError::NoTenant
        | TokenError::Refused { .. } => Lesson::Works,
        TokenError::Unavailable { .. } | TokenError::Unreadable => Lesson::Fails,
        TokenError::Unanswered => Lesson::Unanswered,
    }
}
