//! What one seed has in store: the events, the workers, and how badly everything around them behaves.
//!
//! Each kind of fault is there in some runs and absent in others, and as often rare as frequent. Runs with every fault
//! at once get stuck in the same few states; the interesting ones are where two meet.

use std::ops::{Range, RangeInclusive};

use contact_injection::domain::lane::Lane;
use serde_json::json;

use crate::{business_unit::UnitPlan, chance::Chance, lanes::UrgentPlan};

/// When every run begins, in milliseconds since the Unix epoch.
pub(crate) const ORIGIN: i64 = 1_790_000_000_000;

pub(crate) const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Where events come from.
pub(crate) const SOURCE: &str = "/simulation/orders";

/// The routes of every run: one with fallbacks, one whose events age, one that waits for its queue's health, and one
/// for the busy hour.
pub(crate) const ROUTES: &str = r#"{"routes": [
  {"name": "order", "match": {"type": "order", "source": "/simulation/*"}, "channel": "voice",
   "targets": [{"queueId": "q-1"}, {"queueId": "q-2", "priorityDelta": -50}, {"skillIds": ["s-1"]}],
   "priority": {"default": 500, "degrade": {"by": 50, "floor": 50}},
   "from": {"path": "$.from"}, "to": {"value": "+15550201234"},
   "attributes": {"string:event": {"path": "$.event", "required": true}, "number:version": {"path": "$.version", "required": true}, "string:note": {"path": "$.note"}}},
  {"name": "payment", "match": {"type": "payment", "source": "/simulation/*"}, "channel": "voice",
   "targets": [{"queueId": "q-2"}, {"queueId": "q-3"}], "maxAgeSeconds": 7200,
   "priority": {"default": 600}, "from": {"path": "$.from"}, "to": {"value": "+15550201234"},
   "attributes": {"string:event": {"path": "$.event", "required": true}, "number:version": {"path": "$.version", "required": true}, "string:note": {"path": "$.note"}}},
  {"name": "ticket", "match": {"type": "ticket", "source": "/simulation/*"}, "channel": "email",
   "targets": [{"queueId": "q-3"}], "onUnknownHealth": "hold",
   "priority": {"default": 400}, "from": {"path": "$.from"}, "to": {"value": "desk@example.com"},
   "attributes": {"string:event": {"path": "$.event", "required": true}, "number:version": {"path": "$.version", "required": true}, "string:note": {"path": "$.note"}}},
  {"name": "busy", "match": {"type": "busy", "source": "/simulation/*"}, "channel": "voice",
   "targets": [{"queueId": "q-1"}, {"queueId": "q-2", "priorityDelta": -50}],
   "priority": {"default": 500, "degrade": {"by": 50, "floor": 50}},
   "from": {"path": "$.from"}, "to": {"value": "+15550201234"},
   "attributes": {"string:event": {"path": "$.event", "required": true}, "number:version": {"path": "$.version", "required": true}, "string:note": {"path": "$.note"}}}
]}"#;

/// The queues that the routes name.
pub(crate) const QUEUES: [&str; 3] = ["q-1", "q-2", "q-3"];

/// Characters of every event's note.
const NOTE: usize = 40;

/// How often each thing goes wrong while faults are on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// A store fails before or after its commit, or answers too late.
    pub(crate) store: f64,
    /// SQS fails, in whole or for an entry; a deletion is lost.
    pub(crate) queue: f64,
    /// A message is handed out twice at once.
    pub(crate) twice: f64,
    /// The dead-letter queue fails before or after its commit.
    pub(crate) dead_letters: f64,
    /// CXone answers 5xx, 429, a redirect or nonsense, or hangs, or resets.
    pub(crate) cxone: f64,
    /// CXone creates a contact and loses it.
    pub(crate) lost: f64,
    /// The authorization server fails, or tokens are revoked.
    pub(crate) tokens: f64,
    /// A request, or its answer, takes seconds.
    pub(crate) slow: f64,
    /// No connection can be made.
    pub(crate) unreachable: f64,
    /// An invocation crashes at one of its awaits.
    pub(crate) crash: f64,
    /// An invocation freezes for up to ten minutes.
    pub(crate) freeze: f64,
    /// An environment isn't used again, so that the next invocation starts cold with another clock.
    pub(crate) recycled: f64,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An event that can be injected.
    Sound,
    /// No event.
    Malformed,
    /// An event without a route.
    Unrouted,
    /// An event that lacks what its route needs.
    Unmappable,
    /// An event with an attribute beyond its registered length.
    Oversized,
}

/// One message that the upstream sends.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// When, in milliseconds from the beginning of the run.
    pub(crate) at: i64,
    /// By which lane, where there are two.
    pub(crate) lane: Lane,
    /// Which event it tells of.
    pub(crate) event: String,
    /// Which version of its data.
    pub(crate) version: u32,
    /// What it is.
    pub(crate) kind: Kind,
    /// From when on it must not be injected.
    pub(crate) expires: Option<i64>,
    /// Targets of its route.
    pub(crate) targets: usize,
    /// The body.
    pub(crate) body: String,
}

/// A time of faults, the calm after it, and what an operator does then.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// How long things go wrong.
    pub(crate) stormy: i64,
    /// How long the trigger is then off, before anything is received again.
    pub(crate) pause: i64,
    /// How long it takes an operator to redrive what was dead-lettered.
    pub(crate) gap: i64,
}

/// Everything that a seed decides beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Invocations at once.
    pub(crate) workers: usize,
    /// OAuth clients.
    pub(crate) clients: usize,
    /// Requests in a window.
    pub(crate) limit: usize,
    /// The window.
    pub(crate) window: i64,
    /// Milliseconds that a worker's clock is off at most.
    pub(crate) skew: i64,
    /// Room in each queue.
    pub(crate) room: u64,
    /// Which of CXone's queues lose contacts when they are full, where others answer 409.
    pub(crate) lossy: fn(&str) -> bool,
    /// Whether the registry knows the schema at the start.
    pub(crate) schema_known: bool,
    /// When the secret of a client is rotated.
    pub(crate) rotation: Option<i64>,
    /// Which client CXone refuses, and from when to when.
    pub(crate) revoked: Option<(usize, Range<i64>)>,
    /// From when to when the registered length of an attribute is shorter than what every event has.
    pub(crate) shrunk: Range<i64>,
    /// How often each thing goes wrong.
    pub(crate) faults: Faults,
    /// What the upstream sends.
    pub(crate) sent: Vec<Sent>,
    /// Redrives follow each round but the last.
    pub(crate) rounds: Vec<Round>,
    /// How many contacts a queue's agents take on in a minute of the run; drawn each time where nobody says.
    pub(crate) agents: Option<fn(&str, i64) -> u64>,
    /// Whether the workers know nothing of the queues.
    pub(crate) blind: bool,
    /// From which minute to which the queues' health can't be read.
    pub(crate) unread: Range<i64>,
    /// What is a tenant's own, where the program speaks to one.
    pub(crate) unit: Option<UnitPlan>,
    /// What there is besides where there are two lanes.
    pub(crate) urgent: Option<UrgentPlan>,
    /// How long everything takes where nothing goes wrong.
    pub(crate) pace: Pace,
}

/// How long everything takes where nothing goes wrong, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// From when a message is there, and there is a worker for it, to the worker's start.
    pub(crate) delivery: RangeInclusive<i64>,
    /// A request's way to CXone, and its answer's way back.
    pub(crate) way: RangeInclusive<i64>,
    /// The same of a store.
    pub(crate) way_to_store: RangeInclusive<i64>,
    /// Whether the queues hand out full batches of what has been there for longest.
    pub(crate) in_order: bool,
    /// The function's timeout.
    pub(crate) timeout: i64,
}

impl Default for Pace {
    /// The timeout is shorter than the template's, so that deadlines come nearer.
    fn default() -> Self {
        Self { delivery: 1..=300, way: 5..=150, way_to_store: 1..=12, in_order: false, timeout: MINUTE }
    }
}

impl Plan {
    /// Draws a run.
    pub(crate) fn draw(chance: &Chance) -> Self {
        let workers = 1 + chance.index(4);
        let rounds = (0..=chance.index(3)).map(|_| Round::draw(chance)).collect();
        Self {
            workers,
            clients: (workers + chance.index(3)).saturating_sub(1).max(1),
            limit: [2, 4, 8, 20, 120][chance.index(5)],
            window: [10_000, 60_000, 300_000][chance.index(3)],
            skew: if chance.happens(0.7) { 5000 } else { 0 },
            room: [2, 5, 100][chance.index(3)],
            lossy: if chance.happens(0.25) { |_| true } else { |_| false },
            schema_known: chance.coin(),
            rotation: chance.happens(0.3).then(|| chance.between(0, 5 * MINUTE)),
            revoked: chance.happens(0.2).then(|| {
                let from = chance.between(0, 5 * MINUTE);
                (chance.index(5), from..from + chance.between(MINUTE, HOUR))
            }),
            shrunk: if chance.happens(0.2) {
                let from = chance.between(0, 10 * MINUTE);
                from..from + chance.between(MINUTE, 3 * HOUR)
            } else {
                0..0
            },
            faults: Faults::draw(chance),
            sent: events(chance),
            rounds,
            agents: None,
            blind: false,
            unread: 0..0,
            unit: None,
            urgent: None,
            pace: Pace::default(),
        }
    }
}

impl Plan {
    /// A run in which nothing goes wrong and nobody is in want of anything.
    pub(crate) fn calm(sent: Vec<Sent>) -> Self {
        Self {
            workers: 2,
            clients: 2,
            limit: 120,
            window: MINUTE,
            skew: 0,
            room: 100,
            lossy: |_| false,
            schema_known: true,
            rotation: None,
            revoked: None,
            shrunk: 0..0,
            faults: Faults::default(),
            sent,
            rounds: vec![Round { stormy: 10 * MINUTE, pause: 0, gap: 0 }],
            agents: None,
            blind: false,
            unread: 0..0,
            unit: None,
            urgent: None,
            pace: Pace::default(),
        }
    }
}

impl Round {
    fn draw(chance: &Chance) -> Self {
        let pause = match chance.index(10) {
            0 | 1 => chance.between(23 * HOUR + 30 * MINUTE, 26 * HOUR),
            2 => chance.between(MINUTE, 3 * HOUR),
            _ => 0,
        };
        let gap = [0, 0, HOUR, 25 * HOUR][chance.index(4)];
        Self { stormy: chance.between(MINUTE, 12 * MINUTE), pause, gap }
    }
}

impl Faults {
    fn draw(chance: &Chance) -> Self {
        let rate = |often: f64, most: f64| if chance.happens(often) { most * chance.sample() } else { 0.0 };
        Self {
            store: rate(0.5, 0.12),
            queue: rate(0.5, 0.3),
            twice: rate(0.5, 0.3),
            dead_letters: rate(0.4, 0.4),
            cxone: rate(0.7, 0.5),
            lost: rate(0.3, 0.3),
            tokens: rate(0.3, 0.4),
            slow: rate(0.6, 0.4),
            unreachable: rate(0.3, 0.3),
            crash: rate(0.7, 0.6),
            freeze: rate(0.5, 0.4),
            recycled: rate(0.6, 0.8),
        }
    }
}

fn events(chance: &Chance) -> Vec<Sent> {
    let mut sent = Vec::new();
    let crowd = 1 + chance.index([4, 12, 40][chance.index(3)]);
    let span = [1000, MINUTE, 10 * MINUTE][chance.index(3)];
    let (repeated, corrected) = (0.4 * chance.sample(), 0.3 * chance.sample());
    for number in 0..crowd {
        let at = chance.between(0, span);
        let first = Sent::draw(chance, &format!("e{number}"), at);
        if first.kind == Kind::Sound && chance.happens(repeated) {
            let later = [1000, 5 * MINUTE, 2 * HOUR, 26 * HOUR][chance.index(4)];
            sent.push(Sent { at: at + chance.between(0, later), ..first.clone() });
        }
        if first.kind == Kind::Sound && chance.happens(corrected) {
            let at = at + chance.between(1000, 10 * MINUTE);
            sent.push(first.corrected(at, chance));
        }
        sent.push(first);
    }
    sent.sort_by_key(|message| message.at);
    sent
}

impl Sent {
    fn draw(chance: &Chance, event: &str, at: i64) -> Self {
        let kind = match chance.index(24) {
            0 => Kind::Malformed,
            1 => Kind::Unrouted,
            2 => Kind::Unmappable,
            3 => Kind::Oversized,
            _ => Kind::Sound,
        };
        let (route, targets, max_age) =
            [("order", 3, None), ("order", 3, None), ("payment", 2, Some(2 * HOUR)), ("ticket", 1, None)]
                [chance.index(4)];
        let expirytime = chance.happens(0.15).then(|| at + chance.between(0, 30 * MINUTE));
        let expires = max_age.map(|age| at + age).into_iter().chain(expirytime).min();
        let (event, lane, body) = (event.to_owned(), Lane::Standard, String::new());
        let mut message = Self { at, lane, event, version: 0, kind, expires, targets, body };
        message.body = message.written(route, at, expirytime, "+15550100000");
        message
    }

    /// The same event with other data, from an upstream that thought better of it.
    fn corrected(&self, at: i64, chance: &Chance) -> Self {
        let from = format!("+1555010{:04}", chance.index(10_000));
        let body = self.body.replace("\"version\":0", "\"version\":1").replace("+15550100000", &from);
        Self { at, version: 1, body, ..self.clone() }
    }

    /// One with nothing wrong about it, for a route.
    pub(crate) fn sound(route: &str, event: String, lane: Lane, at: i64, expires: Option<i64>) -> Self {
        let blank = Self { at, lane, event, version: 0, kind: Kind::Sound, expires, targets: 3, body: String::new() };
        Self { body: blank.written(route, at, expires, "+15550100000"), ..blank }
    }

    pub(crate) fn written(&self, route: &str, at: i64, expirytime: Option<i64>, from: &str) -> String {
        use contact_injection::domain::time::Timestamp;
        let time = |millis: i64| Timestamp::from_millis(ORIGIN + millis).to_string();
        let mut body = json!({
            "specversion": "1.0", "id": self.event, "source": SOURCE, "type": route, "time": time(at),
            "data": {"event": self.event, "version": self.version, "from": from, "note": "n".repeat(NOTE)},
        });
        if let Some(expiry) = expirytime {
            body["expirytime"] = json!(time(expiry));
        }
        match self.kind {
            Kind::Sound => {}
            Kind::Malformed => body["specversion"] = json!("0.3"),
            Kind::Unrouted => body["type"] = json!("unheard-of"),
            Kind::Unmappable => body["data"]["from"] = json!([1, 2]),
            Kind::Oversized => body["data"]["event"] = json!("e".repeat(300)),
        }
        body.to_string()
    }
}
