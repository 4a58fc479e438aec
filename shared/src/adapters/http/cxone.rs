//! The transport to CXone: it sends, and never follows, repeats or guesses. What is said and what an answer means is
//! [`crate::dialects`]' to know.

use reqwest::{Client, RequestBuilder, Url, header};
use secrecy::ExposeSecret as _;

use crate::{
    dialects::{Authorization, Content, HttpReply, HttpRequest, HttpResponse},
    domain::lease::Permit,
    ports::{Environment, Transport},
};

/// No answer of CXone's is larger; one that is isn't one of theirs.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// The header in which a tenant says in words what its status means, where the body doesn't.
const STATUS_DESCRIPTION: &str = "icstatusdescription";

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

/// CXone, below its base URL.
#[derive(Clone, Debug)]
pub struct Cxone<E> {
    client: Client,
    /// The API's own URL, where it has one for everybody.
    base: Option<Url>,
    environment: E,
}

impl<E: Environment> Cxone<E> {
    /// CXone at this base URL, or where each request says, over this HTTP client.
    ///
    /// # Errors
    /// [`ForbiddenUrl`] where nothing may be sent there.
    pub fn new(client: Client, base: Option<&str>, environment: E) -> Result<Self, ForbiddenUrl> {
        Ok(Self { client, base: base.map(base_url).transpose()?, environment })
    }

    fn request(&self, request: HttpRequest<'_>) -> Result<RequestBuilder, ForbiddenUrl> {
        let mut url = match request.base {
            Some(base) => base_url(&base)?,
            None => self.base.clone().ok_or(ForbiddenUrl::Unreadable)?,
        };
        if !request.path.is_empty()
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.pop_if_empty().extend(request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let builder = match request.content {
            Content::Get => self.client.get(url),
            Content::PostJson(body) => json(self.client.post(url), &body),
            Content::PutJson(body) => json(self.client.put(url), &body),
            Content::PostForm(members) => self.client.post(url).form(&members),
        };
        let builder = match request.authorization {
            Authorization::None => builder,
            Authorization::Bearer(token) => builder.bearer_auth(token.expose_secret()),
            Authorization::Basic(name, password) => builder.basic_auth(name, Some(password.expose_secret())),
        };
        Ok(request.headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value)))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<HttpResponse, HttpReply> {
        let mut response = request.send().await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (retry_after, description) = (header(header::RETRY_AFTER.as_str()), header(STATUS_DESCRIPTION));
        let date = header(header::DATE.as_str());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| HttpReply::Silence)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                body.clear();
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let response = HttpResponse::new(status, retry_after.as_deref(), &body, self.environment.now());
        let response = match date {
            Some(date) => response.dated(&date),
            None => response,
        };
        Ok(match description {
            Some(description) => response.described(&description),
            None => response,
        })
    }
}

impl<E: Environment> Transport for Cxone<E> {
    async fn send(&self, _permit: &Permit<'_>, request: HttpRequest<'_>) -> HttpReply {
        // A URL that nothing may be sent to is never sent to: as if there were nobody.
        let Ok(request) = self.request(request) else { return HttpReply::Unreachable };
        self.answer(request).await.map_or_else(|unanswered| unanswered, HttpReply::Answered)
    }
}

/// Only a connection that was never made proves that nothing was sent.
fn unanswered(error: &reqwest::Error) -> HttpReply {
    if error.is_connect() || error.is_builder() { HttpReply::Unreachable } else { HttpReply::Silence }
}

/// Checks a base URL: `https`, or `http` on loopback; an origin and a path.
pub(in crate::adapters) fn base_url(text: &str) -> Result<Url, ForbiddenUrl> {
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

fn json(request: RequestBuilder, body: &serde_json::Value) -> RequestBuilder {
    request.header(header::CONTENT_TYPE, "application/json").body(body.to_string())
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
