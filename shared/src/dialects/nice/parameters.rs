//! The parameters of a request, in the form that the routes file says.

use std::borrow::Cow;

use serde_json::Value;

use super::Nice;
use crate::{
    dialects::{Content, HttpRequest},
    domain::{routes::Encoding, token::Token},
};

/// A parameter: a text or a number.
pub(super) type Parameter = (&'static str, Value);

impl Nice {
    /// A POST with these parameters.
    pub(super) fn parameterised<'r>(
        &self,
        token: &'r Token,
        resource: &[&'static str],
        parameters: Vec<Parameter>,
    ) -> HttpRequest<'r> {
        let of = |content| self.request(token, resource, content);
        match self.rules.encoding {
            Encoding::Json => {
                of(Content::PostJson(parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
            }
            Encoding::Form => of(Content::PostForm(texts(parameters))),
            // A POST has a body, if an empty one.
            Encoding::Query => HttpRequest { query: texts(parameters), ..of(Content::PostForm(Vec::new())) },
        }
    }
}

fn texts<'r>(parameters: Vec<Parameter>) -> Vec<(&'static str, Cow<'r, str>)> {
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    parameters.into_iter().map(|(name, value)| (name, Cow::from(text(value)))).collect()
}
