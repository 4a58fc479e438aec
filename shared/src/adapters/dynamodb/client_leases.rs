//! The clients table: one item for each OAuth client, keyed by its id.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use tracing::warn;

use super::super::aws::failed;
use super::item::{Item, Unreadable, get_millis, get_number, get_text, millis, number, optional, text};
use crate::{
    domain::{
        credentials::SecretTag,
        lane::{STANDARD_TURN, Turn, Turns},
        lease::Reservation,
        standing::{Standing, Waiter},
        time::Timestamp,
    },
    ports::{Acquired, ClientTable, LeaseRequest, Returned, StoreError, StoredClient, StoredState},
};

const STORE: &str = "the clients table";
const A_LOOK: &str = "a look at what is free";

/// The key's name.
const KEY: &str = "clientId";

/// All that decides whether a client can be leased.
const STANDING: &str = "clientId, leasedUntil, refusedUntil, refusedSecret, askedUntil, lentUntil, \
                        waitingSince, waitingUntil";

/// No lease reaches further: Lambda's fifteen minutes and the margin. One that does was written by a clock gone wrong.
const LONGEST_LEASE: Duration = Duration::from_secs(1200);

/// The clients table in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoClients {
    client: Client,
    table: String,
}

impl DynamoClients {
    /// The clients in this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl ClientTable for DynamoClients {
    async fn acquire(&self, client_id: &str, request: &LeaseRequest) -> Result<Acquired, StoreError> {
        const OPERATION: &str = "a lease";
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(client_id))
            .update_expression(format!(
                "SET fence = if_not_exists(fence, :zero) + :one, leasedUntil = :until, holder = :holder, \
                 reservations = list_append(if_not_exists(reservations, :none), :mine){}",
                turn_taken(request.turn)
            ))
            .condition_expression(format!(
                "({}) AND ({} OR refusedSecret <> :secret){}",
                over("leasedUntil"),
                over("refusedUntil"),
                turn_admitted(request.turn)
            ))
            .expression_attribute_values(":secret", text(request.secret.to_string()))
            .expression_attribute_values(":number", text("N"))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":until", millis(request.until))
            .expression_attribute_values(":holder", text(request.holder))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":mine", AttributeValue::L(vec![write_reservation(request.reservation)]))
            .expression_attribute_values(":now", millis(request.now))
            .expression_attribute_values(":nonsense", millis(request.now.plus(LONGEST_LEASE)))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match request.turn {
            Turn::Loan => update.expression_attribute_values(":lent", millis(request.until.plus(STANDARD_TURN))),
            Turn::Any | Turn::Standard => update.expression_attribute_values(":since", millis(request.since)),
        };
        match update.send().await {
            Ok(output) => Ok(held(&output.attributes.unwrap_or_default(), 1)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let item = refused.item().cloned().unwrap_or_default();
                    // A write whose answer was lost and that was tried again finds its own lease.
                    if get_text(&item, "holder").is_ok_and(|holder| holder == request.holder.to_string()) {
                        return Ok(without_mine(held(&item, 0)));
                    }
                    let until = |name| get_millis(&item, name).ok().filter(|until| *until > request.now);
                    let busy = Acquired::Busy(until("leasedUntil").unwrap_or(request.until));
                    // A client that is held as well is busy first: what its holder learns may end the refusal.
                    let refused = until("refusedUntil").filter(|_| is_refused(&item, request));
                    Ok(match (until("leasedUntil"), refused) {
                        (None, Some(refused)) => Acquired::Refused(refused),
                        _ => busy,
                    })
                }
                _ => Err(failed(STORE, OPERATION, &error)),
            },
        }
    }

    async fn release(&self, client_id: &str, fence: u64, returned: &Returned) -> Result<bool, StoreError> {
        let Returned { state, refused, lent_until } = returned;
        let (set, removed) = match refused {
            Some(_) => (", refusedUntil = :refused, refusedSecret = :secret", ""),
            None => ("", ", refusedUntil, refusedSecret"),
        };
        let lent = if lent_until.is_some() { ", lentUntil = :lent" } else { "" };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(client_id))
            .update_expression(format!(
                "SET stateVersion = :version, #state = :state, reservations = :none, leasedUntil = :free{set}{lent} \
                 REMOVE holder{removed}"
            ))
            .condition_expression("fence = :fence")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":version", number(state.version))
            .expression_attribute_values(":state", text(&state.json))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":free", millis(Timestamp::default()))
            .expression_attribute_values(":fence", number(fence));
        if let Some(refused) = refused {
            update = update
                .expression_attribute_values(":refused", millis(refused.until))
                .expression_attribute_values(":secret", text(refused.secret.to_string()));
        }
        if let Some(until) = lent_until {
            update = update.expression_attribute_values(":lent", millis(*until));
        }
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failed(STORE, "a release", &error)),
            },
        }
    }

    async fn look_at(&self, client_ids: &[&str], now: Timestamp) -> Result<BTreeMap<String, Standing>, StoreError> {
        let keys = client_ids.iter().map(|id| Item::from([(KEY.to_owned(), text(*id))])).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).projection_expression(STANDING).build();
        let keys = keys.map_err(|error| StoreError { store: STORE, operation: A_LOOK, source: error.into() })?;
        let output = self.client.batch_get_item().request_items(&self.table, keys).send().await;
        let output = output.map_err(|error| failed(STORE, A_LOOK, &error))?;
        let items = output.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
        // Those that DynamoDB leaves out are looked at another time: what they are isn't worth a wait.
        let left = output.unprocessed_keys.unwrap_or_default().remove(&self.table);
        let left = left.map(|left| left.keys).unwrap_or_default();
        let id = |item: &Item| get_text(item, KEY).map(str::to_owned).ok();
        let left: BTreeSet<_> = left.iter().filter_map(id).collect();
        let free = client_ids.iter().filter(|client| !left.contains(**client));
        let mut standings: BTreeMap<_, _> = free.map(|id| ((*id).to_owned(), Standing::default())).collect();
        standings.extend(items.iter().filter_map(|item| Some((id(item)?, standing(item, now)))));
        Ok(standings)
    }

    async fn wait_for(&self, client_id: &str, waiter: Waiter, now: Timestamp) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(client_id))
            .update_expression("SET waitingSince = :since, waitingUntil = :until")
            // What isn't there is free, and what was forgotten isn't to come back without its window.
            .condition_expression(format!("attribute_exists(clientId) AND {}", first_in_line()))
            .expression_attribute_values(":since", millis(waiter.since))
            .expression_attribute_values(":until", millis(waiter.until))
            .expression_attribute_values(":number", text("N"))
            .expression_attribute_values(":now", millis(now))
            .expression_attribute_values(":nonsense", millis(now.plus(LONGEST_LEASE)));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failed(STORE, "a place in line", &error)),
            },
        }
    }

    async fn ask_for(&self, client_id: &str, until: Timestamp) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(client_id))
            .update_expression("SET askedUntil = :until")
            // What isn't there is free, and what was forgotten isn't to come back without its window.
            .condition_expression("attribute_exists(clientId)")
            .expression_attribute_values(":until", millis(until));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(failed(STORE, "a turn", &error)),
            },
        }
    }
}

/// Whether a time has passed, was never written, or makes no sense.
fn over(name: &str) -> String {
    format!(
        "attribute_not_exists({name}) OR {name} <= :now OR {name} > :nonsense OR NOT attribute_type({name}, :number)"
    )
}

/// What [`Turns::admit`] and [`Standing::is_first`] say, as a further condition.
fn turn_admitted(turn: Turn) -> String {
    match turn {
        Turn::Any => format!(" AND {}", first_in_line()),
        Turn::Standard => {
            format!(" AND (attribute_exists(lentUntil) OR {}) AND {}", over("askedUntil"), first_in_line())
        }
        Turn::Loan => format!(" AND ({})", over("lentUntil")),
    }
}

/// Whether nobody waits for the client who began before.
fn first_in_line() -> String {
    format!("({} OR waitingSince >= :since OR NOT attribute_type(waitingSince, :number))", over("waitingUntil"))
}

/// What [`Standing::leased`] says, as a further update.
const fn turn_taken(turn: Turn) -> &'static str {
    match turn {
        Turn::Any => " REMOVE waitingSince, waitingUntil",
        Turn::Standard => " REMOVE lentUntil, waitingSince, waitingUntil",
        Turn::Loan => ", lentUntil = :lent REMOVE askedUntil",
    }
}

/// How a client stands by its item, as the conditions of a lease would have it.
fn standing(item: &Item, now: Timestamp) -> Standing {
    let until = |name| get_millis(item, name).ok().filter(|until| *until > now && *until <= now.plus(LONGEST_LEASE));
    let secret = get_text(item, "refusedSecret").ok().and_then(SecretTag::parse);
    let since = get_millis(item, "waitingSince").ok();
    // That a client was lent counts until the standard lane has had it, however long ago that was.
    let lent_until = item.contains_key("lentUntil").then(|| until("lentUntil").unwrap_or(now));
    Standing {
        leased_until: until("leasedUntil"),
        refused: until("refusedUntil").zip(secret),
        turns: Turns { asked_until: until("askedUntil"), lent_until },
        waiter: until("waitingUntil").zip(since).map(|(until, since)| Waiter { since, until }),
    }
}

/// Whether the refusal that an item tells of is of the secret that the worker would use.
fn is_refused(item: &Item, request: &LeaseRequest) -> bool {
    get_text(item, "refusedSecret").is_ok_and(|secret| secret == request.secret.to_string())
}

/// Reads an item as it was before (`leases` is 1) or after (0) the fence was raised.
///
/// The lease stands whatever the item says, so what can't be read is handed on as a state of an unknown version, which
/// admits nothing before a whole window has passed.
fn held(item: &Item, leases: u64) -> Acquired {
    let fence = get_number::<u64>(item, "fence").unwrap_or(0) + leases;
    let client = read_client(item).unwrap_or_else(|unreadable| {
        warn!(%unreadable, "a client's item counts as of an unknown version");
        StoredClient { state: Some(StoredState { version: 0, json: String::new() }), orphans: Vec::new() }
    });
    Acquired::Held { fence, client }
}

fn read_client(item: &Item) -> Result<StoredClient, Unreadable> {
    let state = optional(item, "state", get_text)?
        .map(|json| Ok(StoredState { version: get_number(item, "stateVersion")?, json: json.to_owned() }))
        .transpose()?;
    let orphans = match item.get("reservations") {
        None => Vec::new(),
        Some(list) => {
            let list = list.as_l().map_err(|_| Unreadable("reservations"))?;
            list.iter().map(read_reservation).collect::<Result<_, _>>()?
        }
    };
    Ok(StoredClient { state, orphans })
}

fn without_mine(acquired: Acquired) -> Acquired {
    match acquired {
        Acquired::Held { fence, mut client } => {
            client.orphans.pop();
            Acquired::Held { fence, client }
        }
        other => other,
    }
}

fn write_reservation(reservation: Reservation) -> AttributeValue {
    AttributeValue::M(Item::from([
        ("permits".to_owned(), number(reservation.permits)),
        ("until".to_owned(), millis(reservation.until)),
    ]))
}

fn read_reservation(value: &AttributeValue) -> Result<Reservation, Unreadable> {
    let item = value.as_m().map_err(|_| Unreadable("reservations"))?;
    Ok(Reservation { permits: get_number(item, "permits")?, until: get_millis(item, "until")? })
}
