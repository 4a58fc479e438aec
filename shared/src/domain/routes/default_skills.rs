//! Which skill each point of contact is for, where the routes leave that to the tenant.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{Address, QueueId};

/// The default skill of points of contact, each as the routes spell it: nothing where it is known to have none. A point
/// of contact that isn't among them was not found, or nobody has asked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefaultSkills(BTreeMap<String, Option<QueueId>>);

impl DefaultSkills {
    /// Whether it is known which skill a point of contact is for, or that it is for none.
    pub fn knows(&self, point_of_contact: &str) -> bool {
        self.0.contains_key(point_of_contact)
    }

    /// The skill of a point of contact.
    pub fn skill_of(&self, point_of_contact: &str) -> Option<&QueueId> {
        self.0.get(point_of_contact)?.as_ref()
    }

    /// The queue whose health says whether a target takes contacts: the one that it names, else its point of contact's.
    pub fn queue_of<'r>(&self, address: &'r Address) -> Option<Cow<'r, QueueId>> {
        if let Some(queue) = address.queue() {
            return Some(Cow::Borrowed(queue));
        }
        self.skill_of(address.without_skill()?).cloned().map(Cow::Owned)
    }

    /// These, and of those points of contact that aren't among them what was known before.
    #[must_use]
    pub fn or_before(mut self, before: &Self, points: &[String]) -> Self {
        let unknown = points.iter().filter(|point| !self.knows(point));
        let known: Vec<_> = unknown.filter_map(|point| Some((point.clone(), before.0.get(point)?.clone()))).collect();
        self.0.extend(known);
        self
    }
}

impl FromIterator<(String, Option<QueueId>)> for DefaultSkills {
    fn from_iter<I: IntoIterator<Item = (String, Option<QueueId>)>>(skills: I) -> Self {
        Self(skills.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_now_is_what_was_known_before() {
        let skill = |id: &str| QueueId::new(id.to_owned());
        let of = |known: &[(&str, Option<QueueId>)]| {
            known.iter().map(|(point, skill)| ((*point).to_owned(), skill.clone())).collect::<DefaultSkills>()
        };
        let before =
            of(&[("gone", skill("1")), ("moved", skill("2")), ("emptied", skill("3")), ("unrouted", skill("6"))]);
        let now = of(&[("moved", skill("4")), ("emptied", None), ("new", skill("5"))])
            .or_before(&before, &["gone", "moved", "new"].map(str::to_owned));
        let skills = ["gone", "moved", "emptied", "new"].map(|point| now.skill_of(point).map(QueueId::as_str));
        assert_eq!(skills, [Some("1"), Some("4"), None, Some("5")]);
        assert!(now.knows("emptied") && !now.knows("nobody") && !now.knows("unrouted"));
    }
}
