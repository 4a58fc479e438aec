//! Where contacts go, in the terms of the deployment's API.

use std::{fmt, sync::LazyLock};

use serde::{Deserialize, Serialize};

use super::{Callback, Digital, OnDoubt, SkillLimits, WorkItem};

/// Where a contact goes, in the terms of one API: a queue or skills in the guide's; a work item, a callback or a
/// digital channel in a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A queue by its id.
    Queue(QueueId),
    /// Skills by their ids: at least one.
    Skills(Vec<String>),
    /// A work item at a point of contact.
    WorkItem(WorkItem),
    /// A callback at a skill.
    Callback(Box<Callback>),
    /// A message in a digital channel.
    Digital(Digital),
}

impl Address {
    /// The queue whose health says whether it takes contacts, where it names one.
    pub const fn queue(&self) -> Option<&QueueId> {
        match self {
            Self::Queue(queue) => Some(queue),
            Self::Skills(_) => None,
            Self::WorkItem(item) => item.skill.as_ref(),
            Self::Callback(callback) => Some(&callback.skill),
            Self::Digital(digital) => digital.skill.as_ref(),
        }
    }

    /// When the queue counts as full, where the routes say so.
    pub const fn limits(&self) -> Option<SkillLimits> {
        match self {
            Self::Queue(_) | Self::Skills(_) => None,
            Self::WorkItem(item) => Some(item.limits),
            Self::Callback(callback) => Some(callback.limits),
            Self::Digital(digital) => Some(digital.limits),
        }
    }

    /// The point of contact of a work item that names no skill.
    pub fn without_skill(&self) -> Option<&str> {
        match self {
            Self::WorkItem(WorkItem { point_of_contact, skill: None, .. }) => Some(point_of_contact),
            _ => None,
        }
    }

    /// What stands among the queues for every target of its kind, where they can be full together.
    pub fn kind_queue(&self) -> Option<&'static QueueId> {
        matches!(self, Self::WorkItem(_)).then(|| &*WORK_ITEMS)
    }

    /// What becomes of a contact here that may have been created and can't be asked for again under a key.
    pub const fn on_doubt(&self) -> OnDoubt {
        match self {
            Self::Queue(_) | Self::Skills(_) => OnDoubt::Park,
            Self::WorkItem(item) => item.on_doubt,
            Self::Callback(callback) => callback.on_doubt,
            Self::Digital(digital) => digital.on_doubt,
        }
    }

    /// The kind of the address, as the routes file and logs name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Skills(_) => "skills",
            Self::WorkItem(_) => "workItem",
            Self::Callback(_) => "callback",
            Self::Digital(_) => "digital",
        }
    }

    /// The media type of the contacts there, as a tenant numbers them.
    pub const fn media_type(&self) -> Option<u64> {
        match self {
            Self::Queue(_) | Self::Skills(_) => None,
            Self::WorkItem(_) => Some(6),
            Self::Callback(_) => Some(4),
            Self::Digital(_) => Some(9),
        }
    }

    /// Whether a contact there is told attributes that have to be registered.
    pub const fn is_digital(&self) -> bool {
        matches!(self, Self::Digital(_))
    }
}

/// What stands for all work items of a business unit among the queues: full while it takes no more of them.
static WORK_ITEMS: LazyLock<QueueId> = LazyLock::new(|| QueueId("workItem".to_owned()));

/// A queue's id, which in a NICE tenant is a skill's: letters, digits, `-` and `_`, so that it can stand in a URL as it
/// is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct QueueId(String);

/// A text is no queue's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not 1 to 64 letters, digits, - and _")]
pub struct NotAQueueId;

impl TryFrom<String> for QueueId {
    type Error = NotAQueueId;

    fn try_from(text: String) -> Result<Self, NotAQueueId> {
        Self::new(text).ok_or(NotAQueueId)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(queue) => write!(f, "queue:{queue}"),
            Self::Skills(skills) => write!(f, "skills:{}", skills.join(",")),
            Self::WorkItem(item) => write!(f, "workItem:{}", item.point_of_contact),
            Self::Callback(callback) => write!(f, "callback:{}", callback.skill),
            Self::Digital(digital) => write!(f, "digital:{}", digital.channel),
        }
    }
}

impl QueueId {
    /// The id as CXone knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a text is: nothing where it isn't one.
    pub fn new(text: String) -> Option<Self> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then_some(Self(text))
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routes::PhoneFormat;

    #[test]
    fn an_address_is_written_one_way_since_the_ledger_keeps_it() {
        let queue = QueueId::new("q_-1".to_owned()).unwrap();
        assert_eq!((queue.as_str(), queue.to_string().as_str()), ("q_-1", "q_-1"));
        assert_eq!(Address::Queue(queue).to_string(), "queue:q_-1");
        assert_eq!(Address::Skills(vec!["a".to_owned(), "b".to_owned()]).to_string(), "skills:a,b");
        let item = WorkItem {
            point_of_contact: "123456 - Orders".to_owned(),
            item_type: None,
            skill: QueueId::new("4012".to_owned()),
            limits: SkillLimits::default(),
            on_doubt: OnDoubt::Resend,
        };
        let item = Address::WorkItem(item);
        assert_eq!(item.to_string(), "workItem:123456 - Orders");
        let among_queues = [item.queue(), item.kind_queue()].map(|queue| queue.map(QueueId::as_str));
        assert_eq!(
            (item.kind(), item.on_doubt(), among_queues, item.without_skill()),
            ("workItem", OnDoubt::Resend, [Some("4012"), Some("workItem")], None)
        );
        let callback = Address::Callback(Box::new(Callback {
            skill: QueueId::new("4013".to_owned()).unwrap(),
            caller_id: None,
            acceleration: None,
            max_priority: None,
            phone_format: PhoneFormat::E164,
            screen_pop: None,
            limits: SkillLimits::default(),
            on_doubt: OnDoubt::Park,
        }));
        let digital = Address::Digital(Digital {
            channel: "chat_0B7c".to_owned(),
            skill: None,
            limits: SkillLimits::default(),
            on_doubt: OnDoubt::LookUp,
        });
        assert_eq!([callback.to_string(), digital.to_string()], ["callback:4013", "digital:chat_0B7c"]);
        assert_eq!([callback.kind_queue(), digital.kind_queue(), digital.queue()], [None; 3]);
    }
}
