//! The sliding window of one client: a log of arrival times, exact over any window.

use std::collections::VecDeque;

use crate::config::RateLimit;

/// The arrivals of one client that still count, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    arrivals: VecDeque<u64>,
}

impl Window {
    /// Counts a request that arrives at `now_ms`.
    ///
    /// # Errors
    /// The window is full; the value is how many milliseconds pass until it admits again, if nothing else arrives.
    pub(crate) fn admit(&mut self, now_ms: u64, limit: &RateLimit) -> Result<(), u64> {
        let window = limit.window_milliseconds;
        while self.arrivals.front().is_some_and(|arrival| arrival.saturating_add(window) <= now_ms) {
            self.arrivals.pop_front();
        }
        let refused = self.arrivals.len() >= limit.limit;
        if !refused || limit.count_refused {
            self.arrivals.push_back(now_ms);
        }
        if !refused {
            return Ok(());
        }
        // Room for one more comes when all but `limit - 1` of the arrivals have left the window.
        let last_to_leave = self.arrivals.get(self.arrivals.len() - limit.limit).copied().unwrap_or(now_ms);
        Err(last_to_leave.saturating_add(window) - now_ms)
    }
}

/// The most of these arrivals (milliseconds, ascending) that any window of this length holds. Two arrivals exactly one
/// window apart are in no window together.
pub(crate) fn busiest(arrivals_ms: impl IntoIterator<Item = u64>, window_ms: u64) -> usize {
    let mut inside = VecDeque::new();
    let mut most = 0;
    for arrival in arrivals_ms {
        while inside.front().is_some_and(|oldest: &u64| oldest.saturating_add(window_ms) <= arrival) {
            inside.pop_front();
        }
        inside.push_back(arrival);
        most = most.max(inside.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(limit: usize, count_refused: bool) -> RateLimit {
        RateLimit { limit, count_refused, ..RateLimit::default() }
    }

    #[test]
    fn the_window_slides_over_a_boundary_without_a_double_burst() {
        let (mut window, limit) = (Window::default(), limit(2, false));
        assert_eq!(window.admit(59_000, &limit), Ok(()));
        assert_eq!(window.admit(59_500, &limit), Ok(()));
        assert_eq!(window.admit(61_000, &limit), Err(58_000));
        assert_eq!(window.admit(118_999, &limit), Err(1));
        assert_eq!(window.admit(119_000, &limit), Ok(()));
        assert_eq!(window.admit(119_000, &limit), Err(500));
    }

    #[test]
    fn refused_requests_keep_the_window_full_where_they_count() {
        let (mut window, limit) = (Window::default(), limit(1, true));
        assert_eq!(window.admit(0, &limit), Ok(()));
        assert_eq!(window.admit(30_000, &limit), Err(60_000));
        assert_eq!(window.admit(60_000, &limit), Err(60_000));
        assert_eq!(window.admit(120_000, &limit), Ok(()));
    }

    #[test]
    fn a_limit_of_nothing_refuses_everything() {
        assert_eq!(Window::default().admit(5, &limit(0, true)), Err(60_000));
        assert_eq!(Window::default().admit(5, &limit(0, false)), Err(60_000));
    }

    #[test]
    fn the_busiest_window_is_found_wherever_it_starts() {
        assert_eq!(busiest([], 60_000), 0);
        assert_eq!(busiest([0, 59_999, 60_000, 119_998, 119_999], 60_000), 3);
        assert_eq!(busiest([0, 60_000, 120_000], 60_000), 1);
    }

    #[test]
    fn both_counts_agree_with_counting_every_window_by_hand() {
        for seed in 0..50 {
            let mut random = fastrand::Rng::with_seed(seed);
            let limit = RateLimit { limit: random.usize(1..6), window_milliseconds: 100, ..limit(0, random.bool()) };
            let (mut window, mut now_ms) = (Window::default(), 0);
            let (mut arrived, mut counting): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
            for _ in 0..200 {
                now_ms += random.u64(0..40);
                let in_window = |times: &[u64]| times.iter().filter(|time| *time + 100 > now_ms).count();
                let admitted = window.admit(now_ms, &limit).is_ok();
                assert_eq!(admitted, in_window(&counting) < limit.limit, "seed {seed}");
                arrived.push(now_ms);
                if admitted || limit.count_refused {
                    counting.push(now_ms);
                }
            }
            let ending_at = |end: &u64| arrived.iter().filter(|time| *time <= end && *time + 100 > *end).count();
            assert_eq!(busiest(arrived.iter().copied(), 100), arrived.iter().map(ending_at).max().unwrap());
        }
    }
}
