//! What a run of the demo left behind, as the report shows it: times, names and counts.
//!
//! No field holds a token, a secret, a message's body or a phone number, so that no chart can show one.

use std::collections::BTreeMap;

use contact_injection::domain::event::Event;
use contact_injection::domain::routes::{Address, Routes};
use cxone_simulator::{Contact, Endpoint, Queue, RequestRecord, TokenRecord};

use super::super::outcome::{self, Kind, Outcome, Row};

/// Everything that the report is made of.
#[derive(Debug, Default)]
pub(in super::super) struct Record {
    /// From the first thing recorded to the last, in milliseconds since the Unix epoch.
    pub(super) span_ms: [u64; 2],
    pub(super) steps: Vec<StepMark>,
    pub(super) rows: Vec<Row>,
    /// How each event ended and when.
    pub(super) ends: Vec<(Kind, u64)>,
    /// Events that ended as expected.
    pub(super) as_expected: usize,
    pub(super) injections: Vec<Injection>,
    pub(super) queues: Vec<QueueFill>,
    pub(super) clients: Vec<ClientSends>,
    pub(super) rate: Rate,
    pub(super) tokens: Vec<TokenUse>,
    /// Requests by the status of their answer; 0 stands for none.
    pub(super) statuses: BTreeMap<u16, usize>,
    /// When a contact was refused by a full queue.
    pub(super) saturated_ms: Vec<u64>,
    /// When a token was refused.
    pub(super) unauthorized_ms: Vec<u64>,
    /// Milliseconds from a contact request's arrival at the simulator to its answer.
    pub(super) request_latencies: Vec<u64>,
    /// Records of the ledger by state, and the requests that they count.
    pub(super) ledger: BTreeMap<String, LedgerState>,
}

/// When a step of the demo began.
#[derive(Debug, Clone)]
pub(in super::super) struct StepMark {
    pub(in super::super) letter: char,
    pub(in super::super) title: String,
    pub(in super::super) events: usize,
    pub(in super::super) at_ms: u64,
}

/// A contact and how it came to be where it is.
#[derive(Debug, Clone)]
pub(super) struct Injection {
    /// The queue's name, or the skills.
    pub(super) target: String,
    /// The target's place in its route; 0 is the primary.
    pub(super) place: usize,
    /// What its route gives the event before any target or fill lowers it.
    pub(super) base: u16,
    pub(super) priority: u16,
    pub(super) sent_ms: u64,
    pub(super) created_ms: u64,
}

/// A queue and when contacts came into it.
#[derive(Debug, Clone)]
pub(super) struct QueueFill {
    pub(super) name: String,
    pub(super) most: u64,
    pub(super) held_at_last: u64,
    pub(super) arrivals_ms: Vec<u64>,
}

/// An OAuth client and when its requests came that count in its window.
#[derive(Debug, Clone)]
pub(super) struct ClientSends {
    pub(super) id: String,
    pub(super) at_ms: Vec<u64>,
    /// The most that any window held, as the simulator counts it.
    pub(super) busiest: usize,
}

/// What CXone grants each client.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    pub(super) limit: usize,
    pub(super) window_ms: u64,
}

/// A token, without the token.
#[derive(Debug, Clone)]
pub(super) struct TokenUse {
    pub(super) client: String,
    pub(super) issued_ms: u64,
    pub(super) expires_ms: u64,
    pub(super) revoked: bool,
    pub(super) uses_ms: Vec<u64>,
}

/// Records of the ledger in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct LedgerState {
    pub(in super::super) records: usize,
    pub(in super::super) requests: usize,
}

/// What the simulator has to say at the end of a run.
#[derive(Debug)]
pub(in super::super) struct Observed<'a> {
    pub(in super::super) requests: &'a [RequestRecord],
    pub(in super::super) tokens: &'a [TokenRecord],
    pub(in super::super) contacts: &'a [Contact],
    /// As they stand at the end.
    pub(in super::super) queues: &'a [Queue],
    pub(in super::super) limit: usize,
    pub(in super::super) window_ms: u64,
    /// Each client with the most requests that any of its windows held.
    pub(in super::super) clients: Vec<(String, usize)>,
}

impl Record {
    /// Brings together what the simulator observed and what became of the events.
    pub(in super::super) fn new(
        observed: &Observed<'_>,
        routes: &Routes,
        steps: Vec<StepMark>,
        outcomes: &[Outcome],
        rows: Vec<Row>,
    ) -> Self {
        let at = |status| move |request: &&RequestRecord| request.status == Some(status);
        let times = |status| observed.requests.iter().filter(at(status)).map(|request| request.at_ms).collect();
        let mut statuses = BTreeMap::new();
        observed.requests.iter().for_each(|one| *statuses.entry(one.status.unwrap_or(0)).or_default() += 1);
        let contact_requests = observed.requests.iter().filter(|request| request.endpoint == Endpoint::Contacts);
        let mut injections: Vec<_> =
            outcomes.iter().flat_map(|outcome| injections(outcome, routes, observed.queues)).collect();
        injections.sort_by_key(|injection| injection.created_ms);
        let mut record = Self {
            span_ms: [0, 0],
            rows,
            ends: outcomes.iter().map(|outcome| (outcome.kind, outcome.ended_ms)).collect(),
            as_expected: outcomes.iter().filter(|outcome| outcome.as_expected()).count(),
            injections,
            queues: observed.queues.iter().filter_map(|queue| fill(queue, observed.contacts)).collect(),
            clients: clients(observed),
            rate: Rate { limit: observed.limit, window_ms: observed.window_ms },
            tokens: tokens(observed),
            statuses,
            saturated_ms: times(409),
            unauthorized_ms: times(401),
            request_latencies: contact_requests.filter_map(RequestRecord::latency_ms).collect(),
            ledger: BTreeMap::new(),
            steps,
        };
        let all = observed.requests.iter().map(|request| request.at_ms);
        let all = all.chain(outcomes.iter().flat_map(|outcome| [outcome.sent.at_ms, outcome.ended_ms]));
        let (first, last) = (all.clone().min().unwrap_or_default(), all.max().unwrap_or_default());
        record.span_ms = [first, last];
        record
    }

    /// Adds what the ledger holds at the end.
    pub(in super::super) fn with_ledger(self, ledger: BTreeMap<String, LedgerState>) -> Self {
        Self { ledger, ..self }
    }

    /// Milliseconds from the first thing recorded to a time of the run.
    pub(super) fn since_start(&self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.span_ms[0])
    }

    /// How long it all took, in milliseconds.
    pub(super) fn length_ms(&self) -> u64 {
        self.since_start(self.span_ms[1])
    }

    /// How many events ended in this way.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.ends.iter().filter(|(end, _)| *end == kind).count()
    }
}

fn injections(outcome: &Outcome, routes: &Routes, queues: &[Queue]) -> Vec<Injection> {
    let event = Event::parse(&outcome.sent.text).ok();
    let route = event.as_ref().and_then(|event| routes.select(event));
    let injection = |contact: &Contact| {
        let target = outcome::target(contact);
        let priority = outcome::priority(contact);
        let is_it = |address: &Address| match address {
            Address::Queue(queue) => queue.as_str() == target,
            Address::Skills(skills) => skills.join(",") == target,
        };
        let place = route.and_then(|route| route.targets().iter().position(|target| is_it(target.address())));
        let base = route.zip(event.as_ref()).map(|(route, event)| route.base_priority(event).get());
        let queue = queues.iter().find(|queue| queue.id == target);
        Injection {
            target: queue.and_then(|queue| queue.name.clone()).unwrap_or(target),
            place: place.unwrap_or_default(),
            base: base.unwrap_or(priority),
            priority,
            sent_ms: outcome.sent.at_ms,
            created_ms: contact.created_at_ms,
        }
    };
    outcome.contacts.iter().map(injection).collect()
}

/// A queue whose fill is known.
fn fill(queue: &Queue, contacts: &[Contact]) -> Option<QueueFill> {
    let (held_at_last, most) = queue.capacity.zip(queue.thresholds.max_capacity)?;
    let here = contacts.iter().filter(|contact| contact.queue_id() == Some(&queue.id) && !contact.status.is_lost());
    Some(QueueFill {
        name: queue.name.clone().unwrap_or_else(|| queue.id.clone()),
        most,
        held_at_last,
        arrivals_ms: here.map(|contact| contact.created_at_ms).collect(),
    })
}

fn clients(observed: &Observed<'_>) -> Vec<ClientSends> {
    let sends = |id: &str| {
        let counted = observed.requests.iter().filter(|request| request.counted);
        counted.filter(|request| request.client_id.as_deref() == Some(id)).map(|request| request.at_ms).collect()
    };
    let client = |(id, busiest): &(String, usize)| ClientSends { id: id.clone(), at_ms: sends(id), busiest: *busiest };
    observed.clients.iter().map(client).collect()
}

fn tokens(observed: &Observed<'_>) -> Vec<TokenUse> {
    let uses = |index| observed.requests.iter().filter(move |request| request.token == Some(index));
    let token = |(index, token): (usize, &TokenRecord)| TokenUse {
        client: token.client_id.clone(),
        issued_ms: token.issued_at_ms,
        expires_ms: token.expires_at_ms,
        revoked: token.revoked,
        uses_ms: uses(index).map(|request| request.at_ms).collect(),
    };
    observed.tokens.iter().enumerate().map(token).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use cxone_simulator::{Request, Tenant};
    use serde_json::json;

    use super::super::super::outcome::Sent;
    use super::super::super::samples;
    use super::super::{guard, page};
    use super::*;

    const START_MS: u64 = 1_900_000_000_000;
    const PHONE: &str = "+15550100199";

    /// A tenant that was asked for a token and for one contact of the demo's burst, at the queue that it is for.
    fn asked() -> (Tenant, Outcome) {
        let mut tenant = Tenant::new(samples::tenant().unwrap());
        let client = tenant.config().clients[0].clone();
        let token = Request::token(&client.client_id, &client.client_secret, "routing:contacts:write");
        tenant.handle(START_MS, &token);
        let token = tenant.tokens()[0].access_token().to_owned();
        let steps = samples::steps().unwrap().into_iter();
        let sample = steps.flat_map(|step| step.into_events().unwrap().1).next().unwrap();
        let body = json!({
            "type": "contact", "channel": "voice", "queueId": tenant.config().queues[3].id, "priority": 400,
            "from": PHONE, "to": PHONE, "attributes": {}
        });
        let request = Request::create_contact(&token, &sample.key().unwrap(), &body);
        let posted = tenant.handle(START_MS + 100, &request);
        tenant.delivered(posted.request, START_MS + 120);
        let text = sample.text("2030-01-01T00:00:00Z");
        let sent = Sent { sample, text, at_ms: START_MS + 50 };
        let outcome = outcome::of(sent, tenant.contacts(), &[], START_MS + 200);
        (tenant, outcome)
    }

    fn recorded(tenant: &Tenant, outcomes: &[Outcome]) -> Record {
        let config = tenant.config();
        let busiest = |id: &str| (id.to_owned(), tenant.busiest_window(id));
        let observed = Observed {
            requests: tenant.requests(),
            tokens: tenant.tokens(),
            contacts: tenant.contacts(),
            queues: &config.queues,
            limit: config.rate_limit.limit,
            window_ms: config.rate_limit.window_milliseconds,
            clients: config.clients.iter().map(|client| busiest(&client.client_id)).collect(),
        };
        let rows = outcome::rows(outcomes, &config.queues);
        Record::new(&observed, &samples::read_routes().unwrap(), vec![], outcomes, rows)
    }

    #[test]
    fn a_record_holds_what_the_simulator_observed() {
        let (tenant, outcome) = asked();
        let record = recorded(&tenant, &[outcome]);
        assert_eq!((record.span_ms, record.as_expected), ([START_MS, START_MS + 100], 1));
        assert_eq!(record.ends, [(Kind::Injected, START_MS + 100)]);
        let injection = &record.injections[0];
        assert_eq!((injection.target.as_str(), injection.place), ("Renewals", 0));
        assert_eq!((injection.base, injection.priority, injection.sent_ms), (500, 400, START_MS + 50));
        let renewals = record.queues.iter().find(|queue| queue.name == "Renewals").unwrap();
        assert_eq!((renewals.held_at_last, renewals.arrivals_ms.as_slice()), (41, &[START_MS + 100][..]));
        assert_eq!((record.clients[0].at_ms.as_slice(), record.clients[0].busiest), (&[START_MS + 100][..], 1));
        assert_eq!(record.tokens[0].uses_ms, [START_MS + 100]);
        assert_eq!(record.request_latencies, [20]);
        assert_eq!(record.statuses, [(200, 1), (201, 1)].into());
    }

    #[test]
    fn a_page_of_a_record_shows_neither_token_nor_secret_nor_phone_number() {
        let (tenant, outcome) = asked();
        let token = tenant.tokens()[0].access_token().to_owned();
        let secret = tenant.config().clients[0].client_secret.clone();
        let page = page::render(&recorded(&tenant, &[outcome]), "now").into_string();
        assert_eq!(guard::look_over(&page, [token.as_str(), &secret, PHONE]), Ok(()));
        assert!(page.contains("Renewals"));
    }

    /// A small run: one event at its fallback target, one dead letter.
    pub(in super::super) fn record() -> Record {
        let row =
            |title: &str, name| Row { expected: true, title: title.to_owned(), name, evidence: "evidence".to_owned() };
        Record {
            span_ms: [1_000, 9_000],
            steps: vec![StepMark { letter: 'A', title: "a <step>".to_owned(), events: 2, at_ms: 2_000 }],
            rows: vec![row("one", "injected"), row("two", "dead-lettered")],
            ends: vec![(Kind::Injected, 3_000), (Kind::DeadLettered, 4_000)],
            as_expected: 2,
            injections: vec![Injection {
                target: "Overflow".to_owned(),
                place: 1,
                base: 500,
                priority: 250,
                sent_ms: 2_500,
                created_ms: 3_000,
            }],
            queues: vec![QueueFill {
                name: "Renewals".to_owned(),
                most: 60,
                held_at_last: 60,
                arrivals_ms: vec![2_000, 2_500],
            }],
            clients: vec![ClientSends { id: "worker <1>".to_owned(), at_ms: vec![2_900, 2_950], busiest: 2 }],
            rate: Rate { limit: 120, window_ms: 60_000 },
            tokens: vec![TokenUse {
                client: "worker <1>".to_owned(),
                issued_ms: 2_800,
                expires_ms: 3_602_800,
                revoked: false,
                uses_ms: vec![2_900, 2_950],
            }],
            statuses: [(201, 1), (409, 1)].into(),
            saturated_ms: vec![2_900],
            unauthorized_ms: vec![],
            request_latencies: vec![21, 83],
            ledger: [("injected".to_owned(), LedgerState { records: 1, requests: 2 })].into(),
        }
    }
}
