//! The Lambda Runtime API of one environment, on a loopback port of its own, so that the port tells who asks.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::local::LocalError;

/// Lambda takes answers of 6 MB; more than that is the function's mistake, and shows as one.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024 + 100 * 1024;

/// What a function says to an event.
#[derive(Debug, Clone)]
pub(super) enum InvocationResult {
    Response(Bytes),
    Error(Bytes),
}

/// How far an environment is.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Starting,
    /// It asked for an event; when it did so first.
    Ready(Instant),
    /// It reported that it can't start.
    Failed(String),
}

struct Event {
    request_id: String,
    payload: Bytes,
    deadline: Duration,
    answer: oneshot::Sender<InvocationResult>,
}

/// A served API. Dropping it closes the port.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<Event>,
    phase: watch::Receiver<Phase>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    pub(super) async fn serve(function_arn: String) -> Result<Self, LocalError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(LocalError::system("open a port for the Runtime API"))?;
        let address = listener.local_addr().map_err(LocalError::system("open a port for the Runtime API"))?;
        let (events, queue) = mpsc::unbounded_channel();
        let (told, phase) = watch::channel(Phase::Starting);
        let shared =
            Arc::new(Shared { function_arn, queue: AsyncMutex::new(queue), current: Mutex::new(None), phase: told });
        let server = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, router(shared)).await;
        });
        Ok(Self { address, events, phase, server })
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Hands an event out; the receiver gets the answer. `deadline` is time since the epoch.
    pub(super) fn hand_out(&self, payload: Bytes, deadline: Duration) -> (String, oneshot::Receiver<InvocationResult>) {
        let request_id = Uuid::new_v4().to_string();
        let (answer, answered) = oneshot::channel();
        // Where the server is gone, so is `answer`, and the receiver says so.
        let _ = self.events.send(Event { request_id: request_id.clone(), payload, deadline, answer });
        (request_id, answered)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The time since the epoch.
#[expect(clippy::disallowed_methods, reason = "the host is the functions' world; nothing is decided by it")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A point in time for measuring from.
#[expect(clippy::disallowed_methods, reason = "the host measures; nothing is decided by it")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

struct Shared {
    function_arn: String,
    queue: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
    current: Mutex<Option<(String, oneshot::Sender<InvocationResult>)>>,
    phase: watch::Sender<Phase>,
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<(String, oneshot::Sender<InvocationResult>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, request_id: &str, answer: InvocationResult) -> StatusCode {
        match self.current().take_if(|(current, _)| current == request_id) {
            Some((_, waiting)) => {
                // Whoever waited may have given up at the deadline.
                let _ = waiting.send(answer);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(LARGEST_ANSWER))
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Result<(HeaderMap, Bytes), StatusCode> {
    let now = instant();
    shared.phase.send_if_modified(|phase| {
        let first = matches!(phase, Phase::Starting);
        if first {
            *phase = Phase::Ready(now);
        }
        first
    });
    let event = shared.queue.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let seconds = since_epoch().as_secs();
    let trace_id = format!("Root=1-{seconds:08x}-{};Sampled=0", &Uuid::new_v4().simple().to_string()[..24]);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", event.request_id.clone()),
        ("lambda-runtime-deadline-ms", event.deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", shared.function_arn.clone()),
        ("lambda-runtime-trace-id", trace_id),
    ] {
        let value = HeaderValue::from_str(&value).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    *shared.current() = Some((event.request_id, event.answer));
    Ok((headers, event.payload))
}

async fn response(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> StatusCode {
    shared.answered(&request_id, InvocationResult::Response(body))
}

async fn error(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> StatusCode {
    shared.answered(&request_id, InvocationResult::Error(body))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.phase.send_replace(Phase::Failed(String::from_utf8_lossy(&body).into_owned()));
    StatusCode::ACCEPTED
}
