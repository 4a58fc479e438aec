//! How many round trips an event waits for: every request takes as long, so that its time says its place in the row.

use std::{collections::BTreeMap, fmt, rc::Rc};

use contact_injection::domain::{lane::Lane, routes::Profile};

use crate::{
    business_unit::UnitPlan,
    plan::{MINUTE, ORIGIN, Pace, Plan, Round, Sent},
    run::Run,
    world::World,
};

/// What a request takes, in milliseconds, and half of that is its way there.
const TRIP: i64 = 10;

/// Events of a batch.
const BATCH: usize = 10;

/// The requests of one batch of ten: those that are under way at once, one step after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips(Vec<BTreeMap<String, usize>>);

impl RoundTrips {
    /// Of a first batch in a new environment, of one that comes when it is still known what was read for the first, and
    /// of one that comes when the registry is to be read again.
    pub fn of(profile: Profile) -> [Self; 3] {
        let begins = [0, MINUTE, MINUTE + MINUTE / 2];
        let world = World::planned(1, plan(profile, &begins), None, false);
        world.seen.borrow_mut().round_trips = Some(Vec::new());
        let mut run = Run::new(Rc::clone(&world));
        run.go();
        let seen = world.seen.borrow();
        let starts: Vec<_> = seen.begun.values().copied().collect();
        let trips = begins.map(|begin| {
            let start = starts.iter().copied().find(|start| *start >= ORIGIN + begin).unwrap_or_default();
            let mut steps = Self::default();
            let of_this = |at: i64| (start..start + MINUTE / 2).contains(&at);
            for (at, what) in seen.round_trips.iter().flatten().filter(|(at, _)| of_this(*at)) {
                let step = usize::try_from((at - start) / TRIP).unwrap_or_default();
                steps.0.resize_with(steps.0.len().max(step + 1), BTreeMap::new);
                *steps.0[step].entry(what.clone()).or_default() += 1;
            }
            steps
        });
        drop(run);
        world.scheduler.clear();
        trips
    }

    /// Round trips in a row before the first contact is asked for, and its own.
    pub fn until_contact(&self) -> usize {
        let contacts = |what: &String| what.ends_with("Contacts") || what.ends_with("WorkItems");
        let asks = |step: &BTreeMap<String, usize>| step.keys().any(contacts);
        self.0.iter().position(asks).map_or(0, |step| step + 1)
    }

    /// The requests of each step.
    pub fn steps(&self) -> impl Iterator<Item = String> {
        let said = |(what, times): (&String, &usize)| match times {
            1 => what.clone(),
            _ => format!("{times} × {what}"),
        };
        self.0.iter().map(move |step| step.iter().map(said).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps().enumerate().try_for_each(|(step, requests)| writeln!(f, "| {} | {requests} |", step + 1))
    }
}

fn plan(profile: Profile, begins: &[i64]) -> Plan {
    let sent = begins.iter().enumerate().flat_map(|(batch, begin)| {
        let event = move |number| format!("e{batch}-{number}");
        (0..BATCH).map(move |number| Sent::sound("order", event(number), Lane::Standard, *begin, None))
    });
    let way = TRIP / 2..=TRIP / 2;
    Plan {
        workers: 1,
        clients: 1,
        room: 1_000_000,
        rounds: vec![Round { stormy: 0, pause: 0, gap: 0 }],
        unit: (profile == Profile::Cxone).then(UnitPlan::plain),
        pace: Pace { delivery: 1..=1, way: way.clone(), way_to_store: way, in_order: true, ..Pace::default() },
        ..Plan::calm(sent.collect())
    }
}
