//! What each status of a tenant means, in one table: for the contact that was asked for, for the client that asked, and
//! for a token (docs/real-tenant.md#answers).

use crate::{
    dialects::answer::{Client, Token},
    domain::contact_result::Refusal,
};

/// One status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What became of the contact.
    pub(super) contact: Contact,
    /// What a request under a token teaches.
    pub(super) client: Client,
    /// What the answer to a request for a token is.
    pub(super) token: Token,
}

/// What became of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    /// It was created, whatever the body says.
    Created,
    /// It was not created, for this reason.
    Refused(Refusal),
    /// It was not created: the words say whether the point of contact or the contact is at fault.
    RefusedByWords,
    /// It was not created: the words say whether there were too many requests or too many contacts.
    TooMany,
    /// It may have been created.
    InDoubt,
}

/// The row of a status.
pub(super) const fn row(status: u16) -> Row {
    use Contact::{Created, InDoubt, Refused, RefusedByWords};
    use Refusal::{Forbidden, Payload, Unauthorized, UnknownQueue};
    use Token::{ClientRefused, Granted, Unavailable};
    let (contact, client, token) = match status {
        200..=202 => (Created, Client::Works, Granted),
        203..=299 => (InDoubt, Client::Works, Granted),
        400 => (RefusedByWords, Client::Works, Token::Refused),
        401 => (Refused(Unauthorized), Client::TokenRefused, ClientRefused),
        403 => (Refused(Forbidden), Client::Works, Token::Refused),
        404 => (Refused(UnknownQueue), Client::Works, Token::Refused),
        // What the request is, and not whether it can be done: nothing was looked at further.
        405 | 406 | 411 | 413..=415 => (Refused(Payload), Client::Works, Token::Refused),
        408 => (InDoubt, Client::Works, Unavailable),
        429 => (Contact::TooMany, Client::TooMany, Unavailable),
        402 | 407 | 409 | 410 | 412 | 416..=428 | 430..=499 => (InDoubt, Client::Works, Token::Refused),
        _ => (InDoubt, Client::Fails, Unavailable),
    };
    Row { contact, client, token }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lease::Lesson;

    fn statuses(holds: impl Fn(Row) -> bool) -> Vec<u16> {
        (100..600).filter(|status| holds(row(*status))).collect()
    }

    #[test]
    fn only_answers_that_prove_it_are_refusals() {
        let refused = statuses(|row| !matches!(row.contact, Contact::Created | Contact::InDoubt));
        assert_eq!(refused, [400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 429]);
        assert_eq!(statuses(|row| row.contact == Contact::Created), [200, 201, 202]);
    }

    #[test]
    fn the_services_own_fault_is_anything_but_a_2xx_or_a_4xx() {
        let fails = statuses(|row| row.client.lesson(None) == Lesson::Fails);
        assert_eq!(fails, (100..200).chain(300..400).chain(500..600).collect::<Vec<_>>());
        assert_eq!(
            (row(401).client.lesson(None), row(429).client.lesson(None)),
            (Lesson::TokenRefused, Lesson::TooMany(None))
        );
    }
}
