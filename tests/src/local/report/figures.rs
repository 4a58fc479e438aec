//! What is counted and measured of a run, as pure functions of times.

/// How many of these times (milliseconds, ascending) lie in the window that ends at each of its changes: at each
/// arrival, and when one leaves, which is exactly one window after it came.
pub(super) fn window_fill(arrivals_ms: &[u64], window_ms: u64) -> Vec<(u64, usize)> {
    let leaves = arrivals_ms.iter().map(|arrival| arrival.saturating_add(window_ms));
    let mut changes: Vec<u64> = arrivals_ms.iter().copied().chain(leaves).collect();
    changes.sort_unstable();
    changes.dedup();
    changes
        .into_iter()
        .map(|at| {
            let arrived = arrivals_ms.partition_point(|arrival| *arrival <= at);
            let left = arrivals_ms.partition_point(|arrival| arrival.saturating_add(window_ms) <= at);
            (at, arrived - left)
        })
        .collect()
}

/// How full a queue was from each of its arrivals (milliseconds, ascending) on, given what it holds after the last.
pub(super) fn queue_fill(arrivals_ms: &[u64], held_at_last: u64) -> (u64, Vec<(u64, u64)>) {
    let start = held_at_last.saturating_sub(arrivals_ms.len() as u64);
    (start, arrivals_ms.iter().copied().zip(start + 1..).collect())
}

/// How many of these values fall into each of `bins` parts of equal width from `first` on. What lies outside counts in
/// the nearest.
pub(super) fn histogram(values: impl IntoIterator<Item = u64>, first: u64, width: u64, bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for value in values {
        let index = usize::try_from(value.saturating_sub(first) / width.max(1)).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(index.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }
    counts
}

/// A round width, in the values' own unit, with which so many bins hold everything up to `most`.
pub(super) fn bin_width(most: u64, bins: usize) -> u64 {
    let least = (most / bins.max(1) as u64) + 1;
    let mut power = 1;
    loop {
        if let Some(factor) = [1, 2, 5].into_iter().find(|factor| factor * power >= least) {
            return factor * power;
        }
        power *= 10;
    }
}

/// The least value that so many percent of all are not above, by the nearest rank; `None` of nothing.
pub(super) fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
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
    fn a_queue_fills_by_one_with_each_arrival() {
        assert_eq!(queue_fill(&[], 7), (7, vec![]));
        assert_eq!(queue_fill(&[10, 20, 20], 23), (20, vec![(10, 21), (20, 22), (20, 23)]));
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        assert_eq!(histogram([], 0, 10, 3), [0, 0, 0]);
        assert_eq!(histogram([0, 9, 10, 29, 30, 99], 0, 10, 3), [2, 1, 3]);
        assert_eq!(histogram([5], 0, 0, 0), [] as [usize; 0]);
    }

    #[test]
    fn a_bin_is_round_and_wide_enough() {
        for (most, width) in [(0, 1), (19, 1), (20, 2), (199, 10), (200, 20), (4_321, 500)] {
            assert_eq!(bin_width(most, 20), width, "{most}");
            assert!(width * 20 > most);
        }
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[8], 95), Some(8));
        let values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!([0, 50, 95, 100].map(|percent| percentile(&values, percent).unwrap()), [1, 50, 95, 100]);
    }
}
