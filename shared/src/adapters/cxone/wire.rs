//! What CXone's answers say. The guide gives few bodies, so what isn't needed isn't looked at, and what is needed is
//! either there in a form that can be recognised or the answer is none.

use std::time::{Duration, UNIX_EPOCH};

use secrecy::SecretString;
use serde_json::Value;

use crate::{
    domain::{classify::CreatedContact, pii, time::Timestamp, token::TokenAnswer},
    ports::TokenError,
};

/// Error texts are for a person: beyond this, in characters, nobody reads.
const LONGEST_DETAIL: usize = 300;

/// `Retry-After`: seconds, or an HTTP date. A date that has passed is zero.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(at.as_millis()).ok()?).since(now))
}

/// A contact with an id. Without a status it is one all the same: it was created, and nothing says that it was lost.
pub(super) fn created_contact(body: &Value) -> Option<CreatedContact> {
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

/// The answer of the token endpoint.
pub(super) fn token(
    status: u16,
    retry_after: Option<Duration>,
    body: Option<&Value>,
) -> Result<TokenAnswer, TokenError> {
    let member = |name: &str| body.and_then(|body| body.get(name));
    match status {
        200..=299 => {
            let access_token = member("access_token").and_then(Value::as_str).filter(|token| is_header_value(token));
            let access_token = SecretString::from(access_token.ok_or(TokenError::Unreadable)?);
            Ok(TokenAnswer { access_token, expires_in: member("expires_in").and_then(lifetime) })
        }
        400..=499 if status != 429 && status != 408 => match member("error").and_then(Value::as_str) {
            Some("invalid_client") => Err(TokenError::InvalidClient),
            // RFC 6749, section 5.2: 401 is for failed client authentication and for nothing else.
            None if status == 401 => Err(TokenError::InvalidClient),
            error => {
                Err(TokenError::Refused { status, error: error.map_or_else(|| "without a reason".to_owned(), code) })
            }
        },
        _ => Err(TokenError::Unavailable { status, retry_after }),
    }
}

/// `expires_in`: a positive whole number, or the text of one. Anything else says nothing.
fn lifetime(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|seconds| *seconds > 0)
}

fn is_header_value(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What CXone says of a request that it refused, with every quoted value, number and address in it masked.
pub(super) fn error_detail(body: &Value) -> Option<String> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let kind = text("error").or_else(|| text("code")).map(code);
    let message = text("message").or_else(|| text("error_description")).or_else(|| text("detail")).map(masked);
    match (kind, message) {
        (None, None) => None,
        (kind, message) => Some([kind, message].into_iter().flatten().collect::<Vec<_>>().join(": ")),
    }
}

/// An error code, or its harmless part.
fn code(text: &str) -> String {
    text.chars().filter(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.' | ' ')).take(64).collect()
}

fn masked(text: &str) -> String {
    let mut unquoted = String::new();
    let mut quote = None;
    for char in pii::redact(text).chars() {
        match quote {
            None if matches!(char, '"' | '\'' | '`' | '“') => {
                quote = Some(if char == '“' { '”' } else { char });
                unquoted.push('…');
            }
            None => unquoted.push(char),
            Some(end) if char == end => quote = None,
            Some(_) => {}
        }
    }
    unquoted.chars().take(LONGEST_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_contact_needs_an_id_and_nothing_else() {
        let contact = |body: Value| created_contact(&body).map(|contact| (contact.id, contact.lost));
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
    fn a_retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
        assert_eq!(retry_after("30", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 12:01:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 11:00:00 GMT", now), Some(Duration::ZERO));
        for senseless in ["", "-1", "soon", "1e3", "99999999999999999999999"] {
            assert_eq!(retry_after(senseless, now), None, "{senseless}");
        }
    }

    #[test]
    fn a_senseless_lifetime_says_nothing() {
        let expires_in = |value: Value| {
            token(200, None, Some(&json!({"access_token": "t", "expires_in": value}))).unwrap().expires_in
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
            assert_eq!(token(200, None, Some(&body)).unwrap_err(), TokenError::Unreadable, "{body}");
        }
        assert_eq!(token(200, None, None).unwrap_err(), TokenError::Unreadable);
    }

    #[test]
    fn refusals_of_the_client_are_told_from_failures_of_the_service() {
        let error = |status, body: Value| token(status, None, Some(&body)).unwrap_err();
        assert_eq!(error(401, json!({"error": "invalid_client"})), TokenError::InvalidClient);
        assert_eq!(error(400, json!({"error": "invalid_client"})), TokenError::InvalidClient);
        assert_eq!(error(401, json!({})), TokenError::InvalidClient);
        assert!(matches!(error(400, json!({"error": "invalid_scope"})), TokenError::Refused { status: 400, .. }));
        assert!(matches!(error(429, json!({})), TokenError::Unavailable { status: 429, .. }));
        assert!(matches!(error(503, json!({})), TokenError::Unavailable { status: 503, .. }));
    }

    #[test]
    fn an_error_text_keeps_its_rule_and_loses_its_values() {
        let detail = error_detail(
            &json!({"error": "invalid_attribute", "message": "value 'Jane Doe' of jane@example.com, +15550109876 is too long"}),
        );
        let detail = detail.unwrap();
        assert!(detail.starts_with("invalid_attribute: value … of"), "{detail}");
        for value in ["Jane", "jane@example.com", "15550109876"] {
            assert!(!detail.contains(value), "{detail}");
        }
        assert_eq!(error_detail(&json!("<html>")), None);
    }
}
