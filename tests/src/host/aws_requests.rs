//! A proxy before the AWS emulator that counts and records what passes through it, and refuses what it is told to, as
//! AWS does under load. `AWS_ENDPOINT_URL` points to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::aws_calls::{Call, Request, calls};
use crate::local::{LocalError, loopback_http};

/// Requests by service and operation, `DynamoDB.PutItem`, and the statements within them, `DynamoDB.PartiQLInsert`.
pub type Counts = BTreeMap<String, u64>;

/// An answer of AWS that is no success.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// Of which operation, `DynamoDB.PutItem`.
    pub operation: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The error's name on the wire.
    pub error: &'static str,
    /// Whether AWS does it all the same.
    pub processed: bool,
    /// Each so many-th call is refused: 1 is every one.
    pub every: u64,
}

#[derive(Debug, Default)]
struct Seen {
    counts: Counts,
    calls: BTreeSet<Call>,
    /// With the calls that met each.
    refusals: Vec<(Refusal, u64)>,
    refused: u64,
}

/// A proxy on a loopback port. Dropping it closes the port.
#[derive(Debug)]
pub struct AwsRequests {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    server: JoinHandle<()>,
}

impl AwsRequests {
    /// Serves before this endpoint.
    pub async fn start(upstream: &str) -> Result<Self, LocalError> {
        const DOING: &str = "start the proxy before AWS";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(LocalError::system(DOING))?;
        let address = listener.local_addr().map_err(LocalError::system(DOING))?;
        let seen = Arc::<Mutex<Seen>>::default();
        let client = loopback_http().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| LocalError::system(DOING)(std::io::Error::other(error)))?;
        let proxy = Proxy { upstream: upstream.to_owned(), client, seen: Arc::clone(&seen) };
        let router = Router::new().fallback(pass).layer(DefaultBodyLimit::disable()).with_state(proxy);
        let server = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, seen, server })
    }

    /// For `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What passed since the last time that this was asked.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut locked(&self.seen).counts)
    }

    /// Every different call so far.
    pub fn calls(&self) -> BTreeSet<Call> {
        locked(&self.seen).calls.clone()
    }

    /// Refuses calls from now on.
    pub fn refuse(&self, refusal: Refusal) {
        locked(&self.seen).refusals.push((refusal, 0));
    }

    /// Refuses nothing any more; how many calls were refused since the last time.
    pub fn mend(&self) -> u64 {
        let mut seen = locked(&self.seen);
        seen.refusals.clear();
        std::mem::take(&mut seen.refused)
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
    seen: Arc<Mutex<Seen>>,
}

impl Seen {
    /// Notes a call; the refusal that it meets.
    fn note(&mut self, operation: String, calls: Vec<Call>) -> Option<Refusal> {
        let statements = calls.iter().filter_map(|call| call.action.strip_prefix("dynamodb:PartiQL"));
        for statement in statements {
            *self.counts.entry(format!("DynamoDB.PartiQL{statement}")).or_default() += 1;
        }
        self.calls.extend(calls);
        let met = self.refusals.iter_mut().filter(|(refusal, _)| refusal.operation == operation);
        let struck: Vec<_> = met
            .filter_map(|(refusal, calls)| {
                *calls += 1;
                calls.is_multiple_of(refusal.every).then_some(*refusal)
            })
            .collect();
        *self.counts.entry(operation).or_default() += 1;
        self.refused += u64::from(!struck.is_empty());
        struck.first().copied()
    }
}

async fn pass(
    State(proxy): State<Proxy>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Bytes), StatusCode> {
    let calls = calls(Request { method: &method, uri: &uri, headers: &headers, body: &body });
    let refusal = locked(&proxy.seen).note(operation(&headers, &body), calls);
    if let Some(refusal) = refusal.filter(|refusal| !refusal.processed) {
        return refused(refusal);
    }
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
    refusal.map_or(Ok((status, headers, body)), refused)
}

/// An error as the JSON protocols write it.
fn refused(refusal: Refusal) -> Result<(StatusCode, HeaderMap, Bytes), StatusCode> {
    let status = StatusCode::from_u16(refusal.status).map_err(|_| StatusCode::BAD_GATEWAY)?;
    let body = json!({"__type": refusal.error, "message": "refused for the test"}).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    Ok((status, headers, Bytes::from(body)))
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

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_batch_of_statements_counts_as_one_request_and_as_each_of_them() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", "DynamoDB_20120810.BatchExecuteStatement".parse().unwrap());
        let statement = json!({"Statement": "INSERT INTO \"ledger\" VALUE {'a':?}", "Parameters": [{"S": "b"}]});
        let body = json!({"Statements": [statement, statement]}).to_string();
        let uri = Uri::from_static("/");
        let request = Request { method: &Method::POST, uri: &uri, headers: &headers, body: body.as_bytes() };
        let mut seen = Seen::default();
        seen.note(operation(&headers, body.as_bytes()), calls(request));
        let counts: Vec<_> = seen.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(counts, [("DynamoDB.BatchExecuteStatement", 1), ("DynamoDB.PartiQLInsert", 2)]);
    }

    #[test]
    fn a_refusal_strikes_each_so_many_th_call_of_its_operation() {
        let mut seen = Seen::default();
        let refusal =
            Refusal { operation: "DynamoDB.PutItem", status: 400, error: "Throttled", processed: false, every: 3 };
        seen.refusals.push((refusal, 0));
        let struck: Vec<_> = (0..6).map(|_| seen.note("DynamoDB.PutItem".to_owned(), Vec::new()).is_some()).collect();
        assert_eq!(struck, [false, false, true, false, false, true]);
        assert!(seen.note("DynamoDB.UpdateItem".to_owned(), Vec::new()).is_none());
        assert_eq!((seen.refused, seen.counts["DynamoDB.PutItem"]), (2, 6));
    }
}
