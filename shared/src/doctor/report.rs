//! What an examination found.

use serde::Serialize;

use crate::domain::routes::Profile;

/// The checks that are always made, in their order; there is one `target` for each, and of a tenant one `custom-field`
/// for each route into a digital channel.
pub(super) const NAMES: [&str; 11] = [
    "secret",
    "discovery",
    "grant",
    "claims",
    "configuration",
    "clock",
    "reads",
    "target",
    "custom-field",
    "payload",
    "doubt",
];

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// It could not be looked at, for another finding's sake, or there is nothing to look at.
    Skipped,
    /// As it should be.
    Ok,
    /// It may keep events from being injected, or let them go astray.
    Warn,
    /// It keeps events from being injected, or leaves something behind that somebody has to end.
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// How it went.
    pub verdict: Grade,
    /// What was found, and what to do about it.
    pub detail: String,
    /// What it is about, as a JSON Pointer into the routes file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Check {
    /// One that could not be made.
    pub(super) fn skipped(name: &'static str, why: &str) -> Self {
        Self { name, verdict: Grade::Skipped, detail: why.to_owned(), pointer: None }
    }

    /// The same about a part of the routes file.
    pub(super) fn at(self, pointer: String) -> Self {
        Self { pointer: Some(pointer), ..self }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which of CXone's APIs the deployment speaks.
    pub profile: &'static str,
    /// What was found, in the order of the checks.
    pub checks: Vec<Check>,
    /// The worst of it.
    pub worst: Grade,
}

impl Report {
    pub(super) fn new(profile: Profile, checks: Vec<Check>) -> Self {
        let worst = checks.iter().map(|check| check.verdict).max().unwrap_or(Grade::Skipped);
        Self { profile: profile.name(), checks, worst }
    }
}

/// What one check finds, as it goes along.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    name: &'static str,
    worst: Grade,
    parts: Vec<String>,
}

impl Findings {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, worst: Grade::Skipped, parts: Vec::new() }
    }

    pub(super) fn ok(&mut self, what: &str) {
        self.add(Grade::Ok, what);
    }

    pub(super) fn warn(&mut self, what: &str) {
        self.add(Grade::Warn, what);
    }

    pub(super) fn fail(&mut self, what: &str) {
        self.add(Grade::Fail, what);
    }

    pub(super) fn add(&mut self, grade: Grade, what: &str) {
        self.worst = self.worst.max(grade);
        self.parts.push(what.to_owned());
    }

    pub(super) fn into_check(self) -> Check {
        Check { name: self.name, verdict: self.worst, detail: self.parts.join("; "), pointer: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_as_bad_as_the_worst_that_it_found_and_a_report_as_its_worst_check() {
        let mut findings = Findings::new("clock");
        findings.ok("right by one");
        findings.warn("wrong by another");
        let check = findings.into_check();
        assert_eq!((check.verdict, check.detail.as_str()), (Grade::Warn, "right by one; wrong by another"));
        let skipped = Check::skipped("target", "no token").at("/routes/0/targets/1".to_owned());
        let worst = |checks: &[&Check]| Report::new(Profile::Guide, checks.iter().copied().cloned().collect()).worst;
        assert_eq!([worst(&[&skipped]), worst(&[&skipped, &check])], [Grade::Skipped, Grade::Warn]);
        let json = serde_json::to_value(&skipped).unwrap();
        let told = serde_json::json!({
            "name": "target", "verdict": "skipped", "detail": "no token", "pointer": "/routes/0/targets/1"
        });
        assert_eq!(json, told);
    }
}
