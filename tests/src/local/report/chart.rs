//! What every chart has: its frame with axes and text alternatives, the shapes that it is drawn with, and its legend.
//!
//! Series differ by dash, pattern or shape as well as by colour, so that none is told by its colour alone.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::scale::{Scale, label, place};

/// A chart's own units: about a phone's pixels. It is scaled to the width of its panel.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 222.0;
const PLOT_X: [f64; 2] = [34.0, 346.0];
const PLOT_Y: [f64; 2] = [184.0, 34.0];
const TICKS: u32 = 5;

/// The values along one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis<'a> {
    pub(super) label: &'a str,
    pub(super) values: [f64; 2],
}

/// A line across the chart at a value, such as a limit.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) label: String,
    pub(super) value: f64,
}

/// The frame of a chart.
#[derive(Debug, Clone)]
pub(super) struct Frame<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// What the chart shows, for whoever doesn't see it.
    pub(super) description: String,
    pub(super) x: Axis<'a>,
    /// Absent where the rows of the chart are names.
    pub(super) y: Option<Axis<'a>>,
    /// Letters of the demo's steps, and when each began.
    pub(super) steps: &'a [(char, f64)],
    pub(super) levels: Vec<Level>,
}

impl Frame<'_> {
    pub(super) fn x(&self) -> Scale {
        Scale::new(self.x.values, PLOT_X)
    }

    pub(super) fn y(&self) -> Scale {
        Scale::new(self.y.map_or([0.0, 1.0], |axis| axis.values), PLOT_Y)
    }

    /// The whole chart around what was drawn into it; `None` where there was nothing to draw.
    pub(super) fn around(&self, plot: Option<&Markup>) -> Markup {
        let ids = ["title", "description"].map(|part| format!("{}-{part}", self.id));
        let [left, right] = PLOT_X;
        let [bottom, top] = PLOT_Y;
        html! {
            svg.chart viewBox={ "0 0 " (place(WIDTH)) " " (place(HEIGHT)) } role="img" aria-labelledby=(ids.join(" ")) {
                title id=(ids[0]) { (self.title) }
                desc id=(ids[1]) { (self.description) }
                @if let Some(axis) = self.y {
                    text.axis x="2" y="12" { (axis.label) }
                    @for tick in self.y().ticks(TICKS) {
                        @let y = place(self.y().at(tick));
                        line.grid x1=(place(left)) x2=(place(right)) y1=(y) y2=(y) {}
                        text.tick x=(place(left - 5.0)) y=(y) dy="0.35em" text-anchor="end" { (label(tick)) }
                    }
                }
                @for tick in self.x().ticks(TICKS + 1) {
                    text.tick x=(place(self.x().at(tick))) y=(place(bottom + 14.0)) text-anchor="middle" { (label(tick)) }
                }
                text.axis x=(place(right)) y=(place(HEIGHT - 4.0)) text-anchor="end" { (self.x.label) }
                @for (letter, at) in self.steps {
                    @let x = place(self.x().at(*at));
                    line.step x1=(x) x2=(x) y1=(place(top)) y2=(place(bottom)) {}
                    text.step x=(x) y=(place(top - 4.0)) text-anchor="middle" { (letter) }
                }
                line.base x1=(place(left)) x2=(place(right)) y1=(place(bottom)) y2=(place(bottom)) {}
                @match plot {
                    Some(plot) => (plot),
                    None => text.nothing x=(place(f64::midpoint(left, right))) y=(place(f64::midpoint(bottom, top))) text-anchor="middle" {
                        "nothing recorded"
                    },
                }
                @for level in &self.levels {
                    @let y = self.y().at(level.value);
                    line.level x1=(place(left)) x2=(place(right)) y1=(place(y)) y2=(place(y)) {}
                    text.level x=(place(left + 4.0)) y=(place(y - 3.5)) { (level.label) }
                }
            }
        }
    }
}

/// How a single fact is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Triangle,
    Diamond,
    Cross,
    Tick,
}

/// A shape around a place; `says` is shown where a pointer rests on it.
pub(super) fn shape(shape: Shape, series: usize, [x, y]: [f64; 2], says: Option<&str>) -> Markup {
    sized(shape, series, [x, y], 1.0, says)
}

/// A shape of another size than usual.
pub(super) fn sized(shape: Shape, series: usize, [x, y]: [f64; 2], size: f64, says: Option<&str>) -> Markup {
    let path = match shape {
        Shape::Circle => "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
        Shape::Triangle => "M0-4.6L4.4 3.4H-4.4z",
        Shape::Diamond => "M0-5.4L5.4 0L0 5.4L-5.4 0z",
        Shape::Cross => "M-3.6-3.6L3.6 3.6M-3.6 3.6L3.6-3.6",
        Shape::Tick => "M0-6V6",
    };
    let kind = if matches!(shape, Shape::Cross | Shape::Tick) { "stroke" } else { "mark" };
    let mut transform = format!("translate({} {})", place(x), place(y));
    if size < 1.0 {
        // Writing to a string can't fail.
        let _ = write!(transform, " scale({})", label(size));
    }
    html! {
        path class={ (kind) " s" (series) } d=(path) transform=(transform) {
            @if let Some(says) = says { title { (says) } }
        }
    }
}

/// How a series looks in the legend.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Line,
    Area,
    Mark(Shape),
}

/// The names of a chart's series beside what they look like; text of the page, and no part of the chart.
pub(super) fn legend(entries: &[(usize, Look, String)]) -> Markup {
    html! {
        ul.legend {
            @for (series, look, name) in entries {
                li {
                    svg.swatch viewBox="0 0 26 14" aria-hidden="true" {
                        @match look {
                            Look::Line => path class={ "line s" (series) } d="M0 7H26" {},
                            Look::Area => rect class={ "area s" (series) } x="1" y="1" width="24" height="12" {},
                            Look::Mark(mark) => (shape(*mark, *series, [13.0, 7.0], None)),
                        }
                    }
                    (name)
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A frame over 0 to 10 and 0 to 100.
    pub(in super::super) fn frame(id: &str) -> Frame<'_> {
        Frame {
            id,
            title: "a title",
            description: "a description".to_owned(),
            x: Axis { label: "seconds", values: [0.0, 10.0] },
            y: Some(Axis { label: "count", values: [0.0, 100.0] }),
            steps: &[],
            levels: vec![],
        }
    }

    /// The values of an attribute, in the order of the document.
    pub(in super::super) fn attributes(svg: &str, name: &str) -> Vec<String> {
        let start = format!(" {name}=\"");
        svg.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_chart_names_and_describes_itself() {
        let svg = frame("fill").around(None).into_string();
        assert!(svg.contains(r#"role="img" aria-labelledby="fill-title fill-description""#), "{svg}");
        assert!(svg.contains(r#"<title id="fill-title">a title</title>"#));
        assert!(svg.contains(r#"<desc id="fill-description">a description</desc>"#));
    }

    #[test]
    fn text_is_escaped_wherever_it_stands() {
        let spoilt = "<script>\"&'";
        let frame = Frame {
            title: spoilt,
            description: spoilt.to_owned(),
            x: Axis { label: spoilt, values: [0.0, 1.0] },
            y: Some(Axis { label: spoilt, values: [0.0, 1.0] }),
            steps: &[('<', 0.5)],
            levels: vec![Level { label: spoilt.to_owned(), value: 0.5 }],
            ..frame("x")
        };
        let mark = shape(Shape::Circle, 0, [0.0, 0.0], Some(spoilt));
        let page =
            frame.around(Some(&mark)).into_string() + &legend(&[(0, Look::Line, spoilt.to_owned())]).into_string();
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 7);
        assert!(page.contains("&lt;</text>"));
    }

    #[test]
    fn a_chart_of_nothing_says_so() {
        assert!(frame("x").around(None).into_string().contains("nothing recorded"));
        assert!(!frame("x").around(Some(&html! {})).into_string().contains("nothing recorded"));
    }

    #[test]
    fn values_rise_to_the_right_and_upwards() {
        let frame = frame("x");
        assert!(frame.x().at(1.0) < frame.x().at(2.0));
        assert!(frame.y().at(1.0) > frame.y().at(2.0));
    }
}
