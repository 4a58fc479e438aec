//! A bulk load of standard events, and urgent events all along: with a lane of their own and without
//! (docs/rules.md#lanes).
//!
//! Nothing goes wrong, and no queue is short of agents: what takes time is the clients' limits, CXone's answers and
//! SQS's delivery. Urgent events come by chance, as many as the rate of their own clients is said to bear.

use std::{collections::BTreeMap, fmt, rc::Rc};

use contact_injection::domain::lane::Lane;

use crate::{
    chance::Chance,
    lanes::UrgentPlan,
    plan::{MINUTE, ORIGIN, Pace, Plan, Round, Sent},
    run::Run,
    world::World,
};

/// Before the bulk load, urgent events come for so long, so that every worker is warm.
const BEFORE: i64 = 10 * MINUTE;

/// Requests of one client in a minute.
const RATE: usize = 120;

/// Agents take every contact on.
const ROOM: u64 = 1_000_000;

/// One way for the day to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrgentDay {
    /// Whether urgent events have a queue, workers and half of the clients of their own.
    pub lane: bool,
    /// Half of the clients.
    pub clients: usize,
    /// Standard events that come at once.
    pub bulk: usize,
    /// Urgent events in a minute, in percent of what half of the clients may send.
    pub load: usize,
    /// How long urgent events come after the bulk load, in minutes.
    pub minutes: i64,
}

/// Times from an event to its contact, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Events that became contacts.
    pub events: usize,
    /// Half of them took no longer.
    pub median: i64,
    /// 99 in a hundred took no longer.
    pub p99: i64,
    /// The longest.
    pub worst: i64,
}

/// What became of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOutcome {
    /// Of the urgent events that were sent while the backlog lasted.
    pub urgent: Times,
    /// Of the bulk load.
    pub standard: Times,
    /// How long the backlog lasted.
    pub drained_after: i64,
    /// Urgent contacts while the backlog lasted.
    pub urgent_contacts: usize,
    /// Requests under standard clients while the backlog lasted, and those of them that were for urgent events.
    pub sends: (usize, usize),
}

impl UrgentDay {
    /// Those of `make urgent-day`, by name.
    pub fn all() -> impl Iterator<Item = (String, Self)> {
        let of = |(clients, minutes): (usize, i64)| {
            let day = Self { lane: true, clients, bulk: 10_000, load: 50, minutes };
            let overload = Self { load: 300, minutes: 2 * minutes, ..day };
            [
                (format!("{} clients, no lane", 2 * clients), Self { lane: false, ..day }),
                (format!("{clients} + {clients} clients"), day),
                (format!("{clients} + {clients} clients, urgent overload"), overload),
            ]
        };
        [(1, 95), (10, 10)].into_iter().flat_map(of)
    }

    /// Lets it happen: until the backlog is gone, and what came meanwhile with it, unless more comes than can ever go.
    pub fn live(self) -> DayOutcome {
        let world = World::planned(1, self.plan(), None, false);
        let mut run = Run::new(Rc::clone(&world));
        if self.load > 100 {
            let bulk =
                |world: &World| world.now() > ORIGIN + BEFORE && world.queues[&Lane::Standard].borrow().is_empty();
            run.go_until(bulk);
        } else {
            run.go();
        }
        let outcome = judge(&world);
        drop(run);
        world.scheduler.clear();
        outcome
    }

    fn plan(self) -> Plan {
        let chance = Chance::seeded(2);
        let urgent = self
            .lane
            .then(|| UrgentPlan { workers: self.clients.max(2), clients: (self.clients..2 * self.clients).collect() });
        let end = BEFORE + self.minutes * MINUTE;
        let mut sent: Vec<_> = (0..self.bulk).map(|number| event(Lane::Standard, "s", number, BEFORE)).collect();
        let mut at = 0.0;
        #[expect(clippy::cast_precision_loss, reason = "events in a minute")]
        let pause = MINUTE as f64 / ((RATE * self.clients * self.load) as f64 / 100.0);
        for number in 0.. {
            at -= pause * (1.0 - chance.sample()).ln();
            #[expect(clippy::cast_possible_truncation, reason = "hours in milliseconds")]
            let time = at as i64;
            if time > end {
                break;
            }
            let lane = if self.lane { Lane::Urgent } else { Lane::Standard };
            sent.push(event(lane, "u", number, time));
        }
        sent.sort_by_key(|message| message.at);
        Plan {
            workers: if self.lane { self.clients } else { 2 * self.clients },
            clients: 2 * self.clients,
            limit: RATE,
            room: ROOM,
            rounds: vec![Round { stormy: 0, pause: 0, gap: 0 }],
            agents: Some(|_, _| ROOM),
            urgent,
            pace: Pace { delivery: 10..=100, way: 50..=200, in_order: true, ..Pace::default() },
            ..Plan::calm(sent)
        }
    }
}

fn judge(world: &World) -> DayOutcome {
    let tenant = world.tenant.borrow();
    let began = ORIGIN + BEFORE;
    let sent: BTreeMap<&str, i64> =
        world.plan.sent.iter().map(|message| (message.event.as_str(), ORIGIN + message.at)).collect();
    let contacts: Vec<(&str, i64, i64)> = tenant
        .contacts()
        .iter()
        .filter_map(|contact| {
            let event = contact.attribute("string:event")?.as_str()?;
            Some((event, *sent.get(event)?, i64::try_from(contact.created_at_ms).ok()?))
        })
        .collect();
    let of = |lane: &'static str| contacts.iter().filter(move |(event, ..)| event.starts_with(lane));
    let drained = of("s").map(|(.., created)| *created).max().unwrap_or(began);
    let meanwhile = began..=drained;
    let urgent = of("u").filter(|(_, sent, _)| meanwhile.contains(sent)).map(|(_, sent, created)| created - sent);
    let seen = world.seen.borrow();
    let standard = seen.requests.iter().filter(|request| {
        request.routing && meanwhile.contains(&request.begun) && world.plan.lane_of(&request.client) == Lane::Standard
    });
    let lent = standard.clone().filter(|request| seen.lanes.get(&request.invocation) == Some(&Lane::Urgent));
    DayOutcome {
        urgent: Times::of(urgent.collect()),
        standard: Times::of(of("s").map(|(_, sent, created)| created - sent).collect()),
        drained_after: drained - began,
        urgent_contacts: of("u").filter(|(.., created)| meanwhile.contains(created)).count(),
        sends: (standard.clone().count(), lent.count()),
    }
}

fn event(lane: Lane, name: &str, number: usize, at: i64) -> Sent {
    Sent::sound("order", format!("{name}{number}"), lane, at, None)
}

impl Times {
    fn of(mut times: Vec<i64>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
        let [median, p99, worst] = [50, 99, 100].map(|percent| at(percent).unwrap_or_default());
        Self { events: times.len(), median, p99, worst }
    }

    fn said(self) -> [Passed; 3] {
        [self.median, self.p99, self.worst].map(Passed)
    }
}

impl DayOutcome {
    /// Contacts a minute while the backlog lasts, of standard and of urgent events.
    pub fn pace(&self) -> [usize; 2] {
        let a_minute = |contacts: usize| contacts * 60_000 / usize::try_from(self.drained_after.max(1)).unwrap_or(1);
        [a_minute(self.standard.events), a_minute(self.urgent_contacts)]
    }

    /// How much of what standard clients send while the backlog lasts is urgent, in percent.
    pub fn lent(&self) -> usize {
        self.sends.1 * 100 / self.sends.0.max(1)
    }
}

impl fmt::Display for DayOutcome {
    /// The cells of its two rows, after the name of the first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([standard, urgent], backlog) = (self.pace(), Passed(self.drained_after));
        let [median, p99, worst] = self.urgent.said();
        writeln!(f, "urgent | {median} | {p99} | {worst} | {urgent} | | {} % |", self.lent())?;
        let [median, p99, worst] = self.standard.said();
        writeln!(f, "| | standard | {median} | {p99} | {worst} | {standard} | {backlog} | |")
    }
}

/// A time as a person would say it.
struct Passed(i64);

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            millis @ ..120_000 => write!(f, "{}.{} s", millis / 1000, millis % 1000 / 100),
            millis => write!(f, "{}.{} min", millis / MINUTE, millis % MINUTE * 10 / MINUTE),
        }
    }
}
