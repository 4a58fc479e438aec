//! Which skill each point of contact is for, where the routes leave that to the tenant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::QueueId;

/// The default skill of points of contact, each as the routes spell it: nothing where it is known to have none. A point
/// of contact that isn't among them was not found, or nobody has asked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefaultSkills(BTreeMap<String, Option<QueueId>>);

impl DefaultSkills {
    /// The skill of a point of contact: the outer nothing where it isn't known, the inner one where there is none.
    pub fn of(&self, point_of_contact: &str) -> Option<Option<&QueueId>> {
        self.0.get(point_of_contact).map(Option::as_ref)
    }

    /// Every skill, as often as it is somebody's.
    pub fn skills(&self) -> impl Iterator<Item = &QueueId> {
        self.0.values().flatten()
    }
}

impl FromIterator<(String, Option<QueueId>)> for DefaultSkills {
    fn from_iter<I: IntoIterator<Item = (String, Option<QueueId>)>>(skills: I) -> Self {
        Self(skills.into_iter().collect())
    }
}
