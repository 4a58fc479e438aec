//! The HTTP client as the AWS SDK's transport.

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
};

/// The client as the AWS SDK's transport.
pub(in crate::adapters) fn for_aws(client: Client) -> SharedHttpClient {
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
