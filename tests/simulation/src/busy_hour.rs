//! Queues that fill and drain as agents come and go, for two hours: with what the workers know of the queues, and
//! without.
//!
//! CXone creates contacts for a full queue and loses them at once (docs/rules.md#lost-contacts), and nothing else
//! goes wrong. The same events and the same agents, once with the queues' health read each minute and once without any.

use std::{collections::BTreeMap, fmt, rc::Rc};

use contact_injection::domain::lane::Lane;

use crate::{
    plan::{Kind, MINUTE, ORIGIN, Plan, Round, Sent},
    run::Run,
    world::World,
};

/// How long events come.
const LENGTH: i64 = 120 * MINUTE;

/// A contact later than this after its event is one that the business calls late.
const SERVICE_LEVEL: i64 = 10 * MINUTE;

/// What a queue takes.
const ROOM: u64 = 30;

/// Contacts that a queue's agents take on in a minute.
fn served(queue: &str, minute: i64) -> u64 {
    match (queue, minute) {
        // The shift of the primary is at lunch, and comes back.
        ("q-1", 30..=59) => 1,
        ("q-1", _) => 10,
        _ => 4,
    }
}

/// What became of the hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Events sent.
    pub events: usize,
    /// Contacts that CXone created and lost.
    pub lost: usize,
    /// Events that came into a queue late, or not at all.
    pub late: usize,
    /// Events that ended as dead letters.
    pub dead_letters: usize,
    /// Contacts by target.
    pub by_target: BTreeMap<String, usize>,
    /// Contacts by the priority they were sent with.
    pub by_priority: BTreeMap<u64, usize>,
    /// How long after the primary had room again it was next used, in milliseconds.
    pub primary_again_after: Option<i64>,
}

/// Contacts that the agents take on where the primary flaps: nobody in one minute, twice as many in the next.
fn flapping(queue: &str, minute: i64) -> u64 {
    match (queue, minute % 2) {
        ("q-1", 0) => 0,
        ("q-1", _) => 16,
        _ => 4,
    }
}

/// Lets the hours pass, with the queues' health known or unknown.
pub fn busy_hour(aware: bool) -> Outcome {
    live(Plan { blind: !aware, ..plan() })
}

/// The same, while the primary's agents come and go each minute.
pub fn flapping_hour() -> Outcome {
    live(Plan { agents: Some(flapping), ..plan() })
}

/// The same, while nobody can read the queues' health for an hour, and full queues answer 409.
pub fn unread_hour() -> Outcome {
    live(Plan { unread: 30..90, lossy: |_| false, ..plan() })
}

fn live(plan: Plan) -> Outcome {
    let world = World::planned(1, plan, None, false);
    let mut run = Run::new(Rc::clone(&world));
    run.go();
    let outcome = judge(&world);
    drop(run);
    world.scheduler.clear();
    outcome
}

fn plan() -> Plan {
    // Six a minute, as on any day, and a wave of a hundred within two minutes while the primary is at lunch.
    let every = |from: i64, until: i64, step: i64| {
        (from..until).step_by(usize::try_from(step).unwrap_or(1)).collect::<Vec<_>>()
    };
    let mut times = every(0, LENGTH, 10_000);
    times.extend(every(40 * MINUTE, 42 * MINUTE, 1200));
    times.sort_unstable();
    let sent = times.into_iter().enumerate().map(|(number, at)| {
        let mut event = Sent {
            at,
            lane: Lane::Standard,
            event: format!("e{number}"),
            version: 0,
            kind: Kind::Sound,
            expires: None,
            targets: 2,
            body: String::new(),
        };
        event.body = event.written("busy", at, None, "+15550100000");
        event
    });
    Plan {
        room: ROOM,
        lossy: |_| true,
        rounds: vec![Round { stormy: LENGTH, pause: 0, gap: 0 }],
        agents: Some(served),
        ..Plan::calm(sent.collect())
    }
}

fn judge(world: &World) -> Outcome {
    let tenant = world.tenant.borrow();
    let millis = |at: u64| i64::try_from(at).unwrap_or(i64::MAX) - ORIGIN;
    let (mut by_target, mut by_priority, mut placed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut lost = 0;
    for contact in tenant.contacts() {
        if contact.status.is_lost() {
            lost += 1;
            continue;
        }
        let event = contact.attribute("string:event").and_then(serde_json::Value::as_str).unwrap_or_default();
        placed.insert(event.to_owned(), millis(contact.created_at_ms));
        *by_target.entry(contact.queue_id().unwrap_or("skills").to_owned()).or_default() += 1;
        *by_priority.entry(contact.request["priority"].as_u64().unwrap_or_default()).or_default() += 1;
    }
    let in_time = |event: &&Sent| placed.get(&event.event).is_some_and(|at| at - event.at <= SERVICE_LEVEL);
    let sent = &world.plan.sent;
    // The shift is back from minute 60 on; by then the primary is full, and has room with the first contact taken on.
    let back = 60 * MINUTE;
    let primary = |contact: &&cxone_simulator::Contact| contact.queue_id() == Some("q-1") && !contact.status.is_lost();
    let again =
        tenant.contacts().iter().filter(primary).map(|contact| millis(contact.created_at_ms)).find(|at| *at > back);
    Outcome {
        events: sent.len(),
        lost,
        late: sent.len() - sent.iter().filter(in_time).count(),
        dead_letters: world.letters.borrow().len(),
        by_target,
        by_priority,
        primary_again_after: again.map(|at| at - back),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "events                         {:6}", self.events)?;
        writeln!(f, "contacts created and lost      {:6}", self.lost)?;
        writeln!(f, "events late (over 10 minutes)  {:6}", self.late)?;
        writeln!(f, "dead letters                   {:6}", self.dead_letters)?;
        for (target, contacts) in &self.by_target {
            writeln!(f, "contacts at {target:19}{contacts:6}")?;
        }
        for (priority, contacts) in &self.by_priority {
            writeln!(f, "contacts at priority {priority:<10}{contacts:6}")?;
        }
        match self.primary_again_after {
            Some(after) => writeln!(f, "primary used again after     {:6} s", after / 1000),
            None => writeln!(f, "primary never used again"),
        }
    }
}
