//! A body in JSON, read strictly: what an object may hold, and of what type.

use serde_json::{Map, Value};

use crate::nice::Rule;
use crate::nice::request::Request;
use crate::nice::violations::Refusal;

/// The body of a request as an object in JSON.
pub(crate) fn json(request: &Request) -> Result<Value, Refusal> {
    match request.media_type().as_deref() {
        Some("application/json") => {}
        None => return Err(Refusal::bad(Rule::WrongContentType, "Content-Type is missing")),
        Some(_) => {
            return Err(Refusal::of(Rule::WrongContentType, 415, "unsupported_media_type", "only JSON is taken"));
        }
    }
    let malformed = || Refusal::bad(Rule::MalformedBody, "the body is no JSON object");
    serde_json::from_slice(&request.body).ok().filter(Value::is_object).ok_or_else(malformed)
}

/// A type of member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    Text,
    Number,
    Flag,
    List,
    Object,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::List => "an array",
            Self::Object => "an object",
        }
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// An object all of whose members are known, and its place in the body.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    place: String,
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// Reads an object whose members may be these, each of its type.
    ///
    /// # Errors
    /// It is no object, it has another member, or one is of another type.
    pub(crate) fn read(place: &str, value: &'a Value, known: &[(&str, Type)]) -> Result<Self, Refusal> {
        let place = place.to_owned();
        let Value::Object(members) = value else {
            return Err(wrong(&place, "must be an object"));
        };
        let object = Self { place, members };
        for (name, value) in members {
            let place = object.place_of(name);
            let Some((_, wanted)) = known.iter().find(|(known, _)| known == name) else {
                return Err(Refusal::bad(Rule::UnknownParameter, format!("unknown member {place}")).at(place));
            };
            if !wanted.holds(value) {
                return Err(wrong(&place, &format!("must be {}", wanted.name())));
            }
        }
        Ok(object)
    }

    pub(crate) fn place_of(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// A member's text, which must not be empty.
    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Refusal> {
        let text = self.members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| self.missing(name))
    }

    /// A member's text, which must be this.
    pub(crate) fn exactly(&self, name: &str, wanted: &str) -> Result<(), Refusal> {
        if self.text(name)? == wanted {
            return Ok(());
        }
        Err(wrong(&self.place_of(name), &format!("must be {wanted}")))
    }

    /// A mandatory object below this one.
    pub(crate) fn object(&self, name: &str, known: &[(&str, Type)]) -> Result<Object<'a>, Refusal> {
        self.optional(name, known)?.ok_or_else(|| self.missing(name))
    }

    /// An object below this one.
    pub(crate) fn optional(&self, name: &str, known: &[(&str, Type)]) -> Result<Option<Object<'a>>, Refusal> {
        let value = self.members.get(name);
        value.map(|value| Object::read(&self.place_of(name), value, known)).transpose()
    }

    /// The objects of an array below this one, all at the array's own place.
    pub(crate) fn objects(&self, name: &str, known: &[(&str, Type)]) -> Result<Vec<Object<'a>>, Refusal> {
        let place = self.place_of(name);
        let rows = self.members.get(name).and_then(Value::as_array).into_iter().flatten();
        rows.map(|row| Object::read(&place, row, known)).collect()
    }

    /// A member, whatever its value.
    pub(crate) fn mandatory(&self, name: &str) -> Result<&'a Value, Refusal> {
        self.members.get(name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Refusal {
        let place = self.place_of(name);
        Refusal::bad(Rule::MissingParameter, format!("{place} is required")).at(place)
    }
}

/// A member that isn't as it must be.
pub(crate) fn wrong(place: &str, how: &str) -> Refusal {
    Refusal::bad(Rule::WrongParameter, format!("{place} {how}")).at(place)
}
