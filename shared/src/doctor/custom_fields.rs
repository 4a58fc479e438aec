//! The custom fields of a tenant's digital contacts, against the routes that lead into a digital channel: such a
//! contact carries only what the tenant has defined.

use super::{
    report::{Check, Findings, Grade},
    told,
};
use crate::domain::{
    attributes::{AttributeKey, AttributeType, Registration, Schema},
    drift::Registers,
    routes::{Pii, Route, Routes, Unregistered},
};

/// The check's name.
pub(super) const NAME: &str = "custom-field";

/// What becomes of an event that a field is missing for.
const PASSED_OVER: &str = "an event with it passes the target over, or is dead-lettered";

/// The custom fields that the tenant has now.
#[derive(Clone, Copy)]
pub(super) struct Fields<'f> {
    /// How they are compared with attributes.
    pub(super) registers: &'f dyn Registers,
    pub(super) schema: &'f Schema,
    /// The field of the number to call back.
    pub(super) number_field: &'f str,
}

/// One check for each route that leads into a digital channel.
pub(super) fn checks(routes: &Routes, fields: Option<Fields<'_>>) -> Vec<Check> {
    let digital = routes.iter().enumerate().filter(|(_, route)| route.has_digital());
    let check = |(place, route): (usize, &Route)| {
        let check = match fields {
            Some(fields) => fields.check(route),
            None => Check::skipped(NAME, "the custom fields can't be read"),
        };
        check.at(format!("/routes/{place}"))
    };
    let checks: Vec<_> = digital.map(check).collect();
    if checks.is_empty() { vec![Check::skipped(NAME, "no route leads into a digital channel")] } else { checks }
}

impl Fields<'_> {
    fn check(self, route: &Route) -> Check {
        let mut findings = Findings::new(NAME);
        let known = route.attributes.iter().filter(|rule| {
            // What is stripped goes out inside a compliance boundary alone.
            self.attribute(&rule.key, rule.pii == Some(Pii::Strip), &mut findings)
        });
        let known = known.count();
        findings.ok(&format!("{known} of {} attributes are custom fields", route.attributes.len()));
        self.flattened(route, &mut findings);
        self.number(route, &mut findings);
        self.required(route, &mut findings);
        findings.into_check()
    }

    /// Whether an attribute is a field as it is.
    fn attribute(self, key: &AttributeKey, may_be_stripped: bool, findings: &mut Findings) -> bool {
        let what = match self.registers.registration(self.schema, key) {
            Registration::Registered(_) => return true,
            Registration::Unregistered => {
                format!("{key} is no custom field: {PASSED_OVER} as unregistered-attribute")
            }
            Registration::OtherSpelling(similar) => {
                let similar = told::text(&similar.key);
                format!("{key} is no custom field, did you mean {similar}? {PASSED_OVER} as unregistered-attribute")
            }
            Registration::OtherType(_) => {
                let date = AttributeKey::new(AttributeType::Date, key.name());
                format!("{key} is no date, and its custom field holds one, map it as {date}: {PASSED_OVER}")
            }
        };
        findings.add(if may_be_stripped { Grade::Warn } else { Grade::Fail }, &what);
        false
    }

    /// What the route flattens has names that only its events tell.
    fn flattened(self, route: &Route, findings: &mut Findings) {
        let Some(flatten) = &route.flatten else { return };
        let prefix = &flatten.prefix;
        let fields = self.schema.definitions().iter().filter(|field| field.key.starts_with(prefix)).count();
        let words = format!("{fields} custom fields begin with {prefix}, as what the route flattens does");
        match (flatten.unregistered, fields) {
            (Unregistered::Drop, _) => findings.ok(&format!("{words}, and what is none is left out")),
            (Unregistered::Reject, 0) => findings.warn(&format!("{words}: {PASSED_OVER} as unregistered-attribute")),
            (Unregistered::Reject, _) => findings.ok(&words),
        }
    }

    fn number(self, route: &Route, findings: &mut Findings) {
        if route.callback_number.is_none() || maps(route, self.number_field) {
            return;
        }
        let key = AttributeKey::new(AttributeType::String, self.number_field);
        match self.registers.registration(self.schema, &key) {
            Registration::Registered(_) => findings.ok("callbackNumber goes out as a custom field"),
            Registration::OtherType(_) => {
                findings.fail("callbackNumber is no date, and its custom field holds one: make it a field of text");
            }
            Registration::OtherSpelling(_) | Registration::Unregistered => {
                let name = self.number_field;
                findings.warn(&format!("callbackNumber doesn't go out there, as no custom field is called {name}"));
            }
        }
    }

    /// Fields that CXone calls required, and that no attribute of the route is.
    fn required(self, route: &Route, findings: &mut Findings) {
        let required = self.schema.definitions().iter().filter(|field| field.required);
        let number = |name: &str| route.callback_number.is_some() && name == self.number_field;
        let flattened = |name: &str| route.flatten.as_ref().is_some_and(|flatten| name.starts_with(&flatten.prefix));
        for name in required.map(|field| field.key.as_str()) {
            if !maps(route, name) && !number(name) && !flattened(name) {
                let name = told::text(name);
                findings.warn(&format!("the custom field {name} is required, and no attribute of the route is it"));
            }
        }
    }
}

fn maps(route: &Route, name: &str) -> bool {
    route.attributes.iter().any(|rule| rule.key.name() == name)
}
