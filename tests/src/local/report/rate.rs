//! The one chart: requests in each client's window over time, against the limit.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::Record;

/// A client and how full its window was from each moment on.
struct Line<'a> {
    client: &'a str,
    points: Vec<(u64, usize)>,
}

/// Whole units are fine enough: a chart is 1000 of them wide.
struct Plot {
    first_ms: u64,
    last_ms: u64,
    most: usize,
}

impl Plot {
    const LEFT: u64 = 40;
    const RIGHT: u64 = 980;
    const TOP: u64 = 30;
    const BOTTOM: u64 = 260;

    fn x(&self, at_ms: u64) -> u64 {
        let length = (self.last_ms - self.first_ms).max(1);
        Self::LEFT
            + (Self::RIGHT - Self::LEFT) * at_ms.clamp(self.first_ms, self.last_ms).abs_diff(self.first_ms) / length
    }

    fn y(&self, count: usize) -> u64 {
        Self::BOTTOM - (Self::BOTTOM - Self::TOP) * count as u64 / self.most.max(1) as u64
    }

    /// A line in steps: a value holds until the next.
    fn path(&self, points: &[(u64, usize)]) -> String {
        let mut path = format!("M{} {}", Self::LEFT, self.y(0));
        for (at_ms, count) in points {
            // Writing to a string can't fail.
            let _ = write!(path, "H{}V{}", self.x(*at_ms), self.y(*count));
        }
        path + &format!("H{}", Self::RIGHT)
    }
}

/// The chart with its legend.
pub(super) fn chart(record: &Record<'_>) -> Markup {
    let limit = record.tenant.rate_limit.limit;
    let seconds = record.tenant.rate_limit.window_milliseconds / 1000;
    let times = || record.requests.iter().map(|request| request.at_ms);
    let (first_ms, last_ms) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let lines: Vec<_> = record.tenant.clients.iter().map(|client| line(record, &client.client_id, last_ms)).collect();
    let busiest = |line: &Line<'_>| line.points.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let most = lines.iter().map(busiest).max().unwrap_or_default().max(limit);
    let plot = Plot { first_ms, last_ms, most: most + most / 10 };
    let said = lines.iter().map(|line| format!("{}: at most {} of {limit}", line.client, busiest(line)));
    let said: Vec<_> = said.collect();
    html! {
        svg viewBox="0 0 1000 300" role="img" aria-labelledby="rate-title rate-description" {
            title id="rate-title" { "Requests in each client's window" }
            desc id="rate-description" { (said.join("; ")) }
            @for step in record.steps {
                @let x = plot.x(step.at_ms);
                line.step x1=(x) x2=(x) y1=(Plot::TOP) y2=(Plot::BOTTOM) {}
                text x=(x) y=(Plot::TOP - 8) { (step.letter) }
            }
            line x1=(Plot::LEFT) x2=(Plot::RIGHT) y1=(Plot::BOTTOM) y2=(Plot::BOTTOM) {}
            line.limit x1=(Plot::LEFT) x2=(Plot::RIGHT) y1=(plot.y(limit)) y2=(plot.y(limit)) {}
            text x="4" y=(plot.y(limit) + 5) { (limit) }
            text x="4" y=(Plot::BOTTOM + 5) { "0" }
            text x=(Plot::LEFT) y=(Plot::BOTTOM + 24) { "0 s" }
            text x=(Plot::RIGHT - 30) y=(Plot::BOTTOM + 24) { ((last_ms - first_ms) / 1000) " s" }
            @for (series, line) in lines.iter().enumerate() {
                path class={ "line s" (series % 5) } d=(plot.path(&line.points)) { title { (line.client) } }
            }
        }
        ul.legend {
            @for (series, words) in said.iter().enumerate() {
                li { svg viewBox="0 0 30 12" aria-hidden="true" { path class={ "line s" (series % 5) } d="M0 6H30" {} } (words) }
            }
            li { "Requests that count, over " (seconds) " s up to each moment; the line across is CXone's limit" }
        }
    }
}

fn line<'a>(record: &Record<'_>, client: &'a str, last_ms: u64) -> Line<'a> {
    let own = record.requests.iter().filter(|request| request.counted && request.client_id.as_deref() == Some(client));
    let fill = window_fill(
        &own.map(|request| request.at_ms).collect::<Vec<_>>(),
        record.tenant.rate_limit.window_milliseconds,
    );
    Line { client, points: fill.into_iter().filter(|(at_ms, _)| *at_ms <= last_ms).collect() }
}

/// How many of these times (milliseconds, ascending) lie in the window that ends at each of its changes: at each
/// arrival, and when one leaves, which is exactly one window after it came.
fn window_fill(arrivals_ms: &[u64], window_ms: u64) -> Vec<(u64, usize)> {
    let leaves = arrivals_ms.iter().map(|arrival| arrival.saturating_add(window_ms));
    let mut changes: Vec<u64> = arrivals_ms.iter().copied().chain(leaves).collect();
    changes.sort_unstable();
    changes.dedup();
    let before = |at, added: u64| arrivals_ms.partition_point(|arrival| arrival.saturating_add(added) <= at);
    changes.into_iter().map(|at| (at, before(at, 0) - before(at, window_ms))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_fills_and_empties_with_the_requests_in_it() {
        assert_eq!(window_fill(&[], 100), []);
        assert_eq!(window_fill(&[5], 100), [(5, 1), (105, 0)]);
        let fill = window_fill(&[0, 50, 100, 100], 100);
        // A request exactly one window old no longer counts.
        assert_eq!(fill, [(0, 1), (50, 2), (100, 3), (150, 2), (200, 0)]);
    }

    #[test]
    fn a_line_goes_in_steps_to_the_right_and_up_to_what_is_counted() {
        let plot = Plot { first_ms: 1_000, last_ms: 2_000, most: 10 };
        assert_eq!(plot.path(&[]), "M40 260H980");
        assert_eq!(plot.path(&[(1_000, 5), (1_500, 10), (2_000, 0)]), "M40 260H40V145H510V30H980V260H980");
        assert_eq!([0, 3_000].map(|at_ms| plot.x(at_ms)), [40, 980]);
        let nothing = Plot { first_ms: 0, last_ms: 0, most: 0 };
        assert_eq!((nothing.x(0), nothing.y(0)), (40, 260));
    }
}
