//! How far the function's clock and CXone's are apart, by whatever of CXone's says a time.

use std::time::Duration;

use super::{
    report::{Check, Findings, Grade},
    token::{Answer, Walk},
    told,
};
use crate::{dialects::HttpReply, domain::time::Timestamp};

/// Beyond this, times of tokens and of waits are read wrongly now and then.
const WARN: Duration = Duration::from_secs(5);

/// Beyond this, tokens are over before they are used, or used when they are over.
const FAIL: Duration = Duration::from_secs(60);

/// A time of CXone's, and the earliest and latest that it was here meanwhile.
pub(super) struct Reading {
    pub(super) by: &'static str,
    pub(super) theirs: Timestamp,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
}

impl Reading {
    /// How far this clock is ahead of CXone's at least, and whether it is ahead at all.
    fn apart(&self) -> (Duration, bool) {
        // Dates of HTTP and of tokens have whole seconds.
        let theirs_at_last = self.theirs.plus(Duration::from_secs(1));
        let ahead = self.began.since(theirs_at_last);
        if ahead.is_zero() { (self.theirs.since(self.ended), false) } else { (ahead, true) }
    }
}

/// The `Date` of an answer.
pub(super) fn dated(answer: &Answer) -> Option<Reading> {
    let HttpReply::Answered(response) = &answer.reply else { return None };
    Some(Reading { by: "Date", theirs: response.date?, began: answer.began, ended: answer.ended })
}

/// What the way to a token says of the time.
pub(super) fn of_walk(walk: &Walk) -> Vec<Reading> {
    let Some(grant) = &walk.grant else { return Vec::new() };
    let issued = walk.claims().and_then(|claims| claims.issued);
    let issued = issued.map(|theirs| Reading { by: "iat", theirs, began: grant.began, ended: grant.ended });
    dated(grant).into_iter().chain(issued).collect()
}

pub(super) fn check(readings: &[Reading]) -> Check {
    if readings.is_empty() {
        return Check::skipped("clock", "CXone has told no time");
    }
    let mut findings = Findings::new("clock");
    let graded: Vec<_> = readings.iter().map(|reading| (reading, grade(reading.apart().0))).collect();
    let mut right: Vec<_> =
        graded.iter().filter(|(_, grade)| *grade == Grade::Ok).map(|(reading, _)| reading.by).collect();
    right.sort_unstable();
    right.dedup();
    if !right.is_empty() {
        findings.ok(&format!("right by {}", right.join(", ")));
    }
    let wrong: Vec<_> = graded.iter().filter(|(_, grade)| *grade != Grade::Ok).collect();
    for (reading, grade) in &wrong {
        let (apart, ahead) = reading.apart();
        let which = if ahead { "ahead of" } else { "behind" };
        findings.add(*grade, &format!("{} {which} CXone's by {}", told::duration(apart), reading.by));
    }
    if let Some(worst) = wrong.iter().map(|(_, grade)| *grade).max() {
        findings.add(worst, "a function's clock is AWS's: look at who answers for CXone, and at anything in between");
    }
    findings.into_check()
}

fn grade(apart: Duration) -> Grade {
    match apart {
        apart if apart > FAIL => Grade::Fail,
        apart if apart > WARN => Grade::Warn,
        _ => Grade::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);

    fn apart(theirs: Timestamp) -> (Grade, String) {
        let reading = Reading { by: "Date", theirs, began: NOON, ended: NOON.plus(Duration::from_secs(2)) };
        let check = check(&[reading]);
        (check.verdict, check.detail)
    }

    #[test]
    fn a_clock_is_right_within_the_time_of_the_request_and_the_second_of_a_date() {
        let seconds = Duration::from_secs;
        for theirs in [NOON.minus(seconds(1)), NOON, NOON.plus(seconds(2)), NOON.minus(seconds(6))] {
            assert_eq!(apart(theirs).0, Grade::Ok, "{theirs}");
        }
        for (theirs, told) in [
            (NOON.minus(seconds(7)), "6 s ahead of CXone's by Date"),
            (NOON.plus(seconds(62)), "60 s behind CXone's by Date"),
        ] {
            let (grade, detail) = apart(theirs);
            assert!(grade == Grade::Warn && detail.starts_with(told), "{detail}");
        }
        for theirs in [NOON.minus(seconds(62)), NOON.plus(seconds(63))] {
            assert_eq!(apart(theirs).0, Grade::Fail, "{theirs}");
        }
        assert_eq!(check(&[]).verdict, Grade::Skipped);
    }
}
