//! The registry: what the sync keeps, what it never lets go, and what workers do without it. And the dry run.

use std::time::Duration;

use cxone_simulator::{
    AttributeDefinition, AttributeType, ClientConfig, Effect, Endpoint, Fault, MalformedBody, Queue,
};
use serde_json::{Value, json};

use super::stage::{FALLBACK, Function, NOWHERE, PRIMARY, Scene, Stage, event, key_of, number, number_of, record};

fn status_of<'a>(summary: &'a Value, queue: &str) -> &'a Value {
    let queues = summary["queues"].as_array().unwrap();
    &queues.iter().find(|one| one["queueId"] == queue).unwrap()["status"]
}

#[tokio::test]
async fn each_task_answers_with_its_own_fields_only() {
    let stage = Stage::usual().await;
    let fields = |summary: &Value| summary.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let attributes = stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    assert_eq!(
        (fields(&attributes), &attributes["attributes"]),
        (vec!["attributes".into(), "drift".into()], &json!(5))
    );
    assert_eq!(fields(&stage.sync(json!({"task": "queue-health"})).await.unwrap()), ["queues"]);
    for other in [json!({}), json!({"task": 7}), json!("both"), Value::Null] {
        assert_eq!(fields(&stage.sync(other).await.unwrap()), ["attributes", "drift", "queues"]);
    }
}

#[tokio::test]
async fn an_unreadable_or_empty_schema_never_replaces_a_good_one() {
    let stage = Stage::usual().await;
    stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    let kept = stage.registry_item("attribute-schema").await.unwrap();
    for body in [MalformedBody::Html, MalformedBody::WithoutId, MalformedBody::TruncatedJson, MalformedBody::Empty] {
        stage.simulator.add_fault(Fault::once(Endpoint::Attributes, Effect::Malformed { body }));
        assert!(stage.sync(json!({"task": "attribute-schema"})).await.is_err(), "{body:?}");
    }
    for body in [json!({"attributes": []}), json!([]), json!({"attributes": [{"key": 7}]}), json!({"unexpected": true})]
    {
        stage.simulator.tenant().config_mut().schema_shape.body_override = Some(body.clone());
        assert!(stage.sync(json!({"task": "attribute-schema"})).await.is_err(), "{body}");
    }
    for status in [404, 429, 500, 503] {
        stage.simulator.add_fault(Fault::once(Endpoint::Attributes, Effect::status(status)));
        stage.advance(Duration::from_secs(30));
        assert!(stage.sync(json!({"task": "attribute-schema"})).await.is_err(), "{status}");
    }
    assert_eq!(stage.registry_item("attribute-schema").await.unwrap(), kept);
}

#[tokio::test]
async fn drift_is_told_with_the_hash_of_before() {
    let stage = Stage::usual().await;
    let first = stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    assert_eq!(
        first["drift"],
        json!([{"route": "unregistered", "attribute": "string:colour", "kind": "unregistered"}])
    );
    let before = stage.registry_item("attribute-schema").await.unwrap();
    stage.simulator.tenant().config_mut().attributes = vec![
        AttributeDefinition::new(AttributeType::String, "externalSource").with_max_length(10),
        AttributeDefinition::new(AttributeType::String, "orderValue"),
        AttributeDefinition::new(AttributeType::Boolean, "ispriorityCustomer"),
        AttributeDefinition::new(AttributeType::String, "tenantRefId"),
        AttributeDefinition::new(AttributeType::String, "notes"),
    ];
    let second = stage.sync(json!({"task": "attribute-schema"})).await.unwrap();
    let drift = second["drift"].as_array().unwrap();
    let kinds = |attribute: &str| -> Vec<_> {
        let of_order = drift.iter().filter(|part| part["route"] == "order" && part["attribute"] == attribute);
        of_order.map(|part| part["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("string:externalSource"), ["length-shrunk"]);
    assert_eq!(kinds("number:orderValue"), ["type-changed"]);
    assert_eq!(kinds("boolean:isPriorityCustomer"), ["case-differs"]);
    let after = stage.registry_item("attribute-schema").await.unwrap();
    assert_eq!(after["previousHash"], before["contentHash"]);
    assert_ne!(after["contentHash"], before["contentHash"]);
}

#[tokio::test]
async fn every_run_tells_how_far_the_schema_that_is_known_is_from_the_routes_that_run() {
    let stage = Stage::usual().await;
    let requests = || stage.simulator.requests().iter().filter(|one| one.endpoint == Endpoint::Attributes).count();
    let told = async |task: &str, routes: &str| {
        let sync = stage.process(Function::Sync, &[("ROUTES_PATH", routes)]).await;
        let summary = sync.invoke(json!({ "task": task })).await.unwrap();
        let output = sync.output();
        let drift = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let drift: Vec<_> = drift.filter_map(|line| line["SchemaDrift"].as_f64()).collect();
        (drift, output.contains("string:colour"), summary.get("drift").is_some())
    };
    assert_eq!(told("queue-health", "").await, (vec![], false, false), "no schema is known yet");
    assert_eq!(told("attribute-schema", "").await, (vec![1.0], true, true));
    assert_eq!(told("queue-health", "").await, (vec![1.0], true, false), "the log names it, the summary is as before");
    let mut mended = Scene::default().routes;
    mended["routes"].as_array_mut().unwrap().retain(|route| route["name"] != "unregistered");
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("routes.json");
    std::fs::write(&path, mended.to_string()).unwrap();
    let asked = requests();
    assert_eq!(told("queue-health", path.to_str().unwrap()).await, (vec![0.0], false, false));
    assert_eq!(requests(), asked, "what is known is enough");
}

#[tokio::test]
async fn every_queue_has_its_status_and_ones_failure_stops_no_other() {
    let mut scene = Scene::default();
    scene.tenant.queues = vec![Queue::full(PRIMARY), Queue { active_agents: None, ..Queue::open(FALLBACK) }];
    let stage = scene.start().await;
    let summary = stage.sync(json!({"task": "queue-health"})).await.unwrap();
    let of = |queue| status_of(&summary, queue).as_str().unwrap().to_owned();
    assert_eq!([of(PRIMARY), of(FALLBACK), of(NOWHERE)], ["saturated", "unknown", "unknown"]);
    // A page in place of a 404 is that 404, so that whoever is asked first isn't left to chance there.
    let html = Effect::Malformed { body: MalformedBody::Html };
    for (effect, times, unknown) in
        [(Effect::status(503), 1, 1), (Effect::status(429), 1, 1), (Effect::ResetAfter, 1, 1), (html, 3, 2)]
    {
        stage.simulator.tenant().put_queue(Queue::open(PRIMARY));
        stage.simulator.tenant().put_queue(Queue::open(FALLBACK));
        stage.simulator.add_fault(Fault::times(times, Endpoint::Queue, effect.clone()));
        stage.advance(Duration::from_secs(60));
        let summary = stage.sync(json!({"task": "queue-health"})).await.unwrap();
        let statuses: Vec<_> =
            summary["queues"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
        assert_eq!(statuses.len(), 3);
        assert_eq!(statuses.iter().filter(|status| **status == "unknown").count(), unknown, "{effect:?}: {statuses:?}");
    }
}

/// A tenant with seven queues, all of them routed, and so many clients that may each send three requests a minute.
async fn seven_queues(clients: usize) -> (Stage, Vec<String>) {
    let mut scene = Scene::with_clients(clients).rate(3, Duration::from_secs(60));
    let queues: Vec<_> = (1..=7).map(|number| format!("7f1c6f0e-0000-4000-8000-00000000010{number}")).collect();
    scene.tenant.queues = queues.iter().map(|queue| Queue::open(queue)).collect();
    scene.routes["routes"] = json!([scene.routes["routes"][0]]);
    scene.routes["routes"][0]["targets"] = queues.iter().map(|queue| json!({ "queueId": queue })).collect();
    (scene.start().await, queues)
}

#[tokio::test]
async fn more_queues_than_a_window_holds_are_asked_about_in_turns() {
    for (clients, asked) in [(1, [3, 3, 3]), (2, [6, 6, 6]), (3, [7, 7, 7])] {
        let (stage, queues) = seven_queues(clients).await;
        let mut last_seen = vec![0; queues.len()];
        for (run, asked) in (1..).zip(asked) {
            let summary = stage.sync(json!({"task": "queue-health"})).await.unwrap();
            let open: Vec<_> = (0..7).filter(|at| status_of(&summary, &queues[*at]) == "open").collect();
            let unknown = queues.iter().filter(|queue| status_of(&summary, queue) == "unknown").count();
            assert_eq!((open.len(), unknown), (asked, 7 - asked), "run {run} with {clients} clients");
            let neglected = (0..7).filter(|at| !open.contains(at)).map(|at| last_seen[at]).min();
            let longest = open.iter().map(|at| last_seen[*at]).max();
            assert!(neglected.is_none_or(|neglected| Some(neglected) >= longest), "the longest unseen come first");
            for at in open {
                last_seen[at] = run;
            }
            stage.advance(Duration::from_secs(90));
        }
        assert!(last_seen.iter().all(|run| *run > 0), "{clients} clients: {last_seen:?}");
        for ClientConfig { client_id: client, .. } in &stage.clients() {
            assert!(stage.simulator.tenant().busiest_window(client) <= 3);
        }
    }
}

#[tokio::test]
async fn queues_whose_answers_can_not_be_read_take_their_turn_like_any_other() {
    let (stage, queues) = seven_queues(1).await;
    stage.simulator.add_fault(Fault::always(Endpoint::Queue, Effect::Malformed { body: MalformedBody::Html }));
    for asked in [3, 6, 7] {
        stage.sync(json!({"task": "queue-health"})).await.unwrap();
        let mut unread = 0;
        for queue in &queues {
            let item = stage.registry_item(&format!("queue#{queue}")).await.unwrap_or_default();
            assert!(!item.contains_key("health"), "what can't be read is no health");
            unread += usize::from(item.contains_key("unreadAt"));
        }
        assert_eq!(unread, asked);
        stage.advance(Duration::from_secs(90));
    }
    stage.simulator.clear_faults();
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
}

#[tokio::test]
async fn how_many_queues_were_not_asked_about_is_counted_and_they_are_named() {
    for (clients, unasked) in [(1, 4), (3, 0)] {
        let (stage, queues) = seven_queues(clients).await;
        let sync = stage.process(Function::Sync, &[]).await;
        let summary = sync.invoke(json!({"task": "queue-health"})).await.unwrap();
        let output = sync.output();
        assert!(output.contains(&format!("\"UnaskedQueues\":{unasked}.0")), "{output}");
        assert!(!output.contains("OAuth client is"), "no more clients than these are needed by anybody: {output}");
        let warning = output.lines().find(|line| line.contains("were not asked about")).unwrap_or_default();
        let named = queues.iter().filter(|queue| warning.contains(queue.as_str())).collect::<Vec<_>>();
        let unknown = queues.iter().filter(|queue| status_of(&summary, queue) == "unknown").collect::<Vec<_>>();
        assert_eq!((named.len(), named), (unasked, unknown));
    }
}

#[tokio::test]
async fn a_client_that_can_not_ask_leaves_its_queues_to_another() {
    let (stage, queues) = seven_queues(3).await;
    stage.simulator.tenant().put_client(ClientConfig::new("worker-2", "another secret by now"));
    let summary = stage.sync(json!({"task": "queue-health"})).await.unwrap();
    let open = queues.iter().filter(|queue| status_of(&summary, queue) == "open").count();
    assert_eq!(open, 6, "two clients are left");
}

#[tokio::test]
async fn a_newer_reading_is_never_overwritten_by_an_older_one() {
    let stage = Stage::usual().await;
    stage.sync(json!({})).await.unwrap();
    for (name, time) in [("attribute-schema", "fetchedAt"), (&format!("queue#{PRIMARY}"), "observedAt")] {
        let mut item = stage.registry_item(name).await.unwrap();
        item.insert(time.to_owned(), number(number_of(&item, time) + 3_600_000));
        stage.put(&stage.tables.registry, item.clone()).await;
        stage.sync(json!({})).await.unwrap();
        assert_eq!(stage.registry_item(name).await.unwrap(), item, "{name}");
    }
}

#[tokio::test]
async fn a_queue_is_missing_after_two_readings_in_a_row_whoever_made_them() {
    let stage = Stage::usual().await;
    let seen = async || {
        stage.advance(Duration::from_secs(60));
        let summary = stage.sync(json!({"task": "queue-health"})).await.unwrap();
        [PRIMARY, NOWHERE].map(|queue| status_of(&summary, queue).as_str().unwrap().to_owned())
    };
    let stray = || stage.simulator.add_fault(Fault::times(3, Endpoint::Queue, Effect::status(404)));
    assert_eq!(seen().await, ["open", "unknown"]);
    stray();
    assert_eq!(seen().await, ["unknown", "missing"], "a stray 404 closes no queue that was there before");
    assert_eq!(seen().await, ["open", "missing"]);
    stray();
    assert_eq!(seen().await, ["unknown", "missing"], "and the one before it is forgotten");
    // A burst makes its worker look, and the sync's reading was the first of two.
    stage.advance(Duration::from_secs(60));
    stray();
    let burst: Vec<_> = (0..10).map(|number| event("single", &number.to_string())).collect();
    let ended = stage.ends(&stage.worker(), &burst).await;
    assert!(ended.iter().all(|end| end == "dead-lettered unknown-queue"), "{ended:?}");
}

#[tokio::test]
async fn a_gateway_that_is_lost_for_some_seconds_closes_no_queue() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::always(Endpoint::Queue, Effect::status(404)));
    for seconds in [60, 5] {
        stage.advance(Duration::from_secs(seconds));
        let summary = stage.sync(json!({"task": "queue-health"})).await.unwrap();
        assert_eq!(status_of(&summary, PRIMARY), "unknown", "{summary}");
    }
    stage.simulator.clear_faults();
    assert_eq!(stage.ends(&stage.worker(), &[event("single", "1")]).await, ["injected"]);
}

#[tokio::test]
async fn one_stray_404_dead_letters_nobodys_traffic() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::times(3, Endpoint::Queue, Effect::status(404)));
    stage.sync(json!({})).await.unwrap();
    let output = stage.registry_item(&format!("queue#{PRIMARY}")).await.unwrap();
    assert!(output["health"].as_s().unwrap().contains("missing-once"), "{output:?}");
    assert_eq!(stage.ends(&stage.worker(), &[event("single", "1")]).await, ["injected"]);
}

#[tokio::test]
async fn a_queue_known_to_be_missing_or_full_gets_no_post() {
    let mut scene = Scene::default();
    scene.tenant.queues[0] = Queue::full(PRIMARY);
    let stage = scene.start().await;
    stage.sync(json!({})).await.unwrap();
    stage.advance(Duration::from_secs(60));
    stage.sync(json!({})).await.unwrap();
    let ended = stage.ends(&stage.worker(), &[event("nowhere", "1"), event("order", "2")]).await;
    assert_eq!(ended, ["dead-lettered unknown-queue", "injected"]);
    let posts = stage.simulator.requests().into_iter().filter(|one| one.endpoint == Endpoint::Contacts);
    assert_eq!(posts.map(|one| one.status).collect::<Vec<_>>(), [Some(201)]);
    assert_eq!(stage.simulator.contacts()[0].queue_id(), Some(FALLBACK));
}

#[tokio::test]
async fn a_missing_or_stale_schema_is_fetched_by_the_worker_and_kept_for_the_others() {
    let stage = Stage::usual().await;
    let fetched =
        |stage: &Stage| stage.simulator.requests().iter().filter(|one| one.endpoint == Endpoint::Attributes).count();
    for (hours, fetches) in [(0, 1), (25, 1), (2, 2), (0, 2)] {
        stage.advance(Duration::from_secs(hours * 3600));
        let ended = stage.ends(&stage.worker(), &[event("pair", &format!("{hours}-{fetches}"))]).await;
        assert_eq!((ended, fetched(&stage)), (vec!["injected".to_owned()], fetches), "{hours} h on");
    }
    let told = || {
        let shrunk = |line: &Value| line["kind"] == "LengthShrunk" && line["attribute"] == "string:externalSource";
        stage.log.lines().iter().any(shrunk)
    };
    assert!(!told());
    let shorter = AttributeDefinition::new(AttributeType::String, "externalSource").with_max_length(40);
    stage.simulator.tenant().config_mut().attributes[0] = shorter;
    stage.advance(Duration::from_secs(100 * 3600));
    assert_eq!(stage.ends(&stage.worker(), &[event("pair", "shorter")]).await, ["injected"]);
    assert!(told(), "the next sync will see nothing shrink");
    stage.advance(Duration::from_secs(100 * 3600));
    stage.simulator.add_fault(Fault::always(Endpoint::Attributes, Effect::status(500)));
    assert_eq!(stage.ends(&stage.worker(), &[event("pair", "stale")]).await, ["injected"], "an old one still checks");
}

#[tokio::test]
async fn without_any_schema_nothing_is_injected_unchecked() {
    let stage = Stage::usual().await;
    stage.simulator.add_fault(Fault::always(Endpoint::Attributes, Effect::status(503)));
    assert_eq!(stage.ends(&stage.worker(), &[event("single", "1")]).await, ["deferred unverified-schema"]);
    assert!(stage.simulator.contacts().is_empty());
    assert_eq!(stage.ledger_state("1").await, "absent");
}

#[tokio::test]
async fn a_dry_run_says_what_would_become_of_each_event_and_writes_nothing_but_a_lease() {
    let stage = Stage::usual().await;
    let mut broken = event("order", "broken");
    broken["data"]["ref"] = json!("far longer than any reference");
    let events = [event("order", "good"), broken, event("no.such.route", "lost"), json!({"id": "no event"})];
    let worker = stage.worker();
    let answer = worker.invoke(json!({"dryRun": {"events": events}})).await.unwrap();
    let results = answer["results"].as_array().unwrap();
    let fields: Vec<_> = results[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["id", "idempotencyKey", "problems", "request", "route", "source", "verdict"]);
    assert_eq!(results[0]["verdict"], "valid");
    assert_eq!((&results[0]["idempotencyKey"], &results[0]["problems"]), (&json!(key_of("good")), &json!([])));
    assert_eq!(results[0]["request"]["priority"], 750);
    let codes: Vec<_> = results[1..].iter().map(|one| &one["problems"][0]["code"]).collect();
    assert_eq!(codes, ["invalid-attribute", "no-route", "malformed-event"]);
    assert!(results[1..].iter().all(|one| one["verdict"] == "invalid" && one["request"].is_null()));
    let problem = &results[1]["problems"][0];
    assert_eq!((&problem["attribute"], &problem["pointer"]), (&json!("string:tenantRefId"), &json!("/data/ref")));
    let members: Vec<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["attribute", "code", "message", "pointer"]);
    assert!(stage.simulator.contacts().is_empty() && stage.dead_letters().await.is_empty());
    assert!(stage.scan(&stage.tables.ledger).await.is_empty() && stage.scan(&stage.tables.registry).await.is_empty());
    assert_eq!(worker.wire.counts().keys().collect::<Vec<_>>(), ["GetSecretValue", "UpdateItem"]);
    // What it calls valid is what gets injected.
    assert!(worker.batch(&[record(events[0].to_string())]).await.is_empty());
    assert_eq!(stage.simulator.contacts()[0].request, results[0]["request"]);
}
