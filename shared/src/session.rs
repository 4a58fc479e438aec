//! The OAuth clients of one invocation: leased one by one for what it has to send, and given back however it ends.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;

use crate::{
    domain::{
        credentials::Credentials,
        lane::{Lane, Patience},
        lease::Rate,
        time::Timestamp,
    },
    leases::{self, KnownClients, LeaseTerms, NoClient, Rest},
    metrics::{Metric, Metrics},
    ports::{Environment, Ports, Secrets},
    worker::Worker,
};

/// What every lease of a session has in common.
#[derive(Clone, Copy, Debug)]
pub struct SessionTerms {
    /// The lane that the session works for, where there are two and it works for one.
    pub lane: Option<Lane>,
    /// The configured rate of each client.
    pub rate: Rate,
    /// When the invocation ends.
    pub deadline: Timestamp,
    /// No request is begun after this.
    pub until: Timestamp,
}

/// The clients that an invocation holds.
pub struct Session<'s, P: Ports> {
    ports: &'s P,
    metrics: &'s Metrics,
    known: &'s mut KnownClients,
    terms: SessionTerms,
    workers: Vec<Worker<'s, P>>,
}

impl<'s, P: Ports> Session<'s, P> {
    /// Does some work with the clients that it leases, and then gives back those that it still holds, after a panic
    /// too.
    pub async fn run<T>(
        ports: &'s P,
        metrics: &'s Metrics,
        known: &'s mut KnownClients,
        terms: SessionTerms,
        work: impl AsyncFnOnce(&mut Self) -> T,
    ) -> T {
        let mut session = Self { ports, metrics, known, terms, workers: Vec::new() };
        let done = AssertUnwindSafe(work(&mut session)).catch_unwind().await;
        for worker in &session.workers {
            // One that can't be given back keeps no other from it.
            let given_back = async {
                worker.left_alone(session.known).await;
                worker.release().await;
            };
            let _ = AssertUnwindSafe(given_back).catch_unwind().await;
        }
        let refused = session.known.refused(ports.environment().now());
        #[expect(clippy::cast_precision_loss, reason = "a count of clients")]
        metrics.value(Metric::AuthRefusedClients, refused as f64);
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// How many clients there were in the secret when it was last read.
    pub fn clients(&self) -> usize {
        self.known.count()
    }

    /// Those at work, in the order in which they were leased.
    pub fn workers(&self) -> &[Worker<'s, P>] {
        &self.workers
    }

    /// Leases a client under which a token can be had for so many requests, waiting for one that long, and puts it to
    /// work. One that turns out to be refused, or to have to wait for its token, is given back and left alone.
    ///
    /// # Errors
    /// [`NoClient`] says why there is none.
    pub async fn lease(&mut self, permits: usize, wait_until: Timestamp) -> Result<&Worker<'s, P>, NoClient> {
        let terms = self.terms(permits, wait_until);
        for worker in &self.workers {
            self.known.hold(worker.client_id(), terms.deadline);
        }
        let mut read_again = false;
        loop {
            // A refusal may have had the secret read again: what was refused is not tried once more from an old copy.
            let clients = self.ports.secrets().clients().await?;
            let (table, environment) = (self.ports.clients(), self.ports.environment());
            let (lease, credentials) = match leases::acquire(table, environment, &clients, self.known, terms).await {
                // Whoever mends a refusal writes a new secret: it is looked for before anybody waits for the old one.
                Err(NoClient::AllResting(_)) if !read_again => {
                    read_again = true;
                    self.ports.secrets().clients_anew().await?;
                    continue;
                }
                acquired => acquired?,
            };
            let place = self.workers.len();
            // On the list before anything is done under it, so that no panic strands it.
            let full_until = self.known.urgent_lane_full_until(&clients, environment.now());
            let patience = Patience::of(terms.lane, lease.turn(), full_until);
            let shares_the_queue = terms.lane.is_none() && lease.free(environment.now()) > 0;
            let patience = if shares_the_queue { patience.for_a_batch(terms.rate.pace()) } else { patience };
            let worker = Worker::new(self.ports, self.metrics, lease, credentials, terms.until);
            self.workers.push(worker.with_patience(patience));
            let worker = &self.workers[place];
            // Where nothing may be sent yet, there is no need of a token yet.
            let has_token = worker.free_places() > 0 && worker.token().await.is_ok();
            if has_token || worker.left_alone(self.known).await.is_none() {
                return Ok(&self.workers[place]);
            }
            self.give_back().await;
            // A refusal has had the secret read again already.
            read_again = true;
        }
    }

    /// Leases a client and asks for no token: one whose credentials were refused too, for whoever wants to know why.
    ///
    /// # Errors
    /// [`NoClient`] says why there is none.
    pub async fn lease_untested(&mut self, permits: usize, wait_until: Timestamp) -> Result<&Worker<'s, P>, NoClient> {
        let terms = self.terms(permits, wait_until);
        let clients = self.ports.secrets().clients_anew().await?;
        // A refusal is of one secret, and none of these is that one.
        let other = |client: &Credentials| Credentials { secret: "".into(), ..client.clone() };
        let others: Vec<_> = clients.iter().map(other).collect();
        let (table, environment) = (self.ports.clients(), self.ports.environment());
        let (lease, leased) = leases::acquire(table, environment, &others, self.known, terms).await?;
        let credentials = clients.iter().find(|client| client.client_id == leased.client_id).cloned().unwrap_or(leased);
        let place = self.workers.len();
        self.workers.push(Worker::new(self.ports, self.metrics, lease, credentials, terms.until));
        Ok(&self.workers[place])
    }

    /// Why the client that was leased last is to be left alone for a while, where it is.
    pub async fn left_alone(&mut self) -> Option<Rest> {
        self.workers.last()?.left_alone(self.known).await
    }

    /// Gives the client back that was leased last; why it is to be left alone for a while, where it is.
    pub async fn give_back(&mut self) -> Option<Rest> {
        let worker = self.workers.last()?;
        let rest = worker.left_alone(self.known).await;
        worker.release().await;
        self.workers.pop();
        rest
    }

    /// Gives the client back that was leased last, and takes none but others until its window opens; why it is to be
    /// left alone besides, where it is.
    pub async fn pass_over(&mut self) -> Option<Rest> {
        let worker = self.workers.last()?;
        let (client_id, opens) = (worker.client_id().clone(), worker.opens());
        let rest = self.give_back().await;
        if rest.is_none() {
            self.known.pass_over(&client_id, opens);
        }
        rest
    }

    fn terms(&self, permits: usize, wait_until: Timestamp) -> LeaseTerms {
        let SessionTerms { lane, rate, deadline, until } = self.terms;
        LeaseTerms { lane, rate, permits, deadline, until, wait_until }
    }
}
