//! Sequences that once went wrong, written down: each is a plan of its own, run under many seeds.
//!
//! What chance leaves open in them is how long everything takes, so a sequence is tried with a hundred seeds, and each
//! comes with the deliberate defect that brings its failure back.

use std::{collections::BTreeSet, rc::Rc};

use contact_injection::domain::{idempotency::IdempotencyKey, lane::Lane};
use cxone_simulator::{Effect, Endpoint, Fault, nice};

use crate::{
    business_unit::{SETTLED, UnitPlan},
    defect::Defect,
    lanes::UrgentPlan,
    plan::{Faults, Plan, Round, SOURCE, Sent},
    run::Run,
    world::World,
};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// One sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// An event is injected and settled, and its message isn't acknowledged. Before it comes again, the registered
    /// length of one of its attributes shrinks.
    SchemaShrinksBeforeTheRedelivery,
    /// Every target loses the contact, and the message is handed out a second time while the dead letter is on its way.
    TwinWhileTheDeadLetterIsOnItsWay,
    /// One target loses the contact, the next is full, and the upstream sends other data under the same identity.
    CorrectedAfterALoss,
    /// An event expires while it waits for the window to open.
    ExpiresBeforeTheWindowOpens,
    /// An event expires while there is no schema to check it against.
    ExpiresWithoutASchema,
    /// A batch has places in a nearly full queue, and waits for the window to open until a newer reading has come,
    /// whose room the others take.
    WaitsAcrossAReading,
    /// A tenant asks to wait while the ledger takes its time over what is about to be sent. That nothing left after all
    /// is written late, when the next request has.
    WithdrawnLate,
    /// A worker is frozen between what the ledger is told of a message and the message itself, whose answer is lost.
    /// CXone shows it as late as it may.
    FrozenBeforeItsMessage,
    /// The answer to a message is lost, and CXone shows it later than whoever looks for it waits.
    ShownTooLate,
    /// Both lanes have more to send than there is room for in the windows, and share the one client that there is.
    BothLanesWantOneClient,
    /// A queue whose health nobody can read refuses a contact, and events for it go on to come.
    RefusedByAQueueThatCannotBeRead,
    /// CXone fails whatever it is asked for half an hour.
    Outage,
}

/// What a sequence came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Contacts created, the lost among them.
    pub contacts: usize,
    /// Requests that CXone got for contacts.
    pub posts: usize,
    /// Claims of events.
    pub claims: usize,
    /// Those of them after which no request left.
    pub idle_claims: usize,
    /// Invocations.
    pub invocations: usize,
    /// The reasons of the dead letters, in order.
    pub letters: Vec<String>,
    /// Every invariant that doesn't hold.
    pub breaches: Vec<String>,
}

/// Lets a sequence happen, with a deliberate defect or without.
pub fn sequence(which: Sequence, seed: u64, defect: Option<Defect>) -> Told {
    let world = World::planned(seed, which.plan(), defect, false);
    if which == Sequence::ExpiresWithoutASchema {
        world.tenant.borrow_mut().add_fault(Fault::always(Endpoint::Attributes, Effect::status(500)));
    }
    if let (Sequence::WithdrawnLate, Some(unit)) = (which, &world.unit) {
        let asks = nice::Fault::always(nice::Endpoint::WorkItems, nice::Effect::rate_limited(1));
        unit.borrow_mut().add_fault(asks.with_probability(0.5));
    }
    if let (Sequence::FrozenBeforeItsMessage | Sequence::ShownTooLate, Some(unit)) = (which, &world.unit) {
        let lost = nice::Fault::always(nice::Endpoint::Messages, nice::Effect::ResetAfter);
        unit.borrow_mut().add_fault(lost);
    }
    if which == Sequence::Outage {
        world.tenant.borrow_mut().add_fault(Fault::always(Endpoint::Contacts, Effect::status(503)));
    }
    let mut run = Run::new(Rc::clone(&world));
    run.go();
    drop(run);
    world.scheduler.clear();
    crate::invariants::check(&world);
    let (contacts, observed, letters) = (world.counted().1, world.seen.borrow(), world.letters.borrow());
    let idle_claims = |sent: &Sent| {
        let claims = observed.claims.get(&IdempotencyKey::of_event(SOURCE, &sent.event)).map_or(&[][..], Vec::as_slice);
        let posted = |by: u64| observed.posts.iter().any(|post| post.event == sent.event && post.invocation == by);
        claims.iter().filter(|(_, by, _)| !posted(*by)).count()
    };
    Told {
        contacts,
        posts: observed.posts.len(),
        claims: observed.claims.values().map(Vec::len).sum(),
        idle_claims: world.plan.sent.iter().map(idle_claims).sum(),
        invocations: observed.begun.len(),
        letters: letters.iter().map(|letter| letter.reason.clone()).collect(),
        breaches: observed.breaches.clone(),
    }
}

impl Sequence {
    fn plan(self) -> Plan {
        let calm = Plan::calm(vec![event("e0", 0, None)]);
        match self {
            Self::SchemaShrinksBeforeTheRedelivery => Plan {
                // Every deletion in the first half minute is lost.
                faults: Faults { queue: 4.0, ..Faults::default() },
                rounds: vec![Round { stormy: 30 * SECOND, pause: 0, gap: 0 }],
                shrunk: 40 * SECOND..30 * MINUTE,
                ..calm
            },
            Self::TwinWhileTheDeadLetterIsOnItsWay => Plan {
                faults: Faults { twice: 1.0, lost: 0.7, slow: 0.5, ..Faults::default() },
                rounds: vec![Round { stormy: 20 * SECOND, pause: 0, gap: 0 }],
                sent: (0..6).map(|number| event(&format!("e{number}"), number * SECOND, None)).collect(),
                ..calm
            },
            Self::CorrectedAfterALoss => {
                let first = Sent { targets: 2, ..event_of("payment", "e0", 5 * SECOND, None) };
                let body = first.body.replace("\"version\":0", "\"version\":1");
                let corrected = Sent { at: 20 * SECOND, version: 1, body, ..first.clone() };
                // Nobody is served before the correction, and the workers know nothing of the queues.
                let served = |_: &str, minute: i64| u64::from(minute > 2);
                let lossy = |queue: &str| queue == "q-2";
                let filling = (1..=2).map(|number| event_of("payment", &format!("filling-{number}"), 0, None));
                let sent = filling.chain([first, corrected]).collect();
                Plan { sent, room: 1, blind: true, lossy, agents: Some(served), ..calm }
            }
            Self::ExpiresBeforeTheWindowOpens => {
                // One of the last two finds a place in time, and the other would have to wait for the window.
                let sent = (0..3).map(|number| event(&format!("e{number}"), 0, None));
                let last = ["soon", "late"].map(|name| event(name, 2 * SECOND, Some(6 * SECOND)));
                let sent = sent.chain(last).collect();
                Plan { sent, workers: 1, clients: 1, limit: 4, window: 10 * SECOND, ..calm }
            }
            Self::Outage => outage(calm),
            Self::RefusedByAQueueThatCannotBeRead => Plan {
                // No execution environment is used twice, so that each has to be told.
                faults: Faults { recycled: 1.0, ..Faults::default() },
                sent: (0..3).map(|number| event(&format!("e{number}"), number * 12 * SECOND, None)).collect(),
                room: 1,
                agents: Some(|_, _| 0),
                unread: 0..60,
                ..calm
            },
            Self::WithdrawnLate => Plan {
                faults: Faults { store: 0.2, slow: 0.4, crash: 1.0, ..Faults::default() },
                rounds: vec![Round { stormy: 3 * MINUTE, pause: 0, gap: 0 }],
                sent: (0..4).map(|number| event(&format!("e{number}"), 0, None)).collect(),
                unit: Some(UnitPlan::plain()),
                ..calm
            },
            Self::FrozenBeforeItsMessage => Plan {
                faults: Faults { freeze: 1.0, slow: 0.3, ..Faults::default() },
                rounds: vec![Round { stormy: MINUTE, pause: 0, gap: 0 }],
                skew: 5000,
                sent: vec![event_of("payment", "e0", 0, None)],
                unit: Some(UnitPlan::showing_late(SETTLED)),
                ..calm
            },
            Self::ShownTooLate => Plan {
                rounds: vec![Round { stormy: MINUTE, pause: 0, gap: 0 }],
                sent: vec![event_of("payment", "e0", 0, None)],
                unit: Some(UnitPlan::showing_late(10 * SETTLED)),
                ..calm
            },
            Self::ExpiresWithoutASchema => Plan {
                schema_known: false,
                sent: vec![event("e0", 0, Some(2 * MINUTE))],
                rounds: vec![Round { stormy: 60 * MINUTE, pause: 0, gap: 0 }],
                ..calm
            },
            Self::BothLanesWantOneClient => {
                let lanes = Lane::ALL.iter().flat_map(|lane| (0..30).map(move |number| (*lane, number)));
                let sent = lanes.map(|(lane, number)| Sent { lane, ..event(&format!("{lane}-{number}"), 0, None) });
                Plan {
                    sent: sent.collect(),
                    workers: 1,
                    clients: 1,
                    urgent: Some(UrgentPlan { workers: 2, clients: BTreeSet::new() }),
                    limit: 20,
                    window: 10 * SECOND,
                    ..calm
                }
            }
            Self::WaitsAcrossAReading => {
                // The health of a minute is known at its beginning. Three workers fill their windows and take places
                // for more; the fourth has something to do a minute later.
                let ticket = |number: i64| {
                    let at = if number < 30 { 40 } else { 62 } * SECOND;
                    event_of("ticket", &format!("e{number}"), at, None)
                };
                let served = |_: &str, minute: i64| u64::from(minute > 2) * 24;
                Plan {
                    sent: (0..60).map(ticket).collect(),
                    workers: 4,
                    clients: 4,
                    limit: 4,
                    window: 36 * SECOND,
                    room: 24,
                    lossy: |_| true,
                    agents: Some(served),
                    ..calm
                }
            }
        }
    }
}

fn outage(calm: Plan) -> Plan {
    let sent = (0..100).map(|number| event(&format!("e{number}"), number * SECOND, None)).collect();
    let rounds = vec![Round { stormy: 30 * MINUTE, pause: 0, gap: 0 }];
    Plan { sent, workers: 2, clients: 2, rounds, ..calm }
}

fn event(name: &str, at: i64, expirytime: Option<i64>) -> Sent {
    event_of("order", name, at, expirytime)
}

fn event_of(route: &str, name: &str, at: i64, expires: Option<i64>) -> Sent {
    Sent::sound(route, name.to_owned(), Lane::Standard, at, expires)
}
