//! What the report draws: each panel as a figure with its title, a note, a chart and a legend.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::outcome::Kind;
use super::chart::{Axis, Frame, Level, Look, Shape, legend};
use super::columns::{Stack, columns, highest};
use super::figures::{bin_width, histogram, percentile, queue_fill, window_fill};
use super::lines::{Line, lines};
use super::points::{Lane, Point, lanes, points};
use super::record::{Injection, QueueFill, Record};
use super::scale::{measure, number, round_up, seconds};

/// Columns of a chart, at the most.
const COLUMNS: usize = 40;
/// Columns of the latencies, which stand for themselves.
const LATENCY_COLUMNS: usize = 24;
/// What an axis has beyond the last of what is drawn.
const HEADROOM: f64 = 1.05;
const TIME: &str = "seconds since the first request";
/// Shares of a queue's capacity, in percent, from which a route's priority is lowered, and by how much.
const NEARLY_FULL: [(f64, &str); 2] = [(80.0, "one step"), (90.0, "two steps")];

/// A panel of the report.
pub(super) fn panel(title: &str, note: &str, chart: &Markup, below: &Markup) -> Markup {
    html! {
        figure.card {
            figcaption { h3 { (title) } p { (note) } }
            (chart)
            (below)
        }
    }
}

/// Times of the run on a chart.
struct Clock<'a> {
    record: &'a Record,
    steps: Vec<(char, f64)>,
}

impl<'a> Clock<'a> {
    fn new(record: &'a Record) -> Self {
        let at = |at_ms| seconds(record.since_start(at_ms));
        Self { record, steps: record.steps.iter().map(|step| (step.letter, at(step.at_ms))).collect() }
    }

    fn at(&self, at_ms: u64) -> f64 {
        seconds(self.record.since_start(at_ms))
    }

    /// A little longer than the run, so that its last moment is seen.
    fn axis(&self) -> Axis<'static> {
        Axis { label: TIME, values: [0.0, seconds(self.record.length_ms()) * HEADROOM] }
    }
}

/// Every panel, in the order of the page.
pub(super) fn all(record: &Record) -> Markup {
    let clock = Clock::new(record);
    html! {
        (outcomes(&clock))
        (window(&clock))
        (fill(&clock))
        (priorities(&clock))
        (tokens(&clock))
        (request_latency(record))
        (injection_latency(record))
    }
}

fn outcomes(clock: &Clock<'_>) -> Markup {
    let record = clock.record;
    let width = bin_width(record.length_ms(), COLUMNS);
    let kinds = Kind::ALL.into_iter().enumerate().filter(|(_, kind)| record.count(*kind) > 0);
    let stacks: Vec<_> = kinds
        .map(|(series, kind)| {
            let ended = record.ends.iter().filter(|(end, _)| *end == kind).map(|(_, at)| record.since_start(*at));
            Stack { series, name: kind.name().to_owned(), counts: histogram(ended, 0, width, COLUMNS) }
        })
        .collect();
    let counts = stacks.iter().map(|stack| format!("{} {}", stack.counts.iter().sum::<usize>(), stack.name));
    let counts: Vec<_> = counts.collect();
    let title = "Events by outcome";
    let frame = Frame {
        id: "outcomes",
        title,
        description: format!("Events that ended in each {} ms of the run: {}.", width, counts.join(", ")),
        x: clock.axis(),
        y: Some(Axis { label: "events", values: [0.0, round_up(number(highest(&stacks)) * HEADROOM)] }),
        steps: &clock.steps,
        levels: vec![],
    };
    let entries: Vec<_> = stacks.iter().zip(counts).map(|(stack, count)| (stack.series, Look::Area, count)).collect();
    let note = "When each contact was created, or its dead letter sent. A duplicate leaves neither: it shows when the \
                queue was seen empty.";
    panel(title, note, &columns(&frame, seconds(width), &stacks), &legend(&entries))
}

fn window(clock: &Clock<'_>) -> Markup {
    let record = clock.record;
    let rate = record.rate;
    let clients = || record.clients.iter().enumerate();
    let drawn: Vec<_> = clients()
        .map(|(series, client)| {
            let fill = window_fill(&client.at_ms, rate.window_ms);
            let inside = fill.into_iter().filter(|(at, _)| *at <= record.span_ms[1]);
            let points = inside.map(|(at, count)| [clock.at(at), number(count)]);
            Line { series, name: client.id.clone(), points: [[0.0, 0.0]].into_iter().chain(points).collect() }
        })
        .collect();
    let busiest: Vec<_> =
        clients().map(|(_, client)| format!("{}: at most {} of {}", client.id, client.busiest, rate.limit)).collect();
    let title = "Sends in each client's window";
    let length = seconds(rate.window_ms);
    let frame = Frame {
        id: "window",
        title,
        description: format!(
            "Requests of each OAuth client in the {length} s before each moment. {}.",
            busiest.join("; ")
        ),
        x: clock.axis(),
        y: Some(Axis { label: "requests in the window", values: [0.0, round_up(number(rate.limit) * 1.1)] }),
        steps: &clock.steps,
        levels: vec![Level { label: format!("limit {}", rate.limit), value: number(rate.limit) }],
    };
    let entries: Vec<_> = busiest.into_iter().enumerate().map(|(series, name)| (series, Look::Line, name)).collect();
    let note = format!(
        "Authenticated requests that CXone counts against each OAuth client, over a sliding window of {length} s. \
         The inject workers lease theirs from batch to batch; the registry sync has its own."
    );
    panel(title, &note, &lines(&frame, &drawn, &[]), &legend(&entries))
}

fn fill(clock: &Clock<'_>) -> Markup {
    let record = clock.record;
    let percent = |held: u64, queue: &QueueFill| 100.0 * measure(held) / measure(queue.most.max(1));
    let mut entries = Vec::new();
    let mut drawn = Vec::new();
    for (series, queue) in record.queues.iter().enumerate() {
        let (start, fill) = queue_fill(&queue.arrivals_ms, queue.held_at_last);
        let points = fill.into_iter().map(|(at, held)| [clock.at(at), percent(held, queue)]);
        let points = [[0.0, percent(start, queue)]].into_iter().chain(points).collect();
        drawn.push(Line { series, name: queue.name.clone(), points });
        let name = format!("{}: {start} to {} of {}", queue.name, queue.held_at_last, queue.most);
        entries.push((series, Look::Line, name));
    }
    let refused = record.saturated_ms.len();
    let marks: Vec<_> = record
        .saturated_ms
        .iter()
        .map(|at| Point { series: 4, shape: Shape::Cross, at: [clock.at(*at), 100.0], says: "409".to_owned() })
        .collect();
    let title = "How full the queues are";
    let names: Vec<_> = entries.iter().map(|(_, _, name)| name.as_str()).collect();
    let description = format!(
        "Contacts in each queue in percent of its capacity. {}. {} refused by a full queue.",
        names.join("; "),
        plural(refused, "contact")
    );
    if refused > 0 {
        entries.push((
            4,
            Look::Mark(Shape::Cross),
            format!("{} refused by a full queue (409)", plural(refused, "contact")),
        ));
    }
    let level = |(value, label): (f64, &str)| Level { label: label.to_owned(), value };
    let frame = Frame {
        id: "fill",
        title,
        description,
        x: clock.axis(),
        y: Some(Axis { label: "percent of capacity", values: [0.0, 100.0] }),
        steps: &clock.steps,
        levels: NEARLY_FULL.map(level).to_vec(),
    };
    let note = "From 80 % and from 90 % of its capacity on, a queue lowers the priority of what it is sent; a full queue \
                passes it on to the route's next target.";
    panel(title, note, &lines(&frame, &drawn, &marks), &legend(&entries))
}

fn priorities(clock: &Clock<'_>) -> Markup {
    let injections = &clock.record.injections;
    let look = |injection: &Injection| if injection.place == 0 { (0, Shape::Circle) } else { (1, Shape::Triangle) };
    let drawn: Vec<_> = injections
        .iter()
        .zip(1..)
        .map(|(injection, index)| {
            let (series, shape) = look(injection);
            let Injection { target, base, priority, .. } = injection;
            let says = format!("{target}: priority {priority} of {base}");
            Point { series, shape, at: [number(index), f64::from(*priority)], says }
        })
        .collect();
    let fallback = injections.iter().filter(|injection| injection.place > 0).count();
    let lowered = injections.iter().filter(|injection| injection.priority < injection.base).count();
    let highest = injections.iter().map(|injection| injection.priority).max().unwrap_or_default();
    let title = "Fallback and priority";
    let frame = Frame {
        id: "priorities",
        title,
        description: format!(
            "The priority of each of {} contacts, in the order of their creation. {fallback} went to a fallback target; \
             {lowered} have less than their route's priority.",
            injections.len()
        ),
        x: Axis { label: "contacts in the order of their creation", values: [0.0, number(injections.len()) + 1.0] },
        y: Some(Axis { label: "priority", values: [0.0, round_up(f64::from(highest))] }),
        steps: &[],
        levels: vec![],
    };
    let entries = [
        (0, Look::Mark(Shape::Circle), format!("{} at their primary target", injections.len() - fallback)),
        (1, Look::Mark(Shape::Triangle), format!("{fallback} at a fallback target")),
    ];
    let note = format!(
        "{lowered} contacts have less than their route's priority: a step for a full target that was passed over, a \
         step or two for a queue nearly full, and what the route itself takes off at a fallback target."
    );
    let below = html! { (legend(&entries)) (by_target(injections)) };
    panel(title, &note, &points(&frame, &drawn), &below)
}

/// How many contacts each target got, by priority.
fn by_target(injections: &[Injection]) -> Markup {
    let mut counts: BTreeMap<(&str, &str), BTreeMap<u16, usize>> = BTreeMap::new();
    for injection in injections {
        let place = if injection.place == 0 { "primary" } else { "fallback" };
        let by_priority = counts.entry((&injection.target, place)).or_default();
        *by_priority.entry(injection.priority).or_default() += 1;
    }
    html! {
        table.small {
            thead { tr { th scope="col" { "target" } th scope="col" { "as" } th scope="col" { "contacts × priority" } } }
            tbody {
                @for ((target, place), by_priority) in &counts {
                    tr {
                        th scope="row" { (target) }
                        td { (place) }
                        td {
                            @for (index, (priority, count)) in by_priority.iter().rev().enumerate() {
                                @if index > 0 { ", " }
                                (count) " × " (priority)
                            }
                        }
                    }
                }
            }
        }
    }
}

fn tokens(clock: &Clock<'_>) -> Markup {
    let record = clock.record;
    let lane = |id: &String| {
        let own = || record.tokens.iter().filter(|token| token.client == *id);
        let issued = own().map(|token| {
            let says = if token.revoked { "token issued, revoked later" } else { "token issued" };
            (clock.at(token.issued_ms), Shape::Diamond, says.to_owned())
        });
        let used = own().flat_map(|token| &token.uses_ms);
        let used = used.map(|at| (clock.at(*at), Shape::Tick, "request with the token".to_owned()));
        let bar = own().filter_map(|token| {
            let last = if token.revoked { token.uses_ms.last().copied()? } else { token.expires_ms };
            Some([clock.at(token.issued_ms), clock.at(last.min(record.span_ms[1]))])
        });
        let requests = own().map(|token| token.uses_ms.len()).sum();
        let name = format!("{id}: {}, {}", plural(own().count(), "token"), plural(requests, "request"));
        Lane { name, bars: bar.collect(), marks: used.chain(issued).collect() }
    };
    let mut drawn: Vec<_> = record.clients.iter().map(|client| lane(&client.id)).collect();
    let refused = record.unauthorized_ms.len();
    if refused > 0 {
        let marks = record.unauthorized_ms.iter().map(|at| (clock.at(*at), Shape::Cross, "401".to_owned()));
        let name = format!("refused with 401: {}", plural(refused, "request"));
        drawn.push(Lane { name, bars: vec![], marks: marks.collect() });
    }
    let names: Vec<_> = drawn.iter().map(|lane| lane.name.as_str()).collect();
    let title = "Tokens";
    let frame = Frame {
        id: "tokens",
        title,
        description: format!("When each client was issued a token, and when it used one. {}.", names.join("; ")),
        x: clock.axis(),
        y: None,
        steps: &clock.steps,
        levels: vec![],
    };
    let entries = [
        (9, Look::Mark(Shape::Diamond), "token issued".to_owned()),
        (9, Look::Mark(Shape::Tick), "request with it".to_owned()),
        (9, Look::Mark(Shape::Cross), "request refused with 401".to_owned()),
    ];
    let entries = if refused > 0 { &entries[..] } else { &entries[..2] };
    let note = "The emulator starts a new process for each batch; each goes on with the sealed token of the client \
                that it leases. Only a token that is refused or about to expire is replaced.";
    panel(title, note, &lanes(&frame, &drawn), &legend(entries))
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn request_latency(record: &Record) -> Markup {
    let note = "From a contact request's arrival at the simulator to its answer; lost answers have no latency. The \
                simulator waits as the demo tells it to.";
    latency("request-latency", "Latency of requests", "requests", note, &record.request_latencies)
}

fn injection_latency(record: &Record) -> Markup {
    let times: Vec<_> = record.injections.iter().map(|one| one.created_ms.saturating_sub(one.sent_ms)).collect();
    let note = "From an event's sending to its contact's creation. The emulator works through one batch of ten after \
                the other, so that the end of a burst waits for its beginning.";
    latency("injection-latency", "From event to contact", "contacts", note, &times)
}

fn latency(id: &str, title: &str, what: &str, note: &str, values: &[u64]) -> Markup {
    let most = values.iter().copied().max().unwrap_or_default();
    let width = bin_width(most, LATENCY_COLUMNS);
    let counts = histogram(values.iter().copied(), 0, width, LATENCY_COLUMNS);
    let stacks = [Stack { series: 0, name: what.to_owned(), counts }];
    let figures = [("median", 50), ("95th percentile", 95), ("longest", 100)];
    let figures = figures.map(|(name, percent)| {
        let value = percentile(values, percent).map_or_else(|| "none".to_owned(), |value| format!("{value} ms"));
        (name, value)
    });
    let said: Vec<_> = figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let frame = Frame {
        id,
        title,
        description: format!("Distribution over {} {what}: {}.", values.len(), said.join(", ")),
        x: Axis { label: "milliseconds", values: [0.0, measure((most / width + 1) * width)] },
        y: Some(Axis { label: what, values: [0.0, round_up(number(highest(&stacks)) * HEADROOM)] }),
        steps: &[],
        levels: vec![],
    };
    let below = html! {
        dl.figures { @for (name, value) in &figures { div { dt { (name) } dd { (value) } } } }
    };
    panel(title, note, &columns(&frame, measure(width), &stacks), &below)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn a_record_of_nothing_still_makes_every_panel() {
        let page = all(&Record::default()).into_string();
        assert_eq!(page.matches("<figure").count(), 7);
        assert_eq!(page.matches("nothing recorded").count(), 7, "{page}");
    }

    #[test]
    fn every_panel_has_a_title_and_a_description_of_its_own() {
        let page = all(&record()).into_string();
        let mut ids: Vec<_> = page.split("<desc id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.len(), 7);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 7);
        assert!(!page.contains("nothing recorded"), "{page}");
    }

    #[test]
    fn the_panels_say_what_the_record_holds() {
        let page = all(&record()).into_string();
        for says in [
            "1 injected",
            "1 dead-lettered",
            "worker &lt;1&gt;: at most 2 of 120",
            "Renewals: 58 to 60 of 60",
            "1 contact refused by a full queue (409)",
            "1 at a fallback target",
            "worker &lt;1&gt;: 1 token, 2 requests",
            "median",
        ] {
            assert!(page.contains(says), "{says}\n{page}");
        }
    }
}
