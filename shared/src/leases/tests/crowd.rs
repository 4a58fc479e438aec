//! Many workers and many clients in virtual time.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::leases::search::{FIRST_ROUNDS, PAGE, PAGES};

/// How long the table takes for an answer.
const ANSWER: Duration = Duration::from_millis(8);

/// What somebody does in virtual time.
type Work<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// A clients table that many workers use at once, the time in which they do, and what it costs them.
pub(super) struct Crowd {
    now: Cell<Timestamp>,
    due: RefCell<BTreeSet<Timestamp>>,
    chance: Cell<u64>,
    pub(super) standings: RefCell<BTreeMap<String, Standing>>,
    /// Conditional writes that failed.
    failed: Cell<usize>,
    /// What workers say of their waiting, and whether anybody is told.
    pub(super) said: Cell<usize>,
    pub(super) told: bool,
    /// When clients were looked at, and how many.
    looks: RefCell<Vec<(Timestamp, usize)>>,
}

impl Crowd {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Cell::new(NOW),
            due: RefCell::default(),
            chance: Cell::new(seed.wrapping_mul(2).wrapping_add(1)),
            standings: RefCell::default(),
            failed: Cell::default(),
            said: Cell::default(),
            told: true,
            looks: RefCell::default(),
        }
    }

    /// Something to do.
    pub(super) fn boxed<'w>(work: impl Future<Output = ()> + 'w) -> Work<'w> {
        Box::pin(work)
    }

    /// Lets time pass until all of this is done.
    pub(super) fn run(&self, mut work: Vec<Work<'_>>) {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            work.retain_mut(|work| work.as_mut().poll(&mut context).is_pending());
            if work.is_empty() {
                return;
            }
            let next = self.due.borrow_mut().pop_first().expect("what waits knows until when");
            self.now.set(self.now.get().max(next));
        }
    }

    /// A number below this one.
    pub(super) fn below(&self, bound: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a short list"
        )]
        let number = (self.sample() * bound as f64) as usize;
        number
    }
}

impl Environment for Crowd {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn clock(&self) -> ClockId {
        ClockId::new(1)
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now().plus(duration);
        self.due.borrow_mut().insert(until);
        poll_fn(|_| if self.now() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Knuth's generator, of which the upper bits are random.
    fn sample(&self) -> f64 {
        let next = self.chance.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance.set(next);
        f64::from(u32::try_from(next >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        [0; NONCE_LENGTH]
    }
}

impl ClientTable for Crowd {
    async fn acquire(&self, client_id: &str, request: &LeaseRequest) -> Result<Acquired, StoreError> {
        self.sleep(ANSWER).await;
        let mut standings = self.standings.borrow_mut();
        let standing = standings.entry(client_id.to_owned()).or_default();
        if !standing.admits(&request.seeker()) {
            self.failed.set(self.failed.get() + 1);
            return Ok(Acquired::Busy(request.until));
        }
        *standing = standing.leased(request.turn, request.until);
        Ok(Acquired::Held { fence: 1, client: StoredClient::default() })
    }

    async fn release(&self, client_id: &str, _: u64, returned: &Returned) -> Result<bool, StoreError> {
        self.sleep(ANSWER).await;
        let mut standings = self.standings.borrow_mut();
        let standing = standings.get_mut(client_id).unwrap();
        standing.leased_until = None;
        standing.turns.lent_until = returned.lent_until.or(standing.turns.lent_until);
        Ok(true)
    }

    async fn look_at(&self, client_ids: &[&str], now: Timestamp) -> Result<BTreeMap<String, Standing>, StoreError> {
        assert!(client_ids.len() <= PAGE);
        self.looks.borrow_mut().push((now, client_ids.len()));
        self.sleep(ANSWER).await;
        let standings = self.standings.borrow();
        let stands = |id: &&str| ((*id).to_owned(), standings.get(*id).copied().unwrap_or_default());
        Ok(client_ids.iter().map(stands).collect())
    }

    async fn wait_for(&self, client_id: &str, waiter: Waiter, now: Timestamp) -> Result<bool, StoreError> {
        self.sleep(ANSWER).await;
        self.said.set(self.said.get() + 1);
        let mut standings = self.standings.borrow_mut();
        let standing = standings.get_mut(client_id).unwrap();
        let stands = standing.is_first(waiter.since, now);
        if stands && self.told {
            standing.waiter = Some(waiter);
        }
        Ok(stands)
    }

    async fn ask_for(&self, client_id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.sleep(ANSWER).await;
        self.standings.borrow_mut().get_mut(client_id).unwrap().turns.asked_until = Some(until);
        Ok(())
    }
}

/// A thousand clients, of which a part is kept for urgent messages.
fn thousand(urgent: usize) -> Vec<Credentials> {
    let lane = |number| if number < urgent { Lane::Urgent } else { Lane::Standard };
    (0..1000).map(|number| Credentials { lane: lane(number), ..client(&format!("c-{number}"), "s") }).collect()
}

#[test]
fn the_one_free_client_of_a_thousand_is_found_in_two_seconds_and_for_ten_failed_writes_at_most() {
    for (lane, urgent) in [(None, 0), (Some(Lane::Standard), 0), (Some(Lane::Urgent), 0), (Some(Lane::Urgent), 500)] {
        for seed in 0..50 {
            let (crowd, clients) = (Crowd::new(seed), thousand(urgent));
            let held = Standing { leased_until: Some(NOW.plus(PAUSE * 60)), ..Standing::default() };
            *crowd.standings.borrow_mut() =
                clients.iter().map(|client| (client.client_id.as_str().to_owned(), held)).collect();
            let free = &clients[crowd.below(1000)].client_id;
            crowd.standings.borrow_mut().remove(free.as_str());
            let mut known = KnownClients { last: Some(clients[7].client_id.clone()), ..KnownClients::default() };
            crowd.run(vec![Crowd::boxed(async {
                let (lease, _) = acquire(&crowd, &crowd, &clients, &mut known, terms(lane)).await.unwrap();
                assert_eq!(lease.client_id(), free);
            })]);
            let took = crowd.now().since(NOW);
            assert!(took <= Duration::from_secs(2), "{lane:?}, seed {seed}: {took:?}");
            assert!(crowd.failed.get() <= 10, "{lane:?}, seed {seed}: {} writes failed", crowd.failed.get());
        }
    }
}

#[test]
fn a_worker_that_waits_for_one_of_a_thousand_looks_at_a_hundred_in_a_round_and_tries_none_of_them() {
    let (crowd, clients) = (Crowd::new(1), thousand(0));
    let held = Standing { leased_until: Some(NOW.plus(PAUSE * 60)), ..Standing::default() };
    *crowd.standings.borrow_mut() = clients.iter().map(|client| (client.client_id.as_str().to_owned(), held)).collect();
    let mut known = KnownClients::default();
    crowd.run(vec![Crowd::boxed(async {
        let none = acquire(&crowd, &crowd, &clients, &mut known, terms(None)).await.err().unwrap();
        assert!(matches!(none, NoClient::AllBusy));
    })]);
    let looks = crowd.looks.borrow();
    let later = looks.len() - FIRST_ROUNDS * PAGES;
    assert!((80..=240).contains(&later), "{later} in a minute");
    assert!(looks.iter().all(|(_, clients)| *clients == PAGE));
    assert_eq!(crowd.failed.get(), 2, "the first two, before anything was looked at");
}

#[test]
fn workers_that_look_at_once_do_not_all_want_the_same_client() {
    let (crowd, clients) = (Crowd::new(3), thousand(0));
    let held = Standing { leased_until: Some(NOW.plus(PAUSE * 60)), ..Standing::default() };
    let busy = clients.iter().skip(20).map(|client| (client.client_id.as_str().to_owned(), held));
    *crowd.standings.borrow_mut() = busy.collect();
    let worker = async || {
        let terms = terms(None);
        acquire(&crowd, &crowd, &clients[..100], &mut KnownClients::default(), terms).await.map(drop).unwrap();
    };
    crowd.run((0..20).map(|_| Crowd::boxed(worker())).collect());
    assert!(crowd.now().since(NOW) <= Duration::from_secs(4), "{:?}", crowd.now().since(NOW));
    assert!(crowd.failed.get() <= 20 * 6, "{}", crowd.failed.get());
}
