//! The cases' results in `JUnit`'s format, which CI systems show test by test.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Checked;
use crate::answer::plain;

/// The report: one suite, a test for each case.
pub(super) fn report(checked: &[Checked<'_>], values: bool) -> String {
    let mut suite = TestSuite::new("routes");
    for one in checked {
        let status = if one.differences.is_empty() {
            TestCaseStatus::success()
        } else {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let told: Vec<_> = one.differences.iter().map(|difference| plain(&difference.told(values))).collect();
            failed.set_message(told.join("\n"));
            failed
        };
        let mut test = TestCase::new(one.case.name.as_str(), status);
        test.set_classname(one.route.as_deref().unwrap_or("no route"));
        suite.add_test_case(test);
    }
    let mut report = Report::new("contact-injection check");
    report.add_test_suite(suite);
    report.to_string().unwrap_or_default()
}
