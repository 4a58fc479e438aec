//! The search for a client that is free: very few are tried, and then what is free is read.

use std::time::Duration;

use tracing::warn;

use super::{
    LeaseTerms, NoClient, Tried,
    known::{KnownClients, Rest},
    line::{Line, Step, WAITING},
    try_acquire,
};
use crate::{
    domain::{
        credentials::{ClientId, Credentials},
        lane::{ASKING, Lane, Turn},
        lease::Lease,
        reason::DeferralReason,
        standing::{Seeker, Standing, Waiter},
        time::Timestamp,
    },
    error::chain,
    ports::{ClientTable, Environment, StoreError},
};

/// Clients of a group that are tried before any is looked at: most are free where nothing is wrong.
const TRIES: usize = 2;

/// Clients that are tried in a round because they seem free. Whoever is too late for both looks again.
const TRIES_OF_SEEN: usize = 2;

/// Clients that are looked at in one read: DynamoDB hands out as many at once.
pub(super) const PAGE: usize = 100;

/// Pages of a group that are looked at in each of the first rounds: together, a thousand clients and more.
pub(super) const PAGES: usize = 4;

/// The first rounds. Whoever waits on has seen all of them, and looks at a page in each round.
pub(super) const FIRST_ROUNDS: usize = 3;

/// The pause between two rounds, jittered: a fraction of the time that a batch takes.
const PAUSE: Duration = Duration::from_millis(500);

/// Clients that are had in one turn.
struct Group<'a> {
    turn: Turn,
    /// Those to look at next come first.
    clients: Vec<&'a Credentials>,
}

/// How much others wait for a client that this worker may have. It takes one that fewer do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    /// It is the one that this worker waits for.
    #[default]
    WaitForTheRest,
    /// Nobody has said so.
    MayWait,
    /// One does that began later.
    WaitForIt,
}

/// A client that was had.
pub(super) type Found = (Lease, Credentials);

/// One worker's search.
pub(super) struct Search<'a, T, E> {
    table: &'a T,
    environment: &'a E,
    groups: Vec<Group<'a>>,
    terms: LeaseTerms,
    /// When it began.
    since: Timestamp,
    /// Rounds so far.
    rounds: usize,
    /// Why the table did not answer the last look, and the last try: it may do one and not the other.
    unread: Option<StoreError>,
    unwritten: Option<StoreError>,
    /// Where it waits.
    line: Line<'a>,
    /// The client whose loan was asked for, and when first.
    asked: Option<(ClientId, Timestamp)>,
    /// Those that could not be borrowed in this round.
    wanted: Vec<ClientId>,
}

impl<'a, T: ClientTable, E: Environment> Search<'a, T, E> {
    /// A search among those of the clients that a worker of this lane may have; nothing where there is none.
    pub(super) fn new(table: &'a T, environment: &'a E, clients: &'a [Credentials], terms: LeaseTerms) -> Option<Self> {
        let mut groups = groups(clients, terms.lane);
        for Group { clients, .. } in &mut groups {
            let first = any_of(clients.len(), environment);
            clients.rotate_left(first);
        }
        let (since, line) = (environment.now(), Line::default());
        let (rounds, unread, unwritten, asked, wanted) = (0, None, None, None, Vec::new());
        (!groups.is_empty()).then_some(Self {
            table,
            environment,
            groups,
            terms,
            since,
            rounds,
            unread,
            unwritten,
            line,
            asked,
            wanted,
        })
    }

    /// Searches until a client is had or there is no more time.
    pub(super) async fn run(&mut self, known: &mut KnownClients) -> Result<Found, NoClient> {
        if let Some(found) = self.try_few(known).await? {
            return Ok(found);
        }
        loop {
            if let Some(found) = self.try_seen(known).await? {
                return Ok(found);
            }
            let now = self.environment.now();
            let mut pause = PAUSE.mul_f64(0.5 + self.environment.sample());
            if let Some(rest) = self.all_resting(known) {
                // A full window is waited for like any other.
                if rest.reason != DeferralReason::RateWindow || rest.until > self.terms.wait_until {
                    return Err(NoClient::AllResting(rest));
                }
                pause = rest.until.since(now);
            }
            if now >= self.terms.wait_until {
                // A try that found no answer may hold the client that it was for.
                return Err(self.unwritten.take().map_or(NoClient::AllBusy, NoClient::Store));
            }
            // A client may come free any moment: whoever has waited once says so.
            if self.rounds > 1 {
                self.wait_in_line().await;
                self.ask_for_a_loan().await;
            }
            self.environment.sleep(pause).await;
        }
    }

    /// Tries the client that was used last, and very few others.
    async fn try_few(&mut self, known: &mut KnownClients) -> Result<Option<Found>, NoClient> {
        for place in 0..self.groups.len() {
            let Group { turn, clients } = &self.groups[place];
            let turn = *turn;
            let is_last = |client: &&&Credentials| Some(&client.client_id) == known.last.as_ref();
            let (last, others): (Vec<_>, Vec<_>) =
                clients.iter().filter(|client| self.is_awake(known, client)).partition(is_last);
            let few: Vec<_> = last.into_iter().chain(others).copied().take(TRIES).collect();
            for credentials in few {
                if let Some(found) = self.attempt(known, turn, credentials).await? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Looks at clients, page by page, and tries some that seem free: random ones, so that not all who look at once
    /// want the same.
    async fn try_seen(&mut self, known: &mut KnownClients) -> Result<Option<Found>, NoClient> {
        self.wanted.clear();
        self.line.look_again();
        let pages = if self.rounds < FIRST_ROUNDS { PAGES } else { 1 };
        self.rounds += 1;
        let mut tries = TRIES_OF_SEEN;
        for place in 0..self.groups.len() {
            let (turn, mut unseen) = (self.groups[place].turn, self.groups[place].clients.len());
            self.begin_with_own_place(place);
            for _ in 0..pages {
                let page = self.turn_page(place, &mut unseen, known);
                let mut free = self.look_at(turn, &page, known).await?;
                while tries > 0 && !free.is_empty() {
                    tries -= 1;
                    // Whoever may have any of them leaves those to others that others wait for.
                    let best = free.iter().map(|(others, _)| *others).min().unwrap_or_default();
                    let (least, _): (Vec<_>, Vec<_>) = (0..free.len()).partition(|at| free[*at].0 == best);
                    let (_, credentials) = free.swap_remove(least[any_of(least.len(), self.environment)]);
                    if let Some(found) = self.attempt(known, turn, credentials).await? {
                        return Ok(Some(found));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The next clients of a group to look at, of those that this round hasn't seen yet.
    fn turn_page(&mut self, place: usize, unseen: &mut usize, known: &KnownClients) -> Vec<&'a Credentials> {
        let ahead = self.groups[place].clients.iter().take(*unseen).copied().enumerate();
        let awake: Vec<_> = ahead.filter(|(_, client)| self.is_awake(known, client)).take(PAGE).collect();
        let passed = awake.last().map_or(0, |(index, _)| index + 1);
        self.groups[place].clients.rotate_left(passed);
        *unseen -= passed;
        awake.into_iter().map(|(_, client)| client).collect()
    }

    /// The client that it waits for is looked at in every round.
    fn begin_with_own_place(&mut self, group: usize) {
        let Some(own) = self.line.client() else { return };
        let clients = &mut self.groups[group].clients;
        if let Some(at) = clients.iter().position(|client| client.client_id == own.client_id) {
            clients[..=at].rotate_right(1);
        }
    }

    /// Those of these clients that seem free, each with how much others wait for it. Others are known to be refused
    /// then.
    async fn look_at(
        &mut self,
        turn: Turn,
        page: &[&'a Credentials],
        known: &mut KnownClients,
    ) -> Result<Vec<(Others, &'a Credentials)>, NoClient> {
        let (now, mut free) = (self.environment.now(), Vec::new());
        if page.is_empty() {
            return Ok(free);
        }
        let ids: Vec<_> = page.iter().map(|client| client.client_id.as_str()).collect();
        let seen = self.table.look_at(&ids, now).await;
        let Some(seen) = unless_again(&mut self.unread, seen)? else { return Ok(free) };
        for client in page {
            let Some(standing) = seen.get(client.client_id.as_str()) else { continue };
            let seeker = Seeker { turn, secret: client.tag(), since: self.since, now };
            if let Some(until) = standing.refusal(seeker.secret, now) {
                leave_refused(known, client, until);
            } else if standing.admits(&seeker) {
                free.push((self.others(client, standing, now), *client));
            } else if turn == Turn::Loan {
                self.wanted.push(client.client_id.clone());
            } else {
                self.line.seen(client, standing.awaited(now));
            }
        }
        Ok(free)
    }

    /// How much others wait for a free client.
    fn others(&self, client: &Credentials, standing: &Standing, now: Timestamp) -> Others {
        match standing.awaited(now) {
            _ if self.line.client().is_some_and(|own| own.client_id == client.client_id) => Others::WaitForTheRest,
            None => Others::MayWait,
            Some(_) => Others::WaitForIt,
        }
    }

    /// Tries to lease a client.
    async fn attempt(
        &mut self,
        known: &mut KnownClients,
        turn: Turn,
        credentials: &Credentials,
    ) -> Result<Option<Found>, NoClient> {
        let tried = try_acquire(self.table, self.environment, credentials, turn, self.terms, self.since).await;
        match unless_again(&mut self.unwritten, tried)? {
            Some(Tried::Leased(lease)) => {
                known.last = Some(credentials.client_id.clone());
                return Ok(Some((*lease, credentials.clone())));
            }
            Some(Tried::Refused(until)) => leave_refused(known, credentials, until),
            Some(Tried::Busy) | None => {}
        }
        Ok(None)
    }

    /// The rest that ends first, where no client is without one: that of a full window, if there is one.
    pub(super) fn all_resting(&self, known: &KnownClients) -> Option<Rest> {
        let now = self.environment.now();
        let clients = self.groups.iter().flat_map(|group| &group.clients);
        let rests: Option<Vec<_>> = clients.map(|client| known.rest(client, self.terms.lane, now)).collect();
        rests?.into_iter().min_by_key(|rest| (rest.reason != DeferralReason::RateWindow, rest.until))
    }

    /// Asks for the next turn of a client that could not be borrowed: the same one for a while, then another.
    async fn ask_for_a_loan(&mut self) {
        let now = self.environment.now();
        let asked = self.asked.take();
        let (client_id, since) = match asked.filter(|(_, since)| now.since(*since) < ASKING) {
            Some(fresh) => fresh,
            None if self.wanted.is_empty() => return,
            None => (self.wanted.swap_remove(any_of(self.wanted.len(), self.environment)), now),
        };
        match self.table.ask_for(client_id.as_str(), now.plus(ASKING)).await {
            Ok(()) => self.asked = Some((client_id, since)),
            Err(error) => warn!(%client_id, error = chain(&error), "the client's next turn can't be asked for"),
        }
    }

    /// Says that it waits, for one client at a time.
    async fn wait_in_line(&mut self) {
        let now = self.environment.now();
        match self.line.step(self.since, now, self.environment.sample()) {
            Step::Stay => {}
            Step::WaitFor(client) => {
                let left = self.line.client().filter(|own| own.client_id != client.client_id);
                if let Some(left) = left {
                    self.stop_waiting_for(left, now).await;
                }
                let waiter = Waiter { since: self.since, until: now.plus(WAITING) };
                match self.table.wait_for(client.client_id.as_str(), waiter, now).await {
                    Ok(true) => self.line.wait_for(client, now),
                    Ok(false) => self.line.leave(),
                    Err(error) => warn!(client_id = %client.client_id, error = chain(&error), "nobody knows who waits"),
                }
            }
        }
    }

    /// Lets others have the client that it waited for, where that isn't the one that it has.
    pub(super) async fn leave_line(&mut self, had: Option<&ClientId>) {
        let now = self.environment.now();
        if let Some(left) = self.line.client().filter(|own| Some(&own.client_id) != had) {
            self.stop_waiting_for(left, now).await;
        }
    }

    async fn stop_waiting_for(&self, client: &Credentials, now: Timestamp) {
        let over = Waiter { since: self.since, until: now };
        if let Err(error) = self.table.wait_for(client.client_id.as_str(), over, now).await {
            warn!(client_id = %client.client_id, error = chain(&error), "others wait until nobody waits before them");
        }
    }

    fn is_awake(&self, known: &KnownClients, client: &Credentials) -> bool {
        known.rest(client, self.terms.lane, self.environment.now()).is_none()
    }
}

/// The clients that a worker of this lane may have, those first that it would rather have.
fn groups(clients: &[Credentials], lane: Option<Lane>) -> Vec<Group<'_>> {
    let turns = match lane {
        None => vec![(Turn::Any, Lane::Standard), (Turn::Any, Lane::Urgent)],
        Some(Lane::Standard) => vec![(Turn::Standard, Lane::Standard)],
        Some(Lane::Urgent) => vec![(Turn::Any, Lane::Urgent), (Turn::Loan, Lane::Standard)],
    };
    let group = |(turn, lane)| {
        let clients = clients.iter().filter(|client| client.lane == lane).collect();
        Group { turn, clients }
    };
    turns.into_iter().map(group).filter(|group| !group.clients.is_empty()).collect()
}

/// What the table answers. One client's item may be at fault where it doesn't; if that comes twice in a row, the table
/// is.
fn unless_again<T>(failed: &mut Option<StoreError>, answer: Result<T, StoreError>) -> Result<Option<T>, NoClient> {
    match (answer, failed.take()) {
        (Ok(answer), _) => Ok(Some(answer)),
        (Err(error), Some(_)) => Err(error.into()),
        (Err(error), None) => {
            warn!(error = chain(&error), "the clients table doesn't answer; it is asked once more");
            *failed = Some(error);
            Ok(None)
        }
    }
}

fn leave_refused(known: &mut KnownClients, client: &Credentials, until: Timestamp) {
    let rest = Rest { until, reason: DeferralReason::Unauthorized, secret: Some(client.tag()) };
    known.leave_alone(&client.client_id, rest);
}

/// A random index into a list of this length, which is not empty.
fn any_of(length: usize, environment: &impl Environment) -> usize {
    at(environment.sample(), length)
}

/// The index that a uniform sample stands for in a list of this length, which is not empty.
pub(super) fn at(sample: f64, length: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let index = (sample * length as f64) as usize;
    index.min(length - 1)
}
