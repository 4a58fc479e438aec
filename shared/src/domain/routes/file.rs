//! The routes file as it is written, and the source of its JSON Schema.
//!
//! Derived deserialisation stops at the first thing that it can't read, but a routes file is to be told everything that
//! is wrong with it at once. So each member is read on its own into a [`Member`], which keeps its failure beside its
//! siblings; names that nobody asked for are kept too. These types hold what was written; what it means is decided
//! where they become routes.

mod member;
mod tenant;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use self::member::{Part, Parts};
pub(super) use self::{
    member::Member,
    tenant::{CallbackSpec, CxoneSpec, DigitalSpec, WorkItemSpec},
};
use super::Profile;

/// Members that the file's format doesn't know, by name.
pub(super) type Unknown = BTreeMap<String, Value>;

/// How events become contacts.
#[derive(Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields, title = "Routes", extend("required" = ["routes"]))]
pub(super) struct RoutesFile<'t> {
    /// The JSON Schema that editors check this file with.
    #[schemars(rename = "$schema", default, with = "Member<String>")]
    pub(super) schema: Part<'t>,
    /// Tried in order: the first route whose `match` fits an event takes it.
    #[schemars(default, with = "Member<Vec<Member<RouteSpec>>>", length(min = 1))]
    pub(super) routes: Parts<'t>,
    /// How a NICE CXone tenant is spoken to; only where the deployment is for one.
    #[schemars(default, with = "Member<CxoneSpec>")]
    pub(super) cxone: Part<'t>,
    /// The names of other members: what they hold is passed over, however much that is.
    #[schemars(skip)]
    pub(super) unknown: Vec<String>,
}

impl<'de: 't, 't> Deserialize<'de> for RoutesFile<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = RoutesFile<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with routes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RoutesFile<'de>, A::Error> {
                let (mut file, mut names) = (RoutesFile::default(), BTreeSet::new());
                while let Some(name) = members.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom("a member is repeated"));
                    }
                    match name.as_str() {
                        "$schema" => file.schema = members.next_value()?,
                        "routes" => file.routes = members.next_value()?,
                        "cxone" => file.cxone = members.next_value()?,
                        _ => {
                            members.next_value::<IgnoredAny>()?;
                            file.unknown.push(name);
                        }
                    }
                }
                Ok(file)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// How the events of one kind become contacts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, rename = "Route")]
pub(super) struct RouteSpec {
    /// A name of its own, for logs and problems.
    #[schemars(length(min = 1, max = 64))]
    pub(super) name: Member<String>,
    /// The events that the route takes.
    pub(super) r#match: Member<MatchSpec>,
    /// The channel of the contact, such as voice, chat or email: mandatory for queues and skills alone.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) channel: Member<String>,
    /// Where the contact goes: the first is the primary, the rest are fallbacks in order.
    #[schemars(length(min = 1))]
    pub(super) targets: Member<Vec<Member<TargetSpec>>>,
    /// How far ahead of others the contact stands.
    pub(super) priority: Member<PrioritySpec>,
    /// The address that the contact comes from.
    pub(super) from: Member<ValueSpec>,
    /// The address that the contact goes to.
    pub(super) to: Member<ValueSpec>,
    /// The number to call back.
    #[serde(default)]
    pub(super) callback_number: Member<ValueSpec>,
    /// The wrap-up code.
    #[serde(default)]
    pub(super) wrap_up_code: Member<ValueSpec>,
    /// The age, in seconds, beyond which an event is no longer worth a contact.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub(super) max_age_seconds: Member<u32>,
    /// What becomes of an event while the health of its queues is unknown: injected where absent.
    #[serde(default)]
    pub(super) on_unknown_health: Member<OnUnknownHealth>,
    /// Attributes by their prefixed keys: `string:`, `number:`, `boolean:` or `date:`, then the registered name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": "^(string|number|boolean|date):\\S+$"}))]
    pub(super) attributes: Member<BTreeMap<String, Member<ValueSpec>>>,
    /// A nested object, turned into attributes with camelCase names.
    #[serde(default)]
    pub(super) flatten: Member<FlattenSpec>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// Globs over an event's envelope. A star stands for any characters.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Match")]
pub(super) struct MatchSpec {
    /// A glob for the type: the EventBridge detail-type, where an event comes from there.
    #[schemars(length(min = 1))]
    pub(super) r#type: Member<String>,
    /// A glob for the source; any source fits where it is absent.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) source: Member<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// A queue or a set of skills; in a NICE CXone tenant a work item, a callback or a digital message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    deny_unknown_fields,
    rename = "Target",
    extend("oneOf" = [
        {"required": ["queueId"]}, {"required": ["skillIds"]}, {"required": ["workItem"]}, {"required": ["callback"]},
        {"required": ["digital"]},
    ])
)]
pub(super) struct TargetSpec {
    /// The queue.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]{1,64}$"))]
    pub(super) queue_id: Member<String>,
    /// The skills that an agent must have.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub(super) skill_ids: Member<Vec<String>>,
    /// A work item.
    #[serde(default)]
    pub(super) work_item: Member<WorkItemSpec>,
    /// A callback.
    #[serde(default)]
    pub(super) callback: Member<CallbackSpec>,
    /// A digital message.
    #[serde(default)]
    pub(super) digital: Member<DigitalSpec>,
    /// What the target adds to the priority.
    #[serde(default)]
    #[schemars(range(min = -999, max = 999))]
    pub(super) priority_delta: Member<i16>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// Priorities from 0, the lowest, to 999.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "PriorityRules")]
pub(super) struct PrioritySpec {
    /// The priority where no rule holds.
    pub(super) default: Member<super::Priority>,
    /// Tried in order: the first that holds sets the priority.
    #[serde(default)]
    pub(super) rules: Member<Vec<Member<RuleSpec>>>,
    /// How the priority gives way as queues saturate.
    #[serde(default)]
    pub(super) degrade: Member<DegradeSpec>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// A priority under a condition.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "PriorityRule")]
pub(super) struct RuleSpec {
    /// A JSONPath over `data`: the rule holds if it selects anything.
    #[schemars(length(max = 256))]
    pub(super) when: Member<String>,
    /// The priority.
    pub(super) value: Member<super::Priority>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// Steps down: one for each target passed over, and up to two as the chosen queue fills.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Degrade")]
pub(super) struct DegradeSpec {
    /// What one step takes off the priority.
    #[schemars(range(max = 999))]
    pub(super) by: Member<u16>,
    /// The priority below which steps take nothing.
    pub(super) floor: Member<super::Priority>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// Where a value comes from and what is made of it: a constant, or a path with its rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "ValueRule", extend("oneOf" = [{"required": ["value"]}, {"required": ["path"]}]))]
pub(super) struct ValueSpec {
    /// A constant.
    #[serde(default)]
    pub(super) value: Member<Scalar>,
    /// A JSONPath that selects at most one value.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub(super) path: Member<String>,
    /// What the path starts from: `data` where absent.
    #[serde(default)]
    pub(super) of: Member<RootSpec>,
    /// The format that the text is brought into.
    #[serde(default)]
    pub(super) format: Member<FormatSpec>,
    /// The region (ISO 3166-1 alpha-2) whose national phone numbers are accepted beside international ones.
    #[serde(default)]
    #[schemars(regex(pattern = "^[A-Z]{2}$"))]
    pub(super) region: Member<String>,
    /// Whether an event without the value is refused. `from` and `to` always are.
    #[serde(default)]
    pub(super) required: Member<bool>,
    /// The value where the event has none.
    #[serde(default)]
    pub(super) default: Member<Scalar>,
    /// Whether a value of another type is converted where that loses nothing.
    #[serde(default)]
    pub(super) coerce: Member<bool>,
    /// What becomes of a text that is too long: the event is refused where absent.
    #[serde(default)]
    pub(super) overflow: Member<Overflow>,
    /// Whether the value is personal data, and what to do with it outside a compliance boundary.
    #[serde(default)]
    pub(super) pii: Member<Pii>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// A nested object whose members become attributes, named in camelCase after their paths and typed by the registry.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Flatten")]
pub(super) struct FlattenSpec {
    /// A JSONPath that selects at most one object.
    #[schemars(length(max = 256))]
    pub(super) path: Member<String>,
    /// What the path starts from: `data` where absent.
    #[serde(default)]
    pub(super) of: Member<RootSpec>,
    /// The first word of every name.
    #[schemars(regex(pattern = "^[a-z][0-9A-Za-z]*$"))]
    pub(super) prefix: Member<String>,
    /// What becomes of a name that is not registered: the event is refused where absent.
    #[serde(default)]
    pub(super) unregistered: Member<Unregistered>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(super) unknown: Unknown,
}

/// What a path starts from.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Root")]
pub(super) enum RootSpec {
    /// The event's `data`.
    Data,
    /// The whole event, as a CloudEvent.
    Event,
}

/// A format of a text.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Format")]
pub(super) enum FormatSpec {
    /// An international phone number: `+` and at most 15 digits.
    E164,
}

/// What becomes of a text that is longer than its attribute holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Overflow {
    /// The event is refused.
    #[default]
    Reject,
    /// The text is cut, at a character boundary.
    Truncate,
}

/// What a deployment outside a HIPAA or PCI-DSS boundary does with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pii {
    /// The attribute is left out.
    Strip,
    /// Card numbers, e-mail addresses, phone numbers and US social security numbers are masked in it.
    Redact,
    /// The value passes as it is.
    Keep,
}

/// What becomes of a flattened name that is not registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unregistered {
    /// The event is refused.
    #[default]
    Reject,
    /// The value is left out.
    Drop,
}

/// What becomes of an event while its queues' health is unknown or stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknownHealth {
    /// It is injected all the same.
    #[default]
    Inject,
    /// It is held back until the health is known.
    Hold,
}

/// A text, a number, true or false.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Scalar(#[schemars(extend("type" = ["string", "number", "boolean"]))] pub(super) Value);

impl TargetSpec {
    /// The kinds of target that it says, each with the API that it is for.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, Profile)> + use<> {
        let kinds = [
            ("queueId", Profile::Guide, self.queue_id.is_absent()),
            ("skillIds", Profile::Guide, self.skill_ids.is_absent()),
            ("workItem", Profile::Cxone, self.work_item.is_absent()),
            ("callback", Profile::Cxone, self.callback.is_absent()),
            ("digital", Profile::Cxone, self.digital.is_absent()),
        ];
        kinds.into_iter().filter(|(.., absent)| !absent).map(|(kind, profile, _)| (kind, profile))
    }
}
