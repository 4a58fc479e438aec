//! Serving a face over HTTP: one state machine behind a lock, a thread that lives as long as its handle, and answers
//! that come late or broken where the machine says so.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::connection::{Cut, CuttableListener};
use crate::tenant::{Delivery, HttpAnswer, Outcome};

/// A state machine that can be served.
pub trait Face: Send + 'static {
    /// Notes when the answer to a request went out.
    fn delivered(&mut self, request: usize, now_ms: u64);

    /// Whether a connection that is broken instead of an answer ends in order, without a TCP reset.
    fn closes_in_order(&self, _request: usize) -> bool {
        false
    }
}

/// A tenant and its clock, shared by all connections and by the owner of the simulator.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    tenant: Arc<Mutex<T>>,
    pub(crate) clock: Clock,
    /// Sent after each request that the tenant has handled.
    handled: watch::Sender<()>,
}

/// By hand, as the tenant itself is not copied.
impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { tenant: Arc::clone(&self.tenant), clock: self.clock.clone(), handled: self.handled.clone() }
    }
}

impl<T> Shared<T> {
    fn new(tenant: T, clock: Clock) -> Self {
        Self { tenant: Arc::new(Mutex::new(tenant)), clock, handled: watch::Sender::new(()) }
    }

    /// The tenant. A panic elsewhere leaves it as it was between two statements, which is good enough to ask it more.
    pub(crate) fn tenant(&self) -> MutexGuard<'_, T> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this holds of the tenant, now or after a request.
    pub(crate) async fn until(&self, holds: impl Fn(&T) -> bool) {
        let mut handled = self.handled.subscribe();
        while !holds(&self.tenant()) {
            // The sender lives as long as this does, so it never fails.
            let _ = handled.changed().await;
        }
    }
}

impl<T: Face> Shared<T> {
    /// Processes the request on arrival and delivers what comes of it, late or broken as the tenant says.
    pub(crate) async fn deliver(&self, cut: &Cut, handle: impl FnOnce(&mut T, u64) -> Outcome) -> Response {
        let now_ms = self.clock.now_ms();
        let outcome = handle(&mut self.tenant(), now_ms);
        self.handled.send_replace(());
        if outcome.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(outcome.delay_ms)).await;
        }
        match outcome.delivery {
            Delivery::Answer(answer) => {
                let now_ms = self.clock.now_ms();
                self.tenant().delivered(outcome.request, now_ms);
                into_response(answer)
            }
            Delivery::Reset if self.tenant().closes_in_order(outcome.request) => {
                cut.in_order();
                unseen()
            }
            Delivery::Reset => {
                cut.now();
                unseen()
            }
            Delivery::Hang { milliseconds } => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                cut.now();
                unseen()
            }
        }
    }
}

/// What never gets onto a connection that was cut.
fn unseen() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn into_response(answer: HttpAnswer) -> Response {
    let builder = answer
        .headers
        .into_iter()
        .fold(Response::builder().status(answer.status), |builder, (name, value)| builder.header(name, value));
    // Only an injected status or location can be unfit for HTTP, and then the test that ordered it should see so.
    builder.body(Body::from(answer.body)).unwrap_or_else(|error| {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("the injected fault is no HTTP: {error}")).into_response()
    })
}

/// A tenant served on a loopback port. Dropping it closes the port and every connection before the drop returns.
///
/// It runs on a thread and a runtime of its own, so that neither a caller's paused time nor its blocked worker touches
/// it, and so that nothing of it outlives the handle.
#[derive(Debug)]
pub struct Served<T> {
    address: SocketAddr,
    shared: Shared<T>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Face> Served<T> {
    /// Serves on 127.0.0.1; port 0 takes any free one.
    pub(crate) async fn start(
        port: u16,
        tenant: T,
        clock: Clock,
        router: impl FnOnce(Shared<T>) -> Router,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Shared::new(tenant, clock);
        let (stop, stopped) = oneshot::channel();
        let (ready, readiness) = oneshot::channel();
        let router = router(shared.clone());
        let thread = std::thread::Builder::new()
            .name("cxone-simulator".to_owned())
            .spawn(move || serve(listener, router, ready, stopped))?;
        let served = Self { address, shared, stop: Some(stop), thread: Some(thread) };
        readiness.await.unwrap_or_else(|_| Err(io::Error::other("the simulator's thread ended at its start")))?;
        Ok(served)
    }
}

impl<T> Served<T> {
    /// Its origin, without a slash at the end: of its base URL, its issuer and whatever else it names.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its clock; advancing it is how virtual hours pass.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The tenant, to be asked or changed. The simulator answers nobody while this is held: hold it briefly, and never
    /// across an `await`.
    pub fn tenant(&self) -> MutexGuard<'_, T> {
        self.shared.tenant()
    }

    /// Waits until this holds of the tenant, now or after a request. It may never hold, so give it a time.
    pub async fn until(&self, holds: impl Fn(&T) -> bool) {
        self.shared.until(holds).await;
    }
}

impl<T> Drop for Served<T> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to close.
            let _ = thread.join();
        }
    }
}

/// Serves until `stopped` resolves; the runtime's end then drops every connection with it.
fn serve(
    listener: TcpListener,
    router: Router,
    ready: oneshot::Sender<io::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        // Whoever waited for the readiness may be gone; there is nobody else to tell.
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => CuttableListener(listener),
            Err(error) => return drop(ready.send(Err(error))),
        };
        let service = router.into_make_service_with_connect_info::<Cut>();
        drop(ready.send(Ok(())));
        tokio::select! {
            _ = axum::serve(listener, service) => {}
            _ = stopped => {}
        }
    });
}
