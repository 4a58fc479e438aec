//! Where in the file something stands.

use crate::domain::json;

/// A place in the file, by the way there from the whole of it. A pointer is written of it only where there is something
/// to tell.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    /// The whole file.
    File,
    /// A member of the object there.
    Member(&'a Self, &'a str),
    /// An element of the list there.
    Element(&'a Self, usize),
}

impl<'a> At<'a> {
    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self::Member(self, name)
    }

    pub(super) fn element(&'a self, index: usize) -> Self {
        Self::Element(self, index)
    }

    /// The JSON pointer that leads there.
    pub(super) fn pointer(&self) -> String {
        match self {
            Self::File => String::new(),
            Self::Member(parent, name) => json::child(&parent.pointer(), name),
            Self::Element(parent, index) => json::child(&parent.pointer(), index),
        }
    }
}
