//! The simulator's own endpoints beside this face, under `/_simulator/`, as they are beside the guide's.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::Value;

use super::config::{AccessKey, PointOfContact, Skill};
use super::digital::{Channel, CustomField};
use super::faults::Fault;
use super::record::{Creation, RequestRecord, Summary};
use super::tenant::Tenant;
use super::violations::Violation;
use crate::admin::{Completed, Count, advance, one_or_all};
use crate::serving::Shared;

type Unit = State<Shared<Tenant>>;

pub(crate) fn router() -> Router<Shared<Tenant>> {
    Router::new()
        .route("/summary", get(summary))
        .route("/creations", get(creations))
        .route("/contacts", get(creations))
        .route("/requests", get(requests))
        .route("/violations", get(violations))
        .route("/tokens", get(tokens).delete(revoke_tokens))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/skills/{id}", get(skill).put(put_skill))
        .route("/skills/{id}/complete", post(complete))
        .route("/access-keys", put(put_access_keys))
        .route("/points-of-contact", put(put_points_of_contact))
        .route("/channels", put(put_channels))
        .route("/custom-fields", put(put_custom_fields))
        .route("/clock/advance", post(advance::<Tenant>))
}

async fn summary(State(shared): Unit) -> Json<Summary> {
    Json(shared.tenant().summary())
}

async fn creations(State(shared): Unit) -> Json<Vec<Creation>> {
    Json(shared.tenant().creations().to_vec())
}

async fn requests(State(shared): Unit) -> Json<Vec<RequestRecord>> {
    Json(shared.tenant().requests().to_vec())
}

async fn violations(State(shared): Unit) -> Json<Vec<Violation>> {
    Json(shared.tenant().violations().to_vec())
}

/// How many tokens each access key was granted.
async fn tokens(State(shared): Unit) -> Json<BTreeMap<String, usize>> {
    Json(shared.tenant().summary().tokens_by_access_key)
}

async fn revoke_tokens(State(shared): Unit) -> StatusCode {
    shared.tenant().revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn faults(State(shared): Unit) -> Json<Vec<Fault>> {
    Json(shared.tenant().pending_faults().to_vec())
}

/// Adds one fault or a list of them: all, or none where one can't be read.
async fn add_faults(State(shared): Unit, Json(body): Json<Value>) -> Result<StatusCode, (StatusCode, String)> {
    let faults: Vec<Fault> = one_or_all(body)?;
    let mut tenant = shared.tenant();
    for fault in faults {
        tenant.add_fault(fault);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(shared): Unit) -> StatusCode {
    shared.tenant().clear_faults();
    StatusCode::NO_CONTENT
}

async fn skill(State(shared): Unit, Path(id): Path<u64>) -> Result<Json<Skill>, StatusCode> {
    shared.tenant().skill_mut(id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// Adds or replaces a skill; its number is the path's.
async fn put_skill(State(shared): Unit, Path(id): Path<u64>, Json(skill): Json<Skill>) -> StatusCode {
    shared.tenant().put_skill(Skill { id, ..skill });
    StatusCode::NO_CONTENT
}

async fn complete(State(shared): Unit, Path(id): Path<u64>, Json(count): Json<Count>) -> Json<Completed> {
    Json(Completed { completed: shared.tenant().complete(id, count.count) })
}

/// Replaces all access keys: tokens of those gone are refused from now on.
async fn put_access_keys(State(shared): Unit, Json(access_keys): Json<Vec<AccessKey>>) -> StatusCode {
    shared.tenant().config_mut().access_keys = access_keys;
    StatusCode::NO_CONTENT
}

async fn put_points_of_contact(State(shared): Unit, Json(points): Json<Vec<PointOfContact>>) -> StatusCode {
    shared.tenant().config_mut().points_of_contact = points;
    StatusCode::NO_CONTENT
}

async fn put_channels(State(shared): Unit, Json(channels): Json<Vec<Channel>>) -> StatusCode {
    shared.tenant().config_mut().channels = channels;
    StatusCode::NO_CONTENT
}

async fn put_custom_fields(State(shared): Unit, Json(custom_fields): Json<Vec<CustomField>>) -> StatusCode {
    shared.tenant().config_mut().custom_fields = custom_fields;
    StatusCode::NO_CONTENT
}
