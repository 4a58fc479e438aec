//! Which skill each point of contact is for, where the routes leave that to the tenant: its activity is the target's
//! health then (docs/real-tenant.md#skill-health).
//!
//! Points of contact change by hand and seldom. What was read once serves on where they can't be read.

use tracing::warn;

use super::Sync;
use crate::{
    dialects::{
        HttpReply,
        survey::{PointOfContact, Question, Spelling, named},
    },
    domain::routes::DefaultSkills,
    error::chain,
    ports::{Ports, Registered, Registry, Wanted},
    worker::Worker,
};

impl<P: Ports> Sync<'_, P> {
    /// Asks the tenant for them, and keeps for the workers what is new; what was known before, where they can't be read.
    pub(super) async fn default_skills(&self, worker: &Worker<'_, P>, known: &Registered) -> DefaultSkills {
        let before = || known.default_skills.clone().unwrap_or_default();
        let asked = !self.routes.points_without_skill().is_empty();
        let Some(survey) = self.ports.dialect().survey().filter(|_| asked) else { return before() };
        let read = |reply: &HttpReply, _| survey.read_points(reply);
        let points = match worker.question(|token| survey.question(token, Question::PointsOfContact), read).await {
            Ok(Ok(points)) => points,
            Ok(Err(unread)) => {
                warn!(error = %unread, "the points of contact can't be read: the default skills known before serve on");
                return before();
            }
            Err(not_sent) => {
                warn!(reason = %not_sent.reason, "the points of contact could not be asked for");
                return before();
            }
        };
        let skills = default_skills(self.routes.points_without_skill(), &points);
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

/// The default skill of each of these points of contact that the tenant has.
fn default_skills(spelled: &[String], points: &[PointOfContact]) -> DefaultSkills {
    let skill = |text: &String| match named(text, points) {
        Some((point, Spelling::Whole | Spelling::Name | Spelling::Number | Spelling::Similar)) => {
            Some((text.clone(), point.default_skill.clone()))
        }
        Some((_, Spelling::NameOfSeveral)) => {
            warn!(point_of_contact = text, "several points of contact have this name: the health of none is known");
            None
        }
        None => {
            warn!(point_of_contact = text, "there is no such point of contact: its health isn't known");
            None
        }
    };
    spelled.iter().filter_map(skill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routes::QueueId;

    fn skill(id: &str) -> QueueId {
        QueueId::new(id.to_owned()).unwrap()
    }

    fn point(code: &str, name: &str, default_skill: Option<&str>) -> PointOfContact {
        PointOfContact {
            code: code.to_owned(),
            name: name.to_owned(),
            active: Some(true),
            media_type: Some(6),
            default_skill: default_skill.map(skill),
            script: None,
        }
    }

    #[test]
    fn each_point_of_contact_is_known_as_the_routes_spell_it_and_one_that_could_be_two_is_not() {
        let points = [
            point("1", "Orders", Some("4012")),
            point("2", "Twice", Some("4013")),
            point("3", "Twice", Some("4014")),
            point("4", "Nobody", None),
        ];
        let spelled =
            ["1 - Orders", "Orders", "1", " orders", "Twice", "3 - Twice", "Nobody", "Gone"].map(str::to_owned);
        let known = default_skills(&spelled, &points);
        for text in ["1 - Orders", "Orders", "1", " orders"] {
            assert_eq!(known.of(text), Some(Some(&skill("4012"))), "{text}");
        }
        assert_eq!(known.of("3 - Twice"), Some(Some(&skill("4014"))));
        assert_eq!((known.of("Nobody"), known.of("Twice"), known.of("Gone")), (Some(None), None, None));
    }
}
