//! Which versions are in use, and which may go.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

/// Where the alias leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alias {
    /// The version that gets what the weights leave.
    pub(super) live: u64,
    /// Versions that get a part of the invocations besides, as a canary does.
    pub(super) weights: BTreeMap<u64, f64>,
}

/// The version to go back to: the highest below the live one.
pub(super) fn before(numbers: &BTreeSet<u64>, live: u64) -> Option<u64> {
    numbers.range(..live).next_back().copied()
}

/// The versions that may be deleted, oldest first: all but the newest `keep`, those that the alias leads to, and the
/// one to go back to. The newest of all, the one that a deployment's stack names, is among those that are kept.
pub(super) fn prunable(numbers: &BTreeSet<u64>, alias: &Alias, keep: NonZeroUsize) -> Vec<u64> {
    let before = before(numbers, alias.live);
    let is_used = |number: u64| number == alias.live || alias.weights.contains_key(&number) || before == Some(number);
    let older = numbers.len().saturating_sub(keep.get());
    numbers.iter().copied().take(older).filter(|number| !is_used(*number)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, btree_set};
    use proptest::prelude::*;

    use super::*;

    fn alias(live: u64, canary: Option<u64>) -> Alias {
        Alias { live, weights: canary.map(|number| (number, 0.1)).into_iter().collect() }
    }

    fn pruned(numbers: impl IntoIterator<Item = u64>, alias: &Alias, keep: usize) -> Vec<u64> {
        prunable(&numbers.into_iter().collect(), alias, NonZeroUsize::new(keep).unwrap())
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stay() {
        assert_eq!(pruned(1..=5, &alias(5, None), 3), [1, 2]);
        assert!(pruned(1..=5, &alias(5, None), 5).is_empty());
        assert!(pruned([], &alias(5, None), 1).is_empty());
    }

    #[test]
    fn of_a_canary_the_version_before_it_and_the_one_before_that_stay() {
        assert_eq!(pruned(1..=5, &alias(4, Some(5)), 1), [1, 2]);
    }

    #[test]
    fn after_going_back_the_live_version_stays_however_old_it_is_and_so_does_the_one_before_it() {
        assert_eq!(pruned([1, 2, 4, 7, 9], &alias(4, None), 1), [1, 7]);
    }

    proptest! {
        #[test]
        fn no_version_in_use_is_ever_pruned_and_no_other_stays(
            numbers in btree_set(1_u64..60, 0..40),
            live in 1_u64..60,
            weights in btree_map(1_u64..60, 0.0..1.0, 0..3),
            keep in 1_usize..12,
        ) {
            let alias = Alias { live, weights };
            let pruned = pruned(numbers.iter().copied(), &alias, keep);
            let newest: Vec<u64> = numbers.iter().rev().take(keep).copied().collect();
            let lower = numbers.iter().filter(|number| **number < live).max();
            for number in &numbers {
                let is_protected = *number == live
                    || alias.weights.contains_key(number)
                    || lower == Some(number)
                    || newest.contains(number);
                prop_assert_eq!(pruned.contains(number), !is_protected, "version {}", number);
            }
            prop_assert!(pruned.is_sorted());
        }

        #[test]
        fn what_is_left_after_any_of_the_deletions_is_pruned_on_to_the_same_end(
            numbers in btree_set(1_u64..60, 0..40), live in 1_u64..60, keep in 1_usize..12, done in 0_usize..40,
        ) {
            let alias = alias(live, None);
            let planned = pruned(numbers.iter().copied(), &alias, keep);
            let (gone, rest) = planned.split_at(done.min(planned.len()));
            let left = numbers.iter().copied().filter(|number| !gone.contains(number));
            prop_assert_eq!(pruned(left, &alias, keep), rest);
        }
    }
}
