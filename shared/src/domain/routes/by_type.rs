//! Which routes may be for an event of a type: among ten thousand, two or three are asked.

use std::collections::{BTreeSet, HashMap};

use super::Glob;

/// Places of routes in their list, by the types that they are for, first ones first.
#[derive(Clone, Debug, Default)]
pub(super) struct ByType {
    /// Those for one type alone.
    literal: HashMap<String, Vec<usize>>,
    /// Those for a pattern of types, by what stands before its first star.
    patterns: HashMap<String, Vec<usize>>,
    /// The lengths of what stands there.
    lengths: BTreeSet<usize>,
}

impl ByType {
    pub(super) fn add(&mut self, event_type: &Glob, place: usize) {
        let head = event_type.head();
        let places = if event_type.is_literal() {
            &mut self.literal
        } else {
            self.lengths.insert(head.len());
            &mut self.patterns
        };
        places.entry(head.to_owned()).or_default().push(place);
    }

    /// The place of the first route that fits, of those that may.
    pub(super) fn first(&self, event_type: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let heads = self.lengths.iter().filter_map(|length| event_type.get(..*length));
        let of_patterns = heads.filter_map(|head| self.patterns.get(head));
        let lists = self.literal.get(event_type).into_iter().chain(of_patterns);
        lists.filter_map(|places| places.iter().copied().find(|place| fits(*place))).min()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_route_for_another_type_is_not_even_asked() {
        let mut by_type = ByType::default();
        ["a", "b", "*", "a"]
            .into_iter()
            .enumerate()
            .for_each(|(place, text)| by_type.add(&Glob::new(text.to_owned()), place));
        let asked = RefCell::new(Vec::new());
        assert_eq!(
            by_type.first("a", |place| {
                asked.borrow_mut().push(place);
                false
            }),
            None
        );
        assert_eq!(asked.into_inner(), [0, 3, 2]);
    }

    proptest! {
        #[test]
        fn the_first_route_that_fits_is_found_whatever_the_order_of_names_and_patterns(
            types in prop::collection::vec("[abé*]{1,4}", 0..12),
            asked in "[abé]{1,4}",
        ) {
            let globs: Vec<_> = types.into_iter().map(Glob::new).collect();
            let mut by_type = ByType::default();
            globs.iter().enumerate().for_each(|(place, glob)| by_type.add(glob, place));
            let found = by_type.first(&asked, |place| globs[place].matches(&asked));
            prop_assert_eq!(found, globs.iter().position(|glob| glob.matches(&asked)));
        }
    }
}
