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
    fresh_for(FRESH_FOR)
}

fn fresh_for(idle: Duration) -> Result<Client, NoHttp> {
    build(Client::builder().pool_idle_timeout(idle))
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
    use futures::future::join_all;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::{sleep, timeout},
    };

    use super::*;

    /// A request on a connection that was idle for so long meets its end: the peer has given it up, and the client
    /// doesn't know yet.
    const GIVEN_UP_AFTER: Duration = Duration::from_millis(1500);

    /// A fifth of that, where the deployed client keeps to three seconds of a minute and more.
    const FRESH: Duration = Duration::from_millis(300);

    /// Answers every request of one byte, but for those that come too late.
    async fn serve(mut connection: TcpStream) {
        let whole = |request: &[u8]| {
            let head = request.windows(4).position(|window| window == b"\r\n\r\n");
            head.is_some_and(|head| request.len() > head + 4)
        };
        let mut given_up = false;
        while !given_up {
            given_up = timeout(GIVEN_UP_AFTER, connection.readable()).await.is_err();
            let mut request = Vec::new();
            while !whole(&request) {
                if !connection.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    return;
                }
            }
            let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
            if given_up || connection.write_all(answer).await.is_err() {
                return;
            }
        }
    }

    /// Sends bursts of POSTs with pauses between them, and counts those that met silence.
    async fn silent(client: Client, bursts: usize, burst: usize, pauses: &[u64]) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection));
            }
        });
        let mut silent = 0;
        for pause in pauses.iter().cycle().take(bursts) {
            let posts = (0..burst).map(|_| client.post(&url).body("1").send());
            silent += join_all(posts).await.iter().filter(|sent| sent.is_err()).count();
            // The pool's clock is the HTTP client's own.
            sleep(Duration::from_millis(*pause)).await;
        }
        server.abort();
        silent
    }

    #[tokio::test]
    async fn of_ten_thousand_posts_none_goes_over_a_connection_that_its_peer_has_given_up() {
        let pauses = [0, 150, 280, 320, 0, 150, 280, 320, 1700];
        assert!(silent(client().unwrap(), 4, 40, &pauses[7..]).await > 0, "the peer never gives a connection up");
        let silent = silent(fresh_for(FRESH).unwrap(), 25, 400, &pauses).await;
        assert!(silent <= 1, "{silent} of 10,000 were lost for no reason of CXone's");
    }

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
