//! A worker's token: had once for all who wait for it, renewed early, and not asked for where that would be in vain.
//!
//! What the authorization server says of a client is kept with the client: a token for the next worker, a refusal or a
//! wait for every one.

use std::{sync::Arc, time::Duration};

use tokio::sync::MutexGuard;
use tracing::{info, warn};

use super::{NotSent, Worker};
use crate::{
    dialects::{Dialect, HttpReply, HttpRequest, TokenSearch, TokenStep, Verdict},
    domain::{
        credentials::{Credentials, SecretTag, TokenWait},
        lease::{Lease, Lesson, NoPermit, Permit, Service},
        reason::DeferralReason,
        time::Timestamp,
        token::{Endpoints, Freshness, SealedToken, Token, TokenError},
    },
    error::chain,
    leases::{KnownClients, Rest},
    metrics::Metric,
    ports::{Environment, Ports, Secrets, Transport},
};

/// Where a token was not to be had, whoever asks within this time is told the same: they waited for the same request.
const FAILURE_SHARED: Duration = Duration::from_secs(1);

/// Where an early refresh failed, the old token serves on for so long before the next try.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// Where discovery names no host that anything secret may go to, this environment asks again after so long.
const MISLED_PAUSE: Duration = Duration::from_secs(30);

/// What a token is had with, and the token.
pub(super) struct Access {
    credentials: Credentials,
    token: Option<Arc<Token>>,
    /// The URLs that were found on the way to the last token, however old it is.
    endpoints: Endpoints,
    no_refresh_before: Option<Timestamp>,
    /// Why no token is asked for under this client.
    rest: Option<Rest>,
    /// When a token was last not to be had, and what that meant.
    failed: Option<(Timestamp, NotSent)>,
}

impl Access {
    /// What a leased client was left with.
    pub(super) fn new(lease: &Lease, credentials: Credentials, dialect: &dyn Dialect, now: Timestamp) -> Self {
        let token = lease.sealed_token().and_then(|sealed| {
            sealed.open(credentials.client_id.as_str(), &credentials.secret).map(Arc::new).inspect_err(|error| {
                info!(target: "contact_injection::auth", client_id = %credentials.client_id, %error, "a new token is needed");
            }).ok()
        });
        let secret = credentials.tag();
        let rest = lease.token_wait().and_then(|wait| {
            let until = wait.pause(now)?;
            Some(Rest { until, reason: wait_reason(wait), secret: Some(secret) })
        });
        let endpoints = token.as_ref().map(|token| token.endpoints().clone()).unwrap_or_default();
        let token = token.filter(|token| dialect.serves(token.endpoints()));
        Self { credentials, token, endpoints, no_refresh_before: None, rest, failed: None }
    }

    /// Whether there is a token that serves.
    fn has_token(&self, now: Timestamp) -> bool {
        self.token.as_ref().is_some_and(|token| token.freshness(now) != Freshness::Expired)
    }
}

/// An answer on the way to a token.
pub struct TokenAnswer<'s> {
    /// Whose token.
    pub credentials: &'s Credentials,
    /// What was known when it was asked for.
    pub search: &'s TokenSearch,
    /// The answer. It may hold the token.
    pub reply: &'s HttpReply,
    /// When it was asked for.
    pub began: Timestamp,
}

impl From<Rest> for NotSent {
    fn from(rest: Rest) -> Self {
        Self::until(rest.reason, rest.until)
    }
}

impl<P: Ports> Worker<'_, P> {
    /// Why no token can be had under this client for a while. Where that is so, the environment is told not to use it
    /// meanwhile.
    pub async fn left_alone(&self, known: &mut KnownClients) -> Option<Rest> {
        let access = self.access.lock().await;
        let now = self.ports.environment().now();
        let lives = access.has_token(now);
        // A token that lives serves on while the next one is waited for, but not under credentials that are refused.
        let refused = |rest: &Rest| rest.reason == DeferralReason::Unauthorized;
        let rest = access.rest.filter(|rest| rest.until > now && (refused(rest) || !lives));
        if let Some(rest) = rest {
            known.leave_alone(self.lease.client_id(), rest);
        }
        rest
    }

    /// Until when nothing can be sent because a circuit is open: that of the service, or, without a token, that of who
    /// grants one.
    pub(crate) async fn circuit_open_until(&self) -> Option<Timestamp> {
        let now = self.ports.environment().now();
        self.of_circuits(now, |service| self.lease.circuit_open_until(service, now)).await
    }

    /// When a circuit that stands in the way of contacts is probed next, where one isn't closed.
    pub(crate) async fn circuit_probed_at(&self) -> Option<Timestamp> {
        let now = self.ports.environment().now();
        self.of_circuits(now, |service| self.lease.circuit_probed_at(service, now)).await
    }

    async fn of_circuits(&self, now: Timestamp, of: impl Fn(Service) -> Option<Timestamp>) -> Option<Timestamp> {
        let (routing, auth) = (of(Service::Routing), of(Service::Auth));
        if auth.is_none() || self.access.lock().await.has_token(now) { routing } else { routing.max(auth) }
    }

    /// Whether contacts can be had as far as is known, so that no one has to go first.
    pub(crate) fn is_circuit_closed(&self) -> bool {
        self.lease.is_circuit_closed()
    }

    /// A token that serves now. Only one caller fetches; the others wait for it.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, NotSent> {
        let mut access = self.access.lock().await;
        let now = self.ports.environment().now();
        let living = access.token.clone().map(|token| (token.freshness(now), token));
        match living {
            Some((Freshness::Fresh, token)) => Ok(token),
            Some((Freshness::DueForRefresh, token)) => {
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
            Some((Freshness::Expired, _)) | None => self.refresh(&mut access).await,
        }
    }

    async fn refresh(&self, access: &mut MutexGuard<'_, Access>) -> Result<Arc<Token>, NotSent> {
        let now = self.ports.environment().now();
        if let Some(rest) = access.rest.filter(|rest| rest.until > now) {
            return Err(rest.into());
        }
        if let Some((_, not_sent)) = access.failed.filter(|(at, _)| now.since(*at) < FAILURE_SHARED) {
            return Err(not_sent);
        }
        let answer = self.request_token_twice(access).await?;
        self.keep(access, answer)
    }

    /// Asks for a token whether or not there is one, and shows every answer on the way to it. What comes of it is kept.
    ///
    /// # Errors
    /// [`NotSent`] where it could not be asked to the end.
    pub async fn fresh_token(&self, mut see: impl FnMut(TokenAnswer<'_>)) -> Result<Result<(), TokenError>, NotSent> {
        let mut access = self.access.lock().await;
        let now = self.ports.environment().now();
        if let Some(rest) = access.rest.filter(|rest| rest.until > now) {
            return Err(rest.into());
        }
        let answer = self.request_token(&access, &mut see).await?;
        let told = answer.as_ref().map(drop).map_err(Clone::clone);
        // What it means for the next who asks is kept with the client.
        let _ = self.keep(&mut access, answer);
        Ok(told)
    }

    /// Asks what no token is needed for, of those that tell where one is had.
    ///
    /// # Errors
    /// [`NotSent`] where it could not be asked.
    pub async fn discover(&self, request: HttpRequest<'_>) -> Result<HttpReply, NotSent> {
        let permit = self.auth_permit()?;
        let reply = self.ports.transport().send(&permit, request).await;
        let lesson = match &reply {
            HttpReply::Answered(response) if response.status < 500 => Lesson::Works,
            HttpReply::Answered(_) => Lesson::Fails,
            HttpReply::Silence => Lesson::Unanswered,
            HttpReply::Unreachable => Lesson::Unreachable,
        };
        self.report(Service::Auth, permit.learn(lesson, self.ports.environment().now()));
        Ok(reply)
    }

    /// Asks for a token; once more where the credentials were refused and others have been written since.
    async fn request_token_twice(&self, access: &mut Access) -> Result<Result<Arc<Token>, TokenError>, NotSent> {
        let answer = self.request_token(access, &mut |_| ()).await?;
        if !matches!(answer, Err(TokenError::InvalidClient | TokenError::InvalidGrant)) {
            return Ok(answer);
        }
        let Some(rotated) = self.rotated(&access.credentials).await else { return Ok(answer) };
        access.credentials = rotated;
        let secret = access.credentials.tag();
        if let Some(until) = self.lease.refusal(secret, self.ports.environment().now()) {
            let rest = Rest { until, reason: DeferralReason::Unauthorized, secret: Some(secret) };
            access.rest = Some(rest);
            return Err(rest.into());
        }
        self.request_token(access, &mut |_| ()).await
    }

    /// Keeps what came of asking for a token: for this worker, and with the client for the next one.
    fn keep(&self, access: &mut Access, answer: Result<Arc<Token>, TokenError>) -> Result<Arc<Token>, NotSent> {
        let (client_id, environment) = (self.lease.client_id(), self.ports.environment());
        match answer {
            Ok(token) => {
                self.metrics.count(Metric::TokenRefreshed);
                info!(target: "contact_injection::auth", %client_id, expires = %token.expires(), "a new token");
                let secret = &access.credentials.secret;
                let sealed = SealedToken::seal(&token, client_id.as_str(), secret, environment.nonce());
                self.lease.keep_token(sealed.ok());
                (access.rest, access.failed) = (None, None);
                access.endpoints = token.endpoints().clone();
                Ok(access.token.insert(token).clone())
            }
            Err(error) => {
                self.metrics.count(Metric::TokenRefreshFailed);
                warn!(target: "contact_injection::auth", %client_id, %error, "no new token");
                let now = environment.now();
                access.rest = self.rest(&error, access.credentials.tag(), now);
                let not_sent = access.rest.map_or_else(|| deferral(&error), NotSent::from);
                access.failed = Some((now, not_sent));
                Err(not_sent)
            }
        }
    }

    /// What a failure means for everybody who would use the client, put on record with it.
    fn rest(&self, error: &TokenError, secret: SecretTag, now: Timestamp) -> Option<Rest> {
        match error {
            // The configuration's fault and not the credentials': nothing of it is kept with them.
            TokenError::ForeignHost(_) | TokenError::NoTenant => {
                let until = now.plus(MISLED_PAUSE);
                Some(Rest { until, reason: DeferralReason::Unauthorized, secret: Some(secret) })
            }
            TokenError::InvalidClient | TokenError::InvalidGrant | TokenError::Refused { .. } => {
                let until = self.lease.refuse(secret, now).until;
                Some(Rest { until, reason: DeferralReason::Unauthorized, secret: Some(secret) })
            }
            TokenError::Unavailable { status, retry_after: Some(retry_after) } => {
                let wait = TokenWait::new(*retry_after, *status == 429, now);
                self.lease.wait_for_token(wait);
                Some(Rest { until: wait.until, reason: wait_reason(wait), secret: Some(secret) })
            }
            TokenError::Unavailable { .. } | TokenError::Unreadable | TokenError::Unanswered => None,
        }
    }

    /// Asks for a token, by way of whatever tells where one is had and where it serves.
    async fn request_token(
        &self,
        access: &Access,
        see: &mut dyn FnMut(TokenAnswer<'_>),
    ) -> Result<Result<Arc<Token>, TokenError>, NotSent> {
        let mut search = TokenSearch { known: access.endpoints.clone(), ..TokenSearch::default() };
        loop {
            match self.search_on(&access.credentials, search, see).await? {
                Ok(TokenStep::Further(further)) => search = *further,
                Ok(TokenStep::Granted(granted)) => {
                    return Ok(Ok(Arc::new(Token::obtained(granted, self.ports.environment().now()))));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// One request on the way to a token.
    async fn search_on(
        &self,
        credentials: &Credentials,
        search: TokenSearch,
        see: &mut dyn FnMut(TokenAnswer<'_>),
    ) -> Result<Result<TokenStep, TokenError>, NotSent> {
        let (dialect, environment) = (self.ports.dialect(), self.ports.environment());
        let permit = self.auth_permit()?;
        let began = environment.now();
        let reply = self.ports.transport().send(&permit, dialect.token(credentials, &search)).await;
        see(TokenAnswer { credentials, search: &search, reply: &reply, began });
        let Verdict { meaning, lesson } = dialect.read_token(credentials, search, &reply);
        self.report(Service::Auth, permit.learn(lesson, environment.now()));
        Ok(meaning)
    }

    /// Leave for one request that takes no token.
    fn auth_permit(&self) -> Result<Permit<'_>, NotSent> {
        let now = self.ports.environment().now();
        if now > self.until {
            return Err(NotSent::because(DeferralReason::Deadline));
        }
        let (permit, transition) = self.lease.permit(Service::Auth, now).map_err(|refused| match refused {
            NoPermit::Circuit(at) | NoPermit::Window(at) => NotSent::until(DeferralReason::CircuitOpen, at),
            NoPermit::Reservation => NotSent::because(DeferralReason::CircuitOpen),
        })?;
        self.report(Service::Auth, transition);
        Ok(permit)
    }

    /// Drops a token that CXone refused, unless another one has taken its place.
    pub(super) async fn drop_token(&self, refused: &Arc<Token>) {
        let mut access = self.access.lock().await;
        if access.token.as_ref().is_some_and(|current| Arc::ptr_eq(current, refused)) {
            info!(target: "contact_injection::auth", client_id = %self.lease.client_id(), "the token was refused and is dropped");
            access.token = None;
            self.lease.drop_token();
        }
    }

    /// The client's credentials read again past any cache, where they are others than those that were refused.
    async fn rotated(&self, refused: &Credentials) -> Option<Credentials> {
        use secrecy::ExposeSecret as _;
        let clients = self.ports.secrets().clients_anew().await.inspect_err(|error| {
            warn!(target: "contact_injection::auth", error = chain(error), "the secret could not be read again");
        });
        let other = |client: &&Credentials| {
            client.client_id == refused.client_id && client.secret.expose_secret() != refused.secret.expose_secret()
        };
        clients.ok()?.iter().find(other).cloned()
    }
}

/// What a message is told that had to wait for a token.
const fn wait_reason(wait: TokenWait) -> DeferralReason {
    if wait.rate_limited { DeferralReason::RateLimited } else { DeferralReason::ServiceError }
}

/// What a message is told that had no token for once.
const fn deferral(error: &TokenError) -> NotSent {
    NotSent::because(match error {
        TokenError::InvalidClient
        | TokenError::InvalidGrant
        | TokenError::ForeignHost(_)
        | TokenError::NoTenant
        | TokenError::Refused { .. } => DeferralReason::Unauthorized,
        TokenError::Unavailable { status: 429, .. } => DeferralReason::RateLimited,
        TokenError::Unavailable { .. } | TokenError::Unreadable => DeferralReason::ServiceError,
        TokenError::Unanswered => DeferralReason::Timeout,
    })
}
