//! Columns: counts in equal parts of an axis, one series on top of the other.

use maud::{Markup, html};

use super::chart::Frame;
use super::scale::{number, place};

/// Counts of one series, one for each part of the axis.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub(super) series: usize,
    pub(super) name: String,
    pub(super) counts: Vec<usize>,
}

/// Draws stacks of counts; `width` is the width of one part in the axis' own unit.
pub(super) fn columns(frame: &Frame<'_>, width: f64, stacks: &[Stack]) -> Markup {
    let (x, y) = (frame.x(), frame.y());
    let below =
        |stack: usize, bin: usize| -> usize { stacks[..stack].iter().filter_map(|stack| stack.counts.get(bin)).sum() };
    let first = frame.x.values[0];
    let plot = html! {
        @for (index, stack) in stacks.iter().enumerate() {
            @for (bin, count) in stack.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                @let from = first + width * number(bin);
                @let (left, right) = (x.at(from), x.at(from + width));
                @let under = below(index, bin);
                @let (bottom, top) = (y.at(number(under)), y.at(number(under + count)));
                rect class={ "area s" (stack.series) } x=(place(left + 0.5)) y=(place(top))
                    width=(place((right - left - 1.0).max(1.0))) height=(place((bottom - top).max(1.0))) {
                    title { (stack.name) ": " (count) }
                }
            }
        }
    };
    let any = stacks.iter().flat_map(|stack| &stack.counts).any(|count| *count > 0);
    frame.around(any.then_some(&plot))
}

/// The most that any part holds, over all stacks.
pub(super) fn highest(stacks: &[Stack]) -> usize {
    let bins = stacks.iter().map(|stack| stack.counts.len()).max().unwrap_or_default();
    let total = |bin| stacks.iter().filter_map(|stack| stack.counts.get(bin)).sum();
    (0..bins).map(total).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::{attributes, frame};
    use super::*;

    fn stack(series: usize, counts: &[usize]) -> Stack {
        Stack { series, name: format!("series <{series}>"), counts: counts.to_vec() }
    }

    #[test]
    fn nothing_makes_no_column() {
        for stacks in [vec![], vec![stack(0, &[])], vec![stack(0, &[0, 0])]] {
            let svg = columns(&frame("x"), 1.0, &stacks).into_string();
            assert!(svg.contains("nothing recorded") && !svg.contains("<rect"), "{svg}");
            assert_eq!(highest(&stacks), 0);
        }
    }

    #[test]
    fn a_single_count_makes_one_column_with_its_name_escaped() {
        let svg = columns(&frame("x"), 5.0, &[stack(2, &[0, 50])]).into_string();
        assert_eq!(svg.matches("<rect").count(), 1);
        assert!(svg.contains("<title>series &lt;2&gt;: 50</title>"), "{svg}");
        assert!(svg.contains(r#"class="area s2""#));
    }

    #[test]
    fn stacks_stand_on_each_other() {
        let stacks = [stack(0, &[20]), stack(1, &[30])];
        let svg = columns(&frame("x"), 1.0, &stacks).into_string();
        let rects: Vec<_> = svg.split("<rect").skip(1).collect();
        let number = |rect: &str, name| attributes(rect, name)[0].parse::<f64>().unwrap();
        let (lower, upper) = (rects[0], rects[1]);
        assert!((number(upper, "y") + number(upper, "height") - number(lower, "y")).abs() < 0.2, "{svg}");
        assert_eq!(highest(&stacks), 50);
    }

    #[test]
    fn later_parts_stand_further_right() {
        let svg = columns(&frame("x"), 1.0, &[stack(0, &[1, 2, 3, 4])]).into_string();
        let lefts: Vec<f64> =
            svg.split("<rect").skip(1).map(|rect| attributes(rect, "x")[0].parse().unwrap()).collect();
        assert!(lefts.is_sorted_by(|one, next| one < next), "{lefts:?}");
    }
}
