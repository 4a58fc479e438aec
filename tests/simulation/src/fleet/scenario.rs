//! What comes, and when: three days in the life of a fleet.

use std::ops::Range;

use contact_injection::domain::lane::Lane;
use cxone_simulator::{Effect, Endpoint, Fault, Tenant};

use super::limits::Limits;
use crate::{
    chance::Chance,
    plan::{Pace, Plan, Sent},
};

/// A second and a minute, in milliseconds.
pub(super) const SECOND: i64 = 1000;
pub(super) const MINUTE: i64 = 60 * SECOND;

/// Requests of one client in a minute.
const RATE: usize = 120;

/// Agents take every contact on.
const ROOM: u64 = 1_000_000_000;

/// Milliseconds that a worker's clock is off at most: what Lambda's are, by far.
const SKEW: i64 = 50;

/// One way for the day to go. Times are in seconds from its beginning.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, as in a file's.
    pub name: &'static str,
    /// What it is.
    pub title: String,
    /// OAuth clients, and workers at most.
    pub clients: usize,
    /// From when to when so many events come a second.
    pub arrivals: Vec<(Range<i64>, f64)>,
    /// How many events come at once besides, and when.
    pub burst: Option<(i64, usize)>,
    /// From when to when CXone answers 503, or not at all.
    pub outage: Option<Range<i64>>,
    /// What the services bear.
    pub limits: Limits,
}

impl Scenario {
    /// Those of `make fleet`.
    pub fn all() -> Vec<Self> {
        let new = Self::steady(1000, 400_000);
        vec![
            Self::steady(1000, 1_000_000).with_warm_tables(),
            Self::outage(1000, 0.5).with_warm_tables(),
            Self::burst(1000, 200_000, 50.0).with_warm_tables(),
            Self { name: "new-tables", title: format!("{}, into new tables", new.title), ..new },
        ]
    }

    /// As many events as the permitted rate bears, from a fleet that sleeps on.
    pub fn steady(clients: usize, events: usize) -> Self {
        let rate = permitted(clients);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a number of events")]
        let seconds = (events as f64 / rate) as i64;
        Self {
            title: format!("{} events at the permitted rate", thousands(events)),
            arrivals: vec![(0..seconds, rate)],
            ..Self::quiet("steady", clients)
        }
    }

    /// An hour without CXone, at so many percent of the permitted rate.
    pub fn outage(clients: usize, percent: f64) -> Self {
        let (rate, before, hour) = (permitted(clients) * percent / 100.0, 300, 3600);
        Self {
            title: format!("an outage of an hour, at {percent} % of the permitted rate"),
            arrivals: vec![(0..before + hour + 600, rate)],
            outage: Some(before..before + hour),
            ..Self::quiet("outage", clients)
        }
    }

    /// So many events at once, upon so many percent of the permitted rate.
    pub fn burst(clients: usize, events: usize, percent: f64) -> Self {
        let (rate, before) = (permitted(clients) * percent / 100.0, 240);
        Self {
            title: format!("{} events at once, upon {percent} % of the permitted rate", thousands(events)),
            arrivals: vec![(0..before + 240, rate)],
            burst: Some((before, events)),
            ..Self::quiet("burst", clients)
        }
    }

    /// The same with tables that were warmed, or have borne as much before.
    #[must_use]
    pub fn with_warm_tables(self) -> Self {
        Self { limits: Limits { partitions: 8, ..self.limits }, ..self }
    }

    fn quiet(name: &'static str, clients: usize) -> Self {
        let (arrivals, limits) = (Vec::new(), Limits::default());
        Self { name, title: String::new(), clients, arrivals, burst: None, outage: None, limits }
    }

    /// Contacts that all clients may create in a second.
    pub fn permitted(&self) -> f64 {
        permitted(self.clients)
    }

    /// Events that come in a second at this time.
    pub(super) fn rate_at(&self, second: i64) -> f64 {
        self.arrivals.iter().filter(|(times, _)| times.contains(&second)).map(|(_, rate)| rate).sum()
    }

    /// From when on a backlog is worked off, in seconds: after the outage, the burst, or the last event.
    pub(super) fn drains_from(&self) -> i64 {
        let last = self.arrivals.iter().map(|(times, _)| times.end).max().unwrap_or_default();
        self.outage.as_ref().map(|outage| outage.end).or(self.burst.map(|(at, _)| at)).unwrap_or(last)
    }

    /// CXone fails, or works again.
    pub(super) fn fail(tenant: &mut Tenant, failing: bool) {
        tenant.clear_faults();
        if !failing {
            return;
        }
        for endpoint in [Endpoint::Contacts, Endpoint::Queue, Endpoint::Attributes, Endpoint::Token] {
            // Of a hundred requests 75 are answered, 20 never served, and 5 served without an answer.
            let share = |share, effect| Fault::always(endpoint, effect).with_probability(share);
            tenant.add_fault(share(0.75, Effect::unavailable()));
            tenant.add_fault(share(0.8, Effect::HangBefore { milliseconds: 60_000 }));
            tenant.add_fault(share(1.0, Effect::HangAfter { milliseconds: 60_000 }));
        }
    }

    pub(super) fn plan(&self) -> Plan {
        Plan {
            workers: self.clients,
            clients: self.clients,
            limit: RATE,
            room: ROOM,
            skew: SKEW,
            agents: Some(|_, _| ROOM),
            rounds: Vec::new(),
            // The template's timeout. How long the rest takes, the services say.
            pace: Pace { in_order: true, timeout: 90 * SECOND, ..Pace::default() },
            ..Plan::calm(self.sent())
        }
    }

    fn sent(&self) -> Vec<Sent> {
        let chance = Chance::seeded(3);
        let mut times = Vec::new();
        for (seconds, rate) in self.arrivals.iter().filter(|(_, rate)| *rate > 0.0) {
            #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds")]
            let (mut at, end) = ((seconds.start * SECOND) as f64, (seconds.end * SECOND) as f64);
            loop {
                at -= 1000.0 / rate * (1.0 - chance.sample()).ln();
                if at >= end {
                    break;
                }
                #[expect(clippy::cast_possible_truncation, reason = "hours in milliseconds")]
                times.push(at as i64);
            }
        }
        times.extend(self.burst.into_iter().flat_map(|(at, events)| std::iter::repeat_n(at * SECOND, events)));
        times.sort_unstable();
        times.into_iter().enumerate().map(|(number, at)| event(number, at)).collect()
    }
}

/// Three kinds of events in ten are for one queue, and seven for another.
fn event(number: usize, at: i64) -> Sent {
    let (route, targets, expires) =
        if number % 10 < 7 { ("order", 3, None) } else { ("payment", 2, Some(at + 120 * MINUTE)) };
    Sent { expires, targets, ..Sent::sound(route, format!("e{number}"), Lane::Standard, at, None) }
}

#[expect(clippy::cast_precision_loss, reason = "a number of clients")]
fn permitted(clients: usize) -> f64 {
    (clients * RATE) as f64 / 60.0
}

/// A number as a person reads it.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}
