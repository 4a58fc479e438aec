//! Single facts as shapes: on two axes, or in one row for each name.

use maud::{Markup, html};

use super::chart::{Frame, Shape, shape, sized};
use super::scale::{number, place};

/// So many points are drawn smaller.
const CROWD: usize = 50;

/// A fact.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) series: usize,
    pub(super) shape: Shape,
    pub(super) at: [f64; 2],
    pub(super) says: String,
}

/// Draws each point at its place.
pub(super) fn points(frame: &Frame<'_>, points: &[Point]) -> Markup {
    frame.around((!points.is_empty()).then(|| shapes(frame, points)).as_ref())
}

/// The points alone, for a chart that shows more than them.
pub(super) fn shapes(frame: &Frame<'_>, points: &[Point]) -> Markup {
    let (x, y) = (frame.x(), frame.y());
    let size = if points.len() > CROWD { 0.75 } else { 1.0 };
    html! {
        @for point in points {
            (sized(point.shape, point.series, [x.at(point.at[0]), y.at(point.at[1])], size, Some(&point.says)))
        }
    }
}

/// A row of facts about one name.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) name: String,
    /// From when until when something held.
    pub(super) bars: Vec<[f64; 2]>,
    /// What happened when: the place along the axis, how it is drawn, and what it says.
    pub(super) marks: Vec<(f64, Shape, String)>,
}

/// Draws lanes one below the other, each with its name above it.
pub(super) fn lanes(frame: &Frame<'_>, lanes: &[Lane]) -> Markup {
    let (x, y) = (frame.x(), frame.y());
    let height = 1.0 / number(lanes.len().max(1));
    let plot = html! {
        @for (index, lane) in lanes.iter().enumerate() {
            @let middle = y.at(1.0 - height * (number(index) + 0.62));
            text.lane x=(place(x.at(frame.x.values[0]) - 32.0)) y=(place(middle - 12.0)) { (lane.name) }
            @for [from, to] in &lane.bars {
                @let (left, right) = (x.at(*from), x.at(*to));
                rect class={ "bar s" (index) } x=(place(left)) y=(place(middle - 4.0)) rx="2"
                    width=(place((right - left).max(1.0))) height="8" {}
            }
            @for (at, mark, says) in &lane.marks {
                (shape(*mark, index, [x.at(*at), middle], Some(says)))
            }
        }
    };
    frame.around((!lanes.is_empty()).then_some(&plot))
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::{attributes, frame};
    use super::*;

    fn point(at: [f64; 2]) -> Point {
        Point { series: 3, shape: Shape::Triangle, at, says: "<b>".to_owned() }
    }

    #[test]
    fn nothing_makes_no_shape() {
        assert!(points(&frame("x"), &[]).into_string().contains("nothing recorded"));
        assert!(lanes(&frame("x"), &[]).into_string().contains("nothing recorded"));
    }

    #[test]
    fn a_point_stands_at_its_place_and_says_what_it_is() {
        let svg = points(&frame("x"), &[point([10.0, 100.0])]).into_string();
        assert_eq!(attributes(&svg, "transform"), ["translate(346 34)"]);
        assert!(svg.contains("<title>&lt;b&gt;</title>") && svg.contains(r#"class="mark s3""#), "{svg}");
    }

    #[test]
    fn points_further_along_an_axis_stand_further_along_it() {
        let svg = points(&frame("x"), &[1.0, 2.0, 5.0].map(|value| point([value, value]))).into_string();
        let places: Vec<Vec<f64>> = attributes(&svg, "transform")
            .iter()
            .map(|place| {
                let inner = place.trim_start_matches("translate(").trim_end_matches(')');
                inner.split(' ').map(|number| number.parse().unwrap()).collect()
            })
            .collect();
        assert!(places.is_sorted_by(|one, next| one[0] < next[0] && one[1] > next[1]), "{places:?}");
    }

    #[test]
    fn a_crowd_of_points_is_drawn_smaller() {
        let svg = points(&frame("x"), &vec![point([1.0, 1.0]); CROWD + 1]).into_string();
        assert_eq!(svg.matches("scale(0.75)").count(), CROWD + 1);
    }

    #[test]
    fn each_lane_has_its_name_its_bars_and_its_marks() {
        let lane = |name: &str| Lane {
            name: name.to_owned(),
            bars: vec![[1.0, 4.0]],
            marks: vec![(1.0, Shape::Diamond, "issued".to_owned())],
        };
        let svg = lanes(&frame("x"), &[lane("one & only"), lane("two")]).into_string();
        assert!(svg.contains("one &amp; only</text>"), "{svg}");
        assert_eq!((svg.matches("class=\"bar").count(), svg.matches("<title>issued").count()), (2, 2));
        let heights: Vec<f64> =
            svg.split("<rect").skip(1).map(|rect| attributes(rect, "y")[0].parse().unwrap()).collect();
        assert!(heights[0] < heights[1], "the first lane is the upper one: {heights:?}");
    }
}
