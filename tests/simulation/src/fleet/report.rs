//! The figures and pictures of all scenarios, for a terminal and for a document.

use std::{fmt::Write as _, fs, io, path::Path};

use super::{
    cost,
    figures::{Lived, rates},
    pictures::{Axis, Line, Look, Panel, Picture},
    scenario::thousands,
    tenfold,
};

/// What stands around the figures in a document that holds more than them.
const BEGIN: &str = "<!-- figures: written by `make fleet` -->";
const END: &str = "<!-- end of figures -->";

/// The share of the permitted rate that is to be used, and how much longer than at that rate a backlog may take.
const RATE_TARGET: f64 = 0.97;
const DRAIN_TARGET: f64 = 1.05;

/// Seconds over which a rate is taken in a picture.
const SPAN: usize = 10;

/// The percentiles of waits, of ten thousand.
const PERCENTILES: [(usize, &str); 5] = [(5000, "50"), (9000, "90"), (9900, "99"), (9990, "99.9"), (10_000, "100")];

/// What became of some scenarios.
pub struct Document<'a>(pub &'a [Lived]);

impl Document<'_> {
    /// Everything in figures, as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for lived in self.0 {
            let _ = writeln!(
                text,
                "- **{}**: {}, {} clients.",
                lived.scenario.name,
                lived.scenario.title,
                thousands(lived.scenario.clients)
            );
        }
        let _ = write!(text, "\n{}\n", self.outcomes());
        for (name, title) in self.pictures().iter().map(|(name, title, _)| (name, title)) {
            let _ = writeln!(text, "![{title}](scale/{name}.svg)\n");
        }
        let _ = write!(text, "### What is asked for, for each contact\n\n{}\n", self.costs());
        if let Some(first) = self.0.first() {
            let table = tenfold::table(tenfold::limits(first));
            let _ = write!(text, "### At ten times the size\n\n{table}");
        }
        text
    }

    /// Puts the figures between the marks of a document, and the pictures into the folder that is named like it.
    ///
    /// # Errors
    /// Where a file can't be read or written, or the document has no marks.
    pub fn write_into(&self, path: &Path) -> io::Result<()> {
        let folder = path.with_extension("");
        fs::create_dir_all(&folder)?;
        for (name, _, svg) in self.pictures() {
            fs::write(folder.join(name).with_extension("svg"), svg)?;
        }
        let before = fs::read_to_string(path)?;
        let missing = || io::Error::other(format!("{} has no `{BEGIN}` before an `{END}`", path.display()));
        let after = between_marks(&before, &self.markdown()).ok_or_else(missing)?;
        fs::write(path, after)
    }

    fn outcomes(&self) -> String {
        let mut table = self.heading("figure", " target |");
        let mut row = |what: &str, target: &str, of: &dyn Fn(&Lived) -> String| {
            let cells: Vec<_> = self.0.iter().map(of).collect();
            let _ = writeln!(table, "| {what} | {} | {target} |", cells.join(" | "));
        };
        row("events", "", &|lived| thousands(lived.events));
        row("contacts", "as many", &|lived| met(thousands(lived.contacts), lived.contacts == lived.events));
        row("dead letters", "0", &|lived| met(thousands(lived.letters), lived.letters == 0));
        row("invariants broken", "0", &|lived| met(thousands(lived.breaches.len()), lived.breaches.is_empty()));
        row("permitted rate used under saturation, %", "≥ 97", &|lived| {
            let Some(saturated) = lived.saturated else { return String::new() };
            met(figure(100.0 * saturated.requests), saturated.requests >= RATE_TARGET)
        });
        row("of which for contacts, %", "", &|lived| {
            lived.saturated.map_or_else(String::new, |saturated| figure(100.0 * saturated.contacts))
        });
        row("seconds of that", "", &|lived| {
            lived.saturated.map_or_else(String::new, |saturated| thousands(saturated.seconds))
        });
        row("answers 429", "0", &|lived| met(thousands(lived.cxone.too_many), lived.cxone.too_many == 0));
        row("backlog, events", "", &|lived| thousands(lived.drain.backlog));
        row("the same at the permitted rate, s", "", &|lived| figure(lived.drain.bound));
        row("until every message was handed to a worker, ÷ that", "", &|lived| {
            figure(lived.drain.handed_out / lived.drain.bound)
        });
        row("until 99 % of it were contacts, ÷ that", "≤ 1.05", &|lived| {
            let (nearly_all, _) = lived.drain_ratio();
            met(figure(nearly_all), nearly_all <= DRAIN_TARGET)
        });
        row("until all of it were, ÷ that", "≤ 1.05", &|lived| {
            let (_, all) = lived.drain_ratio();
            met(figure(all), all <= DRAIN_TARGET)
        });
        row("the same, ÷ that and the 75 s between two probes", "≤ 1.05", &|lived| {
            lived.drain_ratio_after_probe().map_or_else(String::new, |all| met(figure(all), all <= DRAIN_TARGET))
        });
        for (of_ten_thousand, name) in PERCENTILES {
            let what = format!("from event to contact, {name} %, s");
            row(&what, "", &|lived| figure(seconds(lived.wait(of_ten_thousand))));
        }
        row("every poller is up after, s", "", &|lived| lived.pollers_up_after.map_or_else(String::new, thousands));
        row("invocations at once, at most", "", &|lived| thousands(lived.most_at_work));
        row("cold starts", "", &|lived| lived.usage.cold_starts.to_string());
        row("messages in flight, at most", "", &|lived| thousands(lived.most_in_flight));
        row("seconds at the limit of those", "", &|lived| thousands(lived.seconds_shut));
        row("times that a message was handed out", "", &|lived| figure(lived.handed_out()));
        for (place, table) in self.0.first().iter().flat_map(|lived| lived.tables.iter().enumerate()) {
            let what = format!("hottest item of {}, requests a second (% of what an item gives)", table.name);
            row(&what, "", &|lived| {
                let table = &lived.tables[place];
                let (item, requests) = &table.hottest;
                format!("{requests} ({}): {item}", figure(100.0 * table.hottest_share))
            });
        }
        row("requests that DynamoDB throttled", "", &|lived| lived.throttled().to_string());
        row("of which failed at every try", "", &|lived| lived.given_up().to_string());
        row("partitions of the ledger at the end", "", &|lived| {
            lived.tables.first().map_or_else(String::new, |table| table.partitions.to_string())
        });
        table
    }

    fn costs(&self) -> String {
        let mut table = self.heading("what", "");
        let all: Vec<_> = self.0.iter().map(cost::asked).collect();
        for (place, first) in all.first().iter().flat_map(|asked| asked.iter().enumerate()) {
            let cell = |asked: &Vec<cost::Asked>| figure(asked[place].per_contact);
            let _ = writeln!(table, "| {} | {} |", first.what, all.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        let dollars =
            |asked: &Vec<cost::Asked>| format!("**{:.2}**", asked.iter().map(|asked| asked.dollars).sum::<f64>());
        let _ = writeln!(
            table,
            "| **dollars for a million contacts** | {} |",
            all.iter().map(dollars).collect::<Vec<_>>().join(" | ")
        );
        table
    }

    fn heading(&self, first: &str, last: &str) -> String {
        let names: Vec<_> = self.0.iter().map(|lived| lived.scenario.name).collect();
        let rule = "---: | ".repeat(names.len());
        let end = if last.is_empty() { "" } else { " --- |" };
        format!("| {first} | {} |{last}\n| --- | {}{end}\n", names.join(" | "), rule.trim_end())
    }

    /// The name, the title and the document of each picture.
    fn pictures(&self) -> Vec<(String, String, String)> {
        let days =
            self.0.iter().map(|lived| (lived.scenario.name.to_owned(), lived.scenario.title.clone(), day(lived)));
        days.chain([("waits".to_owned(), WAITS.to_owned(), waits(self.0))]).collect()
    }
}

const WAITS: &str = "how long events wait for their contact";

/// A figure, and that it isn't what it has to be.
fn met(figure: String, is: bool) -> String {
    if is { figure } else { format!("**{figure}**, missed") }
}

/// A day: what is created, what waits, and who is at work.
fn day(lived: &Lived) -> String {
    let samples = &lived.samples;
    let minutes = |second: f64| second / 60.0;
    let end = minutes(f64_of(samples.len() as u64));
    let line = |name: &str, look, points: Vec<(f64, f64)>| Line { name: name.to_owned(), look, points };
    let step = (samples.len() / 700).max(1);
    let of = |value: fn(&super::Sample) -> usize| {
        let at = |(second, sample)| (minutes(f64_of(second as u64)), f64_of(value(sample) as u64));
        samples.iter().enumerate().step_by(step).map(at).collect::<Vec<_>>()
    };
    let created: Vec<_> = rates(samples, SPAN.max(step)).into_iter().map(|(at, rate)| (minutes(at), rate)).collect();
    let most = |points: &[(f64, f64)]| points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let (waiting, in_flight) = (of(|sample| sample.waiting), of(|sample| sample.in_flight));
    let (at_work, pollers) = (of(|sample| sample.at_work), of(|sample| sample.pollers));
    let permitted = lived.scenario.permitted();
    let panels = vec![
        Panel {
            up: Axis::up_to("contacts a second", most(&created).max(permitted)),
            lines: vec![
                line("created", Look::First, created),
                line("permitted", Look::Bound, vec![(0.0, permitted), (end, permitted)]),
            ],
        },
        Panel {
            up: Axis::up_to("messages in the queue", most(&waiting)),
            lines: vec![line("all", Look::First, waiting), line("in flight", Look::Second, in_flight)],
        },
        Panel {
            up: Axis::up_to("at once", most(&pollers)),
            lines: vec![line("pollers", Look::Second, pollers), line("invocations", Look::Third, at_work)],
        },
    ];
    Picture { title: &lived.scenario.title, across: Axis::up_to("minutes from the first event", end), panels }.svg()
}

/// Waits by percentile, on a logarithmic axis.
fn waits(all: &[Lived]) -> String {
    let across = PERCENTILES.iter().enumerate().map(|(place, (_, name))| (f64_of(place as u64), (*name).to_owned()));
    let up = [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0].map(|seconds: f64| (seconds.log10(), format!("{seconds}")));
    let looks = [Look::First, Look::Second, Look::Third, Look::Fourth];
    let line = |(lived, look): (&Lived, Look)| {
        let at = |(place, (of_ten_thousand, _)): (usize, &(usize, &str))| {
            (f64_of(place as u64), seconds(lived.wait(*of_ten_thousand)).max(0.001).log10())
        };
        let points = PERCENTILES.iter().enumerate().map(at).collect();
        Line { name: lived.scenario.name.to_owned(), look, points }
    };
    let panel = Panel {
        up: Axis::with("seconds", up.into()),
        lines: all.iter().zip(looks.into_iter().cycle()).map(line).collect(),
    };
    let across = Axis::with("% of events wait no longer", across.collect());
    Picture { title: WAITS, across, panels: vec![panel] }.svg()
}

fn between_marks(document: &str, figures: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{figures}{END}{after}"))
}

/// Three digits that matter, and no more than two behind the point but of what is small.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".to_owned(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a figure to be read")]
        size if size >= 1000.0 => thousands(value.round() as usize),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time of hours in milliseconds")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn f64_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_replace_what_stands_between_the_marks_and_nothing_else() {
        let document = format!("# A\n{BEGIN}\nold\n{END}\nrest");
        assert_eq!(between_marks(&document, "new\n"), Some(format!("# A\n{BEGIN}\nnew\n{END}\nrest")));
        assert_eq!(between_marks("# A", "new\n"), None);
    }

    #[test]
    fn a_figure_shows_three_digits_and_what_misses_its_target_says_so() {
        assert_eq!([1234.5, 12.34, 0.123, 0.0012].map(figure), ["1,235", "12.3", "0.12", "0.0012"]);
        assert_eq!(
            (met("1".to_owned(), true), met("2".to_owned(), false)),
            ("1".to_owned(), "**2**, missed".to_owned())
        );
    }
}
