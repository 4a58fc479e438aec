//! What became of a scenario, in figures.

use cxone_simulator::{Contact, Endpoint, RequestRecord, Tenant};

use super::{
    Sample,
    scenario::{SECOND, Scenario},
    services::Usage,
};
use crate::{access::Table, contact_queue::BATCH, plan::ORIGIN, world::World};

/// CXone's window, in seconds.
const WINDOW: usize = 60;

/// The longest that whatever found a circuit open waits for its probe: a minute, and the spread of those that come back
/// together.
const PROBED_EVERY: f64 = 75.0;

/// What became of a scenario.
#[derive(Debug)]
pub struct Lived {
    /// What it was.
    pub scenario: Scenario,
    /// Every invariant that doesn't hold, in words.
    pub breaches: Vec<String>,
    /// Events that came.
    pub events: usize,
    /// Contacts that are in a queue or were taken on.
    pub contacts: usize,
    /// Dead letters.
    pub letters: usize,
    /// Times from events to their contacts, in milliseconds, in order.
    pub(super) waits: Vec<i64>,
    /// The part of it in which every worker had something to do.
    pub saturated: Option<Saturated>,
    /// How its backlog was worked off.
    pub drain: Drain,
    /// The tables, by name.
    pub tables: Vec<TableFigures>,
    /// What CXone was asked for.
    pub cxone: CxoneFigures,
    /// The most messages in flight at the end of any second.
    pub most_in_flight: usize,
    /// Seconds in which the queue handed out no more, for want of what may be in flight.
    pub seconds_shut: usize,
    /// The most invocations at once.
    pub most_at_work: usize,
    /// Seconds until there were as many pollers as there may be, where it came to that.
    pub pollers_up_after: Option<usize>,
    pub(super) usage: Usage,
    pub(super) samples: Vec<Sample>,
}

/// A time in which messages waited for every worker there may be, from a window after the last one came.
#[derive(Clone, Copy, Debug)]
pub struct Saturated {
    /// Its length in seconds: two windows at least.
    pub seconds: usize,
    /// Requests that counted in a client's window, as a share of those permitted.
    pub requests: f64,
    /// Contacts, as a share of the requests permitted.
    pub contacts: f64,
}

/// How a backlog was worked off.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// Events that waited at its beginning.
    pub backlog: usize,
    /// What it takes at the permitted rate, with what comes meanwhile, in seconds.
    pub bound: f64,
    /// Until every message that can be received was in a worker's hands, in seconds.
    pub handed_out: f64,
    /// Until all but one in a hundred of those events were contacts, in seconds: what waited at its beginning, and what
    /// came by that bound.
    pub nearly_all: f64,
    /// Until the last of them was, in seconds.
    pub all: f64,
}

/// What one table was asked for.
#[derive(Clone, Debug)]
pub struct TableFigures {
    /// Its name.
    pub name: &'static str,
    /// Requests, those refused among them.
    pub requests: u64,
    /// Units written and read.
    pub units: (u64, f64),
    /// Requests that were refused: the item's or its partition's budget was spent.
    pub throttled: u64,
    /// Partitions at the end.
    pub partitions: usize,
    /// The item that was asked for most, in requests of its busiest second.
    pub hottest: (String, u64),
    /// The share of that item's limit which that was.
    pub hottest_share: f64,
}

/// What CXone was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct CxoneFigures {
    /// Requests for contacts.
    pub posts: usize,
    /// Questions for a queue's health.
    pub health: usize,
    /// Requests for a token.
    pub tokens: usize,
    /// Answers 429.
    pub too_many: usize,
    /// Requests answered with 5xx, or not at all.
    pub failed: usize,
}

impl Lived {
    pub(super) fn of(scenario: Scenario, world: &World, samples: &[Sample]) -> Self {
        let tenant = world.tenant.borrow();
        let alive: Vec<_> = tenant.contacts().iter().filter(|contact| !contact.status.is_lost()).collect();
        let mut waits: Vec<_> =
            alive.iter().filter_map(|contact| Some(created(contact) - sent(world, contact)?)).collect();
        waits.sort_unstable();
        let most = |of: fn(&Sample) -> usize| samples.iter().map(of).max().unwrap_or_default();
        Self {
            breaches: std::mem::take(&mut world.seen.borrow_mut().breaches),
            events: world.plan.sent.len(),
            contacts: alive.len(),
            letters: world.letters.borrow().len(),
            waits,
            saturated: saturated(&scenario, &tenant, samples),
            drain: drain(&scenario, world, &alive, samples),
            tables: tables(world),
            cxone: CxoneFigures::of(tenant.requests()),
            most_in_flight: most(|sample| sample.in_flight),
            seconds_shut: samples.iter().filter(|sample| sample.shut).count(),
            most_at_work: most(|sample| sample.at_work),
            pollers_up_after: samples.iter().position(|sample| sample.pollers >= scenario.clients),
            usage: world.services.as_ref().map(|services| *services.usage.borrow()).unwrap_or_default(),
            samples: samples.to_vec(),
            scenario,
        }
    }

    /// So many in ten thousand events waited no longer, in milliseconds.
    pub fn wait(&self, of_ten_thousand: usize) -> i64 {
        let place = (self.waits.len() * of_ten_thousand).div_ceil(10_000).clamp(1, self.waits.len().max(1)) - 1;
        self.waits.get(place).copied().unwrap_or_default()
    }

    /// Requests that were refused by DynamoDB.
    pub fn throttled(&self) -> u64 {
        self.tables.iter().map(|table| table.throttled).sum()
    }

    /// Requests that DynamoDB refused at every try, so that the program had to do without.
    pub fn given_up(&self) -> u64 {
        self.usage.given_up
    }

    /// How often a message was handed out.
    pub fn handed_out(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
        let deliveries = self.usage.deliveries as f64;
        deliveries / float(self.events)
    }

    /// How much longer the backlog took than the permitted rate would have.
    pub fn drain_ratio(&self) -> (f64, f64) {
        (self.drain.nearly_all / self.drain.bound, self.drain.all / self.drain.bound)
    }

    /// The same for all of it where there was an outage, the end of which nobody can know of before the next probe.
    pub fn drain_ratio_after_probe(&self) -> Option<f64> {
        self.scenario.outage.as_ref().map(|_| self.drain.all / (self.drain.bound + PROBED_EVERY))
    }
}

/// Clients that begin at once go on in step, each sending its whole window's worth at once. So what comes in the first
/// and in the last window counts the less the nearer it is to the end, and no phase counts for more than another.
fn saturated(scenario: &Scenario, tenant: &Tenant, samples: &[Sample]) -> Option<Saturated> {
    let up = samples.iter().position(|sample| sample.at_work >= scenario.clients)? + WINDOW;
    let waited_for = |sample: &Sample| sample.waiting - sample.in_flight >= BATCH * scenario.clients;
    let end = samples.iter().rposition(waited_for)?;
    let seconds = end.checked_sub(up).filter(|seconds| *seconds >= 2 * WINDOW)?;
    let weight = |millis: i64| {
        let from_end = (millis - at(up)).min(at(end) - millis).clamp(0, at(WINDOW) - ORIGIN);
        float(usize::try_from(from_end).unwrap_or_default()) / 1000.0 / float(WINDOW)
    };
    let counted = tenant.requests().iter().filter(|request| request.counted);
    let requests: f64 = counted.map(|request| weight(millis(request.at_ms))).sum();
    let contacts: f64 = tenant.contacts().iter().map(|contact| weight(created(contact))).sum();
    let permitted = scenario.permitted() * float(seconds - WINDOW);
    Some(Saturated { seconds, requests: requests / permitted, contacts: contacts / permitted })
}

fn drain(scenario: &Scenario, world: &World, alive: &[&Contact], samples: &[Sample]) -> Drain {
    let from = scenario.drains_from();
    let second = usize::try_from(from).unwrap_or_default();
    let began = ORIGIN + from * SECOND;
    // By its contacts: a worker that keeps its client hasn't deleted what it has injected.
    let waited =
        |contact: &&&Contact| created(contact) > began && sent(world, contact).is_some_and(|sent| sent <= began);
    let backlog = alive.iter().filter(waited).count();
    let bound = float(backlog) / (scenario.permitted() - scenario.rate_at(from));
    #[expect(clippy::cast_possible_truncation, reason = "a time of hours in milliseconds")]
    let covered = began + (bound * 1000.0) as i64;
    let there = |contact: &&&Contact| sent(world, contact).is_some_and(|sent| sent <= covered);
    let mut ended: Vec<_> =
        alive.iter().filter(there).map(|contact| created(contact)).filter(|at| *at > began).collect();
    ended.sort_unstable();
    let after =
        |place: usize| ended.get(place).map_or(0.0, |at| float(usize::try_from(at - began).unwrap_or(0)) / 1000.0);
    Drain {
        backlog,
        bound,
        handed_out: float(
            samples.iter().skip(second + 1).position(|sample| sample.waiting == sample.in_flight).unwrap_or(0),
        ),
        nearly_all: after((ended.len() * 99 / 100).saturating_sub(1)),
        all: after(ended.len().saturating_sub(1)),
    }
}

fn tables(world: &World) -> Vec<TableFigures> {
    let Some(services) = &world.services else { return Vec::new() };
    let tables = services.tables.borrow();
    let of = |table: Table| {
        let asked = tables.asked.get(&table).copied().unwrap_or_default();
        let hottest = tables.hottest.get(&table);
        #[expect(clippy::cast_precision_loss, reason = "a count of units")]
        let units = (asked.units.writes, asked.units.half_reads as f64 / 2.0);
        TableFigures {
            name: table.store(),
            requests: asked.requests,
            units,
            throttled: asked.refused,
            partitions: asked.partitions,
            hottest: hottest.map_or_else(Default::default, |hottest| (hottest.item.to_string(), hottest.requests)),
            hottest_share: hottest.map_or(0.0, |hottest| hottest.share),
        }
    };
    Table::ALL.into_iter().map(of).collect()
}

impl CxoneFigures {
    fn of(requests: &[RequestRecord]) -> Self {
        let mut figures = Self::default();
        for request in requests {
            match request.endpoint {
                Endpoint::Contacts => figures.posts += 1,
                Endpoint::Token => figures.tokens += 1,
                _ => figures.health += 1,
            }
            figures.too_many += usize::from(request.status == Some(429));
            figures.failed += usize::from(!request.answered || request.status.is_none_or(|status| status >= 500));
        }
        figures
    }
}

/// When the event of a contact was sent: events are numbered in the order in which they are.
fn sent(world: &World, contact: &Contact) -> Option<i64> {
    let number = contact.attribute("string:event")?.as_str()?.strip_prefix('e')?.parse::<usize>().ok()?;
    Some(ORIGIN + world.plan.sent.get(number)?.at)
}

fn created(contact: &Contact) -> i64 {
    millis(contact.created_at_ms)
}

fn millis(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

fn at(second: usize) -> i64 {
    ORIGIN + i64::try_from(second).unwrap_or_default() * SECOND
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

/// Contacts created a second, in each of these spans of seconds.
pub(super) fn rates(samples: &[Sample], span: usize) -> Vec<(f64, f64)> {
    let ends = (span..samples.len()).step_by(span);
    let of = |end: usize| {
        let created = samples[end].contacts - samples[end - span].contacts;
        (float(end) - float(span) / 2.0, float(created) / float(span))
    };
    ends.map(of).collect()
}
