//! What CXone's answers say. The guide gives few bodies, so what isn't needed isn't looked at, and what is needed is
//! either there in a form that can be recognised or the answer is none.

use secrecy::SecretString;
use serde_json::Value;

use super::error::error_detail;
use crate::{
    dialects::HttpResponse,
    domain::{
        classify::{Answer, CreatedContact, ErrorCode},
        contact::ContactRequest,
        token::TokenAnswer,
    },
    ports::{Read, TokenError},
};

/// The answer to `POST /api/v2/routing/contacts` with this request.
pub fn read_contact(response: &HttpResponse, request: &ContactRequest) -> Answer {
    let created = response.body.as_ref().filter(|_| response.is_success()).and_then(created_contact);
    created.map_or_else(|| without_contact(response, request.field_names()), Answer::Created)
}

/// The answer to `POST /oauth/token`.
///
/// # Errors
/// [`TokenError`] where it holds no token.
pub fn read_token(response: &HttpResponse) -> Result<TokenAnswer, TokenError> {
    let &HttpResponse { status, retry_after, .. } = response;
    match status {
        200..=299 => {
            let access_token = response.member("access_token").and_then(Value::as_str);
            let access_token = access_token.filter(|token| is_header_value(token)).ok_or(TokenError::Unreadable)?;
            let expires_in = response.member("expires_in").and_then(lifetime);
            Ok(TokenAnswer { access_token: SecretString::from(access_token), expires_in })
        }
        400..=499 if status != 429 && status != 408 => match response.member("error").and_then(Value::as_str) {
            Some("invalid_client") => Err(TokenError::InvalidClient),
            // RFC 6749, section 5.2: 401 is for failed client authentication and for nothing else.
            None if status == 401 => Err(TokenError::InvalidClient),
            Some(error) => Err(TokenError::Refused { status, error: ErrorCode::read(error) }),
            // What isn't of OAuth's form is a gateway's, which knows nothing of the client.
            None => Err(TokenError::Unavailable { status, retry_after }),
        },
        _ => Err(TokenError::Unavailable { status, retry_after }),
    }
}

/// The answer to a GET: its JSON as it came.
pub fn read_value(response: HttpResponse) -> Read<Value> {
    let problem = match response {
        HttpResponse { status: 404, .. } => return Read::Missing,
        HttpResponse { status: 200..=299, body: Some(body), .. } => return Read::Found(body),
        HttpResponse { status: 200..=299, .. } => "CXone's answer is not JSON".to_owned(),
        HttpResponse { status, .. } => format!("CXone answered {status}"),
    };
    Read::Failed { answer: without_contact(&response, std::iter::empty()), problem }
}

fn without_contact(response: &HttpResponse, own_names: impl Iterator<Item = String>) -> Answer {
    Answer::Status {
        code: response.status,
        retry_after: response.retry_after,
        detail: response.body.as_ref().and_then(|body| error_detail(body, own_names)),
    }
}

/// A contact with an id. Without a status it is one all the same: it was created, and nothing says that it was lost.
fn created_contact(body: &Value) -> Option<CreatedContact> {
    let id = body.get("id")?.as_str().filter(|id| !id.is_empty())?;
    let lost = match body.get("status") {
        None | Some(Value::Null) => false,
        Some(status) => {
            let status = status.as_str()?;
            status.eq_ignore_ascii_case("failed") || status.eq_ignore_ascii_case("abandoned")
        }
    };
    Some(CreatedContact { id: id.to_owned(), lost })
}

/// `expires_in`: a positive whole number, or the text of one. Anything else says nothing.
fn lifetime(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|seconds| *seconds > 0)
}

fn is_header_value(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{super::error::tests::request, *};
    use crate::domain::time::Timestamp;

    fn response(status: u16, body: &Value) -> HttpResponse {
        HttpResponse::new(status, Some("7"), body.to_string().as_bytes(), Timestamp::from_millis(0))
    }

    #[test]
    fn a_contact_needs_an_id_and_nothing_else() {
        let contact = |body: Value| match read_contact(&response(201, &body), &request()) {
            Answer::Created(contact) => Some((contact.id, contact.lost)),
            _ => None,
        };
        assert_eq!(contact(json!({"id": "c", "status": "queued"})), Some(("c".to_owned(), false)));
        assert_eq!(contact(json!({"id": "c", "status": "Abandoned"})), Some(("c".to_owned(), true)));
        assert_eq!(contact(json!({"id": "c", "status": "failed"})), Some(("c".to_owned(), true)));
        assert_eq!(contact(json!({"id": "c"})), Some(("c".to_owned(), false)));
        for unreadable in
            [json!({}), json!({"id": ""}), json!({"id": 7}), json!({"id": "c", "status": 7}), json!([]), json!("c")]
        {
            assert_eq!(contact(unreadable.clone()), None, "{unreadable}");
        }
    }

    #[test]
    fn only_a_2xx_creates_a_contact() {
        for status in [200, 201, 299] {
            assert!(
                matches!(read_contact(&response(status, &json!({"id": "c"})), &request()), Answer::Created(_)),
                "{status}"
            );
        }
        for status in [199, 300, 404, 500] {
            let answer = read_contact(&response(status, &json!({"id": "c"})), &request());
            let expected = Answer::Status { code: status, retry_after: Some(Duration::from_secs(7)), detail: None };
            assert_eq!(answer, expected);
        }
    }

    #[test]
    fn what_is_read_is_json_there_or_missing() {
        assert_eq!(read_value(response(200, &json!([7]))), Read::Found(json!([7])));
        assert_eq!(read_value(response(404, &json!([7]))), Read::Missing);
        let problem = |response| match read_value(response) {
            Read::Failed { answer: Answer::Status { code, .. }, problem } => (code, problem),
            other => panic!("{other:?}"),
        };
        let html = HttpResponse::new(200, None, b"<html>", Timestamp::from_millis(0));
        assert_eq!(problem(html), (200, "CXone's answer is not JSON".to_owned()));
        assert_eq!(problem(response(503, &json!({"id": "c"}))), (503, "CXone answered 503".to_owned()));
    }

    #[test]
    fn a_senseless_lifetime_says_nothing() {
        let expires_in = |value: Value| {
            read_token(&response(200, &json!({"access_token": "t", "expires_in": value}))).unwrap().expires_in
        };
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
            assert_eq!(read_token(&response(200, &body)).unwrap_err(), TokenError::Unreadable, "{body}");
        }
        let empty = HttpResponse::new(200, None, b"", Timestamp::from_millis(0));
        assert_eq!(read_token(&empty).unwrap_err(), TokenError::Unreadable);
    }

    #[test]
    fn refusals_of_the_client_are_told_from_failures_of_the_service() {
        let error = |status, body: Value| read_token(&response(status, &body)).unwrap_err();
        assert_eq!(error(401, json!({"error": "invalid_client"})), TokenError::InvalidClient);
        assert_eq!(error(400, json!({"error": "invalid_client"})), TokenError::InvalidClient);
        assert_eq!(error(401, json!({})), TokenError::InvalidClient);
        let refused = error(400, json!({"error": "invalid_scope"}));
        assert_eq!(refused, TokenError::Refused { status: 400, error: ErrorCode::read("invalid_scope") });
        assert_eq!(refused.to_string(), "the authorization server answered 400 invalid_scope");
        let refused = error(400, json!({"error": "not for 'Jane Doe'", "error_description": "not for 'Jane Doe'"}));
        assert_eq!(refused, TokenError::Refused { status: 400, error: None });
        assert_eq!(refused.to_string(), "the authorization server answered 400 without an error code");
        let unavailable = |status| TokenError::Unavailable { status, retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(error(408, json!({})), unavailable(408));
        assert_eq!(error(403, json!({"message": "Forbidden"})), unavailable(403), "a gateway's words");
        assert_eq!(error(404, json!("no such page")), unavailable(404));
        assert_eq!(error(429, json!({})), unavailable(429));
        assert_eq!(error(503, json!({})), unavailable(503));
    }
}
