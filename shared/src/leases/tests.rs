mod crowd;
mod line;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use futures::FutureExt as _;
use secrecy::SecretString;
use uuid::Uuid;

use super::*;
use crate::domain::{
    lane::{ASKING, Turns},
    standing::{Standing, Waiter},
    token::NONCE_LENGTH,
    window::ClockId,
};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const PAUSE: Duration = Duration::from_secs(30);

fn client(id: &str, secret: &str) -> Credentials {
    Credentials::client(id, SecretString::from(secret))
}

fn rest(client: &Credentials, reason: DeferralReason, until: Timestamp) -> Rest {
    Rest { until, reason, secret: Some(client.tag()) }
}

#[test]
fn a_client_that_is_left_alone_is_so_until_its_time_or_another_secret() {
    let (mut known, one) =
        (KnownClients { last: Some(ClientId::public("one")), ..KnownClients::default() }, client("one", "a"));
    let rest = rest(&one, DeferralReason::Unauthorized, NOW.plus(PAUSE));
    known.leave_alone(&ClientId::public("one"), rest);
    assert_eq!(known.last, None, "it is not preferred any more");
    assert_eq!(known.rest(&one, None, NOW), Some(rest));
    assert_eq!(known.rest(&one, None, NOW.plus(PAUSE)), None);
    assert_eq!(known.rest(&client("one", "b"), None, NOW), None);
    assert_eq!(known.rest(&client("two", "a"), None, NOW), None);
    known.hold(&ClientId::public("two"), NOW.plus(PAUSE));
    assert!(known.rest(&client("two", "any"), None, NOW).is_some(), "what is held is held under every secret");
}

#[test]
fn only_refused_clients_count_as_refused_and_only_while_they_are_left_alone() {
    let mut known = KnownClients::default();
    let (one, two) = (client("one", "a"), client("two", "a"));
    known.leave_alone(&ClientId::public("one"), rest(&one, DeferralReason::Unauthorized, NOW.plus(PAUSE)));
    known.leave_alone(&ClientId::public("two"), rest(&two, DeferralReason::RateLimited, NOW.plus(PAUSE)));
    known.hold(&ClientId::public("three"), NOW.plus(PAUSE));
    assert_eq!((known.refused(NOW), known.refused(NOW.plus(PAUSE))), (1, 0));
    known.forget_others(&[client("one", "a"), client("three", "any")]);
    assert_eq!((known.refused(NOW), known.resting.len()), (1, 2));
    known.forget_others(&[client("one", "mended")]);
    assert_eq!((known.refused(NOW), known.resting.len()), (0, 0));
}

#[test]
fn all_rest_where_none_is_without_one_and_the_first_to_end_says_until_when() {
    let mut known = KnownClients::default();
    let clients = [client("one", "a"), client("two", "a")];
    known.leave_alone(&ClientId::public("one"), rest(&clients[0], DeferralReason::Unauthorized, NOW.plus(PAUSE * 2)));
    let (table, terms) = (Shared::new(), terms(None));
    let all_resting = |known: &KnownClients| Search::new(&table, &table, &clients, terms).unwrap().all_resting(known);
    assert_eq!(all_resting(&known), None);
    let first = rest(&clients[1], DeferralReason::RateLimited, NOW.plus(PAUSE));
    known.leave_alone(&ClientId::public("two"), first);
    assert_eq!(all_resting(&known), Some(first));
    assert_eq!(NoClient::AllResting(first).deferral(), (DeferralReason::RateLimited, Retry::At(first.until)));
}

/// A clients table in which time passes by waiting alone.
struct Shared {
    now: Cell<Timestamp>,
    clients: RefCell<BTreeMap<String, Shown>>,
    /// Who was asked for a lease, in this order.
    tried: RefCell<Vec<String>>,
    /// Who was looked at, in this order.
    looked: RefCell<Vec<String>>,
    /// Samples so far.
    samples: Cell<u32>,
    /// Clients that are given back then.
    returns: Cell<Option<(&'static str, Timestamp)>>,
}

#[derive(Default)]
struct Shown {
    leased: bool,
    turns: Turns,
}

impl Shared {
    fn new() -> Self {
        let (now, returns) = (Cell::new(NOW), Cell::new(None));
        let (clients, tried, looked) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { now, clients, tried, looked, samples: Cell::default(), returns }
    }

    fn busy(self, ids: &[&str]) -> Self {
        for id in ids {
            self.clients.borrow_mut().insert((*id).to_owned(), Shown { leased: true, turns: Turns::default() });
        }
        self
    }

    fn turns(&self, id: &str) -> Turns {
        self.clients.borrow().get(id).map(|client| client.turns).unwrap_or_default()
    }
}

impl ClientTable for Shared {
    async fn acquire(&self, client_id: &str, request: &LeaseRequest) -> Result<Acquired, StoreError> {
        self.tried.borrow_mut().push(client_id.to_owned());
        let mut clients = self.clients.borrow_mut();
        let client = clients.entry(client_id.to_owned()).or_default();
        if client.leased || !client.turns.admit(request.turn, request.now) {
            return Ok(Acquired::Busy(request.until));
        }
        *client = Shown { leased: true, turns: client.turns.leased(request.turn, request.until) };
        Ok(Acquired::Held { fence: 1, client: StoredClient::default() })
    }

    async fn release(&self, client_id: &str, _: u64, returned: &Returned) -> Result<bool, StoreError> {
        let mut clients = self.clients.borrow_mut();
        let client = clients.get_mut(client_id).unwrap();
        client.leased = false;
        client.turns.lent_until = returned.lent_until.or(client.turns.lent_until);
        Ok(true)
    }

    async fn look_at(&self, client_ids: &[&str], now: Timestamp) -> Result<BTreeMap<String, Standing>, StoreError> {
        self.looked.borrow_mut().extend(client_ids.iter().map(|id| (*id).to_owned()));
        let clients = self.clients.borrow();
        let standing = |client: &Shown| Standing {
            leased_until: client.leased.then(|| now.plus(PAUSE)),
            turns: client.turns,
            ..Standing::default()
        };
        let stands = |id: &&str| ((*id).to_owned(), clients.get(*id).map(standing).unwrap_or_default());
        Ok(client_ids.iter().map(stands).collect())
    }

    async fn wait_for(&self, client_id: &str, _: Waiter, _: Timestamp) -> Result<bool, StoreError> {
        Ok(self.clients.borrow().contains_key(client_id))
    }

    async fn ask_for(&self, client_id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.clients.borrow_mut().get_mut(client_id).unwrap().turns.asked_until = Some(until);
        Ok(())
    }
}

impl Environment for Shared {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn clock(&self) -> ClockId {
        ClockId::new(1)
    }

    async fn sleep(&self, duration: Duration) {
        self.now.set(self.now.get().plus(duration));
        if let Some((id, _)) = self.returns.get().filter(|(_, at)| *at <= self.now.get()) {
            self.clients.borrow_mut().get_mut(id).unwrap().leased = false;
            self.returns.set(None);
        }
    }

    /// The first of a list, and the last by turns.
    fn sample(&self) -> f64 {
        self.samples.set(self.samples.get() + 1);
        f64::from(self.samples.get() / 5 % 2) * 0.9
    }

    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn nonce(&self) -> [u8; NONCE_LENGTH] {
        [0; NONCE_LENGTH]
    }
}

/// Two standard clients and one that is kept for urgent messages.
fn both() -> Vec<Credentials> {
    let urgent = Credentials { lane: Lane::Urgent, ..client("urgent", "s") };
    vec![client("one", "s"), urgent, client("two", "s")]
}

fn terms(lane: Option<Lane>) -> LeaseTerms {
    let (rate, deadline) = (Rate { limit: 10, window: Duration::from_secs(60) }, NOW.plus(Duration::from_secs(90)));
    let wait_until = NOW.plus(Duration::from_secs(60));
    LeaseTerms { lane, rate, permits: 3, deadline, until: wait_until, wait_until }
}

fn lease(
    table: &Shared,
    known: &mut KnownClients,
    lane: Option<Lane>,
    clients: &[Credentials],
) -> Result<Lease, NoClient> {
    let leased = acquire(table, table, clients, known, terms(lane)).now_or_never().expect("only waiting takes time");
    leased.map(|(lease, _)| lease)
}

fn leased(table: &Shared, lane: Option<Lane>) -> (String, Turn) {
    let lease = lease(table, &mut KnownClients::default(), lane, &both()).unwrap();
    (lease.client_id().as_str().to_owned(), lease.turn())
}

#[test]
fn a_standard_worker_never_asks_for_an_urgent_client() {
    let table = Shared::new().busy(&["one", "two"]);
    let none = lease(&table, &mut KnownClients::default(), Some(Lane::Standard), &both()).err().unwrap();
    assert!(matches!(none, NoClient::AllBusy));
    let asked = |asked: &RefCell<Vec<String>>| asked.borrow().iter().any(|id| id == "urgent");
    assert!(!asked(&table.tried) && !asked(&table.looked) && table.looked.borrow().len() > 100);
    assert_eq!(table.tried.borrow().len(), 2, "what is seen to be busy isn't tried");
    assert_eq!(leased(&Shared::new(), Some(Lane::Standard)), ("one".to_owned(), Turn::Standard));
    let urgent = [Credentials { lane: Lane::Urgent, ..client("urgent", "s") }];
    let none = lease(&table, &mut KnownClients::default(), Some(Lane::Standard), &urgent).err().unwrap();
    assert!(matches!(none, NoClient::AllUrgent));
    assert_eq!(none.deferral(), (DeferralReason::NoClient, Retry::Backoff));
}

#[test]
fn an_urgent_worker_has_its_own_client_before_it_borrows_one_that_is_free() {
    assert_eq!(leased(&Shared::new(), Some(Lane::Urgent)), ("urgent".to_owned(), Turn::Any));
    let table = Shared::new().busy(&["urgent"]);
    assert_eq!(leased(&table, Some(Lane::Urgent)), ("one".to_owned(), Turn::Loan));
    assert_eq!(table.now(), NOW, "nobody waits for what is free");
}

#[test]
fn who_works_for_no_lane_has_any_client_and_the_standard_ones_first() {
    assert_eq!(leased(&Shared::new(), None), ("one".to_owned(), Turn::Any));
    assert_eq!(leased(&Shared::new().busy(&["one", "two"]), None), ("urgent".to_owned(), Turn::Any));
}

#[test]
fn an_urgent_worker_that_has_waited_asks_for_one_turn_and_has_it() {
    let table = Shared::new().busy(&["one", "two", "urgent"]);
    let back = NOW.plus(Duration::from_secs(2));
    table.returns.set(Some(("two", back)));
    let asked = leased(&table, Some(Lane::Urgent));
    assert_eq!((asked, table.now() >= back), (("two".to_owned(), Turn::Loan), true));
    assert!(!table.turns("two").admit(Turn::Loan, table.now()));
    assert_eq!(table.turns("one"), Turns::default(), "one client is enough, however the others are looked through");
}

#[test]
fn who_has_asked_for_one_in_vain_asks_for_another() {
    let table = Shared::new().busy(&["one", "two", "urgent"]);
    table.returns.set(Some(("urgent", NOW.plus(Duration::from_secs(20)))));
    assert_eq!(leased(&table, Some(Lane::Urgent)).0, "urgent");
    assert!(["one", "two"].iter().all(|id| table.turns(id).asked_until.is_some()));
}

#[test]
fn the_urgent_lane_is_full_until_the_first_of_its_clients_opens() {
    let opens = NOW.plus(PAUSE);
    let mut known = KnownClients::default();
    known.pass_over(&ClientId::public("one"), opens);
    assert_eq!(known.urgent_lane_full_until(&both(), NOW), None, "its own isn't");
    known.pass_over(&ClientId::public("urgent"), opens);
    assert_eq!(known.urgent_lane_full_until(&both(), NOW), Some(opens));
    assert_eq!(known.urgent_lane_full_until(&both(), opens), None);
    let none = known.urgent_lane_full_until(&[client("one", "s")], NOW);
    assert!(none > Some(NOW.plus(Duration::from_secs(1_000_000))), "there is none that could open");
}

#[test]
fn a_first_look_asks_for_nothing() {
    let table = Shared::new().busy(&["one", "two", "urgent"]);
    table.returns.set(Some(("urgent", NOW)));
    assert_eq!(leased(&table, Some(Lane::Urgent)), ("urgent".to_owned(), Turn::Any));
    assert_eq!([table.turns("one"), table.turns("two")], [Turns::default(); 2]);
}

#[test]
fn while_an_urgent_worker_asks_the_standard_lane_waits_for_its_turn() {
    let table = Shared::new().busy(&["two", "urgent"]);
    let asked_until = Some(NOW.plus(ASKING));
    table
        .clients
        .borrow_mut()
        .insert("one".to_owned(), Shown { leased: false, turns: Turns { asked_until, lent_until: None } });
    assert_eq!(leased(&table, Some(Lane::Standard)), ("one".to_owned(), Turn::Standard));
    assert!(table.now() >= NOW.plus(ASKING), "nobody came for it");
}

#[test]
fn what_was_lent_is_the_standard_lanes_for_a_while() {
    let table = Shared::new().busy(&["two", "urgent"]);
    let lent = lease(&table, &mut KnownClients::default(), Some(Lane::Urgent), &both()).unwrap();
    release(&table, &lent, NOW).now_or_never().unwrap();
    assert_eq!(leased(&table, Some(Lane::Urgent)).0, "one");
    assert!(table.now() >= NOW.plus(STANDARD_TURN), "nobody else wanted it");
    let table = Shared::new().busy(&["two", "urgent"]);
    let lent = lease(&table, &mut KnownClients::default(), Some(Lane::Urgent), &both()).unwrap();
    release(&table, &lent, NOW).now_or_never().unwrap();
    assert_eq!(leased(&table, Some(Lane::Standard)).0, "one");
    assert_eq!((table.now(), table.turns("one").lent_until), (NOW, None));
}

#[test]
fn a_standard_worker_waits_in_a_window_that_an_urgent_one_of_its_environment_passed_over() {
    let mut known = KnownClients::default();
    known.pass_over(&ClientId::public("one"), NOW.plus(PAUSE));
    let table = Shared::new().busy(&["two"]);
    let standard = lease(&table, &mut known, Some(Lane::Standard), &both()).unwrap();
    assert_eq!((standard.client_id().as_str(), table.now()), ("one", NOW));
}

#[test]
fn a_full_window_is_waited_for_while_no_other_client_is_to_be_had() {
    let (table, opens) = (Shared::new(), NOW.plus(Duration::from_secs(9)));
    let mut known = KnownClients::default();
    for id in ["one", "two", "urgent"] {
        known.pass_over(&ClientId::public(id), if id == "two" { opens } else { opens.plus(PAUSE) });
    }
    let refused = rest(&client("one", "s"), DeferralReason::Unauthorized, NOW.plus(Duration::from_secs(1)));
    known.leave_alone(&ClientId::public("one"), refused);
    assert_eq!(lease(&table, &mut known, Some(Lane::Urgent), &both()).unwrap().client_id().as_str(), "one");
    let mut known = KnownClients::default();
    for id in ["one", "two", "urgent"] {
        known.pass_over(&ClientId::public(id), if id == "two" { opens } else { opens.plus(PAUSE) });
    }
    let table = Shared::new();
    assert_eq!(lease(&table, &mut known, Some(Lane::Urgent), &both()).unwrap().client_id().as_str(), "two");
    assert_eq!(table.now(), opens);
    let late = NOW.plus(Duration::from_secs(61));
    for id in ["one", "two", "urgent"] {
        known.pass_over(&ClientId::public(id), late);
    }
    let none = lease(&Shared::new(), &mut known, Some(Lane::Urgent), &both()).err().unwrap();
    assert_eq!(none.deferral(), (DeferralReason::RateWindow, Retry::At(late)));
}
