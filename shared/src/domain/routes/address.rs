//! Where contacts go, in the terms of the deployment's API.

use std::{fmt, sync::LazyLock};

use serde::{Deserialize, Serialize};

use super::{OnDoubt, WorkItem};

/// Where a contact goes, in the terms of one API: a queue or skills in the guide's, a work item in the tenant's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A queue by its id.
    Queue(QueueId),
    /// Skills by their ids: at least one.
    Skills(Vec<String>),
    /// A work item at a point of contact.
    WorkItem(WorkItem),
}

impl Address {
    /// The queue whose health says whether it takes contacts, where it names one.
    pub const fn queue(&self) -> Option<&QueueId> {
        match self {
            Self::Queue(queue) => Some(queue),
            Self::Skills(_) => None,
            Self::WorkItem(item) => item.skill.as_ref(),
        }
    }

    /// The work item, where it is one.
    pub const fn work_item(&self) -> Option<&WorkItem> {
        match self {
            Self::WorkItem(item) => Some(item),
            Self::Queue(_) | Self::Skills(_) => None,
        }
    }

    /// The point of contact of a work item that names no skill.
    pub fn without_skill(&self) -> Option<&str> {
        let item = self.work_item().filter(|item| item.skill.is_none())?;
        Some(&item.point_of_contact)
    }

    /// What stands among the queues for every target of its kind, where they can be full together.
    pub fn kind_queue(&self) -> Option<&'static QueueId> {
        matches!(self, Self::WorkItem(_)).then(|| &*WORK_ITEMS)
    }

    /// What becomes of a contact here that may have been created and can't be asked about.
    pub const fn on_doubt(&self) -> OnDoubt {
        match self {
            Self::Queue(_) | Self::Skills(_) => OnDoubt::Park,
            Self::WorkItem(item) => item.on_doubt,
        }
    }

    /// The kind of the address, as the routes file and logs name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Skills(_) => "skills",
            Self::WorkItem(_) => "workItem",
        }
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
    use crate::domain::routes::SkillLimits;

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
    }
}
