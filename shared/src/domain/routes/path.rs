//! JSONPath, compiled once and bounded: no path in a routes file can make an event slow.
//!
//! Most paths only name members. Those are followed directly, which needs no allocation and says where a value that
//! is absent was looked for. The others are the library's, which reads a tree of its own kind.

mod queries;
mod shape;

use std::sync::Arc;

use serde_json::Value;
use serde_json_path::{JsonPath, LocatedNode, PathElement};

pub(crate) use self::queries::Queries;
use self::shape::{MAX_COMMAS, MAX_FILTERS, MAX_LENGTH, MAX_NESTING};
use crate::domain::{
    event::Event,
    json::{self, Node},
};

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Data,
    Event,
}

/// A compiled path.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    text: Box<str>,
    root: Root,
    query: Query,
}

/// Why a text is not a path that is accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
    #[error("the path is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("the path nests brackets or parentheses deeper than {MAX_NESTING} levels")]
    TooNested,
    #[error("the path has more than one `..`")]
    Descents,
    #[error("the path has more than {MAX_COMMAS} commas")]
    Commas,
    #[error("the path has more than {MAX_FILTERS} filters, or one inside another")]
    Filters,
    #[error("a filter of the path uses `..` or `*`")]
    WideFilter,
    #[error("a union of the path holds `*`, a slice or a filter")]
    WideUnion,
    #[error("the paths before it take all the memory that there is")]
    Memory,
    #[error("the path is not RFC 9535 JSONPath: {0}")]
    Syntax(#[from] serde_json_path::ParseError),
}

/// What a path selects in an event.
#[derive(Clone, Copy)]
pub(crate) enum Selection<'e> {
    Nothing,
    One(Node<'e>),
    Several,
}

#[derive(Clone, Debug)]
enum Query {
    /// Names and indexes alone. There may be a hundred thousand such paths, so a name is a stretch of the path's text.
    Plain(Box<[PlainStep]>),
    General(Arc<JsonPath>),
}

#[derive(Clone, Copy, Debug)]
enum PlainStep {
    Member { start: u16, end: u16 },
    Element(u32),
}

/// One step of the way to a value.
#[derive(Clone, Copy)]
enum Step<'p> {
    Member(&'p str),
    Element(usize),
}

impl Path {
    /// Compiles a path that is within the bounds.
    pub(crate) fn compile(text: &str, root: Root, known: &mut Arc<Queries>) -> Result<Self, PathError> {
        let query = match plain(text).filter(|_| text.len() <= MAX_LENGTH) {
            Some(steps) => Query::Plain(steps.into()),
            None => Query::General(Queries::query(known, text)?),
        };
        Ok(Self { text: text.into(), root, query })
    }

    /// The path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Bytes that it takes beside its own, the query that it may share with others apart.
    pub(crate) fn heap(&self) -> usize {
        let query = match &self.query {
            Query::Plain(steps) => size_of_val::<[PlainStep]>(steps),
            Query::General(_) => 0,
        };
        self.text.len() + query
    }

    /// What the path selects. A null is nothing: that is how upstream systems write an absent value.
    pub(crate) fn select<'e>(&self, event: &'e Event) -> Selection<'e> {
        let start = self.start(event);
        let node = match &self.query {
            Query::Plain(steps) => follow(self.named(steps), start),
            Query::General(path) => match path.query_located(self.tree(event)).at_most_one() {
                Ok(found) => found.and_then(|found| follow(steps_to(&found), start)),
                Err(_) => return Selection::Several,
            },
        };
        node.filter(|node| !node.is_null()).map_or(Selection::Nothing, Selection::One)
    }

    /// Whether the path selects anything at all, a null included.
    pub(crate) fn holds(&self, event: &Event) -> bool {
        match &self.query {
            Query::Plain(steps) => follow(self.named(steps), self.start(event)).is_some(),
            Query::General(path) => !path.query(self.tree(event)).is_empty(),
        }
    }

    /// A JSON pointer to the value that a problem is about: the last one selected, or where it would be, or the root of
    /// a path that may lead anywhere.
    pub(crate) fn pointer(&self, event: &Event) -> String {
        let root = match self.root {
            Root::Data => "/data",
            Root::Event => "",
        };
        let pointer = match &self.query {
            Query::Plain(steps) => pointer(root, self.named(steps)),
            Query::General(path) => {
                let found = path.query_located(self.tree(event));
                found.last().map_or_else(|| root.to_owned(), |found| pointer(root, steps_to(found)))
            }
        };
        event.sender_pointer(&pointer)
    }

    fn named<'p>(&'p self, steps: &'p [PlainStep]) -> impl Iterator<Item = Step<'p>> {
        steps.iter().map(|step| match *step {
            PlainStep::Member { start, end } => Step::Member(&self.text[usize::from(start)..usize::from(end)]),
            PlainStep::Element(index) => Step::Element(index as usize),
        })
    }

    fn start<'e>(&self, event: &'e Event) -> Node<'e> {
        match self.root {
            Root::Data => event.data(),
            Root::Event => event.envelope(),
        }
    }

    fn tree<'e>(&self, event: &'e Event) -> &'e Value {
        match self.root {
            Root::Data => event.data_tree(),
            Root::Event => event.envelope_tree(),
        }
    }
}

/// The steps to a value that the library found.
fn steps_to<'p>(found: &'p LocatedNode<'_>) -> impl Iterator<Item = Step<'p>> {
    found.location().iter().map(|element| match element {
        PathElement::Name(name) => Step::Member(name),
        PathElement::Index(index) => Step::Element(*index),
    })
}

fn follow<'p, 'e>(mut steps: impl Iterator<Item = Step<'p>>, start: Node<'e>) -> Option<Node<'e>> {
    steps.try_fold(start, |node, step| match step {
        Step::Member(name) => node.get(name),
        Step::Element(index) => node.elements().nth(index),
    })
}

fn pointer<'p>(root: &str, steps: impl Iterator<Item = Step<'p>>) -> String {
    steps.fold(root.to_owned(), |pointer, step| match step {
        Step::Member(name) => json::child(&pointer, name),
        Step::Element(index) => json::child(&pointer, index),
    })
}

/// The steps of a path that only names members and elements, in those spellings of RFC 9535 that need no second look.
fn plain(path: &str) -> Option<Vec<PlainStep>> {
    let at = |rest: &str| path.len() - rest.len();
    let member = |start: usize, name: &str| {
        Some(PlainStep::Member { start: start.try_into().ok()?, end: (start + name.len()).try_into().ok()? })
    };
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::with_capacity(4);
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix('[') {
            let (inner, after) = bracketed.split_once(']')?;
            let quoted = ['\'', '"'].iter().find_map(|&quote| inner.strip_prefix(quote)?.strip_suffix(quote));
            steps.push(match quoted {
                Some(name) if name.chars().all(is_quotable) => member(at(bracketed) + 1, name)?,
                _ if inner == "0" || !inner.starts_with(['0', '+']) => PlainStep::Element(inner.parse().ok()?),
                _ => return None,
            });
            rest = after;
        } else {
            let named = rest.strip_prefix('.')?;
            let end = named.find(['.', '[']).unwrap_or(named.len());
            let (name, after) = named.split_at(end);
            let mut characters = name.chars();
            if !characters.next().is_some_and(begins_name) || !characters.all(|c| begins_name(c) || c.is_ascii_digit())
            {
                return None;
            }
            steps.push(member(at(named), name)?);
            rest = after;
        }
    }
    Some(steps)
}

/// Whether a character may begin a name that stands without quotes: RFC 9535's `name-first`.
fn begins_name(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || !character.is_ascii()
}

/// Whether a character may stand in quotes as it is, in either kind of them.
fn is_quotable(character: char) -> bool {
    character >= ' ' && !matches!(character, '\\' | '\'' | '"')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(data: &Value) -> Event {
        let event =
            json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "x", "data": data });
        Event::from_json(&event).unwrap()
    }

    fn path(text: &str) -> Path {
        Path::compile(text, Root::Data, &mut Arc::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The one value that is selected.
    fn one(path: &Path, event: &Event) -> Option<Value> {
        match path.select(event) {
            Selection::One(node) => Some(node.to_value()),
            _ => None,
        }
    }

    #[test]
    fn paths_that_only_name_members_select_what_the_library_selects() {
        let data = json!({ "a": { "b": [1, { "c d": 2 }], "é": 3, "0": 4 }, "a.b": 5 });
        let event = event(&data);
        for text in
            ["$.a.b[1]['c d']", "$['a'][\"b\"][0]", "$.a.é", "$['a.b']", "$.a['0']", "$.a.b.c", "$.a[0]", "$.x", "$"]
        {
            let path = path(text);
            assert!(matches!(path.query, Query::Plain(_)), "{text}");
            let expected = JsonPath::parse(text).unwrap().query(&data).at_most_one().unwrap().cloned();
            assert_eq!(one(&path, &event), expected, "{text}");
        }
        for text in ["$.a.b[-1]", "$.a.*", "$..b", "$['it\\'s']", "$.a .b", "$.a['b','c']", "$.a[ 0 ]"] {
            assert!(matches!(path(text).query, Query::General(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_for_plain_is_a_path_to_the_library_too(
            text in r#"\$(\.[a-zA-Z_0-9é\-]{1,3}|\[0?[0-9]{1,10}\]|\['[^\\]]{0,3}'\]|\["[^\\]]{0,3}"\]){0,4}"#,
        ) {
            if plain(&text).is_some() {
                prop_assert!(JsonPath::parse(&text).is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn paths_of_every_other_kind_select_what_the_library_selects() {
        let data = json!({
            "list": [{ "n": 1, "deep": { "vip": "x" } }, { "n": 2 }, { "n": 3 }],
            "twins": [[1], [1]], "other": { "a/b": [5] },
        });
        let event = event(&data);
        for text in [
            "$.list[-1]",
            "$.list[?@.n == 2]",
            "$.list[1:2].n",
            "$..vip",
            "$.twins[?@[0] == 1]",
            "$.twins[-1:][0]",
            "$['other']['a/b'][*]",
            "$.list[?@.n > 7]",
            "$..n",
        ] {
            let expected = JsonPath::parse(text).unwrap().query(&data).at_most_one().ok().flatten().cloned();
            assert_eq!(one(&path(text), &event), expected, "{text}");
        }
        // Equal values are told apart by where they are.
        assert_eq!(path("$.twins[-1]").pointer(&event), "/data/twins/1");
    }

    #[test]
    fn a_null_is_nothing_and_two_values_are_several() {
        let event = event(&json!({ "none": null, "list": [1, 2], "one": [1] }));
        assert!(matches!(path("$.none").select(&event), Selection::Nothing));
        assert!(path("$.none").holds(&event));
        assert!(matches!(path("$.list[*]").select(&event), Selection::Several));
        assert_eq!(one(&path("$.one[*]"), &event), Some(json!(1)));
    }

    #[test]
    fn a_pointer_leads_to_the_value_or_to_where_it_would_be() {
        let event = event(&json!({ "list": [{ "a/b": 1 }, { "a/b": 2 }] }));
        assert_eq!(path("$.no.such").pointer(&event), "/data/no/such");
        assert_eq!(path("$.list[0]['a/b']").pointer(&event), "/data/list/0/a~1b");
        assert_eq!(path("$.list[*]['a/b']").pointer(&event), "/data/list/1/a~1b");
        assert_eq!(path("$..nothing").pointer(&event), "/data");
        assert_eq!(path("$..*").pointer(&self::event(&json!({ "ada@example.com": 1 }))), "/data/[redacted]");
        assert_eq!(Path::compile("$.subject", Root::Event, &mut Arc::default()).unwrap().pointer(&event), "/subject");
    }

    #[test]
    fn hostile_paths_are_refused_before_they_are_parsed() {
        let nested_filters = format!("$[?{}@.a==1{}", "@[?".repeat(60), "]".repeat(61));
        let hostile = [
            "$..*..*".to_owned(),
            "$..*..*..*".to_owned(),
            "$[?@..a]".to_owned(),
            "$[?$.*]".to_owned(),
            "$[?@[?@.a]]".to_owned(),
            "$[?@.a][?@.b][?@.c]".to_owned(),
            "$[*,*][*,*]".to_owned(),
            "$[0:9,0:9]".to_owned(),
            "$[?@.a,?@.b]".to_owned(),
            format!("$[{}]", ["0"; 200].join(",")),
            format!("$[?{}@.a{}]", "(".repeat(100), ")".repeat(100)),
            format!("$.{}", "a".repeat(300)),
            "$[?match(@.a, '(a*)*b')]".to_owned(),
            "$[?search(@.a, 'a')]".to_owned(),
            nested_filters,
        ];
        for text in hostile {
            assert!(Path::compile(&text, Root::Data, &mut Arc::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_stands_in_quotes_is_only_a_name() {
        for text in ["$['..*..*']", "$[\"?,[((\"].a", "$['it\\'s ..']..b", "$[?@.a == 'x..y,*']"] {
            path(text);
        }
    }

    #[test]
    fn ordinary_paths_of_every_kind_are_accepted() {
        for text in [
            "$.customer[?@ == 'gold']",
            "$.lines[?@.perishable == true && (@.late > 2 || !@.paid)]",
            "$.items[?length(@.name) > 3].tags[0]",
            "$..vip",
            "$..items[*]",
            "$.a[1:3]",
            "$.a['b','c']",
            "$.a[?@.b].c[?@.d]",
            "$.a[?@.b == $.c.d]",
        ] {
            path(text);
        }
    }
}
