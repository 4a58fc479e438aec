//! The shape of a path, looked at before it is parsed.
//!
//! RFC 9535 lets a path multiply its own work: `$..*..*` visits every node once for each of its ancestors, a filter
//! inside a filter does so for each sibling, and nested brackets make the parser itself go exponential. What is accepted
//! visits each value of an event a bounded number of times, and an event's values are bounded too.

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
                // After a comma that ends a filter, the next selector of the same bracket begins.
                self.filter = self.filter.filter(|&began| began < self.nesting);
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
