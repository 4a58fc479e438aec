//! What must hold of the OAuth clients.

use std::collections::BTreeMap;

use crate::world::{Refusal, Sighting, World};

/// The shortest pause of refused credentials, in milliseconds.
const FIRST_PAUSE: i64 = 30_000;

/// The longest one, in milliseconds.
const LONGEST_PAUSE: i64 = 900_000;

/// Checks everything that can be seen at the end.
pub(super) fn check(world: &World) {
    no_client_is_used_by_two(world);
    no_limit_is_exceeded(world);
    every_wait_is_kept(world);
    every_wait_for_a_token_is_kept(world);
    refused_credentials_are_left_alone(world);
}

impl World {
    /// Checks, when an invocation ends that deferred messages because CXone refuses its clients, that no other is free.
    pub(crate) fn nobody_waits_for_a_refused_client(&self, invocation: u64) {
        // Tokens that are revoked again and again are refused under clients that are not.
        if self.plan.faults.tokens > 0.0 {
            return;
        }
        // A tenant's stray 401s say nothing of the client either.
        if self.unit.is_some() && self.plan.faults.cxone > 0.0 {
            return;
        }
        // A client that CXone takes again is another only once nobody's clock says that its pause goes on.
        let since = self.now() - LONGEST_PAUSE - 2 * self.plan.skew;
        let rested = |client: &String| {
            let seen = self.seen.borrow();
            !seen.refused.iter().any(|refusal| refusal.client == *client && refusal.at > since)
        };
        let mut clients = (0..self.plan.clients).map(|number| format!("c-{number}"));
        let lane = self.seen.borrow().lanes.get(&invocation).copied().unwrap_or_default();
        let free = clients.find(|client| self.is_free(client, lane) && rested(client));
        if let Some(client) = free {
            self.breach(format!("i{invocation} deferred messages as unauthorized while {client} was free"));
        }
    }
}

fn no_client_is_used_by_two(world: &World) {
    let seen = world.seen.borrow();
    let mut requests: Vec<_> = seen.requests.iter().collect();
    requests.sort_by_key(|request| (&request.client, request.begun));
    let mut latest: Option<(&str, u64, i64)> = None;
    let mut overlap = None;
    for request in requests {
        // What a worker gave up may arrive later, and the window knows; what a dead one had sent is still its use.
        let died = seen.dead.get(&request.invocation).is_some_and(|at| *at < request.over);
        let ends = if died { request.over.max(request.arrived) } else { request.over };
        if let Some((client, invocation, over)) = latest
            && client == request.client
        {
            if invocation != request.invocation && request.begun < over {
                overlap = Some(format!("{client} was used by i{invocation} and i{} at once", request.invocation));
                break;
            }
            if over > ends {
                continue;
            }
        }
        latest = Some((&request.client, request.invocation, ends));
    }
    drop(seen);
    if let Some(overlap) = overlap {
        world.breach(overlap);
    }
}

fn no_limit_is_exceeded(world: &World) {
    let tenant = world.tenant.borrow();
    let of_all = tenant.busiest_windows();
    for number in 0..world.plan.clients {
        let client = format!("c-{number}");
        let busiest = match &world.unit {
            Some(unit) => unit.borrow().busiest_window(&client),
            None => of_all.get(client.as_str()).copied().unwrap_or_default(),
        };
        if busiest > world.plan.limit {
            world.breach(format!("{client} sent {busiest} requests in a window of {}", world.plan.limit));
        }
    }
}

fn every_wait_is_kept(world: &World) {
    let seen = world.seen.borrow();
    let mut sent: BTreeMap<(u64, &str), Vec<i64>> = BTreeMap::new();
    for request in seen.requests.iter().filter(|request| request.routing) {
        sent.entry((request.invocation, &request.client)).or_default().push(request.begun);
    }
    let broken = seen.asked_to_wait.iter().find_map(|(invocation, client, from, until)| {
        let begun = sent.get(&(*invocation, client.as_str()))?;
        let hasty = begun.iter().find(|begun| (from + 1..*until).contains(begun))?;
        Some(format!("i{invocation} was asked to wait and sent another request {} ms later", hasty - from))
    });
    drop(seen);
    if let Some(broken) = broken {
        world.breach(broken);
    }
}

/// Every worker keeps the authorization server's wait, once whoever was told has given the client back.
fn every_wait_for_a_token_is_kept(world: &World) {
    let seen = world.seen.borrow();
    let mut asked: BTreeMap<&str, Vec<&Sighting>> = BTreeMap::new();
    for request in seen.requests.iter().filter(|request| !request.routing) {
        asked.entry(&request.client).or_default().push(request);
    }
    let broken = seen.asked_to_wait_for_a_token.iter().find_map(|(invocation, client, from, until)| {
        let known = world.plan.faults.store == 0.0 && !seen.dead.contains_key(invocation);
        let hasty = asked.get(client.as_str())?.iter().find(|request| {
            (known || request.invocation == *invocation)
                && request.begun > *from
                && request.begun < until - 2 * world.plan.skew
        })?;
        Some(format!(
            "i{} asked for a token {} ms after {client} was asked to wait",
            hasty.invocation,
            hasty.begun - from
        ))
    });
    drop(seen);
    if let Some(broken) = broken {
        world.breach(broken);
    }
}

/// Nobody asks again with credentials that were refused before their pause is over, once whoever was refused has given
/// the client back.
fn refused_credentials_are_left_alone(world: &World) {
    let seen = world.seen.borrow();
    let soonest = FIRST_PAUSE - 2 * world.plan.skew;
    // Whoever still has the old secret in memory tries it once, and reads the new one then.
    let secrets = world.secrets.borrow();
    let current =
        |refusal: &Refusal| secrets.iter().any(|(id, secret)| *id == refusal.client && *secret == refusal.secret);
    let again = |first: &Refusal, second: &Refusal| {
        first.client == second.client && first.secret == second.secret && current(first)
    };
    let broken = seen.refused.iter().enumerate().find_map(|(index, first)| {
        let known = world.plan.faults.store == 0.0 && !seen.dead.contains_key(&first.invocation);
        let hasty = seen.refused[index + 1..]
            .iter()
            .filter(|second| known || second.invocation == first.invocation)
            .find(|second| again(first, second) && (1..soonest).contains(&(second.begun - first.at)))?;
        let (client, pause) = (&first.client, hasty.begun - first.at);
        Some(format!("i{} tried {client} again {pause} ms after its credentials were refused", hasty.invocation))
    });
    drop(seen);
    if let Some(broken) = broken {
        world.breach(broken);
    }
}
