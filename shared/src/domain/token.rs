//! An access token: how long it serves, and how it rests in a table without giving anybody a token.
//!
//! A sealed token is AES-256-GCM under a key made from the client's secret by HKDF-SHA256, with the client id as
//! associated data. So the table alone is worth nothing, a token can't be moved to another client's item, and rotating
//! the secret voids what was sealed under the old one.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{contact_result::ErrorCode, retry_after::RetryAfter, time::Timestamp};

/// The lifetime where neither the answer nor the token says (docs/rules.md#token-lifetime).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// No lifetime is believed beyond a day: a wrong one would keep a dead token in use until a 401.
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);

/// A token isn't used in its last seconds: clocks differ, and a request takes its time.
const END_GUARD: Duration = Duration::from_secs(10);

/// A nonce's size in bytes. It is drawn anew for every sealing.
pub const NONCE_LENGTH: usize = 12;

/// An access token, the time it serves for, and where. Its `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct Token {
    access: SecretString,
    obtained: Timestamp,
    expires: Timestamp,
    endpoints: Endpoints,
}

/// The URLs that an issuer told a client; none for an API that has one address for everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Where its tokens are had.
    pub token: Option<String>,
    /// Where its tokens serve.
    pub api: Option<String>,
}

impl Endpoints {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a token is good for at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Use it.
    Fresh,
    /// Past 90 % of its lifetime (docs/rules.md#token-lifetime): get a new one, and go on with this where that fails.
    DueForRefresh,
    /// Don't use it.
    Expired,
}

/// What the authorization server answered, as far as it could be read.
#[derive(Clone, Debug)]
pub struct GrantedToken {
    /// The token itself.
    pub access_token: SecretString,
    /// `expires_in` in seconds, where it was there and a positive whole number.
    pub expires_in: Option<u64>,
    /// The URLs that were found on the way to it.
    pub endpoints: Endpoints,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The authorization server doesn't know the client or its secret.
    #[error("the authorization server answered invalid_client")]
    InvalidClient,
    /// It doesn't take the key that the client came with, or that key's secret.
    #[error("the authorization server answered invalid_grant")]
    InvalidGrant,
    /// It, or what it says of where to go, is not one of CXone's: no credentials go there.
    #[error("{0} is at a host that is none of CXone's")]
    ForeignHost(&'static str),
    /// It refused for another reason that a repetition won't mend; its error code.
    #[error("the authorization server answered {status} {}", or_none(error.as_ref()))]
    Refused {
        /// The HTTP status code.
        status: u16,
        /// The `error` member of the answer.
        error: Option<ErrorCode>,
    },
    /// It granted a token that says of no tenant, so that where it serves can't be asked.
    #[error("the token names no tenant, so that the API's base URL must be configured")]
    NoTenant,
    /// It asks to wait, or fails.
    #[error("the authorization server answered {status}")]
    Unavailable {
        /// The HTTP status code.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<RetryAfter>,
    },
    /// It answered with something that holds no token.
    #[error("the authorization server's answer holds no token")]
    Unreadable,
    /// It didn't answer.
    #[error("the authorization server did not answer")]
    Unanswered,
}

fn or_none(error: Option<&ErrorCode>) -> String {
    error.map_or_else(|| "without an error code".to_owned(), ToString::to_string)
}

impl Token {
    /// A token obtained at `now`: it lives for `expires_in`, else to the JWT's `exp`, else for an hour.
    pub fn obtained(answer: GrantedToken, now: Timestamp) -> Self {
        let lifetime = answer
            .expires_in
            .map(Duration::from_secs)
            .or_else(|| jwt_expiry(answer.access_token.expose_secret()).map(|expiry| expiry.since(now)))
            .filter(|lifetime| !lifetime.is_zero())
            .unwrap_or(DEFAULT_LIFETIME)
            .min(LONGEST_LIFETIME);
        Self { access: answer.access_token, obtained: now, expires: now.plus(lifetime), endpoints: answer.endpoints }
    }

    /// The token, to be put into a header.
    pub fn access_token(&self) -> &SecretString {
        &self.access
    }

    /// The URLs that were found on the way to it.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// When it stops serving.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What it is good for now.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let lifetime = self.expires.since(self.obtained);
        // A token that lives for less than the guard's tenfold gives up a tenth instead, or it would never serve at
        // all.
        let dead = self.expires.minus(END_GUARD.min(lifetime / 20));
        if now >= dead {
            Freshness::Expired
        } else if now >= self.obtained.plus(lifetime * 9 / 10) {
            Freshness::DueForRefresh
        } else {
            Freshness::Fresh
        }
    }
}

/// The claim `exp` of a JWT, read without checking the signature: only CXone can, and it says 401 where we were wrong.
fn jwt_expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(Timestamp::from_millis(claims.exp.checked_mul(1000)?))
}

/// A token as it rests in the clients table: base64url of nonce, ciphertext and tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedToken(String);

/// Why a sealed token can't be opened: the secret was rotated, or the item was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed token does not open under this client's secret")]
pub struct Unsealable;

#[derive(Serialize, Deserialize)]
struct Contents<'a> {
    token: std::borrow::Cow<'a, str>,
    obtained: Timestamp,
    expires: Timestamp,
    #[serde(default, skip_serializing_if = "Endpoints::is_empty")]
    endpoints: Endpoints,
}

impl SealedToken {
    /// Seals a token for one client; `nonce` must never be used twice.
    ///
    /// # Errors
    /// Only where the cipher refuses, which it does for no token that CXone could send.
    pub fn seal(
        token: &Token,
        client_id: &str,
        secret: &SecretString,
        nonce: [u8; NONCE_LENGTH],
    ) -> Result<Self, Unsealable> {
        let contents = Contents {
            token: token.access.expose_secret().into(),
            obtained: token.obtained,
            expires: token.expires,
            endpoints: token.endpoints.clone(),
        };
        let mut sealed = serde_json::to_vec(&contents).map_err(|_| Unsealable)?;
        sealing_key(secret)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(client_id), &mut sealed)
            .map_err(|_| Unsealable)?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut sealed);
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed for this client under this secret.
    ///
    /// # Errors
    /// [`Unsealable`] where anything about it is different.
    pub fn open(&self, client_id: &str, secret: &SecretString) -> Result<Token, Unsealable> {
        let mut bytes = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| Unsealable)?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LENGTH).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let plain = sealing_key(secret)?.open_in_place(nonce, Aad::from(client_id), sealed).map_err(|_| Unsealable)?;
        let contents: Contents<'_> = serde_json::from_slice(plain).map_err(|_| Unsealable)?;
        Ok(Token {
            access: SecretString::from(contents.token.as_ref()),
            obtained: contents.obtained,
            expires: contents.expires,
            endpoints: contents.endpoints,
        })
    }
}

fn sealing_key(secret: &SecretString) -> Result<LessSafeKey, Unsealable> {
    Salt::new(HKDF_SHA256, b"contact-injection")
        .extract(secret.expose_secret().as_bytes())
        .expand(&[b"token at rest, version 1"], &AES_256_GCM)
        .map(|material| LessSafeKey::new(UnboundKey::from(material)))
        .map_err(|_| Unsealable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn answer(token: &str, expires_in: Option<u64>) -> GrantedToken {
        GrantedToken { access_token: token.into(), expires_in, endpoints: Endpoints::default() }
    }

    fn jwt(exp: i64) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp}}}"#)))
    }

    #[test]
    fn a_token_ages_at_nine_tenths_of_its_lifetime() {
        let token = Token::obtained(answer("t", Some(3600)), at(0));
        assert_eq!(token.freshness(at(3239)), Freshness::Fresh);
        assert_eq!(token.freshness(at(3240)), Freshness::DueForRefresh);
        assert_eq!(token.freshness(at(3589)), Freshness::DueForRefresh);
        assert_eq!(token.freshness(at(3590)), Freshness::Expired);
    }

    #[test]
    fn the_lifetime_is_the_answers_else_the_jwts_else_an_hour() {
        assert_eq!(Token::obtained(answer(&jwt(900), Some(60)), at(0)).expires(), at(60));
        assert_eq!(Token::obtained(answer(&jwt(900), None), at(0)).expires(), at(900));
        assert_eq!(Token::obtained(answer("opaque", None), at(0)).expires(), at(3600));
        assert_eq!(Token::obtained(answer(&jwt(-5), None), at(0)).expires(), at(3600));
        assert_eq!(Token::obtained(answer("t", Some(u64::MAX)), at(0)).expires(), at(86_400));
    }

    #[test]
    fn a_token_of_one_second_serves_for_most_of_it() {
        let token = Token::obtained(answer("t", Some(1)), at(0));
        assert_eq!(token.freshness(Timestamp::from_millis(899)), Freshness::Fresh);
        assert_eq!(token.freshness(Timestamp::from_millis(949)), Freshness::DueForRefresh);
        assert_eq!(token.freshness(Timestamp::from_millis(950)), Freshness::Expired);
    }

    #[test]
    fn a_sealed_token_opens_for_its_client_under_its_secret_only() {
        let (secret, token) = (SecretString::from("s3cret"), Token::obtained(answer("abc", Some(60)), at(5)));
        let sealed = SealedToken::seal(&token, "client-a", &secret, [7; NONCE_LENGTH]).unwrap();
        let opened = sealed.open("client-a", &secret).unwrap();
        assert_eq!(opened.access_token().expose_secret(), "abc");
        assert_eq!((opened.obtained, opened.expires), (at(5), at(65)));
        assert_eq!(sealed.open("client-b", &secret).unwrap_err(), Unsealable);
        assert_eq!(sealed.open("client-a", &"rotated".into()).unwrap_err(), Unsealable);
    }

    #[test]
    fn where_a_token_serves_is_sealed_with_it() {
        let endpoints = Endpoints { token: Some("https://t".to_owned()), api: Some("https://a".to_owned()) };
        let answer = GrantedToken { endpoints: endpoints.clone(), ..answer("abc", Some(60)) };
        let secret = SecretString::from("s3cret");
        let sealed = SealedToken::seal(&Token::obtained(answer, at(5)), "c", &secret, [7; NONCE_LENGTH]).unwrap();
        assert_eq!(sealed.open("c", &secret).unwrap().endpoints(), &endpoints);
    }

    #[test]
    fn a_changed_or_cut_item_does_not_open() {
        let secret = SecretString::from("s3cret");
        let token = Token::obtained(answer("abc", Some(60)), at(5));
        let SealedToken(text) = SealedToken::seal(&token, "client-a", &secret, [7; NONCE_LENGTH]).unwrap();
        let flipped = text.replace(&text[20..21], if &text[20..21] == "A" { "B" } else { "A" });
        for broken in [String::new(), "!".to_owned(), text[..10].to_owned(), flipped] {
            assert_eq!(SealedToken(broken).open("client-a", &secret).unwrap_err(), Unsealable);
        }
    }

    #[test]
    fn debugging_a_token_shows_none_of_it() {
        let token = Token::obtained(answer("abcdef", Some(60)), at(5));
        assert!(!format!("{token:?}").contains("abcdef"));
    }
}
