//! A proxy before the AWS emulator that counts what passes through it. `AWS_ENDPOINT_URL` points to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::HostError;

/// Requests by service and operation, `DynamoDB.PutItem`.
pub type Counts = BTreeMap<String, u64>;

/// A counting proxy on a loopback port. Dropping it closes the port.
#[derive(Debug)]
pub struct AwsRequests {
    address: SocketAddr,
    counts: Arc<Mutex<Counts>>,
    server: JoinHandle<()>,
}

impl AwsRequests {
    /// Serves before this endpoint.
    pub async fn start(upstream: &str) -> Result<Self, HostError> {
        const DOING: &str = "start the counting proxy";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(HostError::system(DOING))?;
        let address = listener.local_addr().map_err(HostError::system(DOING))?;
        let counts = Arc::<Mutex<Counts>>::default();
        // Nothing here is encrypted, but the client is built with whichever provider stands. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| HostError::system(DOING)(std::io::Error::other(error)))?;
        let proxy = Proxy { upstream: upstream.to_owned(), client, counts: Arc::clone(&counts) };
        let router = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(proxy);
        let server = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, counts, server })
    }

    /// For `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What passed since the last time that this was asked.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *locked(&self.counts))
    }
}

impl Drop for AwsRequests {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug, Clone)]
struct Proxy {
    upstream: String,
    client: reqwest::Client,
    counts: Arc<Mutex<Counts>>,
}

async fn pass(
    State(proxy): State<Proxy>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), StatusCode> {
    *locked(&proxy.counts).entry(operation(&headers, &body)).or_default() += 1;
    // Of this connection, not of the request.
    for of_the_connection in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(of_the_connection);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = proxy.client.request(method, format!("{}{path}", proxy.upstream)).headers(headers).body(body);
    let response = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let (status, mut headers) = (response.status(), response.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONNECTION);
    let body = response.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok((status, headers, body))
}

/// JSON protocols say it in a header, `DynamoDB_20120810.PutItem`; the query protocol in the form's `Action`.
fn operation(headers: &HeaderMap, body: &[u8]) -> String {
    if let Some(target) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        let (service, operation) = target.rsplit_once('.').unwrap_or(("", target));
        let service = service.split('_').next().unwrap_or(service);
        return format!("{service}.{operation}");
    }
    let action = std::str::from_utf8(body).ok().and_then(|form| {
        form.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(|action| format!("query.{action}"))
    });
    action.unwrap_or_else(|| "unknown".to_owned())
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_alike_in_either_protocol() {
        let mut headers = HeaderMap::new();
        assert_eq!(operation(&headers, b"Action=SendMessage&Version=2012-11-05"), "query.SendMessage");
        assert_eq!(operation(&headers, b""), "unknown");
        headers.insert("x-amz-target", "DynamoDB_20120810.PutItem".parse().unwrap());
        assert_eq!(operation(&headers, b""), "DynamoDB.PutItem");
        headers.insert("x-amz-target", "AmazonSQS.DeleteMessage".parse().unwrap());
        assert_eq!(operation(&headers, b""), "AmazonSQS.DeleteMessage");
    }
}
