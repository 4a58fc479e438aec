//! What each status means, in one table: for the contact that was asked for, for the client that asked, and for a token
//! (docs/wire.md#contact-answers, docs/wire.md#token-request).

use crate::{
    dialects::answer::{Client, Token},
    domain::contact_result::Refusal,
};

/// One status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What became of the contact.
    pub(super) contact: Contact,
    /// Whether CXone looked the idempotency key up before it answered so.
    pub(super) key: Key,
    /// What a request under a token teaches.
    pub(super) client: Client,
    /// What the answer to a request for a token is.
    pub(super) token: Token,
}

/// What became of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    /// It is in the body.
    Created,
    /// It was not created, for this reason.
    Refused(Refusal),
    /// It may have been created.
    InDoubt,
}

/// Whether an answer shows that CXone knows nothing of the key (docs/wire.md#refusals-that-look-the-key-up).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// It shows so.
    LookedUp,
    /// It shows so where it is CXone's own answer, by its error code: a gateway that lost its way answers the same.
    IfCxoneSaysSo,
    /// It shows nothing: CXone may turn a request away before it looks the key up.
    Unknown,
}

/// The row of a status.
pub(super) const fn row(status: u16) -> Row {
    use Contact::{Created, InDoubt, Refused};
    use Refusal::{Forbidden, Payload, RateLimited, Saturated, Unauthorized, UnknownQueue};
    use Token::{ClientRefused, Granted, Unavailable};
    let (contact, key, client, token) = match status {
        200..=299 => (Created, Key::LookedUp, Client::Works, Granted),
        400 => (Refused(Payload), Key::Unknown, Client::Works, Token::Refused),
        401 => (Refused(Unauthorized), Key::Unknown, Client::TokenRefused, ClientRefused),
        403 => (Refused(Forbidden), Key::Unknown, Client::Works, Token::Refused),
        404 => (Refused(UnknownQueue), Key::IfCxoneSaysSo, Client::Works, Token::Refused),
        408 => (InDoubt, Key::Unknown, Client::Works, Unavailable),
        409 => (Refused(Saturated), Key::LookedUp, Client::Works, Token::Refused),
        429 => (Refused(RateLimited), Key::Unknown, Client::TooMany, Unavailable),
        402 | 405..=407 | 410..=428 | 430..=499 => (InDoubt, Key::Unknown, Client::Works, Token::Refused),
        _ => (InDoubt, Key::Unknown, Client::Fails, Unavailable),
    };
    Row { contact, key, client, token }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{lease::Lesson, retry_after::RetryAfter};

    fn statuses(holds: impl Fn(Row) -> bool) -> Vec<u16> {
        (100..600).filter(|status| holds(row(*status))).collect()
    }

    #[test]
    fn only_answers_that_prove_it_are_refusals() {
        let refused = statuses(|row| matches!(row.contact, Contact::Refused(_)));
        assert_eq!(refused, [400, 401, 403, 404, 409, 429]);
        assert_eq!(statuses(|row| row.contact == Contact::Created), (200..300).collect::<Vec<_>>());
    }

    #[test]
    fn who_is_turned_away_before_the_key_is_looked_up_proves_nothing_of_before() {
        let looked_up = statuses(|row| row.contact != Contact::Created && row.key == Key::LookedUp);
        assert_eq!((looked_up, statuses(|row| row.key == Key::IfCxoneSaysSo)), (vec![409], vec![404]));
    }

    #[test]
    fn the_services_own_fault_is_anything_but_a_2xx_or_a_4xx() {
        let fails = statuses(|row| row.client.lesson(None) == Lesson::Fails);
        assert_eq!(fails, (100..200).chain(300..400).chain(500..600).collect::<Vec<_>>());
        let wait = Some(RetryAfter::new(std::time::Duration::from_secs(7)));
        assert_eq!(row(401).client.lesson(wait), Lesson::TokenRefused);
        assert_eq!(row(429).client.lesson(wait), Lesson::TooMany(wait));
    }
}
