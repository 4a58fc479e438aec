//! A CXone that answers a token request with whatever a test likes, and knows one attribute: for what the simulator is
//! too well-behaved to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// It serves for as long as the test's runtime.
pub(crate) struct Front {
    pub(crate) url: String,
    tokens: Arc<AtomicUsize>,
}

impl Front {
    pub(crate) async fn answering(token: Value) -> Self {
        let tokens = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let schema = json!({"attributes": [{"key": "string:externalSource", "type": "string"}]});
        let issue = async |State((counted, token)): State<(Arc<AtomicUsize>, Value)>| {
            counted.fetch_add(1, Ordering::SeqCst);
            Json(token)
        };
        let router = Router::new()
            .route("/oauth/token", post(issue))
            .route("/api/v2/contacts/attributes", get(async move || Json(schema)))
            .with_state((tokens.clone(), token));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, tokens }
    }

    /// Token requests so far.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens.load(Ordering::SeqCst)
    }
}
