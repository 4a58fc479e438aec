//! What a fleet does at small size, and that each limit of the services that it lives within is one.

use simulation::{Fleet, Limits, Lived, Scenario};

/// Ten clients, and more events at once than their first window bears.
fn with(limits: Limits) -> Lived {
    Fleet::live(Scenario { limits, ..Scenario::burst(10, 1500, 0.0) })
}

/// Every event became one contact, whatever stood in its way.
fn all_is_well(lived: &Lived) {
    assert_eq!(lived.breaches, [""; 0]);
    assert_eq!((lived.contacts, lived.letters, lived.cxone.too_many), (lived.events, 0, 0));
}

#[test]
fn under_a_backlog_a_fleet_uses_its_permitted_rate_and_is_done_when_that_is() {
    let lived = Fleet::live(Scenario::burst(10, 6000, 0.0));
    all_is_well(&lived);
    let saturated = lived.saturated.expect("there are windows in which everybody has something to do");
    assert!(saturated.requests >= 0.97 && saturated.requests <= 1.0, "{saturated:?}");
    let (nearly_all, all) = lived.drain_ratio();
    assert!(nearly_all <= all && all <= 1.05, "{:?}", lived.drain);
    assert_eq!((lived.most_at_work, lived.throttled(), lived.seconds_shut), (10, 0, 0));
    assert!(lived.wait(5000) <= lived.wait(9900) && lived.wait(9900) <= lived.wait(10_000));
}

#[test]
fn at_the_end_of_a_backlog_no_event_waits_for_a_client_while_another_has_places() {
    // So few pollers in the first minutes that a window's worth is waiting when the last event comes.
    let limits = Limits { first_pollers: 2, pollers_a_minute: 6, ..Limits::default() };
    let lived = Fleet::live(Scenario { limits, ..Scenario::steady(20, 12_000).with_warm_tables() });
    all_is_well(&lived);
    let (nearly_all, all) = lived.drain_ratio();
    assert!(lived.drain.bound > 30.0 && lived.drain.bound < 90.0, "{:?}", lived.drain);
    assert!(nearly_all <= all && all <= 1.05, "{:?}", lived.drain);
    assert!(lived.handed_out() < 1.01, "hardly any event goes back for that: {}", lived.handed_out());
}

#[test]
fn a_single_client_works_off_a_backlog_at_its_rate() {
    let lived = Fleet::live(Scenario::burst(1, 1205, 0.0));
    all_is_well(&lived);
    let (_, all) = lived.drain_ratio();
    assert!(all <= 1.05 && lived.handed_out() < 1.02, "{:?}, {}", lived.drain, lived.handed_out());
}

#[test]
fn an_item_that_bears_fewer_writes_throttles_and_nothing_is_lost_for_it() {
    // A client's item is two units, and written twice a batch.
    let lived = with(Limits { writes: 7, partitions: 1 << 20, ..Limits::default() });
    all_is_well(&lived);
    let clients = &lived.tables[1];
    assert!(clients.throttled > 10 && clients.hottest_share <= 1.0, "{clients:?}");
}

#[test]
fn a_table_of_one_partition_throttles_until_it_is_split() {
    let narrow = Limits { writes: 60, partitions: 1, ..Limits::default() };
    let lived = with(Limits { split_seconds: 3600, ..narrow });
    all_is_well(&lived);
    assert!(lived.given_up() > 10, "some requests fail at every try");
    let split = with(Limits { split_seconds: 2, ..narrow });
    all_is_well(&split);
    assert!(split.tables[0].partitions > 1 && split.throttled() < lived.throttled(), "{:?}", split.tables);
}

#[test]
fn a_queue_hands_out_no_more_than_may_be_in_flight() {
    let lived = with(Limits { in_flight: 40, ..Limits::default() });
    all_is_well(&lived);
    assert!(lived.seconds_shut > 60 && lived.most_in_flight <= 40 && lived.most_at_work <= 4, "{}", lived.most_at_work);
}

#[test]
fn a_mapping_works_on_more_batches_only_minute_by_minute() {
    let up = |pollers_a_minute| {
        let lived = with(Limits { first_pollers: 2, pollers_a_minute, ..Limits::default() });
        lived.pollers_up_after.expect("messages wait until every poller is up")
    };
    // The burst comes after four minutes.
    let (fast, slow) = (up(300) - 240, up(8) - 240);
    assert!((1..=3).contains(&fast) && (58..=64).contains(&slow), "{fast} and {slow} seconds");
}

#[test]
fn after_an_outage_everything_that_waited_becomes_a_contact() {
    let lived = Fleet::live(Scenario { outage: Some(235..600), ..Scenario::burst(10, 300, 5.0) });
    all_is_well(&lived);
    assert!(lived.cxone.failed > 50 && lived.drain.backlog > 300, "{:?} {:?}", lived.cxone, lived.drain);
    let waited = lived.drain.all - lived.drain.bound;
    assert!(waited <= 120.0, "what a probe was spent on waits for the next one or two, and no longer: {waited} s");
}
