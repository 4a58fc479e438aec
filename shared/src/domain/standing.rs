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
    /// Who waits for it, where somebody said so since it was last leased.
    pub waiter: Option<Waiter>,
}

/// A worker that waits for a client of its own lane: nobody who began later may have the client before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// When it began to look for a client.
    pub since: Timestamp,
    /// Until when it waits at least: it says so anew while it does.
    pub until: Timestamp,
}

/// A worker that looks for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeker {
    /// Whose turn it would be.
    pub turn: Turn,
    /// The client's secret, as far as the worker knows.
    pub secret: SecretTag,
    /// When it began to look.
    pub since: Timestamp,
    /// Its clock.
    pub now: Timestamp,
}

impl Standing {
    /// Whether this worker can lease it.
    pub fn admits(&self, seeker: &Seeker) -> bool {
        let Seeker { turn, secret, since, now } = *seeker;
        let first = turn == Turn::Loan || self.is_first(since, now);
        !self.is_held(now) && self.refusal(secret, now).is_none() && self.turns.admit(turn, now) && first
    }

    /// Whether nobody waits for it who began before then.
    pub fn is_first(&self, since: Timestamp, now: Timestamp) -> bool {
        self.awaited(now).is_none_or(|earliest| since <= earliest)
    }

    /// Since when somebody waits for it, where somebody does.
    pub fn awaited(&self, now: Timestamp) -> Option<Timestamp> {
        self.waiter.filter(|waiter| waiter.until > now).map(|waiter| waiter.since)
    }

    /// Until when it is left alone under this secret. One that is held as well is busy first: what its holder learns
    /// may end the refusal.
    pub fn refusal(&self, secret: SecretTag, now: Timestamp) -> Option<Timestamp> {
        let (until, refused) = self.refused?;
        (until > now && refused == secret && !self.is_held(now)).then_some(until)
    }

    /// After a lease in this turn, which may last until then. Whoever waited for it has it, or finds that out.
    #[must_use]
    pub fn leased(self, turn: Turn, until: Timestamp) -> Self {
        let waiter = self.waiter.filter(|_| turn == Turn::Loan);
        Self { leased_until: Some(until), turns: self.turns.leased(turn, until), waiter, ..self }
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
    const LATER: Timestamp = Timestamp::from_millis(1_790_000_000_001);

    fn seeker(turn: Turn, secret: &str) -> Seeker {
        let secret = SecretTag::new("client-a", &secret.into());
        Seeker { turn, secret, since: NOW, now: NOW }
    }

    #[test]
    fn a_client_is_free_until_it_is_held_and_again_when_its_lease_is_over() {
        let held = Standing::default().leased(Turn::Any, LATER);
        let worker = seeker(Turn::Any, "s");
        assert!(Standing::default().admits(&worker));
        assert_eq!((held.admits(&worker), held.admits(&Seeker { now: LATER, ..worker })), (false, true));
    }

    #[test]
    fn a_refusal_holds_for_its_secret_and_its_time_and_not_while_the_client_is_held() {
        let (worker, other) = (seeker(Turn::Any, "s"), seeker(Turn::Any, "t"));
        let refused = Standing { refused: Some((LATER, worker.secret)), ..Standing::default() };
        assert_eq!([NOW, LATER].map(|now| refused.refusal(worker.secret, now)), [Some(LATER), None]);
        assert_eq!((refused.admits(&worker), refused.admits(&other)), (false, true));
        let held = Standing { leased_until: Some(LATER), ..refused };
        assert_eq!((held.refusal(worker.secret, NOW), held.admits(&other)), (None, false));
    }

    #[test]
    fn a_free_client_is_had_by_whose_turn_it_is() {
        let lent = Standing { turns: Turns::default().leased(Turn::Loan, NOW), ..Standing::default() };
        assert_eq!(
            [Turn::Any, Turn::Standard, Turn::Loan].map(|turn| lent.admits(&seeker(turn, "s"))),
            [true, true, false]
        );
    }

    #[test]
    fn a_client_that_is_waited_for_is_had_by_nobody_of_the_lane_who_began_later() {
        let waiter = Waiter { since: NOW, until: NOW.plus(Duration::from_secs(4)) };
        let awaited = Standing { waiter: Some(waiter), ..Standing::default() };
        let admits = |turn, since, now| awaited.admits(&Seeker { since, now, ..seeker(turn, "s") });
        for turn in [Turn::Any, Turn::Standard] {
            assert_eq!((admits(turn, NOW, LATER), admits(turn, LATER, LATER)), (true, false), "{turn:?}");
            assert!(admits(turn, LATER, waiter.until), "nobody has said so since");
            assert_eq!(awaited.leased(turn, LATER).waiter, None);
        }
        assert!(admits(Turn::Loan, LATER, LATER), "the lanes have turns of their own");
        assert_eq!(awaited.leased(Turn::Loan, LATER).waiter, Some(waiter));
    }
}
