//! One HTTP client for everything that a function talks to: one connection pool, one TLS configuration with its root
//! certificates, HTTP/1.1 alone, which every service here speaks. [`cxone`] is the transport to CXone, and [`aws`]
//! hands the client to the AWS SDK, whose own would bring a second HTTP stack, with HTTP/2, and load the root
//! certificates a second time.

mod aws;
mod cxone;

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect::Policy};

pub(super) use self::aws::for_aws;
pub(super) use self::cxone::base_url;
pub use self::cxone::{Cxone, ForbiddenUrl};

use crate::worker::REQUEST_TIMEOUT;

/// Within [`REQUEST_TIMEOUT`]: a connection that isn't made in this time won't carry an answer in the rest of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// After so long the kernel gives up bytes that nobody acknowledges, and their connection with them:
/// `TCP_USER_TIMEOUT`.
///
/// By the HTTP client's default, 30 s, a request's bytes are resent for long after the request was given up, and one
/// that arrives then can make a second contact or overrun a window that has forgotten it. A request is in the kernel's
/// hands once its connection stands, [`CONNECT_TIMEOUT`] after it was begun at the latest; so nothing of it is sent
/// again beyond [`REQUEST_TIMEOUT`] but for the kernel's first pause before it resends, which isn't counted. That
/// pause, the network's own transit and what CXone's edge holds back have
/// [`LATE_ARRIVAL`](crate::domain::window::LATE_ARRIVAL).
const UNACKNOWLEDGED: Duration = REQUEST_TIMEOUT.saturating_sub(CONNECT_TIMEOUT);

/// The client can't be built: the machine has no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client can't be built")]
pub struct NoHttp(#[source] reqwest::Error);

/// An idle connection is used again within so long at most where a request can't be repeated: a peer that closes it as
/// the request leaves gives the same silence as one that has taken it.
const FRESH_FOR: Duration = Duration::from_secs(3);

/// The client, with the limits that hold for every request.
///
/// # Errors
/// [`NoHttp`] where there is nothing to check a server's certificate by.
pub fn client() -> Result<Client, NoHttp> {
    build(Client::builder())
}

/// The same for an API that knows no idempotency key: over connections that have answered lately, and new ones.
///
/// # Errors
/// [`NoHttp`] where there is nothing to check a server's certificate by.
pub(super) fn client_of_fresh_connections() -> Result<Client, NoHttp> {
    build(Client::builder().pool_idle_timeout(FRESH_FOR))
}

fn build(builder: ClientBuilder) -> Result<Client, NoHttp> {
    // The one TLS provider that is linked. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder
        .redirect(Policy::none())
        // A repetition is the pipeline's to decide, under permit and key, or the SDK's.
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .tcp_nodelay(true)
        .tcp_user_timeout(UNACKNOWLEDGED)
        .build()
        .map_err(NoHttp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_that_nobody_takes_are_given_up_long_before_a_request_that_would_wait_for_them() {
        // It accepts connections, as any listening socket does, and reads from none.
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        // Far beyond what the two sockets hold, so that the rest is probed for and never acknowledged.
        let body = vec![0_u8; 64 << 20];
        let request = client().unwrap().post(url).timeout(Duration::from_secs(60)).body(body).send();
        let given_up = tokio::time::timeout(UNACKNOWLEDGED * 2, request).await;
        assert!(given_up.expect("the connection outlives its user timeout").is_err());
    }
}
