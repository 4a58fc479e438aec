//! The search for a client that is free: very few are tried, and then what is free is read.

use tracing::warn;

use super::{
    LeaseTerms, NoClient, Tried,
    known::{KnownClients, Rest},
    try_acquire,
};
use crate::{
    domain::{
        credentials::{ClientId, Credentials},
        lane::{ASKING, Lane, Turn},
        lease::Lease,
        reason::DeferralReason,
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

/// Clients that are had in one turn.
struct Group<'a> {
    turn: Turn,
    /// Those to look at next come first.
    clients: Vec<&'a Credentials>,
}

/// A client that was had.
pub(super) type Found = (Lease, Credentials);

/// One worker's search.
pub(super) struct Search<'a, T, E> {
    table: &'a T,
    environment: &'a E,
    groups: Vec<Group<'a>>,
    terms: LeaseTerms,
    /// Rounds so far.
    rounds: usize,
    /// Whether the table's last answer was none.
    failed: bool,
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
        let (rounds, failed, asked, wanted) = (0, false, None, Vec::new());
        (!groups.is_empty()).then_some(Self { table, environment, groups, terms, rounds, failed, asked, wanted })
    }

    /// Tries the client that was used last, and very few others.
    pub(super) async fn try_few(&mut self, known: &mut KnownClients) -> Result<Option<Found>, NoClient> {
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

    /// Looks at clients, page by page, and tries some that seem free: random ones, so that not all who look at once want
    /// the same.
    pub(super) async fn try_seen(&mut self, known: &mut KnownClients) -> Result<Option<Found>, NoClient> {
        self.wanted.clear();
        let pages = if self.rounds < FIRST_ROUNDS { PAGES } else { 1 };
        self.rounds += 1;
        let mut tries = TRIES_OF_SEEN;
        for place in 0..self.groups.len() {
            let (turn, mut unseen) = (self.groups[place].turn, self.groups[place].clients.len());
            for _ in 0..pages {
                let page = self.turn_page(place, &mut unseen, known);
                let mut free = self.look_at(turn, &page, known).await?;
                while tries > 0 && !free.is_empty() {
                    tries -= 1;
                    let credentials = free.swap_remove(any_of(free.len(), self.environment));
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

    /// Those of these clients that seem free. Others are known to be refused then.
    async fn look_at(
        &mut self,
        turn: Turn,
        page: &[&'a Credentials],
        known: &mut KnownClients,
    ) -> Result<Vec<&'a Credentials>, NoClient> {
        let (now, mut free) = (self.environment.now(), Vec::new());
        if page.is_empty() {
            return Ok(free);
        }
        let ids: Vec<_> = page.iter().map(|client| client.client_id.as_str()).collect();
        let seen = match self.table.look_at(&ids, now).await {
            Ok(seen) => seen,
            Err(error) => return self.unanswered(error).map(|()| free),
        };
        self.failed = false;
        for client in page {
            let Some(standing) = seen.get(client.client_id.as_str()) else { continue };
            let secret = client.tag();
            if let Some(until) = standing.refusal(secret, now) {
                leave_refused(known, client, until);
            } else if standing.admits(turn, secret, now) {
                free.push(*client);
            } else if turn == Turn::Loan {
                self.wanted.push(client.client_id.clone());
            }
        }
        Ok(free)
    }

    /// Tries to lease a client.
    async fn attempt(
        &mut self,
        known: &mut KnownClients,
        turn: Turn,
        credentials: &Credentials,
    ) -> Result<Option<Found>, NoClient> {
        let tried = try_acquire(self.table, self.environment, credentials, turn, self.terms).await;
        self.failed &= tried.is_err();
        match tried {
            Ok(Tried::Leased(lease)) => {
                known.last = Some(credentials.client_id.clone());
                return Ok(Some((*lease, credentials.clone())));
            }
            Ok(Tried::Busy) => {}
            Ok(Tried::Refused(until)) => leave_refused(known, credentials, until),
            Err(error) => self.unanswered(error)?,
        }
        Ok(None)
    }

    /// One client's item may be at fault; if the next one is too, the table is.
    fn unanswered(&mut self, error: StoreError) -> Result<(), NoClient> {
        if self.failed {
            return Err(error.into());
        }
        warn!(error = chain(&error), "the clients table doesn't answer; it is asked once more");
        self.failed = true;
        Ok(())
    }

    /// The rest that ends first, where no client is without one: that of a full window, if there is one.
    pub(super) fn all_resting(&self, known: &KnownClients) -> Option<Rest> {
        let now = self.environment.now();
        let clients = self.groups.iter().flat_map(|group| &group.clients);
        let rests: Option<Vec<_>> = clients.map(|client| known.rest(client, self.terms.lane, now)).collect();
        rests?.into_iter().min_by_key(|rest| (rest.reason != DeferralReason::RateWindow, rest.until))
    }

    /// Asks for the next turn of a client that could not be borrowed: the same one for a while, then another.
    pub(super) async fn ask_for_a_loan(&mut self) {
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

fn leave_refused(known: &mut KnownClients, client: &Credentials, until: Timestamp) {
    let rest = Rest { until, reason: DeferralReason::Unauthorized, secret: Some(client.tag()) };
    known.leave_alone(&client.client_id, rest);
}

/// A random index into a list of this length, which is not empty.
fn any_of(length: usize, environment: &impl Environment) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a short list"
    )]
    let index = (environment.sample() * length as f64) as usize;
    index.min(length - 1)
}
