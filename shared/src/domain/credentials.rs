//! An OAuth client's credentials: those that the authorization server refused, and tokens that it asks to wait for.
//!
//! Both are kept with the client, so that every worker that would use it knows. A client that is refused fails fast and
//! is therefore always free: without a pause it would draw one batch after the other into a refusal.

use std::{fmt, time::Duration};

use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    backoff::Backoff,
    lane::Lane,
    retry_after::{LONGEST_WAIT, RetryAfter},
    time::Timestamp,
};

/// From a rotation that is just under way, to a client that somebody forgot: one look in a quarter of an hour is
/// enough.
const PAUSE: Backoff = Backoff { first: Duration::from_secs(30), cap: Duration::from_secs(900) };

/// Tells one secret of a client from another without telling either: an HMAC under the secret, cut to 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretTag(u64);

impl SecretTag {
    /// The tag of this client's secret.
    pub fn new(client_id: &str, secret: &SecretString) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(b"contact-injection refused credentials, version 1:");
        context.update(client_id.as_bytes());
        let digest = context.sign();
        Self(digest.as_ref().iter().take(8).fold(0, |tag, byte| tag << 8 | u64::from(*byte)))
    }

    /// The tag that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self).filter(|tag| tag.to_string() == text)
    }
}

impl fmt::Display for SecretTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What one worker at a time may ask for tokens with: an OAuth client, or an access key of a CXone user.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose they are: what is leased, and what limits are counted by.
    pub client_id: ClientId,
    /// Everything about them that is secret, as one text: tokens are sealed under it, and a change of any part of it is
    /// a rotation.
    pub secret: SecretString,
    /// How a token is asked for.
    pub grant: GrantType,
    /// Which messages it is kept for.
    pub lane: Lane,
}

/// How a token is asked for.
#[derive(Clone, Debug)]
pub enum GrantType {
    /// With the client's id and secret alone (RFC 6749, section 4.4).
    ClientCredentials,
    /// With an access key: through a client of its own (RFC 6749, section 4.3), or at an address that takes it alone.
    AccessKey(AccessKey),
}

/// An access key's secret parts.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The secret of the key.
    pub secret: SecretString,
    /// Through what it is presented.
    pub through: KeyClient,
}

/// Through what an access key is presented.
#[derive(Clone, Debug)]
pub enum KeyClient {
    /// An OAuth client, by its id and its secret.
    Client(String, SecretString),
    /// The URL of the older grant, which needs none.
    TokenEndpoint(String),
}

impl Credentials {
    /// An OAuth client that asks with its own id and secret.
    pub fn client(client_id: impl Into<String>, secret: SecretString) -> Self {
        let (client_id, grant) = (ClientId::public(client_id), GrantType::ClientCredentials);
        Self { client_id, secret, grant, lane: Lane::Standard }
    }

    /// An access key.
    pub fn access_key(id: impl Into<String>, key: AccessKey) -> Self {
        let through = match &key.through {
            KeyClient::Client(id, secret) => [id.as_str(), secret.expose_secret()],
            KeyClient::TokenEndpoint(url) => [url.as_str(), ""],
        };
        let secret = [key.secret.expose_secret(), through[0], through[1]].join("\u{1f}").into();
        let (client_id, grant) = (ClientId::confidential(id), GrantType::AccessKey(key));
        Self { client_id, secret, grant, lane: Lane::Standard }
    }

    /// Tells this secret of the client from another one.
    pub fn tag(&self) -> SecretTag {
        SecretTag::new(self.client_id.as_str(), &self.secret)
    }
}

/// Characters of a confidential id that may be shown.
const SHOWN: usize = 4;

/// The id of an OAuth client, which is public, or of an access key, of which logs show the first characters alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientId {
    text: String,
    confidential: bool,
}

impl ClientId {
    /// An id that may be shown.
    pub fn public(text: impl Into<String>) -> Self {
        Self { text: text.into(), confidential: false }
    }

    /// An id of which no more than its beginning may be shown.
    pub fn confidential(text: impl Into<String>) -> Self {
        Self { text: text.into(), confidential: true }
    }

    /// The whole id, for the clients table and for CXone.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.confidential {
            return f.write_str(&self.text);
        }
        self.text.chars().take(SHOWN).try_for_each(|char| write!(f, "{char}"))?;
        f.write_str("…")
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

/// Credentials that were refused: nobody asks for a token with them before a time that grows with each refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCredentials {
    /// Refusals in a row.
    times: u32,
    /// When they may be tried again.
    pub until: Timestamp,
    /// Which secret it was: another one may be tried at once.
    pub secret: SecretTag,
}

impl RefusedCredentials {
    /// Refused now, once more than `before` where that was the same secret.
    pub fn again(before: Option<Self>, secret: SecretTag, now: Timestamp) -> Self {
        let times = before.filter(|before| before.secret == secret).map_or(0, |before| before.times).saturating_add(1);
        Self { times, until: now.plus(PAUSE.wait(times, 1.0)), secret }
    }

    /// How long nobody asks with this secret; nothing where it may be tried.
    pub fn pause(&self, secret: SecretTag, now: Timestamp) -> Option<Timestamp> {
        paused(self.until, now, PAUSE.cap).filter(|_| self.secret == secret)
    }
}

/// A token that the authorization server asked to wait for, by `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenWait {
    /// When it may be asked for.
    pub until: Timestamp,
    /// Whether it was a 429, and not a failure of the service.
    pub rate_limited: bool,
}

impl TokenWait {
    /// Asked now to wait so long.
    pub fn new(wait: RetryAfter, rate_limited: bool, now: Timestamp) -> Self {
        Self { until: now.plus(wait.token()), rate_limited }
    }

    /// How long nobody asks for a token; nothing where it may be asked for.
    pub fn pause(&self, now: Timestamp) -> Option<Timestamp> {
        paused(self.until, now, LONGEST_WAIT)
    }
}

/// No stored time keeps anybody waiting for longer than it could have been meant to: a clock that ran ahead locks
/// nothing.
fn paused(until: Timestamp, now: Timestamp, longest: Duration) -> Option<Timestamp> {
    (until > now).then(|| until.min(now.plus(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn tag(secret: &str) -> SecretTag {
        SecretTag::new("client-a", &SecretString::from(secret))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_tag_tells_secrets_apart_and_none_of_their_text() {
        assert_eq!(tag("one"), tag("one"));
        assert_ne!(tag("one"), tag("two"));
        assert_ne!(tag("one"), SecretTag::new("client-b", &SecretString::from("one")));
        assert_eq!(tag("one").to_string().len(), 16);
        assert_eq!(SecretTag(0xab).to_string(), "00000000000000ab");
        assert_eq!(SecretTag::parse("00000000000000ab"), Some(SecretTag(0xab)));
        assert_eq!(["ab", "", "00000000000000AB", "+0000000000000ab"].map(SecretTag::parse), [None; 4]);
    }

    #[test]
    fn of_an_access_keys_id_only_the_beginning_is_shown() {
        let key = |secret: &str, through| AccessKey { secret: SecretString::from(secret), through };
        let client = |secret: &str| KeyClient::Client("c".to_owned(), SecretString::from(secret));
        let credentials = Credentials::access_key("ABCDEFGH", key("k", client("s")));
        assert_eq!((credentials.client_id.to_string().as_str(), credentials.client_id.as_str()), ("ABCD…", "ABCDEFGH"));
        let told = format!("{credentials:?}");
        assert!(told.contains("ClientId(ABCD…)") && !told.contains("EFGH"), "{told}");
        assert_eq!(Credentials::client("client-a", SecretString::from("s")).client_id.to_string(), "client-a");
    }

    #[test]
    fn whichever_secret_of_an_access_key_is_rotated_its_tag_is_another() {
        let tag = |key: &str, through| {
            let secret = SecretString::from(key);
            Credentials::access_key("A", AccessKey { secret, through }).tag()
        };
        let client = |id: &str, secret: &str| KeyClient::Client(id.to_owned(), SecretString::from(secret));
        let tags = [
            tag("k", client("c", "s")),
            tag("l", client("c", "s")),
            tag("k", client("d", "s")),
            tag("k", client("c", "t")),
            tag("k", KeyClient::TokenEndpoint("https://t".to_owned())),
        ];
        assert!((1..tags.len()).all(|at| !tags[..at].contains(&tags[at])), "{tags:?}");
        assert_eq!(tag("k", client("c", "s")), tags[0]);
    }

    #[test]
    fn the_tag_of_a_known_secret_never_changes() {
        // Made once with Python's hmac, independently of this code: workers of two versions share what they write.
        assert_eq!(tag("one").to_string(), "f3ee19d3d75891a3");
    }

    #[test]
    fn the_pause_grows_from_half_a_minute_to_a_quarter_of_an_hour() {
        let mut refused = None;
        let pauses: Vec<_> = (0..7)
            .map(|_| {
                let again = RefusedCredentials::again(refused, tag("one"), NOW);
                refused = Some(again);
                again.until.since(NOW).as_secs()
            })
            .collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 900, 900]);
    }

    #[test]
    fn another_secret_ends_the_pause_and_begins_a_new_count() {
        let first = RefusedCredentials::again(None, tag("one"), NOW);
        let second = RefusedCredentials::again(Some(first), tag("one"), NOW);
        assert_eq!(second.pause(tag("one"), NOW), Some(NOW.plus(seconds(60))));
        assert_eq!(second.pause(tag("two"), NOW), None);
        assert_eq!(RefusedCredentials::again(Some(second), tag("two"), NOW).until, NOW.plus(seconds(30)));
    }

    #[test]
    fn a_pause_ends_at_its_time_and_no_clock_makes_it_longer() {
        let refused = RefusedCredentials::again(None, tag("one"), NOW);
        let wait = TokenWait::new(RetryAfter::new(seconds(40)), true, NOW);
        assert_eq!(refused.pause(tag("one"), NOW.plus(seconds(30))), None);
        assert_eq!(wait.pause(NOW), Some(NOW.plus(seconds(40))));
        assert_eq!(wait.pause(NOW.plus(seconds(40))), None);
        assert_eq!(TokenWait::new(RetryAfter::new(seconds(86_400)), true, NOW).until, NOW.plus(LONGEST_WAIT));
        let ahead = Timestamp::from_millis(i64::MAX);
        let wait = TokenWait { until: ahead, ..wait };
        assert_eq!(wait.pause(NOW), Some(NOW.plus(LONGEST_WAIT)));
        let refused = RefusedCredentials { until: ahead, ..refused };
        assert_eq!(refused.pause(tag("one"), NOW), Some(NOW.plus(seconds(900))));
    }
}
