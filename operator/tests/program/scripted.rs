//! An AWS service by a script, over plain HTTP, for what the emulator can't do: it has no stack policies and no move
//! tasks, and refuses nobody.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;

/// A request, as much of it as a script asks for.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

type Script = Arc<Mutex<dyn FnMut(&Request) -> (u16, String) + Send>>;

/// Starts it on loopback; its endpoint. It ends with the runtime.
pub(crate) async fn start(script: impl FnMut(&Request) -> (u16, String) + Send + 'static) -> String {
    let script: Script = Arc::new(Mutex::new(script));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script);
    tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint
}

async fn answer(State(script): State<Script>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let request = Request { method, path: uri.path().to_owned(), headers, body };
    let (status, body) = (script.lock().unwrap())(&request);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}
