//! How a client stands: all that decides who may lease it, and can be read without trying.

use super::{
    credentials::SecretTag,
    lane::{Turn, Turns},
    time::Timestamp,
};

/// How a client stands. One that was never leased is free to everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Until when a worker holds it, where one does.
    pub leased_until: Option<Timestamp>,
    /// Until when it is left alone under which secret, where its credentials were refused.
    pub refused: Option<(Timestamp, SecretTag)>,
    /// Whose turn it is.
    pub turns: Turns,
}

impl Standing {
    /// Whether it can be leased in this turn with this secret.
    pub fn admits(&self, turn: Turn, secret: SecretTag, now: Timestamp) -> bool {
        !self.is_held(now) && self.refusal(secret, now).is_none() && self.turns.admit(turn, now)
    }

    /// Until when it is left alone under this secret. One that is held as well is busy first: what its holder learns
    /// may end the refusal.
    pub fn refusal(&self, secret: SecretTag, now: Timestamp) -> Option<Timestamp> {
        let (until, refused) = self.refused?;
        (until > now && refused == secret && !self.is_held(now)).then_some(until)
    }

    fn is_held(&self, now: Timestamp) -> bool {
        self.leased_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn tag(secret: &str) -> SecretTag {
        SecretTag::new("client-a", &secret.into())
    }

    #[test]
    fn a_client_is_free_until_it_is_held_and_again_when_its_lease_is_over() {
        let later = NOW.plus(Duration::from_millis(1));
        let held = Standing { leased_until: Some(later), ..Standing::default() };
        let admits = |standing: Standing, now| standing.admits(Turn::Any, tag("s"), now);
        assert!(admits(Standing::default(), NOW));
        assert_eq!((admits(held, NOW), admits(held, later)), (false, true));
    }

    #[test]
    fn a_refusal_holds_for_its_secret_and_its_time_and_not_while_the_client_is_held() {
        let later = NOW.plus(Duration::from_millis(1));
        let refused = Standing { refused: Some((later, tag("s"))), ..Standing::default() };
        assert_eq!((refused.refusal(tag("s"), NOW), refused.refusal(tag("s"), later)), (Some(later), None));
        assert_eq!((refused.admits(Turn::Any, tag("s"), NOW), refused.admits(Turn::Any, tag("t"), NOW)), (false, true));
        let held = Standing { leased_until: Some(later), ..refused };
        assert_eq!((held.refusal(tag("s"), NOW), held.admits(Turn::Any, tag("t"), NOW)), (None, false));
    }

    #[test]
    fn a_free_client_is_had_by_whose_turn_it_is() {
        let lent = Standing { turns: Turns::default().leased(Turn::Loan, NOW), ..Standing::default() };
        let admits = |turn| lent.admits(turn, tag("s"), NOW);
        assert_eq!([Turn::Any, Turn::Standard, Turn::Loan].map(admits), [true, true, false]);
    }
}
