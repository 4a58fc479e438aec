//! The rules of an envelope, each of which is tried whatever became of the others.

use crate::domain::{
    json::{Kind, Node},
    problem::Problem,
    reason::DeadLetterReason,
    time::Timestamp,
};

/// An envelope under examination. A null member counts as absent, as CloudEvents has it.
pub(super) struct Rules<'a> {
    event: Node<'a>,
    problems: Vec<Problem>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(event: Node<'a>) -> Self {
        Self { event, problems: Vec::new() }
    }

    /// What was found.
    pub(super) fn problems(self) -> Vec<Problem> {
        self.problems
    }

    fn present(&self, name: &str) -> Option<Kind<'a>> {
        self.event.get(name).map(Node::kind).filter(|&value| value != Kind::Null)
    }

    fn broken(&mut self, name: &str, rule: &str) {
        self.problems.push(malformed(format!("{name} {rule}"), format!("/{name}")));
    }

    pub(super) fn cloud_event(&mut self) {
        match self.present("specversion") {
            None => self.broken("specversion", "is missing, and so is EventBridge's detail-type"),
            Some(Kind::Text("1.0")) => {}
            Some(_) => self.broken("specversion", "must be \"1.0\""),
        }
        if self.present("data_base64").is_some() {
            self.broken("data_base64", "is not read: send data as a JSON object");
        }
        match self.present("datacontenttype") {
            None => {}
            Some(Kind::Text(media_type)) if is_json(media_type) => {}
            Some(_) => self.broken("datacontenttype", "must be a JSON media type or absent"),
        }
        if !matches!(self.present("subject"), None | Some(Kind::Text(_))) {
            self.broken("subject", "must be a string");
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.present(name) {
            None => self.broken(name, "is missing"),
            Some(Kind::Text(text)) if text.trim().is_empty() => self.broken(name, "is empty"),
            Some(Kind::Text(text)) => return Some(text.to_owned()),
            Some(_) => self.broken(name, "must be a string"),
        }
        None
    }

    /// A text of the identity. CloudEvents forbids control characters in it, and the idempotency key relies on that:
    /// one of them separates source from id in the name that the key is made of.
    pub(super) fn identifier(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().any(char::is_control) {
            self.broken(name, "contains a control character");
            return None;
        }
        Some(text)
    }

    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let time = match self.present(name)? {
            Kind::Text(text) => Timestamp::parse_rfc3339(text),
            _ => None,
        };
        if time.is_none() {
            self.broken(name, "must be an RFC 3339 date-time with its offset");
        }
        time
    }

    pub(super) fn data(&mut self, name: &str) {
        match self.present(name) {
            None => self.broken(name, "is missing"),
            Some(Kind::Object) => {}
            Some(_) => self.broken(name, "must be a JSON object"),
        }
    }
}

pub(super) fn malformed(message: impl Into<String>, pointer: impl Into<String>) -> Problem {
    Problem::new(DeadLetterReason::MalformedEvent, message).at(pointer)
}

/// Whether a media type is JSON: `application/json`, `text/json` or any `+json`, parameters aside.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types_are_accepted_with_parameters_and_in_any_case() {
        for media_type in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json", "text/json"]
        {
            assert!(is_json(media_type), "{media_type}");
        }
        for media_type in ["", "json", "text/plain", "application/jsonp", "application/xml+jsonx"] {
            assert!(!is_json(media_type), "{media_type}");
        }
    }
}
