//! How much memory a route takes, at most: a file whose routes take more than there is has to be refused, since Lambda
//! ends a function that runs out of memory without a word.

use super::{Address, AttributeRule, Path, Priority, Route, Source, Target};

/// Bytes that a file's routes may take in a function that has 256 MiB, where everything else takes less than a third.
pub(super) const MOST_MEMORY: usize = 128 << 20;

/// What an allocation takes beside what it holds.
const ALLOCATION: usize = 32;

/// What the index takes of a route, with its name and its match.
const INDEX: usize = 512;

impl Route {
    /// Bytes that it takes when it is compiled from so many bytes of text.
    ///
    /// Every text in it is one of the file's, a path's steps aside, so the file's own length bounds them.
    pub(super) fn footprint(&self, written: usize) -> usize {
        let fields = [Some(&self.from), Some(&self.to), self.callback_number.as_ref(), self.wrap_up_code.as_ref()];
        let fields = fields.into_iter().flatten().chain(self.targets.iter().filter_map(|target| target.text.as_ref()));
        let of_fields = fields.filter_map(|field| field.source.path());
        let of_attributes = self.attributes.iter().filter_map(|rule| rule.source.path());
        let of_rules = self.priorities.rules.iter().map(|(path, _)| path);
        let of_flatten = self.flatten.iter().map(|flatten| &flatten.path);
        let paths = of_fields.chain(of_attributes).chain(of_rules).chain(of_flatten);
        let paths: usize = paths.map(|path| path.heap() + 2 * ALLOCATION).sum();
        let attributes = self.attributes.len() * (size_of::<AttributeRule>() + 2 * ALLOCATION);
        let skills = self.targets.iter().map(|target| match &target.address {
            Address::Skills(skills) => skills.len() * (size_of::<String>() + ALLOCATION),
            _ => 0,
        });
        let targets = self.targets.len() * (size_of::<Target>() + 4 * ALLOCATION) + skills.sum::<usize>();
        let rules = self.priorities.rules.len() * size_of::<(Path, Priority)>();
        INDEX + size_of::<Self>() + written + attributes + targets + rules + paths
    }
}

impl<T> Source<T> {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Constant(_) => None,
            Self::Path { path, .. } => Some(path),
        }
    }
}
