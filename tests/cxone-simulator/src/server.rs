//! The contract's endpoints over HTTP: requests go into the tenant, its outcomes come out.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};

use crate::admin;
use crate::connection::Cut;
use crate::serving::{Face, Shared as SharedFace};
use crate::tenant::{Call, Request, Tenant};

pub(crate) type Shared = SharedFace<Tenant>;

impl Face for Tenant {
    fn delivered(&mut self, request: usize, now_ms: u64) {
        self.delivered(request, now_ms);
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

async fn deliver(shared: &Shared, cut: &Cut, request: Request) -> Response {
    shared.deliver(cut, |tenant, now_ms| tenant.handle(now_ms, &request)).await
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
