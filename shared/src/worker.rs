//! A worker: one leased client at work. Every request to CXone goes through here.
//!
//! In this order: a permit (window, limit, circuit), a living token, the request, and what its answer teaches. A 401
//! drops exactly the token that was refused, gets one new token, and sends once more under the same key (guide, edge
//! case 3). Whoever waits for a token waits for the one request that fetches it.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tracing::{info, warn};

use crate::{
    domain::{
        breaker::{Health, Transition},
        classify::Answer,
        contact::ContactRequest,
        credentials::{SecretTag, TokenWait},
        idempotency::IdempotencyKey,
        lease::{Lease, NoPermit, Pace, Permit, Service},
        outcome::{DeferralReason, Outcome, Retry},
        time::Timestamp,
        token::{SealedToken, Standing, Token},
    },
    error::chain,
    leases::{self, KnownClients, NoClient, Rest, Terms},
    metrics::{Metric, Metrics},
    ports::{ContactApi, Credentials, Environment, Ports, Read, Secrets, TokenError},
};

/// The longest that a request may take, its connection included: what the deadline must leave before one is begun.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The unit of time: what expires at a moment is not sent in it.
const MOMENT: Duration = Duration::from_millis(1);

/// Where an early refresh failed, the old token serves on for so long before the next try.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// Where a token was not to be had, whoever asks within this time is told the same: they waited for the same request.
const FAILURE_SHARED: Duration = Duration::from_secs(1);

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// What the message is told.
    pub reason: DeferralReason,
    /// When to ask again.
    pub retry: Retry,
}

impl NotSent {
    const fn because(reason: DeferralReason) -> Self {
        Self { reason, retry: Retry::Backoff }
    }

    const fn until(reason: DeferralReason, at: Timestamp) -> Self {
        Self { reason, retry: Retry::At(at) }
    }
}

impl From<NotSent> for Outcome {
    fn from(not: NotSent) -> Self {
        Self::Deferred { reason: not.reason, retry: not.retry }
    }
}

/// One leased client at work.
pub struct Worker<'a, P: Ports> {
    ports: &'a P,
    metrics: &'a Metrics,
    lease: Lease,
    /// No request is begun after this.
    until: Timestamp,
    access: Mutex<Access>,
}

/// What a token is had with, and the token.
struct Access {
    credentials: Credentials,
    token: Option<Arc<Token>>,
    no_refresh_before: Option<Timestamp>,
    /// Why no token is asked for under this client.
    rest: Option<Rest>,
    /// When a token was last not to be had, and what that meant.
    failed: Option<(Timestamp, NotSent)>,
}

impl<'a, P: Ports> Worker<'a, P> {
    /// Puts a leased client to work until `until`, with the token that it was left with.
    pub fn new(ports: &'a P, metrics: &'a Metrics, lease: Lease, credentials: Credentials, until: Timestamp) -> Self {
        let token = lease.sealed_token().and_then(|sealed| {
            sealed.open(&credentials.client_id, &credentials.client_secret).map(Arc::new).inspect_err(|error| {
                info!(target: "contact_injection::auth", client_id = credentials.client_id, %error, "a new token is needed");
            }).ok()
        });
        let secret = credentials.tag();
        let rest =
            lease.token_wait().map(|wait| Rest { until: wait.until, reason: wait_reason(wait), secret: Some(secret) });
        let access = Access { credentials, token, no_refresh_before: None, rest, failed: None };
        Self { ports, metrics, lease, until, access: Mutex::new(access) }
    }

    /// Leases a client under which a token can be had, and puts it to work. One that turns out to be refused, or to have
    /// to wait for its token, is given back and left alone.
    ///
    /// # Errors
    /// [`NoClient`] says why there is none.
    pub async fn lease(
        ports: &'a P,
        metrics: &'a Metrics,
        known: &mut KnownClients,
        terms: Terms,
    ) -> Result<Self, NoClient> {
        let mut read_again = false;
        loop {
            // A refusal may have had the secret read again: what was refused is not tried once more from an old copy.
            let clients = ports.secrets().clients().await?;
            let acquired = leases::acquire(ports.clients(), ports.environment(), &clients, known, terms).await;
            let (lease, credentials) = match acquired {
                // Whoever mends a refusal writes a new secret: it is looked for before anybody waits for the old one.
                Err(NoClient::AllResting(_)) if !read_again => {
                    read_again = true;
                    ports.secrets().clients_anew().await?;
                    continue;
                }
                acquired => acquired?,
            };
            let worker = Self::new(ports, metrics, lease, credentials, terms.until);
            if worker.token().await.is_ok() || !worker.is_left_alone(known).await {
                return Ok(worker);
            }
            worker.release().await;
        }
    }

    /// Whether no token can be had under this client for a while. If so, the environment is told not to use it meanwhile.
    pub async fn is_left_alone(&self, known: &mut KnownClients) -> bool {
        let access = self.access.lock().await;
        let now = self.ports.environment().now();
        let lives = access.token.as_ref().is_some_and(|token| token.standing(now) != Standing::Dead);
        // A token that lives serves on while the next one is waited for, but not under credentials that are refused.
        let rest =
            access.rest.filter(|rest| rest.until > now && (rest.reason == DeferralReason::Unauthorized || !lives));
        if let Some(rest) = rest {
            known.leave_alone(self.lease.client_id(), rest);
        }
        rest.is_some()
    }

    /// Gives the client back with what was learnt about it.
    pub async fn release(self) {
        leases::release(self.ports.clients(), &self.lease, self.ports.environment().now()).await;
    }

    /// The client.
    pub fn client_id(&self) -> &str {
        self.lease.client_id()
    }

    /// Requests that the client's window has places for now.
    pub fn free_places(&self) -> usize {
        self.lease.free(self.ports.environment().now())
    }

    /// The client's limit now, in requests a window.
    pub fn limit(&self) -> usize {
        self.lease.utilisation(self.ports.environment().now()).1
    }

    /// Posts a contact, unless its event expires while it waits for leave to.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn inject(
        &self,
        key: IdempotencyKey,
        request: &ContactRequest,
        expires: Timestamp,
    ) -> Result<Answer, NotSent> {
        let (api, until) = (self.ports.api(), self.until.min(expires.minus(MOMENT)));
        self.send(until, async |permit, token| api.inject(permit, token, key, request).await, Answer::clone).await
    }

    /// Asks for a queue's health.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn queue(&self, queue_id: &str) -> Result<Read<Value>, NotSent> {
        let api = self.ports.api();
        self.send(self.until, async |permit, token| api.queue(permit, token, queue_id).await, answer_of).await
    }

    /// Asks for the registered attributes.
    ///
    /// # Errors
    /// [`NotSent`] where nothing left this worker.
    pub async fn attributes(&self) -> Result<Read<Value>, NotSent> {
        let api = self.ports.api();
        self.send(self.until, async |permit, token| api.attributes(permit, token).await, answer_of).await
    }

    async fn send<T>(
        &self,
        until: Timestamp,
        request: impl AsyncFn(&Permit<'_>, &Token) -> T,
        answer_of: impl Fn(&T) -> Answer,
    ) -> Result<T, NotSent> {
        let mut resubmitted = false;
        loop {
            let (permit, token) = self.ready(until).await?;
            let sent = request(&permit, &token).await;
            let refused = self.learn(permit, &token, &answer_of(&sent)).await;
            if !refused || resubmitted {
                return Ok(sent);
            }
            resubmitted = true;
        }
    }

    /// Leave to send, and a token to send with. Waits for the window while there is time, which is `until` at most.
    async fn ready(&self, until: Timestamp) -> Result<(Permit<'_>, Arc<Token>), NotSent> {
        loop {
            let now = self.ports.environment().now();
            if now > until || self.ports.environment().closing() {
                return Err(NotSent::because(DeferralReason::Deadline));
            }
            match self.lease.permit(Service::Routing, now) {
                Ok((permit, transition)) => {
                    self.report(Service::Routing, transition);
                    return match self.token().await {
                        // Getting a token took time; what has none left must not be begun.
                        Ok(token) if self.ports.environment().now() <= until => Ok((permit, token)),
                        Ok(_) => {
                            permit.unsent();
                            Err(NotSent::because(DeferralReason::Deadline))
                        }
                        Err(not_sent) => {
                            permit.unsent();
                            Err(not_sent)
                        }
                    };
                }
                Err(NoPermit::Window(opens)) if opens <= until => {
                    self.ports.environment().sleep(opens.since(now).max(Duration::from_millis(1))).await;
                }
                Err(NoPermit::Window(opens)) => return Err(NotSent::until(DeferralReason::RateWindow, opens)),
                Err(NoPermit::Circuit(probe)) => return Err(NotSent::until(DeferralReason::CircuitOpen, probe)),
                Err(NoPermit::Reservation) => return Err(NotSent::until(DeferralReason::RateWindow, now)),
            }
        }
    }

    /// What an answer teaches of the window, the limit, the circuit and the token; true where the token was refused.
    async fn learn(&self, permit: Permit<'_>, token: &Arc<Token>, answer: &Answer) -> bool {
        let now = self.ports.environment().now();
        let transition = match answer {
            Answer::Status { code: 429, retry_after, .. } => {
                self.metrics.count(Metric::RateLimitResponses);
                permit.answered(now, Health::Works, Pace::Exceeded(*retry_after))
            }
            // The service's own fault is a 5xx, a redirect, or a 2xx that holds nothing; any 4xx is the request's.
            Answer::Created(_) | Answer::Status { code: 400..=499, .. } => {
                permit.answered(now, Health::Works, Pace::Held)
            }
            Answer::Status { .. } => permit.answered(now, Health::Fails, Pace::Held),
            Answer::Silence => permit.unanswered(now),
            Answer::Unreachable => permit.unreachable(now),
        };
        self.report(Service::Routing, transition);
        let refused = answer.status() == Some(401);
        if refused {
            self.metrics.count(Metric::UnauthorizedResponses);
            let mut access = self.access.lock().await;
            if access.token.as_ref().is_some_and(|current| Arc::ptr_eq(current, token)) {
                info!(target: "contact_injection::auth", client_id = self.lease.client_id(), "the token was refused and is dropped");
                access.token = None;
                self.lease.drop_token();
            }
        }
        refused
    }

    /// A token that serves now. Only one caller fetches; the others wait for it.
    async fn token(&self) -> Result<Arc<Token>, NotSent> {
        let mut access = self.access.lock().await;
        let now = self.ports.environment().now();
        let living = access.token.clone().map(|token| (token.standing(now), token));
        match living {
            Some((Standing::Fresh, token)) => Ok(token),
            Some((Standing::Ageing, token)) => {
                if access.no_refresh_before.is_some_and(|at| now < at) {
                    return Ok(token);
                }
                // The old one lives: a failed refresh costs nothing yet.
                let renewed = self.refresh(&mut access).await;
                if renewed.is_err() {
                    access.no_refresh_before = Some(now.plus(REFRESH_PAUSE));
                }
                Ok(renewed.unwrap_or(token))
            }
            Some((Standing::Dead, _)) | None => self.refresh(&mut access).await,
        }
    }

    async fn refresh(&self, access: &mut MutexGuard<'_, Access>) -> Result<Arc<Token>, NotSent> {
        let now = self.ports.environment().now();
        if let Some(rest) = access.rest.filter(|rest| rest.until > now) {
            return Err(NotSent::until(rest.reason, rest.until));
        }
        if let Some((_, not_sent)) = access.failed.filter(|(at, _)| now.since(*at) < FAILURE_SHARED) {
            return Err(not_sent);
        }
        let mut answer = self.request_token(&access.credentials).await?;
        if matches!(answer, Err(TokenError::InvalidClient))
            && let Some(rotated) = self.rotated(&access.credentials).await
        {
            access.credentials = rotated;
            let secret = access.credentials.tag();
            if let Some(until) = self.lease.refusal(secret, self.ports.environment().now()) {
                let rest = Rest { until, reason: DeferralReason::Unauthorized, secret: Some(secret) };
                access.rest = Some(rest);
                return Err(NotSent::until(rest.reason, rest.until));
            }
            answer = self.request_token(&access.credentials).await?;
        }
        let client_id = self.lease.client_id();
        match answer {
            Ok(token) => {
                self.metrics.count(Metric::TokenRefreshed);
                info!(target: "contact_injection::auth", client_id, expires = %token.expires(), "a new token");
                let environment = self.ports.environment();
                let sealed =
                    SealedToken::seal(&token, client_id, &access.credentials.client_secret, environment.nonce());
                self.lease.keep_token(sealed.ok());
                Ok(access.token.insert(token).clone())
            }
            Err(error) => {
                self.metrics.count(Metric::TokenRefreshFailed);
                warn!(target: "contact_injection::auth", client_id, %error, "no new token");
                let now = self.ports.environment().now();
                access.rest = self.rest(&error, access.credentials.tag(), now);
                let not_sent =
                    access.rest.map_or_else(|| deferral(&error), |rest| NotSent::until(rest.reason, rest.until));
                access.failed = Some((now, not_sent));
                Err(not_sent)
            }
        }
    }

    /// What a failure means for everybody who would use the client, put on record with it.
    fn rest(&self, error: &TokenError, secret: SecretTag, now: Timestamp) -> Option<Rest> {
        match error {
            TokenError::InvalidClient | TokenError::Refused { .. } => {
                let until = self.lease.refuse(secret, now).until;
                Some(Rest { until, reason: DeferralReason::Unauthorized, secret: Some(secret) })
            }
            TokenError::Unavailable { status, retry_after: Some(retry_after) } => {
                let wait = TokenWait::new(*retry_after, *status == 429, now);
                self.lease.wait_for_token(wait);
                Some(Rest { until: wait.until, reason: wait_reason(wait), secret: Some(secret) })
            }
            TokenError::Unavailable { .. } | TokenError::Unreadable | TokenError::Silence => None,
        }
    }

    async fn request_token(&self, credentials: &Credentials) -> Result<Result<Arc<Token>, TokenError>, NotSent> {
        let environment = self.ports.environment();
        if environment.now() > self.until {
            return Err(NotSent::because(DeferralReason::Deadline));
        }
        let (permit, transition) =
            self.lease.permit(Service::Auth, environment.now()).map_err(|refused| match refused {
                NoPermit::Circuit(at) | NoPermit::Window(at) => NotSent::until(DeferralReason::CircuitOpen, at),
                NoPermit::Reservation => NotSent::because(DeferralReason::CircuitOpen),
            })?;
        self.report(Service::Auth, transition);
        let answer = self.ports.api().token(&permit, credentials).await;
        let now = environment.now();
        let transition = match &answer {
            // A client that isn't known is our fault; the service works.
            Ok(_) | Err(TokenError::InvalidClient | TokenError::Refused { .. }) => {
                permit.answered(now, Health::Works, Pace::Held)
            }
            Err(TokenError::Unavailable { .. } | TokenError::Unreadable) => {
                permit.answered(now, Health::Fails, Pace::Held)
            }
            Err(TokenError::Silence) => permit.unanswered(now),
        };
        self.report(Service::Auth, transition);
        Ok(answer.map(|answer| Arc::new(Token::obtained(answer, now))))
    }

    /// The client's credentials read again past any cache, where they are others than those that were refused.
    async fn rotated(&self, refused: &Credentials) -> Option<Credentials> {
        use secrecy::ExposeSecret as _;
        let clients = self.ports.secrets().clients_anew().await.inspect_err(|error| {
            warn!(target: "contact_injection::auth", error = chain(error), "the secret could not be read again");
        });
        clients.ok()?.into_iter().find(|client| {
            client.client_id == refused.client_id
                && client.client_secret.expose_secret() != refused.client_secret.expose_secret()
        })
    }

    fn report(&self, service: Service, transition: Option<Transition>) {
        let client_id = self.lease.client_id();
        match transition {
            None => {}
            Some(Transition::Opened(until)) => {
                self.metrics.count_by(
                    Metric::CircuitOpened,
                    match service {
                        Service::Auth => "auth",
                        Service::Routing => "routing",
                    },
                );
                warn!(client_id, %service, %until, "the circuit opened");
            }
            Some(Transition::HalfOpened) => info!(client_id, %service, "the circuit lets a probe through"),
            Some(Transition::Closed) => info!(client_id, %service, "the circuit closed"),
        }
    }
}

/// What a message is told that had to wait for a token.
const fn wait_reason(wait: TokenWait) -> DeferralReason {
    if wait.rate_limited { DeferralReason::RateLimited } else { DeferralReason::ServiceError }
}

/// What a message is told that had no token for once.
const fn deferral(error: &TokenError) -> NotSent {
    NotSent::because(match error {
        TokenError::InvalidClient | TokenError::Refused { .. } => DeferralReason::Unauthorized,
        TokenError::Unavailable { status: 429, .. } => DeferralReason::RateLimited,
        TokenError::Unavailable { .. } | TokenError::Unreadable => DeferralReason::ServiceError,
        TokenError::Silence => DeferralReason::Timeout,
    })
}

/// A read's answer, as far as window, circuit and token are concerned.
fn answer_of(read: &Read<Value>) -> Answer {
    let status = |code| Answer::Status { code, retry_after: None, detail: None };
    match read {
        // Any 4xx says that the service works and the request was within its rate, and so does a success.
        Read::Found(_) | Read::Missing => status(404),
        Read::Failed { answer, .. } => answer.clone(),
    }
}
