//! The simulator's own endpoints, under `/_simulator/`, for tests and demos in other processes. Nothing here is
//! CXone's, needs a token or counts in a window.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::ClientConfig;
use crate::fault::Fault;
use crate::queue::Queue;
use crate::schema::{AttributeDefinition, SchemaShape};
use crate::server::Shared;
use crate::serving::{Face, Shared as SharedFace};
use crate::tenant::{Contact, ContactStatus, RequestRecord, Summary, Tenant};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/summary", get(summary))
        .route("/contacts", get(contacts))
        .route("/contacts/{id}", put(put_contact))
        .route("/requests", get(requests))
        .route("/tokens", get(tokens).delete(revoke_tokens))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/queues/{id}", get(queue).put(put_queue).delete(delete_queue))
        .route("/queues/{id}/complete", post(complete))
        .route("/clients", put(put_clients))
        .route("/attributes", put(put_attributes))
        .route("/schema-shape", put(put_schema_shape))
        .route("/clock/advance", post(advance::<Tenant>))
}

async fn summary(State(shared): State<Shared>) -> Json<Summary> {
    Json(shared.tenant().summary())
}

async fn contacts(State(shared): State<Shared>) -> Json<Vec<Contact>> {
    Json(shared.tenant().contacts().to_vec())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusChange {
    status: ContactStatus,
}

async fn put_contact(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Json(change): Json<StatusChange>,
) -> StatusCode {
    found(shared.tenant().set_contact_status(&id, change.status))
}

async fn requests(State(shared): State<Shared>) -> Json<Vec<RequestRecord>> {
    Json(shared.tenant().requests().to_vec())
}

/// How many tokens each client was issued.
async fn tokens(State(shared): State<Shared>) -> Json<BTreeMap<String, usize>> {
    Json(shared.tenant().summary().tokens_by_client)
}

async fn revoke_tokens(State(shared): State<Shared>) -> StatusCode {
    shared.tenant().revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn faults(State(shared): State<Shared>) -> Json<Vec<Fault>> {
    Json(shared.tenant().pending_faults().to_vec())
}

/// Adds one fault or a list of them: all, or none where one can't be read.
async fn add_faults(State(shared): State<Shared>, Json(body): Json<Value>) -> Result<StatusCode, (StatusCode, String)> {
    let faults: Vec<Fault> = one_or_all(body)?;
    let mut tenant = shared.tenant();
    for fault in faults {
        tenant.add_fault(fault);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What the body has, one or a list of them.
pub(crate) fn one_or_all<T: DeserializeOwned>(body: Value) -> Result<Vec<T>, (StatusCode, String)> {
    let bodies = match body {
        Value::Array(bodies) => bodies,
        body => vec![body],
    };
    let read: Result<Vec<T>, _> = bodies.into_iter().map(serde_json::from_value).collect();
    read.map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.tenant().clear_faults();
    StatusCode::NO_CONTENT
}

async fn queue(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Queue>, StatusCode> {
    shared.tenant().queue(&id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// Adds or replaces a queue; its identifier is the path's.
async fn put_queue(State(shared): State<Shared>, Path(id): Path<String>, Json(queue): Json<Queue>) -> StatusCode {
    shared.tenant().put_queue(Queue { id, ..queue });
    StatusCode::NO_CONTENT
}

async fn delete_queue(State(shared): State<Shared>, Path(id): Path<String>) -> StatusCode {
    found(shared.tenant().remove_queue(&id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    pub(crate) count: u64,
}

#[derive(Serialize)]
pub(crate) struct Completed {
    pub(crate) completed: u64,
}

async fn complete(State(shared): State<Shared>, Path(id): Path<String>, Json(count): Json<Count>) -> Json<Completed> {
    Json(Completed { completed: shared.tenant().complete(&id, count.count) })
}

/// Replaces all clients: tokens of those gone are refused from now on.
async fn put_clients(State(shared): State<Shared>, Json(clients): Json<Vec<ClientConfig>>) -> StatusCode {
    shared.tenant().config_mut().clients = clients;
    StatusCode::NO_CONTENT
}

async fn put_attributes(State(shared): State<Shared>, Json(attributes): Json<Vec<AttributeDefinition>>) -> StatusCode {
    shared.tenant().config_mut().attributes = attributes;
    StatusCode::NO_CONTENT
}

async fn put_schema_shape(State(shared): State<Shared>, Json(shape): Json<SchemaShape>) -> StatusCode {
    shared.tenant().config_mut().schema_shape = shape;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    milliseconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Now {
    now_ms: u64,
}

pub(crate) async fn advance<T: Face>(State(shared): State<SharedFace<T>>, Json(advance): Json<Advance>) -> Json<Now> {
    shared.clock.advance(Duration::from_millis(advance.milliseconds));
    Json(Now { now_ms: shared.clock.now_ms() })
}

pub(crate) fn found(whether: bool) -> StatusCode {
    if whether { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
