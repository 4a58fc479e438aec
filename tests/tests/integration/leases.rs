//! Worker identity: no client in two hands, no token more than needed, and no state lost between them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use contact_injection::adapters::dynamodb::DynamoClients;
use contact_injection::domain::credentials::SecretTag;
use contact_injection::domain::lane::Turn;
use contact_injection::domain::lease::Reservation;
use contact_injection::domain::standing::Waiter;
use contact_injection::domain::time::Timestamp;
use contact_injection::ports::{Acquired, ClientTable as _, Environment as _, LeaseRequest};
use contact_injection_tests::local::sdk_config;
use cxone_simulator::{ClientConfig, Effect, Endpoint, Fault};
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Function, Scene, Stage, emulator, event, number, number_of, record, text};

const WORKERS: usize = 20;
const CLIENTS: usize = 5;
const INVOCATIONS: usize = 200;

/// So short that a worker may send and not wait: the longest request, what it keeps for closing, and two seconds.
const BRIEF: Duration = Duration::from_secs(20);

fn batch(prefix: &str, events: usize) -> Vec<Value> {
    (0..events).map(|number| record(event("single", &format!("{prefix}/{number}")).to_string())).collect()
}

fn logged_sends(state: &Value) -> usize {
    state["window"]["runs"].as_array().unwrap().iter().map(|run| run["sends"].as_array().unwrap().len()).sum()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn twenty_workers_on_five_clients_never_hold_one_together_and_lose_no_state() {
    let stage = Scene::with_clients(CLIENTS).rate(5_000, Duration::from_secs(1800)).start().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    let work = (0..WORKERS).map(async |number| {
        let worker = stage.worker();
        for invocation in 0..INVOCATIONS / WORKERS {
            let batch = batch(&format!("{number}-{invocation}"), 2);
            // On a slow machine a worker may wait in vain, and comes again.
            while !worker.batch(&batch).await.is_empty() {}
        }
    });
    join_all(work).await;
    assert_eq!(stage.simulator.contacts().len(), 2 * INVOCATIONS);
    let lines = stage.log.deliveries();
    let deferred = lines.iter().filter(|line| line["outcome"] == "deferred");
    assert!(deferred.into_iter().all(|line| line["reason"] == "no-client"), "for want of a client, if at all");
    assert!(lines.iter().all(|line| line["outcome"] != "duplicate"), "a batch without a client sends nothing");
    // An invocation's requests stand together in its client's log: nobody else used the client in between.
    let invocation_of: BTreeMap<_, _> = stage
        .log
        .deliveries()
        .iter()
        .filter(|line| line["outcome"] == "injected")
        .map(|line| (text_of(&line["idempotency_key"]), text_of(&line["request_id"])))
        .collect();
    let mut used = 0;
    let mut fences = 0;
    for ClientConfig { client_id: client, .. } in &stage.clients() {
        let own: Vec<_> =
            stage.simulator.requests().into_iter().filter(|one| one.client_id.as_ref() == Some(client)).collect();
        let mut invocations: Vec<_> =
            own.iter().filter_map(|one| Some(&invocation_of[one.idempotency_key.as_ref()?])).collect();
        invocations.dedup();
        let distinct: BTreeSet<_> = invocations.iter().collect();
        assert_eq!(invocations.len(), distinct.len(), "{client} was in two hands at once");
        used += distinct.len();
        let item = stage.client_item(client).await;
        fences += number_of(&item, "fence");
        assert!(item["reservations"].as_l().unwrap().is_empty());
        let counted = own.iter().filter(|one| one.counted).count();
        assert_eq!(
            logged_sends(&stage.client_state(client).await),
            counted,
            "every send is still on {client}'s record"
        );
        assert!(stage.simulator.tokens().iter().filter(|token| token.client_id == *client).count() <= 1);
    }
    assert_eq!(
        (used, fences),
        (INVOCATIONS, i64::try_from(INVOCATIONS).unwrap() + 1),
        "one lease each, and the sync's"
    );
}

#[tokio::test]
async fn fresh_environments_share_one_token_for_nine_tenths_of_its_life() {
    let stage = Stage::usual().await;
    for round in 0..5 {
        for environment in 0..4 {
            assert!(stage.worker().batch(&batch(&format!("{round}-{environment}"), 1)).await.is_empty());
            stage.advance(Duration::from_secs(811));
        }
    }
    // 20 environments in 4.5 lifetimes of an hour, each token good for 54 minutes.
    let tokens = stage.simulator.tokens();
    let gaps: Vec<_> = tokens.windows(2).map(|pair| pair[1].issued_at_ms - pair[0].issued_at_ms).collect();
    assert_eq!((tokens.len(), stage.simulator.contacts().len()), (5, 20));
    assert!(gaps.iter().all(|gap| *gap >= 3_240_000), "{gaps:?}");
}

#[tokio::test]
async fn after_a_kill_in_the_middle_of_a_batch_the_next_worker_sends_less_and_never_more() {
    // Of these, three for each of ten events and eight for schema and queues are the killed worker's reservation.
    let (limit, reserved) = (45, 38);
    let stage = Scene::default().rate(limit, Duration::from_secs(60)).start().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    stage.simulator.add_fault(Fault::times(10, Endpoint::Contacts, Effect::Delay { milliseconds: 20_000 }));
    let records = batch("killed", 10);
    let process = stage.process(Function::Inject, &[]).await;
    let killed = stage.simulator.until(|tenant| tenant.contacts().len() >= 5);
    tokio::select! {
        answer = process.invoke_within(Duration::from_secs(30), json!({ "Records": records })) => panic!("{answer:?}"),
        () = killed => process.kill().await,
    }
    stage.simulator.clear_faults();
    let worker = stage.worker();
    assert_eq!(worker.batch_within(BRIEF, &records).await.len(), 10);
    assert!(stage.log.says("no OAuth client is free"), "the dead worker's lease still stands");
    // Its lease is over now, and what it may have sent counts at the last moment it could have.
    stage.advance(Duration::from_secs(50));
    let before = stage.simulator.requests().len();
    let back = worker.batch_within(BRIEF, &records).await;
    let sent = stage.simulator.requests().len() - before;
    assert!(stage.log.says("did not give this client back"));
    assert!((2..=limit - reserved).contains(&sent), "{sent} of {limit} sent");
    assert_eq!(back.len(), 10 - (sent - 1), "but for the look at the queue before a burst, each was a contact");
    stage.advance(Duration::from_secs(120));
    let left: Vec<_> =
        records.iter().filter(|one| back.contains(&one["messageId"].as_str().unwrap().to_owned())).cloned().collect();
    assert!(worker.batch(&left).await.is_empty());
    assert_eq!(stage.simulator.contacts().len(), 10, "and no event became two contacts");
    assert!(stage.simulator.busiest_window("worker-1") <= limit);
}

#[tokio::test]
async fn three_windows_of_backlog_use_what_is_permitted_and_meet_no_429() {
    let (limit, window) = (40, Duration::from_secs(5));
    let stage = Scene::default().rate(limit, window).start().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    // The sync's own send was read off another clock.
    stage.advance(Duration::from_secs(30));
    let before = stage.simulator.requests().len();
    let worker = stage.worker();
    for invocation in 0..13 {
        assert!(worker.batch(&batch(&format!("{invocation}"), 10)).await.is_empty());
    }
    let arrivals: Vec<_> =
        stage.simulator.requests().split_off(before).iter().filter(|one| one.counted).map(|one| one.at_ms).collect();
    let run = 3 * u64::try_from(window.as_millis()).unwrap();
    let sent = arrivals.iter().filter(|at| **at < arrivals[0] + run).count();
    assert_eq!(stage.simulator.tenant().count_of_status(429), 0);
    assert!(stage.simulator.busiest_window("worker-1") <= limit);
    assert!(sent * 100 >= 3 * limit * 97, "{sent} of {} permitted", 3 * limit);
}

#[tokio::test]
async fn what_is_read_of_clients_is_what_a_lease_would_find() {
    let stage = Stage::usual().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config(emulator().endpoint()));
    let table = DynamoClients::new(dynamodb, stage.tables.clients.clone());
    let now = Timestamp::from_millis(1_790_000_000_000);
    let (soon, ahead) = (now.plus(Duration::from_secs(60)), now.plus(Duration::from_secs(100_000)));
    let secret = SecretTag::new("c", &"s".into());
    let time = |at: Timestamp| number(at.as_millis());
    let items = [
        ("held", vec![("leasedUntil", time(soon))]),
        ("over", vec![("leasedUntil", time(now))]),
        ("nonsense", vec![("leasedUntil", time(ahead))]),
        ("text", vec![("leasedUntil", text("never"))]),
        ("refused", vec![("refusedUntil", time(soon)), ("refusedSecret", text(secret.to_string()))]),
        ("mended", vec![("refusedUntil", time(soon)), ("refusedSecret", text("00000000000000ab"))]),
        ("rested", vec![("refusedUntil", time(now)), ("refusedSecret", text(secret.to_string()))]),
        ("unreadable", vec![("refusedUntil", time(soon)), ("refusedSecret", text("?"))]),
    ];
    for (client, members) in &items {
        let item = members.iter().cloned().chain([("clientId", text(*client))]);
        stage.put(&stage.tables.clients, item.map(|(name, value)| (name.to_owned(), value)).collect()).await;
    }
    let ids: Vec<_> = items.iter().map(|(client, _)| *client).chain(["never-leased"]).collect();
    let seen = table.look_at(&ids, now).await.unwrap();
    assert_eq!(seen.len(), ids.len());
    for client in ids {
        let request = LeaseRequest {
            holder: Uuid::new_v4(),
            now,
            until: soon,
            reservation: Reservation { permits: 1, until: now },
            secret,
            turn: Turn::Any,
            since: now,
        };
        let acquired = table.acquire(client, &request).await.unwrap();
        let admitted = matches!(acquired, Acquired::Held { .. });
        assert_eq!(seen[client].admits(&request.seeker()), admitted, "{client}: {acquired:?}");
        assert_eq!(admitted, !["held", "refused"].contains(&client), "{client}");
        let refused = matches!(acquired, Acquired::Refused(until) if Some(until) == seen[client].refusal(secret, now));
        assert_eq!(refused, client == "refused");
    }
}

#[tokio::test]
async fn the_table_lets_nobody_pass_who_began_later_than_who_waits() {
    let stage = Stage::usual().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config(emulator().endpoint()));
    let table = DynamoClients::new(dynamodb, stage.tables.clients.clone());
    let now = Timestamp::from_millis(1_790_000_000_000);
    let (since, soon) = (now.minus(Duration::from_secs(9)), now.plus(Duration::from_secs(4)));
    let [earlier, later] = [since.minus(Duration::from_millis(1)), since.plus(Duration::from_millis(1))];
    let times = |since: Timestamp, until: Timestamp| {
        vec![("waitingSince", number(since.as_millis())), ("waitingUntil", number(until.as_millis()))]
    };
    let items = [
        (true, vec![]),
        (false, times(earlier, soon)),
        (true, times(since, soon)),
        (true, times(later, soon)),
        (true, times(earlier, now)),
        (true, times(earlier, now.plus(Duration::from_secs(100_000)))),
        (true, vec![("waitingSince", text("long ago")), ("waitingUntil", number(soon.as_millis()))]),
        (true, vec![("waitingUntil", number(soon.as_millis()))]),
    ];
    for (number, (first, members)) in items.iter().enumerate() {
        for turn in [Turn::Any, Turn::Standard, Turn::Loan] {
            let client = format!("{number}-{turn:?}");
            let item = members.iter().cloned().chain([("clientId", text(&*client))]);
            let item: HashMap<_, _> = item.map(|(name, value)| (name.to_owned(), value)).collect();
            stage.put(&stage.tables.clients, item.clone()).await;
            let reservation = Reservation { permits: 1, until: now };
            let secret = SecretTag::new("c", &"s".into());
            let holder = Uuid::new_v4();
            let request = LeaseRequest { holder, now, until: soon, reservation, secret, turn, since };
            let seen = table.look_at(&[&client], now).await.unwrap()[&client];
            let leased = matches!(table.acquire(&client, &request).await.unwrap(), Acquired::Held { .. });
            assert_eq!((leased, seen.admits(&request.seeker())), (*first || turn == Turn::Loan, leased), "{client}");
            let waits = stage.client_item(&client).await.contains_key("waitingUntil");
            let stays = !members.is_empty() && (!leased || turn == Turn::Loan);
            assert_eq!(waits, stays, "{client}: who has it waits no longer");
            // And so for a place in line.
            stage.put(&stage.tables.clients, item.clone()).await;
            let waiter = Waiter { since, until: soon };
            assert_eq!(table.wait_for(&client, waiter, now).await.unwrap(), *first, "{client}");
            let seen = table.look_at(&[&client], now).await.unwrap()[&client].waiter;
            assert_eq!(seen == Some(waiter), *first, "{client}: {seen:?}");
        }
    }
    assert!(!table.wait_for("forgotten", Waiter { since, until: soon }, now).await.unwrap());
    assert!(stage.scan(&stage.tables.clients).await.iter().all(|item| item["clientId"] != text("forgotten")));
}

#[tokio::test]
async fn the_one_free_client_of_three_hundred_is_read_and_not_guessed() {
    let stage = Scene::with_clients(300).start().await;
    stage.sync(json!({})).await.unwrap();
    let (worker, free) = (stage.worker(), "worker-137");
    let others = stage.clients().into_iter().map(|client| client.client_id).filter(|client| client != free);
    join_all(others.map(async |client| stage.hold(&client, Duration::from_secs(600)).await)).await;
    let started = worker.clock.now();
    assert!(worker.batch(&batch("crowded", 1)).await.is_empty(), "{}", stage.log.text());
    assert_eq!(stage.simulator.contacts()[0].client_id, free);
    let counts = worker.wire.counts();
    // Two that are busy at most, the lease and its return, and a place in a queue; at most three pages, and the
    // registry.
    assert!((3..=5).contains(&counts["UpdateItem"]) && (2..=4).contains(&counts["BatchGetItem"]), "{counts:?}");
    assert!(worker.clock.now().since(started) < Duration::from_secs(5), "nobody waited for what was free");
}

#[tokio::test]
async fn leases_cost_two_writes_an_invocation_and_contacts_two_each_of_which_the_first_go_together() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    // What claims, and what tells of the record in the way.
    for (events, together, alone) in [(1, 0, 1), (10, 1, 0)] {
        let worker = stage.worker();
        let batch = batch(&format!("of-{events}"), events);
        assert!(worker.batch(&batch).await.is_empty());
        let counts = worker.wire.counts();
        let count = |operation| worker.wire.count(operation);
        assert_eq!((count("UpdateItem"), count("BatchGetItem")), (2, 1), "{counts:?}");
        assert_eq!((count("BatchExecuteStatement"), count("PutItem")), (together, alone + events), "{counts:?}");
        // A duplicate costs one write, which fails, and a read where it was one of several.
        assert!(worker.batch(&batch).await.is_empty());
        assert_eq!((count("BatchExecuteStatement"), count("PutItem")), (2 * together, 2 * alone + events));
        assert_eq!(count("GetItem"), together * events);
        assert_eq!((count("GetSecretValue"), stage.simulator.contacts().len()), (1, if events == 1 { 1 } else { 11 }));
    }
}

#[tokio::test]
async fn clocks_five_seconds_off_either_way_never_push_a_client_over_its_limit() {
    let limit = 10;
    let stage = Scene::default().rate(limit, Duration::from_secs(20)).start().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    let endpoint = super::stage::emulator().endpoint();
    let workers = [stage.worker_with(endpoint, 5_000), stage.worker_with(endpoint, -5_000)];
    let mut left = batch("skewed", 40);
    for turn in 0..40 {
        let taken: Vec<_> = left.drain(..left.len().min(4)).collect();
        let back = workers[turn % 2].batch_within(BRIEF, &taken).await;
        left.extend(taken.into_iter().filter(|one| back.contains(&one["messageId"].as_str().unwrap().to_owned())));
        if left.is_empty() {
            break;
        }
        stage.advance(Duration::from_secs(7));
    }
    assert_eq!((left.len(), stage.simulator.contacts().len()), (0, 40));
    assert_eq!(stage.simulator.tenant().count_of_status(429), 0);
    assert!(stage.simulator.busiest_window("worker-1") <= limit);
}

#[tokio::test]
async fn a_token_that_does_not_open_is_replaced_and_the_log_says_so() {
    let stage = Stage::usual().await;
    assert!(stage.worker().batch(&batch("before", 1)).await.is_empty());
    // Tampered with.
    let mut item = stage.client_item("worker-1").await;
    let mut kept = stage.client_state("worker-1").await;
    let sealed = kept["sealed_token"].as_str().unwrap().chars().rev().collect::<String>();
    kept["sealed_token"] = json!(sealed);
    item.insert("state".to_owned(), text(kept.to_string()));
    stage.put(&stage.tables.clients, item).await;
    assert!(stage.worker().batch(&batch("tampered", 1)).await.is_empty());
    assert_eq!(stage.simulator.tokens().len(), 2);
    assert!(stage.log.says("a new token is needed"));
    // Sealed under a secret that was rotated since.
    stage.simulator.tenant().put_client(ClientConfig::new("worker-1", "rotated"));
    stage.put_clients(&[ClientConfig::new("worker-1", "rotated")]).await;
    assert!(stage.worker().batch(&batch("rotated", 1)).await.is_empty());
    assert_eq!(stage.simulator.tokens().len(), 3);
}

#[tokio::test]
async fn a_rotated_secret_is_read_again_at_once_where_cxone_refuses_the_old_one() {
    let stage = Stage::usual().await;
    let worker = stage.worker();
    assert!(worker.batch(&batch("before", 1)).await.is_empty());
    stage.simulator.tenant().put_client(ClientConfig::new("worker-1", "rotated"));
    stage.simulator.tenant().revoke_tokens();
    stage.put_clients(&[ClientConfig::new("worker-1", "rotated")]).await;
    assert!(worker.batch(&batch("after", 1)).await.is_empty());
    assert_eq!((stage.simulator.contacts().len(), worker.wire.count("GetSecretValue")), (2, 2));
}

#[tokio::test]
async fn a_client_whose_state_cannot_be_read_sends_nothing_before_a_whole_window_has_passed() {
    let future = [("stateVersion", number(9)), ("state", text("{\"window\":{}}")), ("colour", text("red"))];
    let garbage = [("stateVersion", number(1)), ("state", text("not JSON")), ("holder", number(7))];
    let broken = [("reservations", text("many")), ("stateVersion", text("one")), ("state", number(5))];
    for members in [future, garbage, broken] {
        let stage = Stage::usual().await;
        stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
        let mut item = stage.client_item("worker-1").await;
        item.extend(members.map(|(name, value)| (name.to_owned(), value)));
        stage.put(&stage.tables.clients, item).await;
        let before = stage.simulator.requests().len();
        let worker = stage.worker();
        let records = batch("late", 1);
        assert_eq!(worker.batch_within(BRIEF, &records).await.len(), 1);
        assert_eq!(stage.log.outcomes_of("late/0"), ["deferred rate-window"]);
        assert_eq!(stage.simulator.requests().len(), before, "nothing is sent");
        assert!(stage.log.lines().iter().any(|line| line["level"] == "WARN"), "{}", stage.log.text());
        stage.advance(Duration::from_secs(120));
        assert!(worker.batch(&records).await.is_empty());
    }
}

#[tokio::test]
async fn a_lease_whose_end_is_no_time_does_not_lock_its_client_for_ever() {
    let stage = Stage::usual().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    let mut item = stage.client_item("worker-1").await;
    item.insert("leasedUntil".to_owned(), text("never"));
    stage.put(&stage.tables.clients, item).await;
    assert!(stage.worker().batch(&batch("event", 1)).await.is_empty());
}
