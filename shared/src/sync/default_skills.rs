//! Which skill each point of contact is for, where the routes leave that to the tenant: its activity is the target's
//! health then (docs/real-tenant.md#skill-health).
//!
//! Points of contact change by hand and seldom. What was read once serves on where it can't be read.

use tracing::warn;

use super::Sync;
use crate::{
    domain::routes::DefaultSkills,
    error::chain,
    ports::{Ports, Registered, Registry, Wanted},
    worker::Worker,
};

impl<P: Ports> Sync<'_, P> {
    /// Asks the tenant for them, and keeps for the workers what is new; what was known before, where they can't be
    /// read.
    pub(super) async fn default_skills(&self, worker: &Worker<'_, P>, known: &Registered) -> DefaultSkills {
        let points = self.routes.points_without_skill();
        let before = known.default_skills.clone().unwrap_or_default();
        let read = if points.is_empty() { None } else { worker.default_skills(points).await };
        let Some(read) = read else { return before };
        for point in points.iter().filter(|point| !read.knows(point)) {
            warn!(point_of_contact = point, "there is none of this name, or several, or its default skill isn't told");
        }
        let skills = read.or_before(&before, points);
        if known.default_skills.as_ref() != Some(&skills)
            && let Err(cause) = self.ports.registry().keep_default_skills(&skills, self.now()).await
        {
            warn!(error = chain(&cause), "the default skills of points of contact are not kept");
        }
        skills
    }

    /// Adds what the registry knows of the queues that only the default skills lead to.
    pub(super) async fn look_up(&self, known: &mut Registered, skills: &DefaultSkills) {
        let mut queues = self.routes.queues_with(skills);
        queues.retain(|queue| !self.routes.queue_ids().contains(queue));
        if queues.is_empty() {
            return;
        }
        match self.ports.registry().load(&Wanted::queues(queues)).await {
            Ok(more) => {
                known.queues.extend(more.queues);
                known.unread.extend(more.unread);
            }
            Err(cause) => warn!(error = chain(&cause), "what is known of the default skills can't be read"),
        }
    }
}
