//! The contact that an event becomes, as each target of its route takes it.
//!
//! A contact is mapped once, and what holds wherever it goes is checked there. The kinds of target of a tenant differ:
//! a callback needs a number, a message a text and fields that the tenant has. What an event lacks for one of them
//! passes that target over, and is the event's own fault only where no target is left.

use crate::{
    dialects::{Dialect, Fit, Submitted, Unfit},
    domain::{
        attributes::Schema,
        contact::Contact,
        event::Event,
        mapping::{self, ComplianceBoundary},
        problem::Problem,
        routes::{Address, Callback, Route, Target},
    },
};

/// A contact as each target takes it.
#[derive(Debug)]
pub struct Drafts {
    mapped: Contact,
    /// In the order of the targets; nothing of a target that takes what was mapped.
    own: Vec<Result<Option<Contact>, Unfit>>,
}

/// Why there is no contact.
#[derive(Debug)]
pub enum Undrafted {
    /// Nobody knows the registered attributes.
    NoSchema,
    /// The event can't become one, for any target: at least one problem.
    Problems(Vec<Problem>),
}

/// By what contacts are drafted.
#[derive(Clone, Copy, Debug)]
pub struct Drafting<'d> {
    /// The API that they are for.
    pub dialect: &'d dyn Dialect,
    /// The registered attributes, where they are known.
    pub schema: Option<&'d Schema>,
    /// Inside or outside a HIPAA or PCI-DSS boundary.
    pub boundary: ComplianceBoundary,
}

impl Drafting<'_> {
    /// The contact of an event as each target of its route takes it.
    ///
    /// # Errors
    /// [`Undrafted`] where no target does.
    pub fn of(&self, route: &Route, event: &Event, submitted: &Submitted) -> Result<Drafts, Undrafted> {
        let any = Schema::unrestricted();
        let everywhere = match self.schema {
            _ if !self.dialect.facts().every_attribute_registered => &any,
            Some(schema) => schema,
            None => return Err(Undrafted::NoSchema),
        };
        let mapped = mapping::map(route, event, everywhere, self.boundary).map_err(Undrafted::Problems)?;
        let fit = Fit { route, event: submitted, schema: self.schema };
        let own: Vec<_> = route.targets().iter().map(|target| self.for_target(&mapped, target, event, fit)).collect();
        if own.iter().any(Result::is_ok) {
            return Ok(Drafts { mapped, own });
        }
        let mut problems: Vec<Problem> = Vec::new();
        for unfit in own.into_iter().filter_map(Result::err) {
            match unfit {
                Unfit::NoSchema => return Err(Undrafted::NoSchema),
                Unfit::Problem(problem) if problems.contains(&problem) => {}
                Unfit::Problem(problem) => problems.push(problem),
            }
        }
        Err(Undrafted::Problems(problems))
    }

    fn for_target(
        &self,
        mapped: &Contact,
        target: &Target,
        event: &Event,
        fit: Fit<'_>,
    ) -> Result<Option<Contact>, Unfit> {
        let address = target.address();
        let of_kind = match (address, &target.text) {
            (Address::Callback(callback), _) => called(mapped, callback, event, fit.route)?,
            (_, Some(field)) => {
                let text = mapping::text_of(fit.route, field, event, self.boundary)?;
                Some(Contact { text: Some(text), ..mapped.clone() })
            }
            _ => None,
        };
        let fitted = self.dialect.fitted(of_kind.as_ref().unwrap_or(mapped), address, fit)?;
        Ok(fitted.or(of_kind))
    }
}

/// The contact with the number that is called, as the target has it written; nothing where that is the mapped one.
fn called(mapped: &Contact, callback: &Callback, event: &Event, route: &Route) -> Result<Option<Contact>, Problem> {
    const NAME: &str = "callbackNumber";
    let field = route.callback_number.as_ref();
    let lacking = || mapping::lacking(route, NAME, field, event);
    let number = mapped.callback_number.as_ref().ok_or_else(lacking)?;
    let Some(written) = mapping::called_number(number, callback.phone_format) else {
        let rule = format!("{NAME} is not an international phone number (route {})", route.name());
        return Err(Problem { message: rule, ..lacking() });
    };
    Ok((written != *number).then(|| Contact { callback_number: Some(written), ..mapped.clone() }))
}

impl Drafts {
    /// The contact for the target at this place of the route.
    ///
    /// # Errors
    /// [`Unfit`] where the target can't take the event.
    pub fn of(&self, target: usize) -> Result<&Contact, &Unfit> {
        match self.own.get(target) {
            Some(Ok(own)) => Ok(own.as_ref().unwrap_or(&self.mapped)),
            Some(Err(unfit)) => Err(unfit),
            None => Ok(&self.mapped),
        }
    }

    /// Why the targets that are passed over for the event's sake are.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.own.iter().filter_map(|own| match own {
            Err(Unfit::Problem(problem)) => Some(problem),
            Err(Unfit::NoSchema) | Ok(_) => None,
        })
    }
}
