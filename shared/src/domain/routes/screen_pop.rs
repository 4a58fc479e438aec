//! What an agent's browser opens with a callback: a URL with the event's key and attributes in it.
//!
//! A callback carries nothing else of the event. What is filled in comes from whoever sends events, so it stands only
//! behind the host that the routes file names, and is encoded so that it ends no segment and no member of a query.

use std::borrow::Cow;

/// The name of the event's key in a template.
const KEY: &str = "key";

/// Bytes of a URL's template: browsers take some more.
const LONGEST: usize = 1024;

/// A URL with places to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenPop {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Key,
    Attribute(String),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotATemplate {
    #[error("is no absolute URL of the web")]
    NotAUrl,
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    #[error("has a brace that isn't closed, or closes nothing")]
    Braces,
    #[error("has an empty pair of braces")]
    Empty,
    #[error("lets an event decide which host is opened")]
    InHost,
}

impl ScreenPop {
    /// Reads a template: `{key}` and `{attributeName}` in an absolute URL, behind its host.
    pub(super) fn parse(text: &str) -> Result<Self, NotATemplate> {
        if text.len() > LONGEST {
            return Err(NotATemplate::TooLong);
        }
        let (scheme, after) = text.split_once("://").ok_or(NotATemplate::NotAUrl)?;
        let web = matches!(scheme, "https" | "http");
        let visible = text.chars().all(|char| !char.is_whitespace() && !char.is_control());
        if !web || !visible || after.starts_with(['/', '?', '#']) || after.is_empty() {
            return Err(if scheme.contains('{') { NotATemplate::InHost } else { NotATemplate::NotAUrl });
        }
        let host_ends = after.find(['/', '?', '#']).unwrap_or(after.len());
        if after[..host_ends].contains('{') {
            return Err(NotATemplate::InHost);
        }
        parts(text).map(|parts| Self { parts })
    }

    /// The names of the attributes in it.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Attribute(name) => Some(name.as_str()),
            Part::Literal(_) | Part::Key => None,
        })
    }

    /// The URL, with the values that there are; nothing stands for the others.
    pub(crate) fn filled<'v>(&self, key: &str, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> String {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => url.push_str(text),
                Part::Key => encode(key, &mut url),
                // A browser takes dots alone for the way to another page, encoded or not.
                Part::Attribute(name) => {
                    let value = value(name).filter(|value| !matches!(&**value, "." | ".."));
                    encode(&value.unwrap_or_default(), &mut url);
                }
            }
        }
        url
    }
}

fn parts(text: &str) -> Result<Vec<Part>, NotATemplate> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let literal = rest.find(['{', '}']).unwrap_or(rest.len());
        if literal > 0 {
            parts.push(Part::Literal(rest[..literal].to_owned()));
        }
        rest = &rest[literal..];
        if rest.is_empty() {
            break;
        }
        let inner = rest.strip_prefix('{').ok_or(NotATemplate::Braces)?;
        let (name, after) = inner.split_once('}').ok_or(NotATemplate::Braces)?;
        match name {
            "" => return Err(NotATemplate::Empty),
            KEY => parts.push(Part::Key),
            _ if name.contains('{') => return Err(NotATemplate::Braces),
            _ => parts.push(Part::Attribute(name.to_owned())),
        }
        rest = after;
    }
    Ok(parts)
}

/// All but RFC 3986's unreserved characters becomes `%` and two digits.
fn encode(text: &str, url: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push('%');
            for digit in [byte >> 4, byte & 15] {
                url.push(char::from_digit(digit.into(), 16).unwrap_or_default().to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(template: &str, value: &str) -> String {
        ScreenPop::parse(template).unwrap().filled("k-1", |name| (name == "ref").then(|| value.to_owned().into()))
    }

    #[test]
    fn the_key_and_attributes_are_filled_in_each_encoded() {
        let url = "https://crm.example/orders/{ref}?key={key}&gone={other}#x";
        assert_eq!(filled(url, "a/b&c=d é"), "https://crm.example/orders/a%2Fb%26c%3Dd%20%C3%A9?key=k-1&gone=#x");
        assert_eq!(filled("https://crm.example", "x"), "https://crm.example");
        let names = ScreenPop::parse(url).unwrap();
        assert_eq!(names.attributes().collect::<Vec<_>>(), ["ref", "other"]);
    }

    #[test]
    fn a_value_leads_to_no_other_page() {
        for value in [".", ".."] {
            assert_eq!(filled("https://crm.example/orders/{ref}/x", value), "https://crm.example/orders//x");
        }
        assert_eq!(filled("https://crm.example/{ref}", "..."), "https://crm.example/...");
    }

    #[test]
    fn an_event_decides_neither_scheme_nor_host() {
        for text in ["https://{ref}/", "https://crm.{ref}.example/x", "{ref}://crm.example/", "https://{ref}"] {
            assert_eq!(ScreenPop::parse(text), Err(NotATemplate::InHost), "{text}");
        }
        for text in ["crm.example/{ref}", "", "https:///x", "://x", "https://", "https://crm.example/a b", "ht tp://x"]
        {
            assert_eq!(ScreenPop::parse(text), Err(NotATemplate::NotAUrl), "{text}");
        }
    }

    #[test]
    fn braces_come_in_pairs_with_a_name_between() {
        for text in ["https://x/{", "https://x/}", "https://x/{a{b}", "https://x/{a}}"] {
            assert_eq!(ScreenPop::parse(text), Err(NotATemplate::Braces), "{text}");
        }
        assert_eq!(ScreenPop::parse("https://x/{}"), Err(NotATemplate::Empty));
        let longest = format!("https://x/{}", "a".repeat(LONGEST - 10));
        assert!(ScreenPop::parse(&longest).is_ok());
        assert_eq!(ScreenPop::parse(&format!("{longest}a")), Err(NotATemplate::TooLong));
    }

    proptest! {
        #[test]
        fn whatever_is_filled_in_the_url_opens_the_same_place(value in "\\PC{0,40}") {
            let url = url::Url::parse(&filled("https://crm.example/orders/{ref}?key={key}", &value)).unwrap();
            prop_assert_eq!(url.host_str(), Some("crm.example"));
            prop_assert_eq!(url.query(), Some("key=k-1"));
            prop_assert!(url.path().starts_with("/orders/"));
        }
    }
}
