use super::*;
use crate::domain::{credentials::ClientId, retry_after::RetryAfter, window::JITTER_GUARD};

const RATE: Rate = Rate { limit: 4, window: Duration::from_secs(60) };
const CLOCK: ClockId = ClockId::new(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
}

fn grant(permits: usize, rate: Rate) -> Grant {
    Grant { client_id: ClientId::public("client-a"), fence: 7, rate, permits, clock: CLOCK, turn: Turn::Any }
}

fn lease(state: ClientState, orphans: &[Reservation], permits: usize) -> Lease {
    Lease::take_over(grant(permits, RATE), state, orphans)
}

fn permit(lease: &Lease, now: Timestamp) -> Result<Permit<'_>, NoPermit> {
    lease.permit(Service::Routing, now).map(|(permit, _)| permit)
}

#[test]
fn a_lease_sends_no_more_than_it_reserved() {
    let lease = lease(ClientState::default(), &[], 2);
    for _ in 0..2 {
        permit(&lease, at(0)).unwrap().learn(Lesson::Works, at(0));
    }
    assert_eq!(permit(&lease, at(0)).err(), Some(NoPermit::Reservation));
}

#[test]
fn a_dropped_permit_counts_as_a_send() {
    let lease = lease(ClientState::default(), &[], 10);
    for _ in 0..4 {
        drop(permit(&lease, at(0)).unwrap());
    }
    assert!(matches!(permit(&lease, at(61)).err(), Some(NoPermit::Window(_))));
}

#[test]
fn an_unsent_permit_gives_its_place_back() {
    let lease = lease(ClientState::default(), &[], 1);
    permit(&lease, at(0)).unwrap().unsent();
    assert!(permit(&lease, at(0)).is_ok());
}

#[test]
fn permits_of_a_crashed_holder_count_at_its_deadline() {
    let lease = lease(ClientState::default(), &[Reservation { permits: 100, until: at(30) }], 10);
    let Some(NoPermit::Window(opens)) = permit(&lease, at(45)).err() else { panic!("the window must be full") };
    assert!(opens > at(90));
    assert!(permit(&lease, opens).is_ok());
}

#[test]
fn a_token_request_takes_no_place_in_the_window() {
    let lease = lease(ClientState::default(), &[], 4);
    for _ in 0..50 {
        let (token, _) = lease.permit(Service::Auth, at(0)).unwrap();
        token.learn(Lesson::Works, at(0));
    }
    assert_eq!(lease.utilisation(at(0)).0, 0);
}

#[test]
fn an_open_circuit_refuses_and_takes_no_place() {
    let rate = Rate { limit: 100, ..RATE };
    let lease = Lease::take_over(grant(100, rate), ClientState::default(), &[]);
    for _ in 0..5 {
        permit(&lease, at(0)).unwrap().learn(Lesson::Fails, at(0));
    }
    assert!(matches!(permit(&lease, at(1)).err(), Some(NoPermit::Circuit(_))));
    assert_eq!(lease.utilisation(at(1)).0, 5);
    assert!(lease.permit(Service::Auth, at(1)).is_ok(), "the auth circuit is another");
}

#[test]
fn a_429_closes_the_window_for_everyone_who_comes_after() {
    let first = lease(ClientState::default(), &[], 10);
    let wait = Some(RetryAfter::new(Duration::from_secs(20)));
    permit(&first, at(0)).unwrap().learn(Lesson::TooMany(wait), at(0));
    let second = lease(first.state(at(1)), &[], 10);
    assert_eq!(permit(&second, at(2)).err(), Some(NoPermit::Window(at(20))));
    assert_eq!((second.closed_until(at(19)), second.closed_until(at(20))), (Some(at(20)), None));
    assert_eq!(second.utilisation(at(2)).1, 2);
}

#[test]
fn what_is_free_is_what_a_permit_would_be_given_for() {
    let free = |lease: &Lease, now| {
        let free = lease.free(now);
        let permits: Vec<_> = std::iter::from_fn(|| permit(lease, now).ok()).collect();
        assert_eq!(permits.len(), free);
        permits.into_iter().for_each(Permit::unsent);
        free
    };
    let first = lease(ClientState::default(), &[], 3);
    assert_eq!(free(&first, at(0)), 3, "of a limit of four it reserved three");
    permit(&first, at(0)).unwrap().learn(Lesson::Works, at(0));
    let second = lease(first.state(at(1)), &[], 10);
    assert_eq!(free(&second, at(1)), 3, "one place is taken");
    let wait = Some(RetryAfter::new(Duration::from_secs(20)));
    permit(&second, at(1)).unwrap().learn(Lesson::TooMany(wait), at(1));
    assert_eq!(free(&second, at(2)), 0, "a 429 closed it");
}

#[test]
fn a_state_with_fields_of_the_future_is_still_read() {
    let state: ClientState = serde_json::from_str(r#"{"window":{"runs":[]},"colour":"red"}"#).unwrap();
    assert_eq!(state, ClientState::default());
}

#[test]
fn what_the_authorization_server_says_of_a_client_is_kept_until_it_gives_a_token() {
    let tag = SecretTag::new("client-a", &secrecy::SecretString::from("one"));
    let other = SecretTag::new("client-a", &secrecy::SecretString::from("two"));
    let first = lease(ClientState::default(), &[], 9);
    assert_eq!((first.refusal(tag, at(0)), first.token_wait()), (None, None));
    let refused = first.refuse(tag, at(0));
    let wait = TokenWait::new(RetryAfter::new(Duration::from_secs(40)), true, at(0));
    first.wait_for_token(wait);
    let second = lease(first.state(at(0)), &[], 9);
    assert_eq!(second.refusal(tag, at(1)), Some(refused.until));
    assert_eq!((second.refusal(other, at(1)), second.token_wait()), (None, Some(wait)));
    assert_eq!(second.refuse(tag, at(31)).until, at(91), "the second refusal in a row");
    second.keep_token(serde_json::from_str("\"sealed\"").ok());
    assert_eq!((second.refusal(tag, at(32)), second.token_wait()), (None, None));
    assert!(second.state(at(32)).sealed_token.is_some());
    second.drop_token();
    assert_eq!(second.state(at(32)), ClientState::default());
}

#[test]
fn the_places_of_a_moment_to_come_are_told_and_none_is_taken() {
    let lease = lease(ClientState::default(), &[], 10);
    for second in 0..3 {
        permit(&lease, at(second)).unwrap().learn(Lesson::Works, at(second));
    }
    assert_eq!((lease.places_by(at(3), at(4)), lease.opens(at(3))), (1, at(3)));
    permit(&lease, at(3)).unwrap().learn(Lesson::Works, at(3));
    let frees = |second| at(second).plus(RATE.window + JITTER_GUARD);
    assert_eq!(lease.opens(at(4)), frees(0));
    let before = frees(0).minus(Duration::from_millis(1));
    assert_eq!([before, frees(0), frees(1)].map(|by| lease.places_by(at(4), by)), [0, 1, 2]);
    assert!(permit(&lease, at(4)).is_err(), "it was a look ahead");
}

#[test]
fn a_window_that_a_429_closed_has_no_places_before_it_opens() {
    let lease = lease(ClientState::default(), &[], 10);
    let wait = RetryAfter::new(Duration::from_secs(30));
    permit(&lease, at(0)).unwrap().learn(Lesson::TooMany(Some(wait)), at(0));
    assert_eq!(lease.opens(at(1)), at(30));
    assert_eq!([20, 30].map(|second| lease.places_by(at(1), at(second))), [0, 1], "of a limit that was halved");
}

#[test]
fn no_more_places_are_told_than_the_lease_reserved() {
    assert_eq!(lease(ClientState::default(), &[], 2).places_by(at(0), at(0)), 2);
}

#[test]
fn requests_are_as_far_apart_as_the_rate_says() {
    let pace = |limit| Rate { limit, ..RATE }.pace().as_millis();
    assert_eq!([120, 1, 0].map(pace), [500, 60_000, 60_000]);
}

#[test]
fn a_batch_is_worth_a_client_of_which_hardly_any_place_would_stay_unused() {
    let worth = |limit| {
        let grant = grant(10, Rate { limit, ..RATE });
        Lease::take_over(grant, ClientState::default(), &[]).worth_a_batch(at(0))
    };
    assert_eq!([0, 1, 14, 79, 80, 120, 200, 1000].map(worth), [1, 1, 1, 1, 2, 3, 5, 5]);
}

#[test]
fn a_client_has_as_many_places_as_are_asked_for_when_that_many_sends_are_a_window_old() {
    let lease = lease(ClientState::default(), &[], 10);
    for second in 0..3 {
        permit(&lease, at(second)).unwrap().learn(Lesson::Works, at(second));
    }
    let frees = |second| at(second).plus(RATE.window + JITTER_GUARD);
    assert_eq!(
        [1, 2, 3, 4, 9].map(|sends| lease.opens_for(sends, at(3))),
        [at(3), frees(0), frees(1), frees(2), frees(2)]
    );
}
