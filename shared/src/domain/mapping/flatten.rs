//! A nested object becomes attributes: one for each scalar in it, named after its path and typed by the registry.
//!
//! A name that the route maps on its own is the route's: that is how a member of the object gets its coercion or its
//! `pii` word, and it keeps a stripped value from coming back through here. Two members that end in one name are
//! refused, since whichever won would be chance.

use std::cell::LazyCell;

use super::{ComplianceBoundary, Mapping, masked};
use crate::domain::{
    attributes::{AttributeDefinition, AttributeKey, AttributeType, AttributeValue},
    convert,
    json::{self, Kind, Node},
    pii,
    problem::Problem,
    reason::DeadLetterReason,
    routes::{Flatten, Overflow, Unregistered},
};

/// Values that one object may flatten into. A person reads the contact: hundreds of attributes are a mistake already.
const MAX_VALUES: usize = 1_000;
/// Bytes of the names of all members, each with the names of the objects around it: every name, pointer and problem
/// that is made here is bounded by it, however deep below long names the values stand.
const MAX_NAME_BYTES: usize = 128 * MAX_VALUES;

impl<'a> Mapping<'a> {
    pub(super) fn flatten(&mut self, flatten: &'a Flatten) {
        let root = match self.select(&flatten.path) {
            Ok(None) => return,
            Ok(Some(root)) if root.kind() == Kind::Object => root,
            Ok(Some(other)) => {
                let found = convert::Found::of(other.kind()).described();
                return self.refuse_flatten(flatten, &format!("needs an object, and the event has {found}"));
            }
            Err(rule) => return self.refuse_flatten(flatten, &rule),
        };
        let mut leaves = Leaves { found: Vec::with_capacity(16), name_bytes: 0 };
        if let Err(too_much) = leaves.collect(root, &flatten.prefix, 0) {
            return self.refuse_flatten(flatten, &too_much.to_string());
        }
        let event = self.event;
        let base = LazyCell::new(|| flatten.path.pointer(event));
        let pointer = |leaf: &Leaf<'_>| format!("{}{}", *base, locate(root, leaf.value).unwrap_or_default());
        leaves.found.sort_by(|one, other| one.name.cmp(&other.name));
        for leaves in leaves.found.chunk_by(|one, other| one.name == other.name) {
            if !self.route.attributes.iter().any(|rule| rule.key.name() == leaves[0].name) {
                self.leaf(flatten, leaves, &pointer);
            }
        }
    }

    /// The leaves of one name: at least one.
    fn leaf(&mut self, flatten: &Flatten, leaves: &[Leaf<'a>], pointer: &impl Fn(&Leaf<'a>) -> String) {
        let first = &leaves[0];
        let definitions = self.schema.named(&first.name);
        let unregistered = definitions.is_empty() && !self.schema.is_unrestricted();
        if unregistered && flatten.unregistered == Unregistered::Drop {
            return;
        }
        // Nobody registered this name, so that its sender may have written anything into it.
        let personal = definitions.is_empty() && leaves.iter().any(|leaf| pointer(leaf).contains(pii::MASK));
        if personal && !unregistered && self.boundary == ComplianceBoundary::Outside {
            // Where none is registered, this name would go out as it is.
            return;
        }
        let name = if personal && unregistered { pii::MASK } else { &first.name };
        let (key, made) = match listed(first.value) {
            Ok(None) => typed(name, first.value.kind(), definitions),
            Ok(Some(list)) => typed(name, Kind::Text(&list), definitions),
            Err(error) => (AttributeKey::new(AttributeType::String, name), Err(error)),
        };
        let broken = match made {
            Ok(_) if let Some(second) = leaves.get(1) => {
                format!("is the name of two members, at {:?} and {:?}", pointer(first), pointer(second))
            }
            Ok(value) => {
                let outside = self.boundary == ComplianceBoundary::Outside;
                let value = if outside { masked(value, None, None) } else { value };
                return self.admit(&key, value, Overflow::Reject, super::kept, || Some(pointer(first)));
            }
            Err(error) => error.to_string(),
        };
        let problem = self.problem(DeadLetterReason::MappingFailed, &key, &broken);
        self.problems.push(problem.on(&key).at(pointer(first)));
    }

    fn refuse_flatten(&mut self, flatten: &Flatten, rule: &str) {
        let problem: Problem = self.problem(DeadLetterReason::MappingFailed, "flatten", rule);
        self.problems.push(problem.at(flatten.path.pointer(self.event)));
    }
}

/// A value that can be an attribute, and the name that it gets.
struct Leaf<'e> {
    name: String,
    value: Node<'e>,
}

/// What an object flattens into.
struct Leaves<'e> {
    found: Vec<Leaf<'e>>,
    /// Of the names so far, as [`MAX_NAME_BYTES`] counts them.
    name_bytes: usize,
}

/// Why an object is not flattened.
#[derive(Debug, thiserror::Error)]
enum TooMuch {
    #[error("finds more than {MAX_VALUES} values")]
    Values,
    #[error("finds more than {MAX_NAME_BYTES} bytes of names")]
    Names,
}

impl<'e> Leaves<'e> {
    /// Adds the leaves of an object, by their names, so that the order in a text decides nothing. `above` is the length
    /// of the names around it. An event nests to a bounded depth, so recursion does too.
    fn collect(&mut self, object: Node<'e>, prefix: &str, above: usize) -> Result<(), TooMuch> {
        for (key, value) in object.sorted_members() {
            let is_object = value.kind() == Kind::Object;
            if !is_object && !is_leaf(value) {
                continue;
            }
            self.name_bytes += above + key.len();
            if self.name_bytes > MAX_NAME_BYTES {
                return Err(TooMuch::Names);
            }
            let name = camel_case(prefix, key);
            if is_object {
                self.collect(value, &name, above + key.len())?;
            } else if self.found.len() == MAX_VALUES {
                return Err(TooMuch::Values);
            } else {
                self.found.push(Leaf { name, value });
            }
        }
        Ok(())
    }
}

/// The name with the words of a key appended, each with a capital. What is neither letter nor digit separates words; a
/// word in capitals alone is a word like others.
fn camel_case(prefix: &str, key: &str) -> String {
    let mut name = String::with_capacity(prefix.len() + key.len());
    name.push_str(prefix);
    for word in json::composed(key).split(|c: char| !c.is_alphanumeric()) {
        let shouted = !word.chars().any(char::is_lowercase);
        let mut letters = word.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        if shouted {
            name.extend(letters.flat_map(char::to_lowercase));
        } else {
            name.push_str(letters.as_str());
        }
    }
    name
}

/// Whether a value can be an attribute: a scalar, or a list of scalars that can stand in one text.
fn is_leaf(value: Node<'_>) -> bool {
    let is_scalar = |kind| matches!(kind, Kind::Text(_) | Kind::Number(_) | Kind::Boolean(_));
    let mut elements = value.elements().map(Node::kind).peekable();
    is_scalar(value.kind()) || elements.peek().is_some() && elements.all(is_scalar)
}

/// The elements of an array as one text. What is no array has none.
fn listed(value: Node<'_>) -> Result<Option<String>, convert::ConversionError> {
    if value.kind() != Kind::Array {
        return Ok(None);
    }
    let texts: Vec<_> =
        value.elements().map(|element| convert::text(element.kind(), true)).collect::<Result<_, _>>()?;
    Ok(Some(texts.join(",")))
}

/// The value in the registered type; where the name has several types, in the first that takes it. An unregistered name
/// is typed by the value alone, for the sake of the problem that will name it.
fn typed(
    name: &str,
    value: Kind<'_>,
    definitions: &[AttributeDefinition],
) -> (AttributeKey, Result<AttributeValue, convert::ConversionError>) {
    let own = match value {
        Kind::Boolean(_) => AttributeType::Boolean,
        Kind::Number(_) => AttributeType::Number,
        _ => AttributeType::String,
    };
    let convert = |kind| (AttributeKey::new(kind, name), convert::attribute(kind, value, false));
    let mut kinds = definitions.iter().map(|definition| definition.attribute_type);
    let first = convert(kinds.next().unwrap_or(own));
    if first.1.is_ok() { first } else { kinds.map(convert).find(|(_, made)| made.is_ok()).unwrap_or(first) }
}

/// The JSON pointer from an object to a value inside it. Only problems need it.
fn locate(object: Node<'_>, value: Node<'_>) -> Option<String> {
    let (name, member) = object.members().find(|(_, member)| member.contains(value))?;
    Some(json::child("", name) + &locate(member, value).unwrap_or_default())
}
