//! The page: what happened at a glance, the panels, and the table.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::outcome::{Kind, Row};
use super::panels;
use super::record::Record;
use super::scale::{label, seconds};

const STYLE: &str = include_str!("page.css");
/// Series that have a fill of their own.
const FILLS: usize = 4;

/// The whole page. Nothing in it is loaded from anywhere, and its policy forbids it.
pub(super) fn render(record: &Record, made_at: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                link rel="icon" href="data:,";
                title { "Contact injection: demo report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (fills())
                header {
                    p.eyebrow { "Contact injection" }
                    h1 { "Demo report" }
                    (verdict(record))
                    p.made { "Made " (made_at) " from a run of " (label(seconds(record.length_ms()))) " s: the real functions, deployed \
                        by the real template to a local AWS emulator, with CXone simulated. Every figure is one that the \
                        simulator, the queues or the ledger recorded." }
                }
                main {
                    section aria-label="At a glance" { (tiles(record)) }
                    section aria-labelledby="steps" { h2 id="steps" { "Steps" } (steps(record)) }
                    section aria-labelledby="charts" {
                        h2 id="charts" { "What was recorded" }
                        div.cards { (panels::all(record)) (counts(record)) }
                    }
                    section aria-labelledby="events" { h2 id="events" { "What became of each event" } (table(&record.rows)) }
                }
            }
        }
    }
}

fn verdict(record: &Record) -> Markup {
    let good = record.as_expected == record.ends.len() && record.rows.iter().all(|row| row.expected);
    html! {
        p class={ "verdict " (if good { "good" } else { "bad" }) } {
            span.sign aria-hidden="true" { (if good { "✓" } else { "✗" }) }
            (record.as_expected) " of " (record.ends.len()) " events ended as expected"
        }
    }
}

fn tiles(record: &Record) -> Markup {
    let requests: usize = record.statuses.values().sum();
    let tiles = [
        (record.ends.len(), "events sent"),
        (record.injections.len(), "contacts created"),
        (record.count(Kind::DeadLettered), "dead letters"),
        (record.count(Kind::Duplicate), "duplicates held back"),
        (record.count(Kind::Lost), "lost"),
        (requests, "requests to CXone"),
        (record.tokens.len(), "tokens issued"),
        (record.statuses.get(&429).copied().unwrap_or_default(), "over the rate limit"),
    ];
    html! {
        dl.tiles { @for (count, name) in tiles { div { dt { (name) } dd { (count) } } } }
    }
}

fn steps(record: &Record) -> Markup {
    html! {
        p.note { "Each step begins once every event before it has ended. Its letter marks its beginning in the charts." }
        ol.steps {
            @for step in &record.steps {
                li {
                    span.letter { (step.letter) }
                    span { (step.title) " " span.quiet { "(" (step.events) (if step.events == 1 { " event)" } else { " events)" }) } }
                }
            }
        }
    }
}

/// Answers by status, and the ledger.
fn counts(record: &Record) -> Markup {
    let tables = html! {
        table.small {
            caption { "Answers of CXone" }
            thead { tr { th scope="col" { "status" } th scope="col" { "requests" } } }
            tbody {
                @for (status, count) in &record.statuses {
                    tr {
                        th scope="row" { @if *status == 0 { "none" } @else { (status) } " " span.quiet { (meaning(*status)) } }
                        td { (count) }
                    }
                }
            }
        }
        table.small {
            caption { "Records of the ledger" }
            thead { tr { th scope="col" { "state" } th scope="col" { "events" } th scope="col" { "requests" } } }
            tbody {
                @for (state, counted) in &record.ledger {
                    tr { th scope="row" { (state) } td { (counted.records) } td { (counted.requests) } }
                }
            }
        }
    };
    let note = "What CXone answered, over all endpoints, and what the ledger remembers of each event that was claimed.";
    panels::panel("Answers and ledger", note, &html! {}, &tables)
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "token, health or attributes",
        201 => "contact created, or shown again",
        400 => "payload refused",
        401 => "token refused",
        404 => "no such queue",
        409 => "queue full",
        429 => "over the rate limit",
        _ => "",
    }
}

/// The roles say what a narrow page's layout takes from the elements: that it is a table.
fn table(rows: &[Row]) -> Markup {
    html! {
        table.events role="table" {
            thead role="rowgroup" { tr role="row" {
                @for name in ["expected", "event", "outcome", "evidence"] {
                    th scope="col" role="columnheader" { (name) }
                }
            } }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        td class={ "check " (if row.expected { "good" } else { "bad" }) } role="cell" {
                            (if row.expected { "ok" } else { "NOT" })
                        }
                        th scope="row" role="rowheader" { (row.title) }
                        td role="cell" { span class={ "outcome " (row.name) } { (row.name) } }
                        td.evidence role="cell" { (row.evidence) }
                    }
                }
            }
        }
    }
}

/// The patterns that areas are filled with, once for all charts.
fn fills() -> Markup {
    let drawn = ["", "M-2 2L2-2M0 8L8 0M6 10L10 6", "M2 2h.1M6 6h.1", "M0 4H8"];
    html! {
        svg.fills width="0" height="0" aria-hidden="true" focusable="false" {
            defs {
                @for (series, path) in drawn.iter().enumerate().take(FILLS) {
                    pattern id={ "fill-" (series) } width="8" height="8" patternUnits="userSpaceOnUse" {
                        rect class={ "ground s" (series) } width="8" height="8" {}
                        path class={ "figure s" (series) } d=(path) {}
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn a_page_of_nothing_is_a_page() {
        let page = render(&Record::default(), "now").into_string();
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
        assert!(page.contains("0 of 0 events ended as expected"));
    }

    #[test]
    fn nothing_is_loaded_from_outside_and_nothing_runs() {
        let page = render(&record(), "2030-01-01T00:00:00Z").into_string();
        for foreign in ["http://", "https://", "<script", "<img", "@import", "src=", " onload"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        let urls: Vec<_> = page.split("url(").skip(1).filter(|url| !url.starts_with("#fill-")).collect();
        assert!(urls.is_empty(), "{urls:?}");
    }

    #[test]
    fn the_table_shows_every_line_escaped() {
        let mut record = record();
        record.rows[0].title = "<img src=x> & more".to_owned();
        record.rows[0].evidence = "\"quoted\"".to_owned();
        let page = render(&record, "<now>").into_string();
        assert!(page.contains("&lt;img src=x&gt; &amp; more") && page.contains("&quot;quoted&quot;"));
        assert!(page.contains("&lt;now&gt;") && !page.contains("<img"));
    }

    #[test]
    fn a_line_that_is_not_as_expected_spoils_the_verdict() {
        let mut record = record();
        assert!(render(&record, "now").into_string().contains("verdict good"));
        record.rows[0].expected = false;
        let page = render(&record, "now").into_string();
        assert!(page.contains("verdict bad") && page.contains(">NOT<"));
    }

    #[test]
    fn every_series_has_its_style() {
        for series in 0..5 {
            assert!(STYLE.contains(&format!(".s{series}")), "{series}");
        }
    }
}
