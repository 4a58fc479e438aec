//! Globs over an event's type and source: `*` stands for any characters, and nothing else is special.
//!
//! A shell's globs give meaning to `?`, `[` and `{`, which occur in URIs, and stop at `/`, which must not matter here.
//! With one special character it is also decidable whether one glob covers another, which finds unreachable routes.

/// A pattern, split at its stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    text: String,
}

impl Glob {
    pub(crate) fn new(text: String) -> Self {
        Self { text }
    }

    /// The one that fits every text.
    pub(crate) fn any() -> Self {
        Self::new("*".to_owned())
    }

    /// The pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What every text that fits begins with.
    pub(crate) fn head(&self) -> &str {
        self.text.split_once('*').map_or(&self.text, |(head, _)| head)
    }

    /// Whether it fits one text alone.
    pub(crate) fn is_literal(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether the whole text fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((head, pattern)) = self.text.split_once('*') else { return self.text == text };
        let (middle, tail) = pattern.rsplit_once('*').unwrap_or(("", pattern));
        let Some(mut rest) = text.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)) else { return false };
        // The earliest place for each piece leaves the most room for the next.
        for piece in middle.split('*') {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        true
    }

    /// Whether every text that fits `other` fits this glob too. A star of `other` may stand for a text that no literal
    /// piece contains, so only a star can take it, and that is just how a literal `*` is matched here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.matches(&other.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text.to_owned())
    }

    #[test]
    fn a_star_stands_for_any_characters_slashes_included() {
        for (pattern, text) in
            [("*", ""), ("/crm/*", "/crm/eu/1"), ("a*b*c", "abbc"), ("*.created", "order.created"), ("a**", "a")]
        {
            assert!(glob(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "ab"),
            ("ab*ba", "aba"),
            ("a*b*b", "ab"),
            ("/crm/*", "/crm"),
            ("", "a"),
            ("*a*", "b"),
            ("*aa*aa*", "aaa"),
        ] {
            assert!(!glob(pattern).matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn nothing_but_the_star_is_special() {
        assert!(glob("/q?[a]{b,c}").matches("/q?[a]{b,c}"));
        assert!(!glob("/q?").matches("/qx"));
    }

    #[test]
    fn a_glob_covers_what_is_narrower() {
        assert!(glob("com.*").covers(&glob("com.example.*")));
        assert!(glob("*").covers(&glob("*x*")));
        assert!(!glob("com.*.a").covers(&glob("com.*")));
        assert!(!glob("com.example").covers(&glob("com.*")));
    }
}
