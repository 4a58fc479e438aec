//! What a NICE CXone tenant takes: work items, callbacks and digital messages, and how it is spoken to.

use std::collections::BTreeSet;

use super::{At, Findings, Noted};
use crate::domain::routes::{
    Address, Callback, Digital, Field, Profile, QueueId, ScreenPop, SkillLimits, Target, TenantRules, WorkItem,
    file::{CallbackSpec, CxoneSpec, DigitalSpec, Member, RouteSpec, WorkItemSpec},
};

/// Bytes of the smallest payload that holds more than its own frame.
const SMALLEST_PAYLOAD: usize = 1024;

/// The highest priority that a tenant knows.
const HIGHEST_PRIORITY: u16 = 1000;

/// The event's key in a template, whatever attribute has this name.
const KEY: &str = "key";

/// Characters of the longest channel id.
const LONGEST_CHANNEL: usize = 128;

/// Characters that the value of a custom field may have.
const CUSTOM_FIELD: usize = 1024;

/// How many characters the texts of a route's attributes may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongestTexts {
    /// So many that one of its targets takes them.
    pub(super) of_any_target: usize,
    /// So many that all of them do.
    pub(super) of_constants: usize,
}

/// What a route's contacts carry, as far as its targets have to know.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// The names of its attributes.
    names: BTreeSet<String>,
    /// The first word of the names that an object is flattened into.
    prefix: Option<String>,
    /// Whether there are any attributes.
    any: bool,
    /// Whether there is a number to call back.
    callback_number: bool,
}

impl Carried {
    pub(super) fn by(spec: &RouteSpec) -> Self {
        let prefix = match &spec.flatten {
            Member::Read(flatten) => match &flatten.prefix {
                Member::Read(prefix) => Some(prefix.clone()),
                Member::Absent | Member::Unreadable(_) => None,
            },
            Member::Absent | Member::Unreadable(_) => None,
        };
        let names: BTreeSet<_> = match &spec.attributes {
            Member::Read(rules) => {
                rules.keys().filter_map(|key| key.split_once(':')).map(|(_, name)| name.to_owned()).collect()
            }
            Member::Absent | Member::Unreadable(_) => BTreeSet::new(),
        };
        let any = !names.is_empty() || !spec.flatten.is_absent();
        Self { names, prefix, any, callback_number: !spec.callback_number.is_absent() }
    }

    fn has(&self, name: &str) -> bool {
        let flattened = || self.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix.as_str()));
        self.names.contains(name) || flattened()
    }
}

impl Findings {
    /// How a tenant is spoken to; another API has nothing of it.
    pub(super) fn cxone(&mut self, member: Member<CxoneSpec>, at: &At<'_>) -> TenantRules {
        let mut rules = TenantRules::default();
        let Ok(Some(spec)) = self.optional(member, at) else { return rules };
        self.unknown(spec.unknown.keys(), at);
        if self.rules.profile != Profile::Cxone {
            self.add(at, "is for a NICE CXone tenant, which this deployment doesn't speak to", "remove it");
        }
        rules.encoding = self.or_default(spec.work_item_encoding, &at.member("workItemEncoding"));
        let bytes_at = at.member("workItemPayloadBytes");
        if let Ok(Some(bytes)) = self.optional(spec.work_item_payload_bytes, &bytes_at) {
            if bytes < SMALLEST_PAYLOAD {
                let what = format!("is less than {SMALLEST_PAYLOAD}");
                self.add(&bytes_at, what, "take the business unit's own limit, in bytes");
            }
            rules.payload_bytes = bytes;
        }
        let base_at = at.member("digitalBaseUrl");
        if let Ok(Some(base)) = self.optional(spec.digital_base_url, &base_at) {
            match url::Url::parse(&base) {
                Ok(url) if is_base(&url) => {
                    rules.digital_base = Some(base.trim_end_matches('/').to_owned());
                }
                // It isn't repeated: it may hold credentials.
                _ => self.add(
                    &base_at,
                    "is not an https URL of a host and a path",
                    "write it like https://api-de-na1.niceincontact.com",
                ),
            }
        }
        rules
    }

    pub(super) fn work_item(&mut self, spec: WorkItemSpec, at: &At<'_>) -> Option<Address> {
        let at = at.member("workItem");
        self.unknown(spec.unknown.keys(), &at);
        let point_of_contact = self.point_of_contact(spec.point_of_contact, &at.member("pointOfContact"));
        let item_type = self.optional_text(spec.r#type, &at.member("type"));
        let skill = self.skill(spec.skill_id, &at.member("skillId"));
        let limits = self.limits(spec.max_queue_count, spec.min_agents_logged_in, &at);
        let on_doubt = self.or_default(spec.on_doubt, &at.member("onDoubt")).into();
        Some(Address::WorkItem(WorkItem {
            point_of_contact: point_of_contact?,
            item_type: item_type.ok()?,
            skill: skill.ok()?,
            limits,
            on_doubt,
        }))
    }

    pub(super) fn callback(&mut self, spec: CallbackSpec, carried: &Carried, at: &At<'_>) -> Option<Address> {
        let at = at.member("callback");
        self.unknown(spec.unknown.keys(), &at);
        if spec.skill_id.is_absent() {
            self.add(&at.member("skillId"), "is missing", "it is mandatory");
        }
        let skill = self.skill(spec.skill_id, &at.member("skillId"));
        let caller_id = self.optional_text(spec.caller_id, &at.member("callerId"));
        let acceleration = self.up_to_highest(spec.acceleration, &at.member("acceleration"));
        let max_priority = self.up_to_highest(spec.max_priority, &at.member("maxPriority"));
        let phone_format = self.or_default(spec.phone_format, &at.member("phoneFormat"));
        let screen_pop = self.screen_pop(spec.screen_pop_url, carried, &at.member("screenPopUrl"));
        let dropped = self.optional(spec.attributes, &at.member("attributes"));
        if carried.any && matches!(dropped, Ok(None)) {
            let hint = "say \"attributes\": \"drop\"; screenPopUrl may hold those that its agent needs";
            self.add(
                &at.member("attributes"),
                "is missing: a callback carries no attributes, and the route has some",
                hint,
            );
        }
        let limits = self.limits(spec.max_queue_count, spec.min_agents_logged_in, &at);
        let on_doubt = self.or_default(spec.on_doubt, &at.member("onDoubt")).into();
        Some(Address::Callback(Box::new(Callback {
            skill: skill.ok()??,
            caller_id: caller_id.ok()?,
            acceleration,
            max_priority,
            phone_format,
            screen_pop: screen_pop.ok()?,
            limits,
            on_doubt,
        })))
    }

    /// The address, and what its message says.
    pub(super) fn digital(&mut self, spec: DigitalSpec, at: &At<'_>) -> Option<(Address, Option<Field>)> {
        let at = at.member("digital");
        self.unknown(spec.unknown.keys(), &at);
        let channel = self.text(spec.channel_id, &at.member("channelId"));
        if channel.as_ref().is_some_and(|id| !is_channel(id)) {
            self.add(&at.member("channelId"), "is no channel's id", "take it from the channel's settings in CXone");
        }
        let text =
            self.required(spec.text, &at.member("text")).and_then(|spec| self.field(spec, false, &at.member("text")));
        let skill = self.skill(spec.skill_id, &at.member("skillId"));
        let limits = self.limits(spec.max_queue_count, spec.min_agents_logged_in, &at);
        let on_doubt = self.or_default(spec.on_doubt, &at.member("onDoubt")).into();
        let address = Address::Digital(Digital { channel: channel?, skill: skill.ok()?, limits, on_doubt });
        Some((address, Some(text?)))
    }

    /// How long the texts of a route with these targets may be.
    pub(super) fn longest_texts(&self, targets: &[Target]) -> LongestTexts {
        let longest = |digital: bool| if digital { CUSTOM_FIELD } else { self.rules.longest_text };
        let digital = |target: &Target| target.address.is_digital();
        LongestTexts {
            of_any_target: longest(targets.iter().any(digital)),
            of_constants: longest(!targets.is_empty() && targets.iter().all(digital)),
        }
    }

    /// What a route's targets ask of the rest of it.
    pub(super) fn asked_of_route(&mut self, targets: &[Target], carried: &Carried, at: &At<'_>) {
        let callback = targets.iter().position(|target| matches!(target.address, Address::Callback(_)));
        if let Some(index) = callback.filter(|_| !carried.callback_number) {
            let what = format!("is missing, and target {index} is a callback");
            self.add(&at.member("callbackNumber"), what, "say which number an agent calls");
        }
    }

    fn point_of_contact(&mut self, member: Member<String>, at: &At<'_>) -> Option<String> {
        let text = self.text(member, at)?;
        if uuid::Uuid::try_parse(text.trim()).is_ok() {
            return self.refuse(at, "is a GUID, which CXone refuses", "write it as `123456 - Name`, or its name alone");
        }
        Some(text)
    }

    fn optional_text(&mut self, member: Member<String>, at: &At<'_>) -> Result<Option<String>, Noted> {
        match member {
            Member::Absent => Ok(None),
            stated => self.text(stated, at).map(Some).ok_or(Noted),
        }
    }

    fn skill(&mut self, member: Member<u64>, at: &At<'_>) -> Result<Option<QueueId>, Noted> {
        let skill = self.optional(member, at)?;
        if skill == Some(0) {
            self.add(at, "is 0, which is no skill's", "take the number from CXone's list of skills");
            return Err(Noted);
        }
        Ok(skill.and_then(|id| QueueId::new(id.to_string())))
    }

    fn limits(&mut self, most: Member<u64>, fewest: Member<u64>, at: &At<'_>) -> SkillLimits {
        let most_at = at.member("maxQueueCount");
        let max_queue_count = self.optional(most, &most_at).ok().flatten();
        let min_agents_logged_in = self.or_default(fewest, &at.member("minAgentsLoggedIn"));
        if max_queue_count == Some(0) {
            self.add(&most_at, "is 0, so that it always counts as full", "leave it out for no limit");
        }
        SkillLimits { max_queue_count, min_agents_logged_in }
    }

    fn up_to_highest(&mut self, member: Member<u16>, at: &At<'_>) -> Option<u16> {
        let number = self.optional(member, at).ok().flatten()?;
        if number > HIGHEST_PRIORITY {
            return self.refuse(at, format!("is more than {HIGHEST_PRIORITY}"), "CXone knows no higher priority");
        }
        Some(number)
    }

    fn screen_pop(
        &mut self,
        member: Member<String>,
        carried: &Carried,
        at: &At<'_>,
    ) -> Result<Option<ScreenPop>, Noted> {
        let Some(text) = self.optional_text(member, at)? else { return Ok(None) };
        match ScreenPop::parse(&text) {
            Ok(template) => {
                if carried.names.contains(KEY) {
                    let what = format!("names {{{KEY}}}, which is the event's key and an attribute of the route");
                    self.add(at, what, "give the attribute another name");
                }
                for name in template.attributes().filter(|name| !carried.has(name)) {
                    let what = format!("names {{{name}}}, which the route makes no attribute of");
                    self.add(at, what, "name an attribute without its prefix, or key");
                }
                Ok(Some(template))
            }
            Err(error) => {
                self.add(at, error.to_string(), "write it like https://crm.example.com/orders/{orderRef}?key={key}");
                Err(Noted)
            }
        }
    }
}

/// Whether a text may be a channel's id: it is a segment of a path.
fn is_channel(id: &str) -> bool {
    id.chars().count() <= LONGEST_CHANNEL && !id.chars().any(char::is_whitespace) && !matches!(id, "." | "..")
}

/// Whether requests may go to a URL, as far as it says itself.
fn is_base(url: &url::Url) -> bool {
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    url.has_host() && bare && (url.scheme() == "https" || (url.scheme() == "http" && local))
}
