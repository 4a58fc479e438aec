//! The contract's endpoints over HTTP: requests go into the tenant, its outcomes come out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::watch;

use crate::admin;
use crate::clock::Clock;
use crate::connection::Cut;
use crate::tenant::{Call, Delivery, HttpAnswer, Request, Tenant};

/// The tenant and its clock, shared by all connections and by the owner of the simulator.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    tenant: Arc<Mutex<Tenant>>,
    pub(crate) clock: Clock,
    /// Sent after each request that the tenant has handled.
    handled: watch::Sender<()>,
}

impl Shared {
    pub(crate) fn new(tenant: Tenant, clock: Clock) -> Self {
        Self { tenant: Arc::new(Mutex::new(tenant)), clock, handled: watch::Sender::new(()) }
    }

    /// The tenant. A panic elsewhere leaves it as it was between two statements, which is good enough to ask it more.
    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this holds of the tenant, now or after a request.
    pub(crate) async fn until(&self, holds: impl Fn(&Tenant) -> bool) {
        let mut handled = self.handled.subscribe();
        while !holds(&self.tenant()) {
            // The sender lives as long as this does, so it never fails.
            let _ = handled.changed().await;
        }
    }
}

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/api/v2/routing/contacts", post(create_contact))
        .route("/api/v2/routing/queues/{queueId}", get(queue_health))
        .route("/api/v2/contacts/attributes", get(attributes))
        .method_not_allowed_fallback(unknown)
        .fallback(unknown)
        .nest("/_simulator", admin::router())
        .with_state(shared)
}

type Connection = ConnectInfo<Cut>;

async fn token(
    State(shared): State<Shared>,
    ConnectInfo(cut): Connection,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    // A body that is no form has none of the members that the tenant asks for.
    let form = form.map(|Form(members)| members).unwrap_or_default();
    deliver(&shared, &cut, Request { bearer: None, call: Call::Token { form } }).await
}

async fn create_contact(
    State(shared): State<Shared>,
    ConnectInfo(cut): Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = Call::CreateContact {
        key: text(&headers, "x-idempotency-key"),
        media_type: text(&headers, CONTENT_TYPE.as_str()),
        body: body.to_vec(),
    };
    deliver(&shared, &cut, Request { bearer: bearer(&headers), call }).await
}

async fn queue_health(
    State(shared): State<Shared>,
    ConnectInfo(cut): Connection,
    Path(queue_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    deliver(&shared, &cut, Request { bearer: bearer(&headers), call: Call::QueueHealth { queue_id } }).await
}

async fn attributes(State(shared): State<Shared>, ConnectInfo(cut): Connection, headers: HeaderMap) -> Response {
    deliver(&shared, &cut, Request { bearer: bearer(&headers), call: Call::Attributes }).await
}

async fn unknown(
    State(shared): State<Shared>,
    ConnectInfo(cut): Connection,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let call = Call::Unknown { target: format!("{method} {}", uri.path()) };
    deliver(&shared, &cut, Request { bearer: bearer(&headers), call }).await
}

/// Processes the request on arrival and delivers what comes of it, late or broken as the tenant says.
async fn deliver(shared: &Shared, cut: &Cut, request: Request) -> Response {
    let now_ms = shared.clock.now_ms();
    let outcome = shared.tenant().handle(now_ms, &request);
    shared.handled.send_replace(());
    if outcome.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(outcome.delay_ms)).await;
    }
    match outcome.delivery {
        Delivery::Answer(answer) => {
            let now_ms = shared.clock.now_ms();
            shared.tenant().delivered(outcome.request, now_ms);
            into_response(answer)
        }
        Delivery::Reset => reset(cut),
        Delivery::Hang { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            reset(cut)
        }
    }
}

/// Cuts the connection; the response never gets onto it.
fn reset(cut: &Cut) -> Response {
    cut.now();
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn into_response(answer: HttpAnswer) -> Response {
    let builder = answer
        .headers
        .into_iter()
        .fold(Response::builder().status(answer.status), |builder, (name, value)| builder.header(name, value));
    // Only an injected status or location can be unfit for HTTP, and then the test that ordered it should see so.
    builder.body(Body::from(answer.body)).unwrap_or_else(|error| {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("the injected fault is no HTTP: {error}")).into_response()
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
