//! This face over HTTP.

use std::io;
use std::ops::Deref;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

use super::admin;
use super::config::Config;
use super::faults::Fault;
use super::record::{Creation, RequestRecord, Summary};
use super::request::{Connection, Request};
use super::tenant::Tenant;
use super::violations::Violation;
use crate::clock::Clock;
use crate::connection::Cut;
use crate::serving::{Face, Served, Shared};

impl Face for Tenant {
    fn delivered(&mut self, request: usize, now_ms: u64) {
        self.delivered(request, now_ms);
    }

    fn closes_in_order(&self, request: usize) -> bool {
        self.requests().get(request).is_some_and(|record| record.closed)
    }
}

fn router(shared: Shared<Tenant>) -> Router {
    Router::new().fallback(any).nest("/_simulator", admin::router()).with_state(shared)
}

async fn any(
    State(shared): State<Shared<Tenant>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request { body: body.to_vec(), ..Request::new(method.as_str(), target) };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    request.headers = headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let connection = if cut.carries_another() { Connection::Reused } else { Connection::New };
    shared.deliver(&cut, |tenant, now_ms| tenant.handle_over(connection, now_ms, &request)).await
}

/// A running simulator of this face: a [`Served`] tenant, started and asked in this API's own words.
#[derive(Debug)]
pub struct Simulator(Served<Tenant>);

impl Deref for Simulator {
    type Target = Served<Tenant>;

    fn deref(&self) -> &Served<Tenant> {
        &self.0
    }
}

impl Simulator {
    /// Serves a business unit on 127.0.0.1 at the configured port, by the configured clock.
    ///
    /// # Errors
    /// The port is taken, or the system gives no socket, thread or event queue.
    pub async fn start(config: Config) -> io::Result<Self> {
        let clock = config.manual_clock_milliseconds.map_or_else(Clock::system, Clock::manual);
        Self::start_with_clock(config, clock).await
    }

    /// Serves a business unit by a clock that the caller shares.
    ///
    /// # Errors
    /// As for [`Simulator::start`].
    pub async fn start_with_clock(config: Config, clock: Clock) -> io::Result<Self> {
        Served::start(config.port, Tenant::new(config), clock, router).await.map(Self)
    }

    /// Every contact made, oldest first.
    pub fn creations(&self) -> Vec<Creation> {
        self.tenant().creations().to_vec()
    }

    /// Every request, in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.tenant().requests().to_vec()
    }

    /// Every broken rule, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.tenant().violations().to_vec()
    }

    /// Everything at a glance.
    pub fn summary(&self) -> Summary {
        self.tenant().summary()
    }

    /// Adds a fault behind those already there.
    pub fn add_fault(&self, fault: Fault) {
        self.tenant().add_fault(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.tenant().clear_faults();
    }
}
