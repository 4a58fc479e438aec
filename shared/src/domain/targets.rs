//! Which target an event goes to next, and by how many steps its priority is lowered (docs/rules.md#fallback).
//!
//! The choice is a function of what is known of each target: what its queue's health says, and what this delivery has
//! found out by trying. A full queue passes the event on; a queue that isn't there passes it on without a step, since
//! that protects nobody's service level.

use super::routes::{Address, OnUnknownHealth, Target};

/// What is known of a queue from outside this delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It takes contacts; with the steps for how full it is.
    Open(u32),
    /// It doesn't.
    Saturated,
    /// There is no such queue.
    Missing,
    /// Nobody has said lately.
    Unknown,
}

/// How a target was passed over in this delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It answered 409.
    Saturated,
    /// It answered 404.
    Missing,
    /// It created the contact and lost it.
    Lost,
    /// The event has nothing that it takes.
    Unfit,
    /// Nobody knows whether it takes the event.
    Unverified,
}

/// Where to go next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// To this target, with so many steps of degradation.
    Target {
        /// Its place in the route.
        index: usize,
        /// Steps of degradation.
        steps: u32,
    },
    /// Nowhere, while the health of the queue whose turn it is isn't known.
    Held,
    /// Nowhere until a queue has room again.
    Saturated,
    /// Nowhere: a contact was lost, and no target is left.
    Lost,
    /// Nowhere, while nobody knows whether a target takes the event.
    Unverified,
    /// Nowhere: the event has not what the targets need that are left.
    Unfit,
    /// Nowhere: no target's queue exists.
    Missing,
}

/// Chooses among a route's targets; `passed` holds what this delivery found out about each, in the same order.
pub fn choose(
    targets: &[Target],
    passed: &[Option<Passed>],
    on_unknown: OnUnknownHealth,
    mut availability: impl FnMut(&Address) -> Availability,
) -> Choice {
    let (mut steps, mut full, mut lost) = (0, false, false);
    let (mut unfit, mut unverified) = (false, false);
    for (index, target) in targets.iter().enumerate() {
        let availability = match (passed.get(index).copied().flatten(), target.address()) {
            (Some(Passed::Missing), _) => continue,
            (Some(Passed::Unfit), _) => {
                unfit = true;
                continue;
            }
            (Some(Passed::Unverified), _) => {
                unverified = true;
                continue;
            }
            (Some(Passed::Lost), _) => {
                (steps, lost) = (steps + 1, true);
                continue;
            }
            (Some(Passed::Saturated), _) => Availability::Saturated,
            (None, address) => availability(address),
        };
        match availability {
            Availability::Open(nearly_full) => return Choice::Target { index, steps: steps + nearly_full },
            Availability::Unknown if on_unknown == OnUnknownHealth::Hold => return Choice::Held,
            Availability::Unknown => return Choice::Target { index, steps },
            Availability::Saturated => (steps, full) = (steps + 1, true),
            Availability::Missing => {}
        }
    }
    // What may come right first, then what says most of the event.
    let ends =
        [(full, Choice::Saturated), (unverified, Choice::Unverified), (lost, Choice::Lost), (unfit, Choice::Unfit)];
    ends.into_iter().find_map(|(holds, choice)| holds.then_some(choice)).unwrap_or(Choice::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialects::guide,
        domain::routes::{Degrade, Priority, QueueId, Routes},
    };

    const BASE: u16 = 500;
    const BY: u16 = 100;
    const FLOOR: u16 = 250;
    const DELTA: i16 = -50;

    fn queue(index: usize) -> QueueId {
        targets(2, false)[index].address().clone().into_queue()
    }

    /// So many queues, each after the first with a delta, and skills behind them where asked for.
    fn targets(queues: usize, skills: bool) -> Vec<Target> {
        let mut list: Vec<_> = (1..=queues)
            .map(|index| {
                let delta = if index == 1 { 0 } else { DELTA };
                serde_json::json!({"queueId": format!("7f1c6f0e-0000-4000-8000-{index:012}"), "priorityDelta": delta})
            })
            .collect();
        if skills {
            list.push(serde_json::json!({"skillIds": ["sk-a"], "priorityDelta": DELTA}));
        }
        let routes = serde_json::json!({"routes": [{
            "name": "r", "match": {"type": "t"}, "channel": "voice", "targets": list, "priority": {"default": BASE},
            "from": {"value": "+15550109876"}, "to": {"value": "+15550201234"}, "attributes": {},
        }]});
        let routes = Routes::from_json(routes.to_string(), guide::FACTS.routes).unwrap();
        routes.iter().next().unwrap().targets().to_vec()
    }

    impl Address {
        fn into_queue(self) -> QueueId {
            match self {
                Self::Queue(queue) => queue,
                _ => panic!("no queue"),
            }
        }
    }

    /// What the interface says of one combination, written down without any loop over targets.
    fn expected(first: Availability, second: Availability, on_unknown: OnUnknownHealth) -> Choice {
        let hold = on_unknown == OnUnknownHealth::Hold;
        let target = |index, steps| Choice::Target { index, steps };
        match (first, second) {
            (Availability::Open(near), _) => target(0, near),
            (Availability::Unknown, _) | (Availability::Saturated | Availability::Missing, Availability::Unknown)
                if hold =>
            {
                Choice::Held
            }
            (Availability::Unknown, _) => target(0, 0),
            (Availability::Saturated, Availability::Open(near)) => target(1, 1 + near),
            (Availability::Saturated, Availability::Unknown) => target(1, 1),
            (Availability::Saturated, Availability::Saturated | Availability::Missing)
            | (Availability::Missing, Availability::Saturated) => Choice::Saturated,
            (Availability::Missing, Availability::Open(near)) => target(1, near),
            (Availability::Missing, Availability::Unknown) => target(1, 0),
            (Availability::Missing, Availability::Missing) => Choice::Missing,
        }
    }

    const AVAILABILITIES: [Availability; 6] = [
        Availability::Open(0),
        Availability::Open(1),
        Availability::Open(2),
        Availability::Saturated,
        Availability::Missing,
        Availability::Unknown,
    ];

    #[test]
    fn every_combination_of_health_chooses_as_the_interface_says() {
        let targets = targets(2, false);
        for first in AVAILABILITIES {
            for second in AVAILABILITIES {
                for on_unknown in [OnUnknownHealth::Inject, OnUnknownHealth::Hold] {
                    let availability = |at: &Address| if at.queue() == Some(&queue(0)) { first } else { second };
                    let choice = choose(&targets, &[None, None], on_unknown, availability);
                    assert_eq!(choice, expected(first, second, on_unknown), "{first:?} {second:?} {on_unknown:?}");
                }
            }
        }
    }

    #[test]
    fn what_a_delivery_finds_out_outweighs_what_health_says() {
        let targets = targets(2, true);
        let ways = [Passed::Saturated, Passed::Missing, Passed::Lost, Passed::Unfit, Passed::Unverified];
        let outcomes: Vec<_> = ways.into_iter().map(Some).chain([None]).collect();
        for &first in &outcomes {
            for &second in &outcomes {
                for &third in &outcomes {
                    let passed = [first, second, third];
                    let choice = choose(&targets, &passed, OnUnknownHealth::Inject, |_| Availability::Open(0));
                    let next = passed.iter().position(Option::is_none);
                    let costs = |how: &&Option<Passed>| matches!(how, Some(Passed::Saturated | Passed::Lost));
                    let expected = match next {
                        Some(index) => Choice::Target {
                            index,
                            steps: u32::try_from(passed[..index].iter().filter(costs).count()).unwrap(),
                        },
                        None if passed.contains(&Some(Passed::Saturated)) => Choice::Saturated,
                        None if passed.contains(&Some(Passed::Unverified)) => Choice::Unverified,
                        None if passed.contains(&Some(Passed::Lost)) => Choice::Lost,
                        None if passed.contains(&Some(Passed::Unfit)) => Choice::Unfit,
                        None => Choice::Missing,
                    };
                    assert_eq!(choice, expected, "{passed:?}");
                }
            }
        }
    }

    #[test]
    fn each_step_lowers_the_priority_by_the_degree_and_never_below_the_floor() {
        let degrade = Some(Degrade { by: BY, floor: Priority::try_from(FLOOR).unwrap() });
        let base = Priority::try_from(BASE).unwrap();
        let sent = |delta, degrade, steps| Priority::effective(base, delta, degrade, steps).get();
        assert_eq!([0, 1, 2, 3, 4].map(|steps| sent(0, degrade, steps)), [500, 400, 300, 250, 250]);
        assert_eq!([0, 1, 2, 3].map(|steps| sent(DELTA, degrade, steps)), [450, 350, 250, 250]);
        assert_eq!([0, 1, 2, 3].map(|steps| sent(DELTA, None, steps)), [450, 450, 450, 450]);
        assert_eq!(sent(-400, degrade, 2), 100, "degradation takes nothing below its floor, and adds nothing either");
    }
}
