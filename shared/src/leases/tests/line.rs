//! Who waits for a client, and for how long, in virtual time.

use super::{crowd::Crowd, *};
use crate::leases::line::WAITING;

/// How long workers waited, in milliseconds.
struct Waits {
    longest: u64,
    mean: u64,
    /// Waits.
    count: usize,
}

/// Ten minutes of warm environments that always have something to do, on ten clients: each leases one for so many
/// milliseconds, gives it back, and comes again when the next message has reached it.
fn steady(crowd: &Crowd, workers: usize, work: impl Fn() -> usize) -> Waits {
    let clients: Vec<_> = (0..10).map(|number| client(&format!("c-{number}"), "s")).collect();
    let (end, waits) = (NOW.plus(Duration::from_secs(600)), RefCell::new(Vec::new()));
    let millis = |millis: usize| Duration::from_millis(u64::try_from(millis).unwrap());
    let worker = async || {
        let mut known = KnownClients::default();
        while crowd.now() < end {
            let began = crowd.now();
            let deadline = began.plus(Duration::from_secs(900));
            let terms = LeaseTerms { deadline, wait_until: deadline, ..terms(None) };
            let (lease, _) = acquire(crowd, crowd, &clients, &mut known, terms).await.unwrap();
            waits.borrow_mut().push(crowd.now().since(began).as_millis());
            crowd.sleep(millis(work())).await;
            release(crowd, &lease, crowd.now()).await;
            crowd.sleep(millis(20 + crowd.below(200))).await;
        }
    };
    crowd.run((0..workers).map(|_| Crowd::boxed(worker())).collect());
    let waits = waits.take();
    let mean = waits.iter().sum::<u128>() / waits.len() as u128;
    let [longest, mean] = [*waits.iter().max().unwrap(), mean].map(|millis| u64::try_from(millis).unwrap());
    Waits { longest, mean, count: waits.len() }
}

#[test]
fn of_forty_workers_on_ten_clients_none_waits_twice_as_long_as_the_mean() {
    for seed in 0..3 {
        let crowd = Crowd::new(seed);
        let Waits { longest, mean, count } = steady(&crowd, 40, || 1000 + crowd.below(3000));
        assert!(longest < 2 * mean, "seed {seed}: {longest} ms at worst, {mean} ms in the mean");
        // Ten clients, ten minutes, two and a half seconds a batch: little of it is lost to waiting for who waits.
        assert!(count > 2400 * 85 / 100, "seed {seed}: {count} batches");
        assert!(crowd.said.get() < 6 * count, "seed {seed}: {} writes for {count} batches", crowd.said.get());
    }
}

#[test]
fn where_nobody_hears_who_waits_some_wait_for_much_longer_than_others() {
    for seed in 0..3 {
        let mut crowd = Crowd::new(seed);
        crowd.told = false;
        let Waits { longest, mean, .. } = steady(&crowd, 40, || 1000 + crowd.below(3000));
        assert!(longest > 4 * mean, "seed {seed}: {longest} ms at worst, {mean} ms in the mean");
    }
}

#[test]
fn one_worker_too_many_waits_for_no_longer_than_a_batch_takes() {
    for seed in 0..3 {
        let crowd = Crowd::new(seed);
        let Waits { longest, .. } = steady(&crowd, 11, || 20_000);
        assert!(longest < 25_000, "seed {seed}: {longest} ms");
    }
}

/// One client that is free, and waited for by who never comes.
fn abandoned(waiter: Waiter) -> Timestamp {
    let (crowd, clients) = (Crowd::new(1), [client("c-0", "s")]);
    let standing = Standing { waiter: Some(waiter), ..Standing::default() };
    crowd.standings.borrow_mut().insert("c-0".to_owned(), standing);
    crowd.run(vec![Crowd::boxed(async {
        acquire(&crowd, &crowd, &clients, &mut KnownClients::default(), terms(None)).await.map(drop).unwrap();
    })]);
    crowd.now()
}

#[test]
fn who_died_waiting_keeps_a_client_from_others_for_four_seconds() {
    let began = NOW.minus(Duration::from_secs(60));
    let had = abandoned(Waiter { since: began, until: NOW.plus(WAITING) });
    assert!((NOW.plus(WAITING)..NOW.plus(WAITING + Duration::from_secs(1))).contains(&had), "{had}");
    let later = NOW.plus(Duration::from_millis(1));
    let had = abandoned(Waiter { since: later, until: NOW.plus(WAITING) });
    assert!(had.since(NOW) < Duration::from_millis(100), "who began later lets others go first");
}

#[test]
fn who_is_served_elsewhere_or_gives_up_waits_for_nothing_any_more() {
    let clients = [client("c-0", "s"), client("c-1", "s")];
    for frees in [Some(Duration::from_secs(5)), None] {
        let crowd = Crowd::new(5);
        for client in &clients {
            let held = Standing::default().leased(Turn::Any, NOW.plus(PAUSE * 60));
            crowd.standings.borrow_mut().insert(client.client_id.as_str().to_owned(), held);
        }
        let worker = async {
            let found = acquire(&crowd, &crowd, &clients, &mut KnownClients::default(), terms(None)).await;
            assert_eq!(found.is_ok(), frees.is_some());
        };
        // The one that nobody waits for comes free.
        let other = async {
            let Some(after) = frees else { return };
            crowd.sleep(after).await;
            let mut standings = crowd.standings.borrow_mut();
            standings.values_mut().find(|standing| standing.waiter.is_none()).unwrap().leased_until = None;
        };
        crowd.run(vec![Crowd::boxed(worker), Crowd::boxed(other)]);
        let now = crowd.now();
        assert!(crowd.standings.borrow().values().all(|standing| standing.awaited(now).is_none()), "{frees:?}");
        assert!(crowd.said.get() > 1, "it had waited");
    }
}
