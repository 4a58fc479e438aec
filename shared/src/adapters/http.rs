//! One HTTP client for everything that a function talks to: one connection pool, one TLS configuration with its root
//! certificates, HTTP/1.1 alone, which every service here speaks. The AWS SDK is handed it as its transport; its own
//! would bring a second HTTP stack, with HTTP/2, and load the root certificates a second time.

use std::time::Duration;

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use crate::worker::REQUEST_TIMEOUT;

/// Within [`REQUEST_TIMEOUT`]: a connection that isn't made in this time won't carry an answer in the rest of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// After so long the kernel gives up bytes that nobody acknowledges, and their connection with them: `TCP_USER_TIMEOUT`.
///
/// By the HTTP client's default, 30 s, a request's bytes are resent for long after the request was given up, and one that
/// arrives then can make a second contact or overrun a window that has forgotten it. A request is in the kernel's hands
/// once its connection stands, [`CONNECT_TIMEOUT`] after it was begun at the latest; so nothing of it is sent again
/// beyond [`REQUEST_TIMEOUT`] but for the kernel's first pause before it resends, which isn't counted. That pause, the
/// network's own transit and what CXone's edge holds back have [`LATE_ARRIVAL`](crate::domain::window::LATE_ARRIVAL).
const UNACKNOWLEDGED: Duration = REQUEST_TIMEOUT.saturating_sub(CONNECT_TIMEOUT);

/// The client can't be built: the machine has no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client can't be built")]
pub struct NoHttp(#[source] reqwest::Error);

/// The client, with the limits that hold for every request.
///
/// # Errors
/// [`NoHttp`] where there is nothing to check a server's certificate by.
pub fn client() -> Result<Client, NoHttp> {
    // The one TLS provider that is linked. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(Policy::none())
        // A repetition is the pipeline's to decide, under permit and key, or the SDK's.
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .tcp_nodelay(true)
        .tcp_user_timeout(UNACKNOWLEDGED)
        .build()
        .map_err(NoHttp)
}

/// The client as the AWS SDK's transport.
pub(super) fn for_aws(client: Client) -> SharedHttpClient {
    SharedHttpClient::new(Transport(client))
}

#[derive(Clone, Debug)]
struct Transport(Client);

impl HttpClient for Transport {
    // The SDK counts its timeouts itself, around each attempt and each operation.
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { send(&client, request).await })
    }
}

async fn send(client: &Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let method = Method::from_bytes(request.method().as_bytes()).map_err(|error| ConnectorError::user(error.into()))?;
    let mut headers = HeaderMap::with_capacity(request.headers().len());
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value);
        headers.append(
            name.map_err(|error| ConnectorError::user(error.into()))?,
            value.map_err(|error| ConnectorError::user(error.into()))?,
        );
    }
    // Every operation that is used here has its whole body in memory.
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a streamed body".into()))?.to_vec();
    let sent = client.request(method, request.uri()).headers(headers).body(body).send().await;
    let response = sent.map_err(unanswered)?;
    let status = StatusCode::try_from(response.status().as_u16()).map_err(|error| other(error.into()))?;
    let headers = response.headers().clone();
    let body = response.bytes().await.map_err(unanswered)?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &headers {
        let value = value.to_str().map_err(|error| other(error.into()))?.to_owned();
        response.headers_mut().append(name.as_str().to_owned(), value);
    }
    Ok(response)
}

/// Anything but a timeout is the connection's fault, which the SDK tries again.
fn unanswered(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

fn other(error: BoxError) -> ConnectorError {
    ConnectorError::other(error, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_that_nobody_takes_are_given_up_long_before_a_request_that_would_wait_for_them() {
        // It accepts connections, as any listening socket does, and reads from none.
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        // Far beyond what the two sockets hold, so that the rest is probed for and never acknowledged.
        let body = vec![0_u8; 64 << 20];
        let request = client().unwrap().post(url).timeout(Duration::from_secs(60)).body(body).send();
        let given_up = tokio::time::timeout(UNACKNOWLEDGED * 2, request).await;
        assert!(given_up.expect("the connection outlives its user timeout").is_err());
    }
}
