//! From values to places on a chart.

/// Values of an axis and the places, in the chart's own units, that its first and last are drawn at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    values: [f64; 2],
    places: [f64; 2],
}

impl Scale {
    /// A scale on which `values` reach over `places`.
    pub(super) fn new(values: [f64; 2], places: [f64; 2]) -> Self {
        Self { values, places }
    }

    /// The place of a value: never outside the axis, and its middle where the axis has but one value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let ([first, last], [from, to]) = (self.values, self.places);
        let part = if last > first { ((value - first) / (last - first)).clamp(0.0, 1.0) } else { 0.5 };
        from + (to - from) * part
    }

    /// Round values along the axis, some `wanted` of them, ascending.
    pub(super) fn ticks(&self, wanted: u32) -> Vec<f64> {
        let [first, last] = self.values;
        if last <= first {
            return vec![first];
        }
        let step = round_step((last - first) / f64::from(wanted.max(1)));
        let start = (first / step).ceil();
        // Twice the wanted number is more than any round step leaves.
        let ticks = (0..=wanted.max(1) * 2).map(|index| (start + f64::from(index)) * step);
        ticks.take_while(|tick| *tick <= last + step * 1e-6).collect()
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least this.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(least)
}

/// The last value of an axis from zero on: a round one that `most` stays within.
pub(super) fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let step = round_step(most / 5.0);
    (most / step - 1e-9).ceil() * step
}

/// A count as a value. None here comes near the limit.
pub(super) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// Milliseconds, or another small measure, as a value. No run lasts for the 49 days that this could not tell.
pub(super) fn measure(milliseconds: u64) -> f64 {
    u32::try_from(milliseconds).map_or(f64::from(u32::MAX), f64::from)
}

/// Milliseconds as seconds.
pub(super) fn seconds(milliseconds: u64) -> f64 {
    measure(milliseconds) / 1000.0
}

/// A value as its axis shows it: no more digits than it needs.
pub(super) fn label(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    // Without the minus sign of a zero.
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// A place as it is written into a chart.
pub(super) fn place(value: f64) -> String {
    label((value * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_rise_with_values_and_stay_on_the_axis() {
        let scale = Scale::new([0.0, 60.0], [40.0, 400.0]);
        let places: Vec<_> = [-5.0, 0.0, 15.0, 30.0, 60.0, 90.0].map(|value| scale.at(value)).to_vec();
        assert_eq!(places, [40.0, 40.0, 130.0, 220.0, 400.0, 400.0]);
    }

    #[test]
    fn an_axis_of_one_value_shows_it_in_the_middle() {
        let scale = Scale::new([7.0, 7.0], [0.0, 100.0]);
        assert!((scale.at(7.0) - 50.0).abs() < 1e-9);
        assert_eq!(scale.ticks(5), [7.0]);
    }

    #[test]
    fn ticks_are_round_ascending_and_within_the_axis() {
        assert_eq!(Scale::new([0.0, 47.0], [0.0, 1.0]).ticks(5), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Scale::new([0.0, 1.0], [0.0, 1.0]).ticks(5).len(), 6);
        for last in [0.3, 1.0, 9.9, 47.0, 120.0, 1234.0] {
            let ticks = Scale::new([0.0, last], [0.0, 1.0]).ticks(5);
            assert!(ticks.is_sorted_by(|one, next| one < next), "{ticks:?}");
            assert!((2..=6).contains(&ticks.len()), "{last}: {ticks:?}");
            assert!(ticks.iter().all(|tick| *tick <= last * 1.001), "{last}: {ticks:?}");
        }
    }

    #[test]
    fn an_axis_ends_at_a_round_value_that_holds_the_most() {
        let ends: Vec<_> = [0.0, 1.0, 7.0, 47.0, 100.0, 101.0].map(round_up).to_vec();
        assert_eq!(ends, [1.0, 1.0, 8.0, 50.0, 100.0, 150.0]);
    }

    #[test]
    fn labels_have_no_more_digits_than_they_need() {
        assert_eq!([0.0, -0.0, 2.5, 120.0, 0.1 + 0.2].map(label), ["0", "0", "2.5", "120", "0.3"]);
        assert_eq!(place(12.3456), "12.3");
    }
}
