//! Line charts as SVG: axes with units, a legend, and colours for a light and a dark page.

use std::fmt::Write as _;

use super::figures::float;

const WIDTH: f64 = 760.0;
const PANEL: f64 = 170.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const ABOVE: f64 = 34.0;
const BETWEEN: f64 = 36.0;
const BELOW: f64 = 44.0;

const STYLE: &str = "<style>
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:14px}
.grid{stroke:#d8dee4}.axis{stroke:#57606a}path{fill:none;stroke-width:1.6}
.first{stroke:#0969da}.second{stroke:#bc4c00}.third{stroke:#1a7f37}.fourth{stroke:#8250df}.bound{stroke:#6e7781;stroke-dasharray:6 4}
@media(prefers-color-scheme:dark){text{fill:#d0d7de}.grid{stroke:#30363d}.axis{stroke:#8b949e}
.first{stroke:#58a6ff}.second{stroke:#f0883e}.third{stroke:#56d364}.fourth{stroke:#bc8cff}.bound{stroke:#8b949e}}
</style>";

/// A picture: panels below each other that share their horizontal axis.
pub(super) struct Picture<'a> {
    pub(super) title: &'a str,
    pub(super) across: Axis,
    pub(super) panels: Vec<Panel>,
}

/// One panel.
pub(super) struct Panel {
    pub(super) up: Axis,
    pub(super) lines: Vec<Line>,
}

/// One line of a panel.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) points: Vec<(f64, f64)>,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
pub(super) enum Look {
    First,
    Second,
    Third,
    Fourth,
    /// Dashed: what is allowed, or would be needed.
    Bound,
}

/// An axis with its unit and its ticks.
pub(super) struct Axis {
    name: String,
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From nothing to the most that is shown, by round steps.
    pub(super) fn up_to(name: &str, most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let rough = most / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|step| *step >= rough).unwrap_or(power);
        let count = (most / step).ceil().max(1.0);
        let ticks = (0..=5).map(|tick| f64::from(tick) * step).take_while(|at| *at <= count * step + step / 2.0);
        Self { name: name.to_owned(), from: 0.0, to: count * step, ticks: ticks.map(|at| (at, figure(at))).collect() }
    }

    /// With these ticks and no others, the first and the last of which are its ends.
    pub(super) fn with(name: &str, ticks: Vec<(f64, String)>) -> Self {
        let ends = ticks.first().zip(ticks.last()).map_or((0.0, 1.0), |(first, last)| (first.0, last.0));
        Self { name: name.to_owned(), from: ends.0, to: ends.1, ticks }
    }

    fn place(&self, value: f64, length: f64) -> f64 {
        (value.clamp(self.from, self.to) - self.from) / (self.to - self.from) * length
    }
}

impl Look {
    const fn class(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Fourth => "fourth",
            Self::Bound => "bound",
        }
    }
}

impl Picture<'_> {
    /// As an SVG document.
    pub(super) fn svg(&self) -> String {
        let count = float(self.panels.len());
        let height = ABOVE + count * PANEL + (count - 1.0) * BETWEEN + BELOW;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{0}</title>\n\
             {STYLE}\n<text class=\"title\" x=\"{LEFT}\" y=\"18\">{0}</text>\n",
            self.title
        );
        for (number, panel) in self.panels.iter().enumerate() {
            let top = ABOVE + float(number) * (PANEL + BETWEEN);
            self.draw(&mut svg, panel, top, number + 1 == self.panels.len());
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw(&self, svg: &mut String, panel: &Panel, top: f64, last: bool) {
        let (right, bottom, wide) = (WIDTH - RIGHT, top + PANEL, WIDTH - RIGHT - LEFT);
        for (at, label) in &panel.up.ticks {
            let y = bottom - panel.up.place(*at, PANEL);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for (at, label) in &self.across.ticks {
            let x = LEFT + self.across.place(*at, wide);
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{}\"/>",
                bottom + 4.0
            );
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 17.0);
        }
        let _ = writeln!(svg, "<path class=\"axis\" d=\"M{LEFT} {top}V{bottom}H{right}\"/>");
        let middle = top + PANEL / 2.0;
        let _ = writeln!(
            svg,
            "<text text-anchor=\"middle\" transform=\"translate(14 {middle}) rotate(-90)\">{}</text>",
            panel.up.name
        );
        if last {
            let (x, y) = (LEFT + wide / 2.0, bottom + 36.0);
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", self.across.name);
        }
        for line in &panel.lines {
            let points = line.points.iter().map(|(across, up)| {
                let (x, y) = (LEFT + self.across.place(*across, wide), bottom - panel.up.place(*up, PANEL));
                format!("{x:.1} {y:.1}")
            });
            let path = points.collect::<Vec<_>>().join("L");
            let _ = writeln!(svg, "<path class=\"{}\" d=\"M{path}\"/>", line.look.class());
        }
        legend(svg, panel, top, right);
    }
}

/// The names of a panel's lines, above its right end.
fn legend(svg: &mut String, panel: &Panel, top: f64, right: f64) {
    let mut x = right;
    for line in panel.lines.iter().rev() {
        x -= 6.6 * float(line.name.chars().count());
        let _ = write!(svg, "<text x=\"{x:.0}\" y=\"{}\">{}</text>", top - 6.0, line.name);
        x -= 26.0;
        let (y, end) = (top - 10.0, x + 20.0);
        let _ = writeln!(svg, "<path class=\"{}\" d=\"M{x:.0} {y}H{end:.0}\"/>", line.look.class());
        x -= 14.0;
    }
}

fn figure(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a round number")]
    let whole = value.round() as usize;
    if value.fract() == 0.0 { super::scenario::thousands(whole) } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_most_that_is_shown() {
        let labels = |most| Axis::up_to("", most).ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(2000.0), ["0", "500", "1,000", "1,500", "2,000"]);
        assert_eq!(labels(1.1), ["0", "0.5", "1", "1.5"]);
        assert_eq!(labels(0.0), ["0", "0.5", "1"]);
    }

    #[test]
    fn a_picture_names_its_axes_and_lines_and_keeps_within_its_frame() {
        let line = Line { name: "contacts".to_owned(), look: Look::First, points: vec![(0.0, 0.0), (10.0, 99.0)] };
        let panel = Panel { up: Axis::up_to("contacts a second", 40.0), lines: vec![line] };
        let svg = Picture { title: "a day", across: Axis::up_to("minutes", 10.0), panels: vec![panel] }.svg();
        for words in [">a day</text>", ">minutes</text>", ">contacts a second</text>", ">contacts</text>"] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(svg.contains("M76.0 204.0L740.0 34.0"), "{svg}");
    }
}
