//! How a NICE CXone tenant's tokens are had: discovery, grants, and where nothing secret may go.

use std::time::Duration;

use cxone_simulator::Fault as AnyFault;
use cxone_simulator::nice::{ApiEndpoint, Effect, Endpoint, Fault, Simulator};
use serde_json::json;

use super::stage::{Function, Stage, event, record, tenant};

fn always(endpoint: Endpoint, effect: Effect) -> Fault {
    AnyFault::always(endpoint, effect)
}

/// Requests to an endpoint.
fn count(stage: &Stage<Simulator>, endpoint: Endpoint) -> usize {
    stage.simulator.requests().iter().filter(|request| request.endpoint == endpoint).count()
}

#[tokio::test]
async fn one_discovery_and_one_grant_serve_every_worker_of_a_key_until_the_token_ages() {
    let stage = Stage::of_tenant(tenant(1)).await;
    for id in ["1", "2", "3"] {
        assert_eq!(stage.ends(&stage.worker(), &[event("order", id)]).await, ["injected"]);
    }
    let asked = |stage: &Stage<Simulator>| {
        [Endpoint::OpenidConfiguration, Endpoint::Token, Endpoint::CxoneConfiguration]
            .map(|endpoint| count(stage, endpoint))
    };
    assert_eq!(asked(&stage), [1, 1, 1]);
    stage.advance(Duration::from_secs(3300));
    // What discovery said before serves on where it doesn't answer.
    for endpoint in [Endpoint::OpenidConfiguration, Endpoint::CxoneConfiguration] {
        stage.simulator.add_fault(always(endpoint, Effect::bare(500)));
    }
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "4")]).await, ["injected"]);
    assert_eq!(asked(&stage), [2, 2, 2]);
    assert!(stage.simulator.tenant().misuses().is_empty(), "{:?}", stage.simulator.tenant().misuses());
}

#[tokio::test]
async fn the_older_grant_needs_no_client() {
    let mut config = tenant(1);
    (config.access_keys[0].client_id, config.access_keys[0].client_secret) = (None, None);
    let key = config.access_keys[0].clone();
    let stage = Stage::of_tenant_with_secret(config, |url| {
        json!({
            "access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret,
            "token_endpoint": format!("{url}/authentication/v1/token/access-key")
        })
    })
    .await;
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["injected"]);
    assert_eq!((count(&stage, Endpoint::OpenidConfiguration), count(&stage, Endpoint::AccessKeyToken)), (0, 1));
    assert_eq!(stage.simulator.creations().len(), 1);
}

#[tokio::test]
async fn nothing_secret_goes_to_a_host_that_is_none_of_cxones() {
    for (endpoint, pointer) in
        [(Endpoint::OpenidConfiguration, "/token_endpoint"), (Endpoint::CxoneConfiguration, "/api_endpoint")]
    {
        for foreign in ["https://cxone.example.com", "http://api-na1.niceincontact.com", "http://127.0.0.1:9"] {
            let stage = Stage::of_tenant(tenant(1)).await;
            stage.simulator.add_fault(always(endpoint, Effect::member(pointer, Some(json!(foreign)))));
            assert_eq!(
                stage.ends(&stage.worker(), &[event("order", "1")]).await,
                ["deferred unauthorized"],
                "{foreign}"
            );
            assert!(stage.log.text().contains("none of CXone's"), "{foreign}");
            assert!(stage.log.text().contains("AuthRefusedClients") || count(&stage, Endpoint::WorkItems) == 0);
        }
    }
    let mut config = tenant(1);
    config.api_endpoint = ApiEndpoint::Absent;
    let stage = Stage::of_tenant(config).await;
    assert_eq!(stage.ends(&stage.worker(), &[event("order", "1")]).await, ["deferred service-error"]);
}

#[tokio::test]
async fn a_revoked_token_costs_one_new_grant_and_one_repetition() {
    let stage = Stage::of_tenant(tenant(1)).await;
    let worker = stage.worker();
    assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["injected"]);
    stage.simulator.tenant().revoke_tokens();
    assert_eq!(stage.ends(&worker, &[event("order", "2")]).await, ["injected"]);
    assert_eq!((stage.simulator.creations().len(), count(&stage, Endpoint::Token)), (2, 2));
    stage.simulator.add_fault(always(Endpoint::WorkItems, Effect::bare(403)));
    assert_eq!(stage.ends(&worker, &[event("order", "3")]).await, ["deferred forbidden"]);
    stage.simulator.clear_faults();
    stage.simulator.add_fault(always(Endpoint::WorkItems, Effect::bare(401)));
    assert_eq!(stage.ends(&worker, &[event("order", "4")]).await, ["deferred unauthorized"]);
    assert_eq!(stage.ledger_state("4").await, "released", "a refusal leaves no doubt");
}

#[tokio::test]
async fn refused_credentials_are_left_alone_and_a_rotated_key_serves_at_once() {
    for (effect, code) in [
        (Effect::oauth(400, "invalid_grant"), "invalid_grant"),
        (Effect::oauth(401, "invalid_client"), "invalid_client"),
    ] {
        let stage = Stage::of_tenant(tenant(1)).await;
        stage.simulator.add_fault(always(Endpoint::Token, effect));
        let worker = stage.worker();
        assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["deferred unauthorized"]);
        assert!(stage.log.text().contains(code));
        stage.simulator.clear_faults();
        let keys = {
            let mut tenant = stage.simulator.tenant();
            tenant.config_mut().access_keys[0].access_key_secret = "rotated+/====".to_owned();
            tenant.config().access_keys.clone()
        };
        stage.put_keys(&keys).await;
        assert_eq!(stage.ends(&worker, &[event("order", "1")]).await, ["injected"], "{code}");
    }
}

#[tokio::test]
async fn no_key_token_or_number_is_in_any_log_metric_dead_letter_or_table() {
    let stage = Stage::of_tenant(tenant(2)).await;
    let sync = stage.process(Function::Sync, &[("LOG_LEVEL", "TRACE")]).await;
    sync.invoke(json!({})).await.unwrap();
    let inject = stage.process(Function::Inject, &[("LOG_LEVEL", "TRACE")]).await;
    let batches = [
        (None, vec![record(event("order", "1").to_string())]),
        (Some((Endpoint::WorkItems, Effect::RevokeTokens)), vec![record(event("order", "2").to_string())]),
        (Some((Endpoint::WorkItems, Effect::ResetAfter)), vec![record(event("order", "3").to_string())]),
        (Some((Endpoint::WorkItems, Effect::bare(400))), vec![record(event("order", "4").to_string())]),
    ];
    for (fault, batch) in batches {
        if let Some((endpoint, effect)) = fault {
            stage.simulator.add_fault(AnyFault::once(endpoint, effect));
        }
        inject.invoke(json!({ "Records": batch })).await.unwrap();
    }
    let letters = stage.dead_letters().await;
    let attributes: String =
        letters.iter().flat_map(|letter| letter.attributes.values()).map(|(_, value)| value.as_str()).collect();
    let mut seen = vec![("a log", inject.output()), ("a log", sync.output()), ("a dead letter", attributes)];
    for table in [&stage.tables.ledger, &stage.tables.registry] {
        seen.push(("a table", format!("{:?}", stage.scan(table).await)));
    }
    let clients = format!("{:?}", stage.scan(&stage.tables.clients).await);
    let tenant = stage.simulator.tenant();
    let keys = tenant.config().access_keys.clone();
    let tokens: Vec<_> = tenant.tokens().iter().map(|token| token.access_token().to_owned()).collect();
    assert!(tokens.len() >= 2 && seen[0].1.contains("\"outcome\":\"injected\""));
    drop(tenant);
    let mut forbidden = vec!["5550109876".to_owned()];
    for key in &keys {
        let secrets = [key.access_key_secret.clone(), key.client_secret.clone().unwrap()];
        for secret in secrets.into_iter().chain(tokens.clone()) {
            assert!(!clients.contains(&secret), "the clients table");
            forbidden.extend([encoded(&secret), urlencoded(&secret), secret]);
        }
        // The clients table goes by the id; nothing else shows more than its beginning.
        forbidden.push(key.access_key_id[4..].to_owned());
    }
    for value in forbidden {
        for (place, text) in &seen {
            let line = text.lines().find(|line| line.contains(&value)).unwrap_or_default();
            assert!(!text.contains(&value), "{value} is in {place}: {line}");
        }
    }
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(text)
}

fn urlencoded(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
