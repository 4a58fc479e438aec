//! The part of a route that makes values: fields, attributes and the object that is flattened.

use std::collections::BTreeMap;

use super::{At, Findings};
use crate::domain::{
    attributes::{AttributeKey, AttributeType, AttributeValue},
    convert,
    phone::{E164, UnknownRegion},
    routes::{
        AttributeRule, Field, Flatten, Overflow, Path, Pii, Source,
        file::{FlattenSpec, FormatSpec, Member, RootSpec, Scalar, ValueSpec},
        path::Root,
    },
};

impl Findings {
    pub(super) fn optional_field(&mut self, member: Member<ValueSpec>, at: &At<'_>) -> Option<Field> {
        let spec = self.optional(member, at).ok().flatten()?;
        self.field(spec, false, at)
    }

    /// A field of the contact itself. It is what it is by purpose, so it has no length limit and nothing is masked in
    /// it.
    pub(super) fn field(&mut self, spec: ValueSpec, mandatory: bool, at: &At<'_>) -> Option<Field> {
        let ValueRule { source, coerce, phone, overflow, pii } = self.value(spec, AttributeType::String, at)?;
        for (name, given) in [("overflow", overflow.is_some()), ("pii", pii.is_some())] {
            if given {
                self.add(&at.member(name), "is for attributes alone", "remove it");
            }
        }
        let source = match source {
            Source::Constant(constant) => Source::Constant(self.field_text(constant, &at.member("value"))?),
            Source::Path { path, required, default: None } => {
                Source::Path { path, required: required || mandatory, default: None }
            }
            Source::Path { path, required, default: Some(default) } => {
                let default = self.field_text(default, &at.member("default"))?;
                Source::Path { path, required, default: Some(default) }
            }
        };
        Some(Field { source, coerce, phone })
    }

    pub(super) fn attributes(
        &mut self,
        member: Member<BTreeMap<String, Member<ValueSpec>>>,
        longest: usize,
        at: &At<'_>,
    ) -> Vec<AttributeRule> {
        let mut rules = Vec::new();
        for (text, member) in self.or_default(member, at) {
            let at = at.member(&text);
            let key = match text.parse::<AttributeKey>() {
                Ok(key) => Some(key),
                Err(error) => self.refuse(&at, error.to_string(), "write it like string:orderNumber"),
            };
            let spec = self.required(member, &at);
            if let (Some(key), Some(spec)) = (key, spec) {
                self.shared_name(&rules, &key, &at);
                rules.extend(self.attribute(key, spec, longest, &at));
            }
        }
        rules
    }

    /// Where attributes go out without their prefixes, two of one name would be one.
    fn shared_name(&mut self, earlier: &[AttributeRule], key: &AttributeKey, at: &At<'_>) {
        let same = |rule: &&AttributeRule| rule.key.name() == key.name();
        if self.rules.drops_prefixes
            && let Some(other) = earlier.iter().find(same)
        {
            let rule = format!("has the name of {}, and the prefixes are dropped here", other.key);
            self.add(at, rule, "give each attribute a name of its own");
        }
    }

    pub(super) fn flatten(&mut self, spec: FlattenSpec, at: &At<'_>) -> Option<Flatten> {
        self.unknown(spec.unknown.keys(), at);
        let root = self.root(spec.of, at);
        let path = self.path(spec.path, root, &at.member("path"));
        let unregistered = self.or_default(spec.unregistered, &at.member("unregistered"));
        let prefix = self.text(spec.prefix, &at.member("prefix"))?;
        if !prefix.starts_with(|c: char| c.is_ascii_lowercase()) || !prefix.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let hint = "it begins camelCase names: a lower-case letter, then letters and digits";
            return self.refuse(&at.member("prefix"), "can't begin a name", hint);
        }
        Some(Flatten { path: path?, prefix, unregistered })
    }

    pub(super) fn path(&mut self, member: Member<String>, root: Root, at: &At<'_>) -> Option<Path> {
        let text = self.required(member, at)?;
        match Path::compile(&text, root, &mut self.queries) {
            Ok(path) => Some(path),
            Err(error) => self.refuse(at, error.to_string(), "write it like $.customer.phone"),
        }
    }

    fn root(&mut self, member: Member<RootSpec>, at: &At<'_>) -> Root {
        match self.optional(member, &at.member("of")) {
            Ok(Some(RootSpec::Event)) => Root::Event,
            _ => Root::Data,
        }
    }

    fn attribute(&mut self, key: AttributeKey, spec: ValueSpec, longest: usize, at: &At<'_>) -> Option<AttributeRule> {
        let ValueRule { source, coerce, phone, overflow, pii } = self.value(spec, key.kind(), at)?;
        if key.kind() != AttributeType::String {
            if overflow.is_some() {
                self.add(&at.member("overflow"), "is for texts", "remove it");
            }
            if pii == Some(Pii::Redact) {
                self.add(
                    &at.member("pii"),
                    "redact masks parts of a text",
                    "use strip for an attribute of another type",
                );
            }
        }
        for (name, constant) in source.constants() {
            if let AttributeValue::String(text) = constant
                && text.chars().count() > longest
            {
                let rule = format!("is longer than {longest} characters");
                self.add(&at.member(name), rule, "CXone would cut it: shorten it");
            }
        }
        Some(AttributeRule { key, source, coerce, phone, overflow: overflow.unwrap_or_default(), pii })
    }

    /// Everything that a value's rule says, each part tried on its own.
    fn value(&mut self, spec: ValueSpec, kind: AttributeType, at: &At<'_>) -> Option<ValueRule> {
        let before = self.problems.len();
        self.unknown(spec.unknown.keys(), at);
        if let Member::Read(_) = spec.value {
            let beside = [
                ("of", spec.of.is_absent()),
                ("required", spec.required.is_absent()),
                ("default", spec.default.is_absent()),
                ("coerce", spec.coerce.is_absent()),
                ("overflow", spec.overflow.is_absent()),
            ];
            for (name, _) in beside.into_iter().filter(|(_, absent)| !absent) {
                self.add(&at.member(name), "means nothing beside a constant", "remove it");
            }
        }
        let phone = self.phone(spec.format, spec.region, kind, at);
        let coerce = self.or_default(spec.coerce, &at.member("coerce"));
        let overflow = self.optional(spec.overflow, &at.member("overflow")).ok().flatten();
        let pii = self.optional(spec.pii, &at.member("pii")).ok().flatten();
        let required = self.or_default(spec.required, &at.member("required"));
        let default = self.constant(spec.default, kind, phone, &at.member("default"));
        if required && default.is_some() {
            self.add(at, "is required and has a default", "a value with a default is never absent: remove one of them");
        }
        let source = match (spec.value, spec.path) {
            (Member::Absent, Member::Absent) => {
                return self.refuse(at, "has neither value nor path", "give one of them");
            }
            (value, Member::Absent) => Source::Constant(self.constant(value, kind, phone, &at.member("value"))?),
            (Member::Absent, path) => {
                let root = self.root(spec.of, at);
                Source::Path { path: self.path(path, root, &at.member("path"))?, required, default }
            }
            _ => return self.refuse(at, "has both value and path", "a constant has no path: remove one of them"),
        };
        (self.problems.len() == before).then_some(ValueRule { source, coerce, phone, overflow, pii })
    }

    /// A constant or a default, held to the rules that a value from an event is held to.
    fn constant(
        &mut self,
        member: Member<Scalar>,
        kind: AttributeType,
        phone: Option<E164>,
        at: &At<'_>,
    ) -> Option<AttributeValue> {
        let Scalar(value) = self.optional(member, at).ok().flatten()?;
        match (convert::attribute(kind, (&value).into(), false), phone) {
            (Err(error), _) => self.refuse(at, format!("doesn't fit: it {error}"), format!("write a {kind}")),
            (Ok(AttributeValue::String(text)), Some(phone)) => match phone.normalise(&text) {
                Some(number) => Some(AttributeValue::String(number)),
                None => self.refuse(at, "is not a phone number", "write it in international form, like +15550101234"),
            },
            (Ok(value), _) => Some(value),
        }
    }

    fn phone(
        &mut self,
        format: Member<FormatSpec>,
        region: Member<String>,
        kind: AttributeType,
        at: &At<'_>,
    ) -> Option<E164> {
        let format = self.optional(format, &at.member("format")).ok().flatten();
        let region_at = at.member("region");
        let region = self.optional(region, &region_at).ok().flatten();
        let Some(FormatSpec::E164) = format else {
            return region
                .and_then(|_| self.refuse(&region_at, "means nothing without a format", "add \"format\": \"e164\""));
        };
        if kind != AttributeType::String {
            return self.refuse(&at.member("format"), "a phone number is a text", "use a string: attribute");
        }
        match E164::new(region.as_deref()) {
            Ok(phone) => Some(phone),
            Err(UnknownRegion) => {
                self.refuse(&region_at, "is not a region", "write ISO 3166-1 alpha-2 letters, like US")
            }
        }
    }

    fn field_text(&mut self, value: AttributeValue, at: &At<'_>) -> Option<String> {
        match value {
            AttributeValue::String(text) if !text.trim().is_empty() => Some(text),
            _ => self.refuse(at, "is empty", "give it at least one character"),
        }
    }
}

/// What a value's rule says, before it is known whether a field or an attribute says it.
struct ValueRule {
    source: Source<AttributeValue>,
    coerce: bool,
    phone: Option<E164>,
    overflow: Option<Overflow>,
    pii: Option<Pii>,
}
