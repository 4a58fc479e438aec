//! JSONPath, compiled once and bounded: no path in a routes file can make an event slow.
//!
//! RFC 9535 lets a path multiply its own work: `$..*..*` visits every node once for each of its ancestors, a filter
//! inside a filter does so for each sibling, and nested brackets make the parser itself go exponential. So the shape of a
//! path is looked at before it is parsed. What is accepted visits each value of an event a bounded number of times, and
//! an event's values are bounded too.
//!
//! Most paths only name members. Those are followed directly, which needs no allocation and says where a value that
//! is absent was looked for.

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

use crate::domain::{event::Event, json};

/// Characters of a path. The longest that anyone has reason to write is a fraction of it.
const MAX_LENGTH: usize = 256;
/// Brackets and parentheses that are open at once.
const MAX_NESTING: usize = 4;
/// Commas: a union may name so many members but one, and unions after one another multiply.
const MAX_COMMAS: usize = 8;
/// Filters, one after the other.
const MAX_FILTERS: usize = 2;

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Data,
    Event,
}

/// A compiled path.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    text: String,
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
    #[error("the path is not RFC 9535 JSONPath: {0}")]
    Syntax(#[from] serde_json_path::ParseError),
}

/// What a path selects in an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Selection<'e> {
    Nothing,
    One(&'e Value),
    Several,
}

#[derive(Clone, Debug)]
enum Query {
    Steps(Vec<Step>),
    General(JsonPath),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Member(String),
    Element(usize),
}

impl Path {
    /// Compiles a path that is within the bounds.
    pub(crate) fn compile(text: &str, root: Root) -> Result<Self, PathError> {
        Shape::of(text)?;
        let general = JsonPath::parse(text)?;
        let query = steps(text).map_or(Query::General(general), Query::Steps);
        Ok(Self { text: text.to_owned(), root, query })
    }

    /// The path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What the path selects. A null is nothing: that is how upstream systems write an absent value.
    pub(crate) fn select<'e>(&self, event: &'e Event) -> Selection<'e> {
        let value = match &self.query {
            Query::Steps(steps) => follow(steps, self.start(event)),
            Query::General(path) => match path.query(self.start(event)).at_most_one() {
                Ok(value) => value,
                Err(_) => return Selection::Several,
            },
        };
        value.filter(|value| !value.is_null()).map_or(Selection::Nothing, Selection::One)
    }

    /// Whether the path selects anything at all, a null included.
    pub(crate) fn holds(&self, event: &Event) -> bool {
        match &self.query {
            Query::Steps(steps) => follow(steps, self.start(event)).is_some(),
            Query::General(path) => !path.query(self.start(event)).is_empty(),
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
            Query::Steps(steps) => steps.iter().fold(root.to_owned(), |pointer, step| match step {
                Step::Member(name) => json::child(&pointer, name),
                Step::Element(index) => json::child(&pointer, index),
            }),
            Query::General(path) => match path.query_located(self.start(event)).last() {
                Some(node) => node.location().iter().fold(root.to_owned(), |pointer, element| match element {
                    PathElement::Name(name) => json::child(&pointer, name),
                    PathElement::Index(index) => json::child(&pointer, index),
                }),
                None => root.to_owned(),
            },
        };
        event.sender_pointer(&pointer)
    }

    fn start<'e>(&self, event: &'e Event) -> &'e Value {
        match self.root {
            Root::Data => event.data_value(),
            Root::Event => event.envelope(),
        }
    }
}

fn follow<'e>(steps: &[Step], start: &'e Value) -> Option<&'e Value> {
    steps.iter().try_fold(start, |value, step| match (step, value) {
        (Step::Member(name), Value::Object(members)) => members.get(name),
        (Step::Element(index), Value::Array(elements)) => elements.get(*index),
        _ => None,
    })
}

/// The steps of a valid path that only names members and elements, in its plain spellings.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix('[') {
            let (inner, after) = bracketed.split_once(']')?;
            let quoted = ['\'', '"'].iter().find_map(|&quote| inner.strip_prefix(quote)?.strip_suffix(quote));
            steps.push(match quoted {
                Some(name) if !name.contains(['\\', '\'', '"']) => Step::Member(name.to_owned()),
                _ => Step::Element(inner.parse().ok()?),
            });
            rest = after;
        } else {
            let named = rest.strip_prefix('.')?;
            let end = named.find(['.', '[']).unwrap_or(named.len());
            let (name, after) = named.split_at(end);
            if name.is_empty() || name == "*" || name.contains(char::is_whitespace) {
                return None;
            }
            steps.push(Step::Member(name.to_owned()));
            rest = after;
        }
    }
    Some(steps)
}

/// What decides how much work a path can cause, counted outside quotes.
#[derive(Default)]
struct Shape {
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
    fn of(path: &str) -> Result<(), PathError> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(data: &Value) -> Event {
        let event =
            json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "x", "data": data });
        Event::from_json(event).unwrap()
    }

    fn path(text: &str) -> Path {
        Path::compile(text, Root::Data).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn paths_that_only_name_members_select_what_the_library_selects() {
        let data = json!({ "a": { "b": [1, { "c d": 2 }], "é": 3, "0": 4 }, "a.b": 5 });
        let event = event(&data);
        for text in
            ["$.a.b[1]['c d']", "$['a'][\"b\"][0]", "$.a.é", "$['a.b']", "$.a['0']", "$.a.b.c", "$.a[0]", "$.x", "$"]
        {
            let path = path(text);
            assert!(matches!(path.query, Query::Steps(_)), "{text}");
            let expected = JsonPath::parse(text).unwrap().query(&data).at_most_one().unwrap().cloned();
            let found = match path.select(&event) {
                Selection::One(value) => Some(value.clone()),
                _ => None,
            };
            assert_eq!(found, expected, "{text}");
        }
        for text in ["$.a.b[-1]", "$.a.*", "$..b", "$['it\\'s']", "$.a .b", "$.a['b','c']", "$.a[ 0 ]"] {
            assert!(matches!(path(text).query, Query::General(_)), "{text}");
        }
    }

    #[test]
    fn a_null_is_nothing_and_two_values_are_several() {
        let event = event(&json!({ "none": null, "list": [1, 2], "one": [1] }));
        assert_eq!(path("$.none").select(&event), Selection::Nothing);
        assert!(path("$.none").holds(&event));
        assert_eq!(path("$.list[*]").select(&event), Selection::Several);
        assert_eq!(path("$.one[*]").select(&event), Selection::One(&json!(1)));
    }

    #[test]
    fn a_pointer_leads_to_the_value_or_to_where_it_would_be() {
        let event = event(&json!({ "list": [{ "a/b": 1 }, { "a/b": 2 }] }));
        assert_eq!(path("$.no.such").pointer(&event), "/data/no/such");
        assert_eq!(path("$.list[0]['a/b']").pointer(&event), "/data/list/0/a~1b");
        assert_eq!(path("$.list[*]['a/b']").pointer(&event), "/data/list/1/a~1b");
        assert_eq!(path("$..nothing").pointer(&event), "/data");
        assert_eq!(path("$..*").pointer(&self::event(&json!({ "ada@example.com": 1 }))), "/data/[redacted]");
        assert_eq!(Path::compile("$.subject", Root::Event).unwrap().pointer(&event), "/subject");
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
            assert!(Path::compile(&text, Root::Data).is_err(), "{text}");
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
