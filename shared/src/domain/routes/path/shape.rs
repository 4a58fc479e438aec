//! The shape of a path, looked at before it is parsed.
//!
//! RFC 9535 lets a path multiply its own work: `$..*..*` visits every node once for each of its ancestors, a filter
//! inside a filter does so for each sibling, and nested brackets make the parser itself go exponential. What is
//! accepted visits each value of an event a bounded number of times, and an event's values are bounded too.

use super::PathError;

/// Characters of a path. The longest that anyone has reason to write is a fraction of it.
pub(super) const MAX_LENGTH: usize = 256;
/// Brackets and parentheses that are open at once.
pub(super) const MAX_NESTING: usize = 4;
/// Commas: a union may name so many members but one, and unions after one another multiply.
pub(super) const MAX_COMMAS: usize = 8;
/// Filters, one after the other.
pub(super) const MAX_FILTERS: usize = 2;

/// What decides how much work a path can cause, counted outside quotes.
#[derive(Default)]
pub(super) struct Shape {
    nesting: usize,
    descents: usize,
    commas: usize,
    filters: usize,
    /// The nesting at which the filter that is being read began.
    filter: Option<usize>,
    /// Of each open bracket: whether it has a comma, and whether it selects by anything but a name or an index.
    unions: Vec<(bool, bool)>,
}

impl Shape {
    pub(super) fn of(path: &str) -> Result<(), PathError> {
        if path.chars().count() > MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        let mut shape = Self::default();
        let mut characters = path.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\'' | '"' => {
                    while characters.next().is_some_and(|next| match next {
                        '\\' => characters.next().is_some(),
                        _ => next != character,
                    }) {}
                }
                '.' if characters.next_if_eq(&'.').is_some() => shape.descend()?,
                _ => shape.read(character)?,
            }
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), PathError> {
        self.descents += 1;
        if self.filter.is_some() {
            return Err(PathError::WideFilter);
        }
        if self.descents > 1 { Err(PathError::Descents) } else { Ok(()) }
    }

    fn read(&mut self, character: char) -> Result<(), PathError> {
        match character {
            '[' | '(' => {
                self.nesting += 1;
                self.unions.push((false, false));
            }
            ']' | ')' => {
                self.nesting = self.nesting.saturating_sub(1);
                self.unions.pop();
                self.filter = self.filter.filter(|&began| began <= self.nesting);
            }
            '?' => {
                self.filters += 1;
                if self.filter.replace(self.nesting).is_some() || self.filters > MAX_FILTERS {
                    return Err(PathError::Filters);
                }
                self.mark(|union| union.1 = true);
            }
            '*' if self.filter.is_some() => return Err(PathError::WideFilter),
            '*' | ':' => self.mark(|union| union.1 = true),
            ',' => {
                self.commas += 1;
                self.mark(|union| union.0 = true);
            }
            _ => {}
        }
        if self.nesting > MAX_NESTING {
            return Err(PathError::TooNested);
        }
        if self.commas > MAX_COMMAS {
            return Err(PathError::Commas);
        }
        if self.unions.contains(&(true, true)) { Err(PathError::WideUnion) } else { Ok(()) }
    }

    fn mark(&mut self, how: impl FnOnce(&mut (bool, bool))) {
        if let Some(union) = self.unions.last_mut() {
            how(union);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(path: &str) -> String {
        Shape::of(path).map_or_else(|refusal| format!("{refusal:?}"), |()| "accepted".to_owned())
    }

    #[test]
    fn every_bound_holds_to_the_last_one_and_not_one_further() {
        let union = |commas: usize| format!("$[0{}]", ",0".repeat(commas));
        let nested = |levels: usize| format!("$[?{}@.a{}]", "(".repeat(levels - 1), ")".repeat(levels - 1));
        for (path, verdict) in [
            (format!("$.{}", "é".repeat(MAX_LENGTH - 2)), "accepted"),
            (format!("$.{}", "é".repeat(MAX_LENGTH - 1)), "TooLong"),
            (nested(MAX_NESTING), "accepted"),
            (nested(MAX_NESTING + 1), "TooNested"),
            (union(MAX_COMMAS), "accepted"),
            (union(MAX_COMMAS + 1), "Commas"),
            ("$[?@.a][?@.b]".to_owned(), "accepted"),
            ("$[?@.a][?@.b][?@.c]".to_owned(), "Filters"),
            ("$..a.b".to_owned(), "accepted"),
            ("$..a..b".to_owned(), "Descents"),
        ] {
            assert_eq!(judged(&path), verdict, "{path}");
        }
    }

    #[test]
    fn a_filter_lasts_to_the_end_of_its_bracket() {
        for (path, verdict) in [
            ("$[?@.*]", "WideFilter"),
            ("$[?@..a]", "WideFilter"),
            ("$[?(@.a)&&@.*]", "WideFilter"),
            ("$[?f(@.a,@.b)&&@.*]", "WideFilter"),
            ("$[?@[?@.a]]", "Filters"),
            ("$[?@.a][*]", "accepted"),
            ("$[?@.a]..b", "accepted"),
        ] {
            assert_eq!(judged(path), verdict, "{path}");
        }
    }

    #[test]
    fn a_union_holds_names_and_indexes_alone() {
        for wide in ["*", "0:1", "?@.a"] {
            assert_eq!(judged(&format!("$[{wide},0]")), "WideUnion", "{wide}");
            assert_eq!(judged(&format!("$[0,{wide}]")), "WideUnion", "{wide}");
            assert_eq!(judged(&format!("$[0,'a'][{wide}]")), "accepted", "{wide}");
        }
    }

    #[test]
    fn what_is_quoted_counts_for_nothing() {
        assert_eq!(judged(r#"$['a\'..*,?']["'..["]..b"#), "accepted");
    }
}
