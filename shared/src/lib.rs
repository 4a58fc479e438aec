//! Turns upstream events into contacts and injects them into NICE CXone routing queues, once each.
//!
//! A message of an SQS queue holds an *event*. Its type and source select a *route*, which says what *contact* its
//! data become: channel, addresses, priority, typed attributes. The contact is checked against the *schema*, the
//! attributes registered in CXone, because CXone cuts what is too long and ignores what it doesn't know without a
//! word. Then a *worker* sends it under a leased OAuth client, within that client's rate, to the route's first
//! *target* that has room, at a lower priority where others were full. A *ledger* knows each event by an idempotency
//! key, so that no retry, no second worker and no redrive injects it again. Each delivery ends as injected, duplicate,
//! deferred or dead-lettered. The rules are in `docs/rules.md`, CXone's API in `docs/wire.md`; comments cite both by
//! their headings.
//!
//! All of it up to the request is decided without any I/O:
//!
//! ```
//! use contact_injection::dialects::{
//!     Dialect as _, Submission,
//!     guide::{self, Guide},
//! };
//! use contact_injection::domain::{
//!     attributes::Schema,
//!     event::Event,
//!     mapping::{ComplianceBoundary, map},
//!     routes::{Priority, Routes},
//!     time::Timestamp,
//! };
//! use serde_json::json;
//!
//! let event = Event::parse(
//!     r#"{
//!         "specversion": "1.0", "id": "8842-1", "source": "/crm/emea", "type": "com.example.order.updated",
//!         "data": { "tier": "gold", "phone": "+1 555 010 9876", "order": { "ref": "ORD-8842", "total": "1250.00" } }
//!     }"#,
//! )?;
//! let routes = Routes::from_json(
//!     r#"{ "routes": [{
//!         "name": "orders",
//!         "match": { "type": "com.example.order.*", "source": "/crm/*" },
//!         "channel": "voice",
//!         "targets": [{ "queueId": "q-orders" }, { "queueId": "q-overflow", "priorityDelta": -150 }],
//!         "priority": { "default": 500, "rules": [{ "when": "$[?@ == 'gold']", "value": 750 }] },
//!         "from": { "path": "$.phone", "format": "e164" },
//!         "to": { "value": "+15550201234" },
//!         "attributes": {
//!             "string:orderRef": { "path": "$.order.ref", "required": true },
//!             "number:orderValue": { "path": "$.order.total", "coerce": true }
//!         }
//!     }] }"#,
//!     guide::FACTS.routes,
//! )?;
//! let registered = json!([{ "key": "orderRef", "type": "string" }, { "key": "orderValue", "type": "number" }]);
//! let schema = Schema::new(serde_json::from_value(registered)?);
//!
//! let route = routes.select(&event).ok_or("no route takes the event")?;
//! let contact = map(route, &event, &schema, ComplianceBoundary::Outside).map_err(|problems| format!("{problems:?}"))?;
//!
//! // The second target, since the first is full: 750, less what the target takes off.
//! let target = &route.targets()[1];
//! let priority = Priority::effective(route.base_priority(&event), target.priority_delta(), route.degrade(), 1);
//! assert_eq!(
//!     Guide.contact_body(&Submission {
//!         contact: &contact,
//!         address: target.address(),
//!         priority,
//!         route: route.name(),
//!         event: event.identity().into(),
//!         at: Timestamp::from_millis(0),
//!     }),
//!     json!({
//!         "type": "contact",
//!         "channel": "voice",
//!         "queueId": "q-overflow",
//!         "priority": 600,
//!         "from": "+15550109876",
//!         "to": "+15550201234",
//!         "attributes": { "string:orderRef": "ORD-8842", "number:orderValue": 1250.0 }
//!     })
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In reading order: [`batch`] is one invocation and [`pipeline`] the whole story of one event, with its longest
//! chapter in `placement`. [`drafts`] are the contacts that it may become, `snapshot` is what an environment remembers
//! of the registry, `room` reserves places in queues that are nearly full. [`ledger`], [`leases`] and [`worker`] are
//! its three guards: nothing twice, no client shared, nothing sent outside the rate; a [`session`] holds an
//! invocation's clients. [`domain`] decides and does no I/O; [`dialects`] say what goes over the wire and what comes
//! back; [`ports`] names what the decisions need from outside; [`adapters`] speak DynamoDB, SQS, Secrets Manager and
//! HTTP. [`sync`], [`dry_run`], [`status`], [`doctor`] and [`trial`] are the other things that can be asked for.

pub mod batch;
pub mod pipeline;
mod placement;

pub mod drafts;

pub mod leases;
pub mod ledger;
pub mod session;
pub mod worker;

pub mod cases;
pub mod doctor;
pub mod dry_run;
mod room;
pub mod schema;
mod snapshot;
pub mod status;
pub mod sync;
pub mod trial;

pub mod dialects;
pub mod domain;
pub mod error;
pub mod metrics;
pub mod ports;

#[cfg(feature = "aws")]
pub mod adapters;
