//! Points of contact whose default skill is their health.

use super::*;
use crate::domain::routes::{OnDoubt, SkillLimits, WorkItem};

fn point(name: &str, skill: Option<QueueId>) -> Address {
    Address::WorkItem(WorkItem {
        point_of_contact: name.to_owned(),
        item_type: None,
        skill,
        limits: SkillLimits::default(),
        on_doubt: OnDoubt::Park,
    })
}

fn known(queues: &mut Queues, skills: &[(&str, Option<QueueId>)]) {
    queues.learn_default_skills(skills.iter().map(|(name, skill)| ((*name).to_owned(), skill.clone())).collect());
}

#[test]
fn a_point_of_contact_is_as_full_as_its_default_skill_and_unknown_until_that_is_known() {
    let mut queues = queues(PLENTY, health(80, 100, SECOND));
    let orders = point("Orders", None);
    let at = |queues: &Queues, address: &Address| queues.availability_at(address, 0, NOW);
    assert_eq!((at(&queues, &orders), queues.queue_of(&orders)), (Availability::Unknown, None));
    known(&mut queues, &[("Orders", Some(queue())), ("Nobody", None)]);
    assert_eq!((at(&queues, &orders), queues.queue_of(&orders).as_deref()), (Availability::Open(1), Some(&queue())));
    queues.saturate(&queue(), NOW);
    assert_eq!(at(&queues, &orders), Availability::Saturated);
    assert_eq!(at(&queues, &point("Nobody", None)), Availability::Open(0), "it is known to have none");
    assert_eq!(at(&queues, &point("Orders", Some(numbered(2)))), Availability::Unknown, "a named skill comes first");
}

#[test]
fn room_is_one_for_the_skill_that_is_named_and_the_same_one_that_is_not() {
    let mut queues = queues(PLENTY, health(98, 100, SECOND));
    known(&mut queues, &[("Orders", Some(queue()))]);
    let (named, unnamed) = (point("Orders", Some(queue())), point("Orders", None));
    for address in [&named, &unnamed] {
        let queue = queues.queue_of(address).unwrap().into_owned();
        assert!(queues.place(&queue, NOW));
    }
    assert_eq!([&named, &unnamed].map(|at| queues.availability_at(at, 0, NOW)), [Availability::Saturated; 2]);
}

#[test]
fn all_work_items_are_full_together_where_the_business_unit_takes_no_more() {
    let mut queues = nothing_known(PLENTY);
    known(&mut queues, &[("Nobody", None)]);
    let nobody = point("Nobody", None);
    let among: Vec<_> = queues.queues_of(&nobody).map(Cow::into_owned).collect();
    assert_eq!(among.iter().map(QueueId::as_str).collect::<Vec<_>>(), ["workItem"]);
    queues.saturate(&among[0], NOW);
    assert_eq!(queues.availability_at(&nobody, 0, NOW), Availability::Saturated);
}
