//! A JSON value as one list and one string.
//!
//! An event is read, asked for a few of its members and dropped. A tree of maps and strings spends most of that time on
//! allocating and freeing what nobody asks for. Here every value is an entry of one list, in the order of the text, and
//! every text is a stretch of one string. The entry of an array or object says how many entries after it are its own,
//! so that what isn't asked for is stepped over.

use std::{iter, sync::OnceLock};

use serde_json::{Number, Value};

/// A whole JSON value.
#[derive(Clone)]
pub(crate) struct Document {
    entries: Vec<Entry>,
    texts: String,
    /// The same as serde's tree, made when it is first asked for.
    tree: OnceLock<Value>,
}

/// A value, or a member's name: a text before the member's value.
#[derive(Clone)]
enum Entry {
    Null,
    Boolean(bool),
    Number(Number),
    Text(Text),
    Array { entries: usize },
    Object { entries: usize },
}

/// A text of a document.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    start: usize,
    end: usize,
}

/// Where a value stands in its document.
#[derive(Clone, Copy)]
pub(crate) struct Place(usize);

/// A value in a document, as RFC 9535 means a node: what is there, and where. A member's name is one too, before its
/// value.
#[derive(Clone, Copy)]
pub(crate) struct Node<'d> {
    document: &'d Document,
    at: usize,
}

/// What a value is. What an array or object holds is asked of its node.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind<'v> {
    Null,
    Boolean(bool),
    Number(&'v Number),
    Text(&'v str),
    Array,
    Object,
}

impl Document {
    /// A document to be written, with room for what a text of so many bytes usually holds.
    pub(crate) fn with_room_for(bytes: usize) -> Self {
        Self { entries: Vec::with_capacity(bytes / 8), texts: String::with_capacity(bytes), tree: OnceLock::new() }
    }

    /// The whole value.
    pub(crate) fn root(&self) -> Node<'_> {
        Node { document: self, at: 0 }
    }

    /// The value at a place.
    pub(crate) fn at(&self, Place(at): Place) -> Node<'_> {
        Node { document: self, at }
    }

    /// The whole value as serde's tree, for a library that reads no other.
    pub(crate) fn tree(&self) -> &Value {
        self.tree.get_or_init(|| self.root().to_value())
    }

    /// The text.
    pub(crate) fn str(&self, Text { start, end }: Text) -> &str {
        &self.texts[start..end]
    }

    /// Whether two texts of the document are the same.
    pub(crate) fn same(&self, one: Text, other: Text) -> bool {
        let texts = self.texts.as_bytes();
        texts[one.start..one.end] == texts[other.start..other.end]
    }

    /// Whether this text and all that was written after it is ASCII.
    pub(crate) fn is_ascii_since(&self, text: Text) -> bool {
        self.texts[text.start..].is_ascii()
    }

    pub(crate) fn null(&mut self) {
        self.entries.push(Entry::Null);
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.entries.push(Entry::Boolean(value));
    }

    pub(crate) fn number(&mut self, value: impl Into<Number>) {
        self.entries.push(Entry::Number(value.into()));
    }

    /// Writes a text, or a member's name before its value.
    pub(crate) fn text(&mut self, text: &str) -> Text {
        let start = self.texts.len();
        self.texts.push_str(text);
        let text = Text { start, end: self.texts.len() };
        self.entries.push(Entry::Text(text));
        text
    }

    /// Begins an array: the values that follow are its elements.
    pub(crate) fn array(&mut self) -> Place {
        self.begin(Entry::Array { entries: 0 })
    }

    /// Begins an object: names and values follow in turn.
    pub(crate) fn object(&mut self) -> Place {
        self.begin(Entry::Object { entries: 0 })
    }

    /// Ends the array or object that was begun there.
    pub(crate) fn close(&mut self, Place(at): Place) {
        let own = self.entries.len() - at - 1;
        if let Entry::Array { entries } | Entry::Object { entries } = &mut self.entries[at] {
            *entries = own;
        }
    }

    /// Whether any value in it is null.
    pub(crate) fn holds_null(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Null))
    }

    /// Writes a value as it stands in another document.
    pub(crate) fn copy(&mut self, value: Node<'_>) {
        for entry in &value.document.entries[value.at..value.after().at] {
            if let Entry::Text(text) = *entry {
                self.text(value.document.str(text));
            } else {
                self.entries.push(entry.clone());
            }
        }
    }

    fn begin(&mut self, container: Entry) -> Place {
        self.entries.push(container);
        Place(self.entries.len() - 1)
    }
}

impl<'d> Node<'d> {
    /// What the value is.
    pub(crate) fn kind(self) -> Kind<'d> {
        match &self.document.entries[self.at] {
            Entry::Null => Kind::Null,
            Entry::Boolean(value) => Kind::Boolean(*value),
            Entry::Number(number) => Kind::Number(number),
            Entry::Text(text) => Kind::Text(self.document.str(*text)),
            Entry::Array { .. } => Kind::Array,
            Entry::Object { .. } => Kind::Object,
        }
    }

    /// The text, where the value is one.
    pub(crate) fn as_str(self) -> Option<&'d str> {
        match self.kind() {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The members of an object, in the order of the text; of anything else, none.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'d str, Self)> {
        self.names().filter_map(|name| Some((name.as_str()?, name.next())))
    }

    /// The members of an object by their names, whatever their order in the text.
    pub(crate) fn sorted_members(self) -> Vec<(&'d str, Self)> {
        let mut members: Vec<_> = self.members().collect();
        members.sort_unstable_by_key(|&(name, _)| name);
        members
    }

    /// The names of an object's members; of anything else, none.
    fn names(self) -> impl Iterator<Item = Self> {
        let own = match self.document.entries[self.at] {
            Entry::Object { entries } => entries,
            _ => 0,
        };
        self.walk(own, |name| name.next().after())
    }

    /// The elements of an array; of anything else, none.
    pub(crate) fn elements(self) -> impl Iterator<Item = Self> {
        let own = match self.document.entries[self.at] {
            Entry::Array { entries } => entries,
            _ => 0,
        };
        self.walk(own, Self::after)
    }

    /// From the first of so many own entries on, each one that a step leads to.
    fn walk(self, own: usize, step: impl Fn(Self) -> Self) -> impl Iterator<Item = Self> {
        let mut rest = self.next();
        iter::from_fn(move || {
            let node = (rest.at <= self.at + own).then_some(rest)?;
            rest = step(node);
            Some(node)
        })
    }

    /// The member of this name.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        self.names().find(|member| member.is_text(name)).map(Self::next)
    }

    /// Whether it is this text. Bytes are compared, since a stretch of characters has first to be found to be one.
    fn is_text(self, text: &str) -> bool {
        match self.document.entries[self.at] {
            Entry::Text(Text { start, end }) => self.document.texts.as_bytes()[start..end] == *text.as_bytes(),
            _ => false,
        }
    }

    /// Whether the other value is this one or in it.
    pub(crate) fn contains(self, other: Self) -> bool {
        (self.at..self.after().at).contains(&other.at)
    }

    /// The entry that follows: of a name, its value; of an array or object, the first thing in it.
    fn next(self) -> Self {
        Self { at: self.at + 1, ..self }
    }

    /// What follows the whole value.
    fn after(self) -> Self {
        let own = match self.document.entries[self.at] {
            Entry::Array { entries } | Entry::Object { entries } => entries,
            _ => 0,
        };
        Self { at: self.at + 1 + own, ..self }
    }

    /// Where it stands.
    pub(crate) fn place(self) -> Place {
        Place(self.at)
    }

    /// The value as serde's tree. Depth is bounded where documents are read.
    pub(crate) fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Boolean(value) => value.into(),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => text.into(),
            Kind::Array => self.elements().map(Self::to_value).collect(),
            Kind::Object => self.members().map(|(name, value)| (name, value.to_value())).collect(),
        }
    }
}

impl<'v> From<&'v Value> for Kind<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::json::{bounded, read};

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |double| double.is_finite()).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 40, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-zA-Z\"\\\\/]{0,6}", inner, 0..20)
                    .prop_map(|members| members.into_iter().collect::<Value>()),
            ]
        })
    }

    /// Asks every member and element for itself, all the way down.
    fn same(node: Node<'_>, value: &Value) -> bool {
        let children = match value {
            Value::Array(elements) => {
                node.elements().count() == elements.len()
                    && node.elements().zip(elements).all(|(node, element)| same(node, element))
            }
            Value::Object(members) => {
                node.members().count() == members.len()
                    && members.iter().all(|(name, member)| node.get(name).is_some_and(|node| same(node, member)))
            }
            _ => node.members().next().is_none() && node.elements().next().is_none(),
        };
        children && node.kind() == Kind::from(value)
    }

    #[test]
    fn a_member_is_found_past_others_of_any_size() {
        let value = json!({ "a": { "b": [[], {}, [{ "c": 1 }]] }, "c": 2, "": 3 });
        let document = bounded(&value).unwrap();
        let root = document.root();
        assert!(root.get("c").unwrap().kind() == Kind::Number(&2.into()));
        assert!(root.get("").unwrap().kind() == Kind::Number(&3.into()));
        assert!(root.get("b").is_none(), "that is a member's member");
        assert!(root.get("c").unwrap().get("c").is_none(), "that is a text's neighbour");
        assert!(document.at(root.get("c").unwrap().place()).kind() == Kind::Number(&2.into()));
    }

    proptest! {
        #[test]
        fn a_document_holds_what_was_written(value in values()) {
            let document = read(&value.to_string()).unwrap();
            prop_assert!(same(document.root(), &value));
            prop_assert_eq!(document.tree(), &value);
            let bounded = bounded(&value).unwrap();
            prop_assert_eq!(bounded.tree(), &value);
        }

        #[test]
        fn a_copy_is_the_same_in_another_place(value in values()) {
            let document = bounded(&value).unwrap();
            let mut other = Document::with_room_for(0);
            let object = other.object();
            other.text("before");
            other.text("text");
            other.text("copy");
            other.copy(document.root());
            other.close(object);
            prop_assert_eq!(other.tree(), &json!({ "before": "text", "copy": value }));
        }
    }
}
