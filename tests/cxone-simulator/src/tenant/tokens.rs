//! OAuth 2.0 client credentials (RFC 6749, section 4.4), with the client's credentials in the form.

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::message::HttpAnswer;
use super::record::TokenRecord;
use crate::config::{ClientConfig, TokenFormat, TokenRules};

/// The tokens issued so far.
#[derive(Default)]
pub(crate) struct Tokens {
    issued: Vec<TokenRecord>,
    by_value: HashMap<String, usize>,
}

/// A token that is good now.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated {
    pub(crate) client_id: String,
    pub(crate) token: usize,
}

/// Without the tokens themselves, which are the keys of the index.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issued", &self.issued).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn issued(&self) -> &[TokenRecord] {
        &self.issued
    }

    pub(crate) fn revoke_all(&mut self) {
        self.issued.iter_mut().for_each(|token| token.revoked = true);
    }

    /// Answers a token request. `random` makes the token unique; clients and scopes are checked in the order of
    /// RFC 6749: the form, then the grant, then the client, then the scope.
    pub(crate) fn issue(
        &mut self,
        now_ms: u64,
        form: &[(String, String)],
        clients: &[ClientConfig],
        rules: &TokenRules,
        random: u128,
    ) -> HttpAnswer {
        let members = ["client_id", "client_secret", "grant_type", "scope"].map(|name| only(form, name));
        let [Some(client_id), Some(client_secret), Some(grant_type), Some(scope)] = members else {
            let description = "client_id, client_secret, grant_type and scope must be given once each";
            return HttpAnswer::oauth_error(400, "invalid_request", description);
        };
        if grant_type != "client_credentials" {
            return HttpAnswer::oauth_error(400, "unsupported_grant_type", "grant_type must be client_credentials");
        }
        let known =
            clients.iter().find(|client| client.client_id == client_id && client.client_secret == client_secret);
        let Some(client) = known else {
            return HttpAnswer::oauth_error(
                rules.invalid_client_status,
                "invalid_client",
                "client authentication failed",
            );
        };
        let scopes: Vec<String> = scope.split_ascii_whitespace().map(str::to_owned).collect();
        if scopes.is_empty() || scopes.iter().any(|scope| !client.scopes.contains(scope)) {
            return HttpAnswer::oauth_error(400, "invalid_scope", "a requested scope is unknown or not granted");
        }
        let expires_at_ms = now_ms.saturating_add(rules.lifetime_seconds.saturating_mul(1000));
        let value = match rules.format {
            TokenFormat::Opaque => format!("{random:032x}"),
            TokenFormat::Jwt => {
                let claims = json!({
                    "sub": client_id, "scope": scope, "iat": now_ms / 1000, "exp": expires_at_ms / 1000,
                    "jti": format!("{random:032x}")
                });
                jwt(&claims, random)
            }
        };
        let mut body = json!({ "access_token": value, "token_type": "Bearer", "scope": scopes.join(" ") });
        if rules.state_expires_in {
            body["expires_in"] = json!(rules.lifetime_seconds);
        }
        self.by_value.insert(value.clone(), self.issued.len());
        self.issued.push(TokenRecord {
            client_id: client_id.to_owned(),
            issued_at_ms: now_ms,
            expires_at_ms,
            revoked: false,
            scopes,
            value,
        });
        HttpAnswer::json(200, &body).with_header("cache-control", "no-store".to_owned())
    }

    /// Who the bearer is.
    ///
    /// # Errors
    /// The 401 that the caller gets.
    pub(crate) fn authenticate(
        &self,
        now_ms: u64,
        bearer: Option<&str>,
        clients: &[ClientConfig],
    ) -> Result<Authenticated, HttpAnswer> {
        let refused = |message| {
            HttpAnswer::error(401, "unauthorized", message)
                .with_header("www-authenticate", "Bearer error=\"invalid_token\"".to_owned())
        };
        let bearer = bearer.ok_or_else(|| refused("no bearer token"))?;
        let token = *self.by_value.get(bearer).ok_or_else(|| refused("unknown token"))?;
        let record = self.issued.get(token).ok_or_else(|| refused("unknown token"))?;
        if record.revoked || !clients.iter().any(|client| client.client_id == record.client_id) {
            return Err(refused("token revoked"));
        }
        if record.expires_at_ms <= now_ms {
            return Err(refused("token expired"));
        }
        Ok(Authenticated { client_id: record.client_id.clone(), token })
    }

    pub(crate) fn carries(&self, token: usize, scope: &str) -> bool {
        self.issued.get(token).is_some_and(|record| record.scopes.iter().any(|held| held == scope))
    }
}

/// The value of a form member that is given exactly once and isn't empty.
fn only<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = form.iter().filter(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str());
    values.next().filter(|value| !value.is_empty() && values.next().is_none())
}

/// A token of three base64url parts with these claims and a signature that nothing verifies.
pub(crate) fn jwt(claims: &Value, random: u128) -> String {
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = encode(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
    let signature = URL_SAFE_NO_PAD.encode(random.rotate_left(64).to_be_bytes());
    format!("{header}.{}.{signature}", encode(claims.to_string()))
}
