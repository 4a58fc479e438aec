//! What the simulation says of the program, and what shows that it can be believed.

use simulation::{Defect, busy_hour, flapping_hour, run, sweep, unread_hour};

#[test]
fn in_two_thousand_runs_nothing_is_lost_and_nothing_comes_twice() {
    let sweep = sweep(0..2000, None);
    if let Some(failed) = sweep.failed.first() {
        let told = run(failed.seed, None, true);
        panic!("seed {} fails\n{}\n{}", failed.seed, told.timeline.join("\n"), told.breaches.join("\n"));
    }
    assert!(sweep.tally.deaths > 1000 && sweep.tally.contacts > 10_000, "nothing was put to the test: {}", sweep.tally);
}

#[test]
fn a_seed_is_the_same_run_every_time() {
    for seed in 0..20 {
        let once = run(seed, None, true);
        assert_eq!(once, run(seed, None, true));
        let untold = run(seed, None, false);
        assert_eq!(once.tally, untold.tally, "telling a run changes nothing in it");
    }
}

#[test]
fn two_seeds_are_two_runs() {
    assert_ne!(run(1, None, true).timeline, run(2, None, true).timeline);
}

#[test]
fn every_deliberate_defect_is_found_within_500_seeds() {
    for defect in Defect::ALL {
        let found = (0..500).step_by(20).any(|from| !sweep(from..from + 20, Some(defect)).failed.is_empty());
        assert!(found, "{}", defect.name());
    }
}

#[test]
fn every_defect_goes_by_its_name() {
    for defect in Defect::ALL {
        assert_eq!(Defect::named(defect.name()), Some(defect));
    }
}

#[test]
fn known_queues_lose_no_contact_where_unknown_ones_lose_hundreds() {
    let (aware, blind) = (busy_hour(true), busy_hour(false));
    assert_eq!((aware.lost, aware.dead_letters), (0, 0));
    assert!(blind.lost > 200 && blind.dead_letters > 50 && aware.late < blind.late, "{blind}");
    // The fallback takes what the primary can't, at its delta and a step for the primary, and a step more from 80 and 90 %.
    assert!(aware.by_target["q-2"] > 100);
    assert!(aware.by_priority.keys().all(|priority| [300, 350, 400, 450, 500].contains(priority)), "{aware}");
    assert!(aware.primary_again_after.is_some_and(|after| after <= 60_000), "within one sync");
}

#[test]
fn a_queue_that_flaps_each_minute_loses_no_contact() {
    let flapping = flapping_hour();
    assert_eq!((flapping.lost, flapping.dead_letters), (0, 0), "{flapping}");
    assert!(flapping.by_target["q-1"] > flapping.by_target["q-2"]);
}

#[test]
fn an_hour_without_any_health_answer_loses_no_contact_where_full_queues_refuse() {
    let unread = unread_hour();
    assert_eq!((unread.lost, unread.dead_letters), (0, 0), "{unread}");
    assert_eq!(unread.by_target.values().sum::<usize>(), unread.events);
}
