//! The four requests of the guide.

use reqwest::{Client, RequestBuilder, Url, header};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    dialects::{HttpResponse, guide},
    domain::{
        classify::Answer,
        contact::ContactRequest,
        idempotency::IdempotencyKey,
        lease::Permit,
        token::{Token, TokenAnswer},
    },
    ports::{ContactApi, Credentials, Environment, Read, TokenError},
};

/// The scopes that the guide names, of the functions' two endpoints groups and no more.
const SCOPES: &str = "routing:contacts:write routing:queues:read contacts:attributes:read";

/// No answer of these endpoints is larger; one that is isn't one of theirs.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A base URL that requests with credentials must not go to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForbiddenUrl {
    /// It can't be read.
    #[error("it is not a URL")]
    Unreadable,
    /// It isn't encrypted and leaves this machine.
    #[error("it must be https (http is for loopback only)")]
    Unencrypted,
    /// It holds more than an origin and a path.
    #[error("it must hold no credentials, query or fragment")]
    NotABase,
}

/// CXone's HTTP API.
#[derive(Clone, Debug)]
pub struct Cxone<E> {
    client: Client,
    base: Url,
    environment: E,
}

impl<E: Environment> Cxone<E> {
    /// The API at this base URL, over this HTTP client.
    ///
    /// # Errors
    /// [`ForbiddenUrl`] where nothing may be sent there.
    pub fn new(client: Client, base: &str, environment: E) -> Result<Self, ForbiddenUrl> {
        Ok(Self { client, base: base_url(base)?, environment })
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<HttpResponse, Answer> {
        let mut response = request.send().await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Answer::Silence)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
        Ok(HttpResponse::new(status, retry_after, &body, self.environment.now()))
    }

    async fn read(&self, url: Url, token: &Token) -> Read<Value> {
        match self.send(self.client.get(url).bearer_auth(token.access_token().expose_secret())).await {
            Ok(response) => guide::read_value(response),
            Err(answer) => Read::Failed { answer, problem: "CXone did not answer".to_owned() },
        }
    }
}

/// Only a connection that was never made proves that nothing was sent.
fn unanswered(error: &reqwest::Error) -> Answer {
    if error.is_connect() || error.is_builder() { Answer::Unreachable } else { Answer::Silence }
}

impl<E: Environment> ContactApi for Cxone<E> {
    async fn token(&self, _permit: &Permit<'_>, credentials: &Credentials) -> Result<TokenAnswer, TokenError> {
        let form = [
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", credentials.client_secret.expose_secret()),
            ("grant_type", "client_credentials"),
            ("scope", SCOPES),
        ];
        let request = self.client.post(self.url(&["oauth", "token"])).form(&form);
        let response = self.send(request).await.map_err(|_| TokenError::Silence)?;
        guide::read_token(&response)
    }

    async fn inject(
        &self,
        _permit: &Permit<'_>,
        token: &Token,
        key: IdempotencyKey,
        request: &ContactRequest,
    ) -> Answer {
        let Ok(body) = serde_json::to_vec(request) else { return Answer::Unreachable };
        let post = self
            .client
            .post(self.url(&["api", "v2", "routing", "contacts"]))
            .bearer_auth(token.access_token().expose_secret())
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-Idempotency-Key", key.to_string())
            .body(body);
        self.send(post).await.map_or_else(|unanswered| unanswered, |response| guide::read_contact(&response, request))
    }

    async fn queue(&self, _permit: &Permit<'_>, token: &Token, queue_id: &str) -> Read<Value> {
        self.read(self.url(&["api", "v2", "routing", "queues", queue_id]), token).await
    }

    async fn attributes(&self, _permit: &Permit<'_>, token: &Token) -> Read<Value> {
        self.read(self.url(&["api", "v2", "contacts", "attributes"]), token).await
    }
}

/// Checks a base URL: `https`, or `http` on loopback; an origin and a path.
pub(crate) fn base_url(text: &str) -> Result<Url, ForbiddenUrl> {
    let url = Url::parse(text).map_err(|_| ForbiddenUrl::Unreadable)?;
    let loopback = match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(ForbiddenUrl::Unreadable),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(ForbiddenUrl::Unencrypted),
    }
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if bare { Ok(url) } else { Err(ForbiddenUrl::NotABase) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_unencrypted_beyond_this_machine() {
        for allowed in [
            "https://api.example.com",
            "https://api.example.com/cx/",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(base_url(allowed).is_ok(), "{allowed}");
        }
        for forbidden in
            ["http://api.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "http://10.0.0.1"]
        {
            assert_eq!(base_url(forbidden), Err(ForbiddenUrl::Unencrypted), "{forbidden}");
        }
        assert_eq!(base_url("https://a:b@api.example.com"), Err(ForbiddenUrl::NotABase));
        assert_eq!(base_url("https://api.example.com/?x=1"), Err(ForbiddenUrl::NotABase));
        assert_eq!(base_url("api.example.com"), Err(ForbiddenUrl::Unreadable));
    }
}
