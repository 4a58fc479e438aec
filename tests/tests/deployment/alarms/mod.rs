//! Each alarm of the template, fed the metrics of the case that it is for and of the cases that it must not ring for,
//! and judged by the model of CloudWatch in `contact_injection_tests::cloudwatch`. What the functions tell comes from
//! their own code.
#![expect(clippy::unwrap_used, reason = "a template that lacks what is asked for fails its test")]

mod canary;
mod case;
mod functions;
mod handled;
mod queues;
mod registry;
mod version;

use std::collections::BTreeSet;

use contact_injection_tests::template::Template;

use case::{BEGINS, Case, Feed, Verdict, alarms, rings};

fn cases() -> impl Iterator<Item = &'static Case> {
    [canary::CASES, functions::CASES, handled::CASES, queues::CASES, registry::CASES].into_iter().flatten()
}

#[test]
fn each_alarm_rings_in_time_for_what_it_is_for_and_is_over_afterwards() {
    let alarms = alarms();
    for case in cases() {
        let Verdict::Rings { by, until, over } = case.verdict else { continue };
        for (extra, ringing) in rings(&alarms[case.alarm], case) {
            let told = format!("{}: {}, with {extra} datapoints more: {ringing:?}", case.alarm, case.what);
            let first = ringing.first().unwrap_or_else(|| panic!("it never rings: {told}"));
            assert!((BEGINS..=by).contains(first), "from {first} on, not by {by}: {told}");
            assert!((by..=until).all(|minute| ringing.contains(&minute)), "not until {until}: {told}");
            assert!(ringing.last() < Some(&over), "not over by {over}: {told}");
        }
    }
}

#[test]
fn no_alarm_rings_for_what_it_is_not_for() {
    let alarms = alarms();
    for case in cases().filter(|case| case.verdict == Verdict::Silent) {
        for (extra, ringing) in rings(&alarms[case.alarm], case) {
            let told = format!("{}: {}, with {extra} datapoints more", case.alarm, case.what);
            assert!(ringing.is_empty(), "it rings from {} on: {told}", ringing[0]);
        }
    }
}

#[test]
fn no_alarm_is_without_a_case_of_either_kind() {
    let all: BTreeSet<_> = alarms().into_keys().collect();
    for silent in [true, false] {
        let of_kind = cases().filter(|case| (case.verdict == Verdict::Silent) == silent);
        assert_eq!(of_kind.map(|case| case.alarm.to_owned()).collect::<BTreeSet<_>>(), all, "silent: {silent}");
    }
}

#[test]
fn a_new_dead_letter_rings_anew_while_old_ones_lie_there() {
    let alarms = alarms();
    let feed: fn(&mut Feed) = |feed| {
        feed.sqs("DeadLetterQueue", "ApproximateNumberOfMessagesVisible", 0..300, |_| 3.0);
        for minute in 0..300 {
            feed.handled(minute, |lot| lot.injected(2, 1_000.0));
        }
        for minute in [BEGINS, BEGINS + 60, BEGINS + 120] {
            feed.handled(minute, |lot| lot.dead(1));
        }
    };
    let case = Case { alarm: "NewDeadLettersAlarm", what: "three, an hour apart", feed, verdict: Verdict::Silent };
    for (_, ringing) in rings(&alarms[case.alarm], &case) {
        let begins = ringing.iter().filter(|minute| !ringing.contains(&(**minute - 1))).count();
        assert_eq!(begins, 3, "{ringing:?}");
    }
    for (_, ringing) in rings(&alarms["DeadLettersAlarm"], &case) {
        assert_eq!(ringing.len(), 300, "there are some all the time");
    }
}

#[test]
fn a_canary_is_judged_by_the_alarms_about_its_version_and_by_no_others() {
    let template = Template::read().unwrap();
    let preference = template.property("InjectFunction", "DeploymentPreference").unwrap();
    let judging: BTreeSet<_> =
        preference["Alarms"].as_array().unwrap().iter().map(|alarm| alarm["Ref"].as_str().unwrap()).collect();
    let alarms = template.resources_of("AWS::CloudWatch::Alarm");
    let version = "InjectFunction.Version.Version";
    let about_it = alarms.filter(|(_, alarm)| alarm["Properties"].to_string().contains(version));
    assert_eq!(judging, about_it.map(|(name, _)| name).collect());
    assert_eq!(judging.len(), 2);
}
