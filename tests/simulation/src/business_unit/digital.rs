//! A business unit's digital channels: what it makes of a repeated message, and how well its messages can be found.

use contact_injection::{
    dialects::{Dialect, HttpReply, HttpResponse},
    domain::{routes::QueueId, time::Timestamp},
    ports::SchemaSnapshot,
};
use cxone_simulator::nice::{Channel, Config, CustomField, DuplicateMessages, Skill, Tenant};
use serde_json::{Value, json};

use super::{
    number,
    routes::{CALLED, CHANNELS},
};
use crate::{chance::Chance, plan::ORIGIN};

/// The media types of skills for callbacks and for messages.
const MEDIA: (u16, u16) = (4, 9);

/// The custom fields that the routes' attributes go to.
const FIELDS: [&str; 3] = ["event", "version", "note"];

/// The longest that the search may lag for no event to become two contacts, in seconds: what was sent is looked for a
/// second time two minutes after it can last have arrived.
pub(crate) const SETTLED: u64 = 120;

/// What a seed decides of a business unit's digital channels beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DigitalPlan {
    /// What becomes of a message that its channel had before.
    pub(crate) duplicates: DuplicateMessages,
    /// Seconds until the search finds a message.
    pub(crate) lag: u64,
    /// When the search gives every message, whatever was asked for.
    pub(crate) unfiltered: Unfiltered,
    /// The most messages that an answer of the search holds.
    pub(crate) page: usize,
    /// Whether the answer to a callback names its contact.
    pub(crate) named_callbacks: bool,
}

/// When the search ignores its filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfiltered {
    /// Never.
    Never,
    /// While other things go wrong too.
    InStorms,
    /// For the whole of the run.
    Always,
}

impl DigitalPlan {
    /// Channels in which nothing is out of the ordinary.
    pub(crate) const fn plain() -> Self {
        let duplicates = DuplicateMessages::SecondMessage;
        Self { duplicates, lag: 0, unfiltered: Unfiltered::Never, page: 25, named_callbacks: true }
    }

    /// Draws the channels of a run.
    pub(super) fn draw(chance: &Chance) -> Self {
        let duplicates =
            [DuplicateMessages::SecondMessage, DuplicateMessages::Conflict, DuplicateMessages::SecondContact];
        let second = |least, most| chance.between(least, most).unsigned_abs();
        let lags = [0, second(1, 30), second(31, 90), SETTLED];
        let unfiltered = match chance.index(10) {
            0..=5 => Unfiltered::Never,
            6..=8 => Unfiltered::InStorms,
            _ => Unfiltered::Always,
        };
        Self {
            duplicates: duplicates[chance.index(3)],
            lag: lags[chance.index(4)],
            unfiltered,
            page: [1, 2, 5, 25][chance.index(4)],
            named_callbacks: chance.coin(),
        }
    }

    /// A business unit with these channels, and with what callbacks need.
    pub(super) fn added_to(self, config: Config) -> Config {
        let config = Config {
            duplicate_messages: self.duplicates,
            search_lag_seconds: self.lag,
            search_ignores_filters: self.unfiltered == Unfiltered::Always,
            search_page: self.page,
            callback_contact_id: self.named_callbacks,
            ..config
        };
        let of_media = |id, media_type_id| Skill { media_type_id, ..Skill::open(id) };
        let config = CALLED.into_iter().fold(config, |config, skill| config.with_skill(of_media(skill, MEDIA.0)));
        let config = CHANNELS.into_iter().fold(config, |config, (channel, skill)| {
            config.with_channel(Channel::new(channel, channel)).with_skill(of_media(skill, MEDIA.1))
        });
        FIELDS.into_iter().fold(config, |config, field| config.with_custom_field(CustomField::text(field)))
    }

    /// The search ignores its filters from now on, or heeds them again, where it does that by the weather.
    pub(super) fn filter(self, unit: &mut Tenant, filters: bool) {
        if self.unfiltered == Unfiltered::InStorms {
            unit.config_mut().search_ignores_filters = !filters;
        }
    }
}

/// A message has made a contact, which waits at its channel's skill: the simulated unit leaves that to its script.
pub(crate) fn enter(unit: &mut Tenant, contact: &str) {
    let made = unit.creations().iter().rfind(|creation| creation.contact_id.to_string() == contact);
    let channel = made.and_then(|creation| creation.channel_id.clone());
    let skill = CHANNELS.iter().find(|(known, _)| channel.as_deref() == Some(known)).map(|(_, skill)| *skill);
    if let Some(skill) = skill.and_then(|skill| unit.skill_mut(skill)) {
        skill.queue_count += 1;
    }
}

/// Agents end so many contacts that wait at a skill for messages, the oldest first.
pub(super) fn complete(unit: &mut Tenant, skill: &QueueId, contacts: u64) {
    let Some((channel, _)) = CHANNELS.iter().find(|(_, of)| *of == number(skill)) else { return };
    let waits = unit.creations().iter().filter(|creation| creation.completed_at_ms.is_none());
    let here = waits.filter(|creation| creation.channel_id.as_deref() == Some(channel));
    let ended = here.take(usize::try_from(contacts).unwrap_or(usize::MAX)).map(|creation| creation.contact_id);
    let ended: Vec<_> = ended.collect();
    for contact in ended {
        unit.complete_contact(contact);
    }
}

/// The custom fields as the registry knows them at the start, where the dialect has any registered.
pub(crate) fn fields(dialect: &dyn Dialect) -> Option<SchemaSnapshot> {
    let rows: Vec<Value> = FIELDS.iter().map(|ident| json!({"ident": ident, "type": "text"})).collect();
    let fetched = Timestamp::from_millis(ORIGIN);
    let reply = HttpReply::Answered(HttpResponse::new(200, None, json!(rows).to_string().as_bytes(), fetched));
    let schema = dialect.registered_attributes()?.read_schema(&reply).meaning.ok()?;
    Some(SchemaSnapshot { schema, fetched })
}
