//! A tenant served on a loopback port for as long as its handle lives.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::MutexGuard;
use std::thread::JoinHandle;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::config::SimulatorConfig;
use crate::connection::{Cut, CuttableListener};
use crate::fault::Fault;
use crate::server::{Shared, router};
use crate::tenant::{Contact, RequestRecord, Summary, Tenant, TokenRecord};

/// A running simulator. Dropping it closes the port and every connection before the drop returns.
///
/// It runs on a thread and a runtime of its own, so that neither a caller's paused time nor its blocked worker touches
/// it, and so that nothing of it outlives the handle.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Serves a tenant on 127.0.0.1 at the configured port, by the configured clock.
    ///
    /// # Errors
    /// The port is taken, or the system gives no socket, thread or event queue.
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        let clock = config.manual_clock_milliseconds.map_or_else(Clock::system, Clock::manual);
        Self::start_with_clock(config, clock).await
    }

    /// Serves a tenant by a clock that the caller shares.
    ///
    /// # Errors
    /// As for [`Simulator::start`].
    pub async fn start_with_clock(config: SimulatorConfig, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Shared::new(Tenant::new(config), clock);
        let (stop, stopped) = oneshot::channel();
        let (ready, readiness) = oneshot::channel();
        let served = shared.clone();
        let thread = std::thread::Builder::new()
            .name("cxone-simulator".to_owned())
            .spawn(move || serve(listener, served, ready, stopped))?;
        let simulator = Self { address, shared, stop: Some(stop), thread: Some(thread) };
        readiness.await.unwrap_or_else(|_| Err(io::Error::other("the simulator's thread ended at its start")))?;
        Ok(simulator)
    }

    /// Its base URL, without a slash at the end.
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
    pub fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.shared.tenant()
    }

    /// Waits until this holds of the tenant, now or after a request. It may never hold, so give it a time.
    pub async fn until(&self, holds: impl Fn(&Tenant) -> bool) {
        self.shared.until(holds).await;
    }

    /// Every contact created, oldest first.
    pub fn contacts(&self) -> Vec<Contact> {
        self.tenant().contacts().to_vec()
    }

    /// Every request, in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.tenant().requests().to_vec()
    }

    /// Every token issued, oldest first.
    pub fn tokens(&self) -> Vec<TokenRecord> {
        self.tenant().tokens().to_vec()
    }

    /// Everything at a glance.
    pub fn summary(&self) -> Summary {
        self.tenant().summary()
    }

    /// The most of a client's authenticated requests that any window held.
    pub fn busiest_window(&self, client_id: &str) -> usize {
        self.tenant().busiest_window(client_id)
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

impl Drop for Simulator {
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
    shared: Shared,
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
        let service = router(shared).into_make_service_with_connect_info::<Cut>();
        drop(ready.send(Ok(())));
        tokio::select! {
            _ = axum::serve(listener, service) => {}
            _ = stopped => {}
        }
    });
}
