//! Lines in steps: a value that holds from each of its points until the next.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::chart::Frame;
use super::points::{Point, shapes};
use super::scale::place;

/// A value over time.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) series: usize,
    pub(super) name: String,
    /// Ascending along the axis.
    pub(super) points: Vec<[f64; 2]>,
}

/// Draws lines, each from its first point to the end of the axis, and single facts over them.
pub(super) fn lines(frame: &Frame<'_>, lines: &[Line], marks: &[Point]) -> Markup {
    let drawn = || lines.iter().filter(|line| !line.points.is_empty());
    let plot = html! {
        @for line in drawn() {
            path class={ "line s" (line.series) } d=(path(frame, &line.points)) { title { (line.name) } }
        }
        (shapes(frame, marks))
    };
    frame.around(drawn().next().map(|_| &plot))
}

fn path(frame: &Frame<'_>, points: &[[f64; 2]]) -> String {
    let (x, y) = (frame.x(), frame.y());
    let mut path = String::new();
    for (index, [at, value]) in points.iter().enumerate() {
        let (at, value) = (place(x.at(*at)), place(y.at(*value)));
        // Writing to a string can't fail.
        let _ = if index == 0 { write!(path, "M{at} {value}") } else { write!(path, "H{at}V{value}") };
    }
    let _ = write!(path, "H{}", place(x.at(frame.x.values[1])));
    path
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::{attributes, frame};
    use super::*;

    fn line(points: &[[f64; 2]]) -> Line {
        Line { series: 1, name: "a & b".to_owned(), points: points.to_vec() }
    }

    #[test]
    fn nothing_makes_no_line() {
        for none in [vec![], vec![line(&[])]] {
            let svg = lines(&frame("x"), &none, &[]).into_string();
            assert!(svg.contains("nothing recorded") && !svg.contains("<path"), "{svg}");
        }
    }

    #[test]
    fn a_single_point_holds_until_the_end() {
        let svg = lines(&frame("x"), &[line(&[[0.0, 100.0]])], &[]).into_string();
        assert_eq!(attributes(&svg, "d"), ["M34 34H346"]);
        assert!(svg.contains("<title>a &amp; b</title>"), "{svg}");
    }

    #[test]
    fn a_value_changes_in_steps_that_go_to_the_right() {
        let svg = lines(&frame("x"), &[line(&[[0.0, 0.0], [5.0, 50.0], [10.0, 100.0]])], &[]).into_string();
        assert_eq!(attributes(&svg, "d"), ["M34 184H190V109H346V34H346"]);
    }
}
