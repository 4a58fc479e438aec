//! A worker's place among those that wait: at one client at a time, which nobody who began later may have before it.

use std::time::Duration;

use crate::domain::{credentials::Credentials, time::Timestamp};

/// How long a worker counts as waiting that doesn't say so again: so long a client that was waited for is kept from
/// others where the worker has died.
pub(super) const WAITING: Duration = Duration::from_secs(4);

/// What may be left of that when it says so again: the longest pause between two rounds, and what their requests take.
const RENEWED_BEFORE: Duration = Duration::from_millis(1500);

/// Where a worker waits, and where it could.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    own: Option<Place<'a>>,
    /// Those that are busy, as this round has seen them, and since when somebody waits for each.
    busy: Vec<(&'a Credentials, Option<Timestamp>)>,
}

#[derive(Debug)]
struct Place<'a> {
    client: &'a Credentials,
    /// When it began to wait for this client.
    from: Timestamp,
    /// When it last said so.
    said: Timestamp,
}

/// What a worker does about its place.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// Nothing.
    Stay,
    /// It says that it waits for this client: the same one again, or another.
    WaitFor(&'a Credentials),
}

impl<'a> Line<'a> {
    /// The client that it waits for.
    pub(super) fn client(&self) -> Option<&'a Credentials> {
        self.own.as_ref().map(|own| own.client)
    }

    /// Another round begins.
    pub(super) fn look_again(&mut self) {
        self.busy.clear();
    }

    /// A busy client was seen, and since when somebody waits for it.
    pub(super) fn seen(&mut self, client: &'a Credentials, awaited: Option<Timestamp>) {
        self.busy.push((client, awaited));
    }

    /// It waits for this client now.
    pub(super) fn wait_for(&mut self, client: &'a Credentials, now: Timestamp) {
        let same = self.own.take().filter(|own| own.client.client_id == client.client_id);
        let from = same.map_or(now, |own| own.from);
        self.own = Some(Place { client, from, said: now });
    }

    /// It waits for none.
    pub(super) fn leave(&mut self) {
        self.own = None;
    }

    /// What to do about the place of a worker that began then.
    ///
    /// It stays with one client for as long as it had waited before, so that it neither misses the return of one that
    /// is held for long nor waits for one that is held for ever. Another is a random one that nobody waits for, else
    /// the one whose waiter began last, if that was later.
    pub(super) fn step(&mut self, since: Timestamp, now: Timestamp, sample: f64) -> Step<'a> {
        let seen = |own: &Place<'_>| self.busy.iter().find(|(client, _)| client.client_id == own.client.client_id);
        let stands = self.own.as_ref().is_some_and(|own| seen(own).is_some_and(|(_, awaited)| *awaited == Some(since)));
        if !stands {
            self.own = None;
        }
        let patient = |own: &Place<'_>| now.since(own.from) < WAITING.max(own.from.since(since));
        let another = if self.own.as_ref().is_some_and(patient) { None } else { self.another(since, sample) };
        let due = |own: &&Place<'_>| now.since(own.said) + RENEWED_BEFORE > WAITING;
        let again = self.own.as_ref().filter(due).map(|own| own.client);
        another.or(again).map_or(Step::Stay, Step::WaitFor)
    }

    fn another(&self, since: Timestamp, sample: f64) -> Option<&'a Credentials> {
        let own = self.client().map(|own| &own.client_id);
        let others = || self.busy.iter().filter(|(client, _)| Some(&client.client_id) != own);
        let unawaited: Vec<_> = others().filter(|(_, awaited)| awaited.is_none()).collect();
        if unawaited.is_empty() {
            let later = others().filter(|(_, awaited)| *awaited > Some(since));
            return later.max_by_key(|(_, awaited)| *awaited).map(|(client, _)| *client);
        }
        Some(unawaited[super::search::at(sample, unawaited.len())].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn at(millis: u64) -> Timestamp {
        SINCE.plus(Duration::from_millis(millis))
    }

    fn clients() -> [Credentials; 3] {
        ["a", "b", "c"].map(|id| Credentials::client(id, "s".into()))
    }

    /// The client that it says it waits for, where it says anything.
    fn said<'a>(line: &mut Line<'a>, now: Timestamp, sample: f64) -> Option<&'a str> {
        match line.step(SINCE, now, sample) {
            Step::Stay => None,
            Step::WaitFor(client) => {
                line.wait_for(client, now);
                Some(client.client_id.as_str())
            }
        }
    }

    fn round<'a>(line: &mut Line<'a>, clients: &'a [Credentials], awaited: [Option<u64>; 3]) {
        line.look_again();
        for (client, awaited) in clients.iter().zip(awaited) {
            line.seen(client, awaited.map(at));
        }
    }

    #[test]
    fn a_worker_waits_where_nobody_does_else_where_the_last_one_began_that_began_later() {
        let clients = clients();
        let first = |awaited, sample| {
            let mut line = Line::default();
            round(&mut line, &clients, awaited);
            said(&mut line, at(500), sample)
        };
        assert_eq!((first([None; 3], 0.0), first([None; 3], 0.99)), (Some("a"), Some("c")));
        assert_eq!(first([Some(1), None, Some(2)], 0.99), Some("b"));
        assert_eq!(first([Some(1), Some(3), Some(2)], 0.0), Some("b"));
        let earlier = SINCE.minus(Duration::from_millis(1));
        let mut line = Line::default();
        line.seen(&clients[0], Some(earlier));
        line.seen(&clients[1], Some(SINCE));
        assert_eq!(said(&mut line, at(500), 0.0), None, "they go first");
        assert_eq!(said(&mut Line::default(), at(500), 0.0), None, "nothing was seen");
    }

    #[test]
    fn it_says_so_again_before_it_is_forgotten() {
        let clients = clients();
        let mut line = Line::default();
        round(&mut line, &clients, [None; 3]);
        assert_eq!(said(&mut line, at(500), 0.0), Some("a"));
        round(&mut line, &clients, [Some(0), None, None]);
        assert_eq!((said(&mut line, at(3000), 0.0), said(&mut line, at(3001), 0.0)), (None, Some("a")));
        assert_eq!(said(&mut line, at(3002), 0.0), None);
    }

    #[test]
    fn it_stays_for_as_long_as_it_had_waited_before_and_then_waits_for_another() {
        let clients = clients();
        let mut line = Line::default();
        round(&mut line, &clients, [None; 3]);
        said(&mut line, at(500), 0.0);
        round(&mut line, &clients, [Some(0), None, None]);
        assert_ne!(said(&mut line, at(4499), 0.0), Some("b"), "four seconds at least");
        assert_eq!(said(&mut line, at(4500), 0.0), Some("b"));
        round(&mut line, &clients, [None, Some(0), None]);
        assert_ne!(said(&mut line, at(8999), 0.0), Some("a"));
        assert_eq!(said(&mut line, at(9000), 0.0), Some("a"));
        round(&mut line, &clients[..1], [Some(0), None, None]);
        assert_eq!(said(&mut line, at(60_000), 0.0), Some("a"), "where there is no other, it stays");
        assert_eq!(said(&mut line, at(60_001), 0.0), None);
    }

    #[test]
    fn whose_place_another_has_looks_for_a_new_one() {
        let clients = clients();
        let mut line = Line::default();
        round(&mut line, &clients, [None; 3]);
        said(&mut line, at(500), 0.0);
        line.look_again();
        line.seen(&clients[0], Some(SINCE.minus(Duration::from_secs(1))));
        line.seen(&clients[1], Some(at(7)));
        assert_eq!(said(&mut line, at(1000), 0.0), Some("b"));
        line.leave();
        assert!(line.client().is_none());
    }
}
