//! Deliberate defects: what a simulation that finds nothing has to be asked about.
//!
//! Each stands for a mistake that is easy to make in this program. It is made in the models around the program, so that
//! the program itself holds no switch.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// A claim whose outcome is in doubt is deleted.
    ClaimDeletedOnTimeout,
    /// A claim whose outcome is in doubt is released.
    ClaimReleasedOnDoubt,
    /// The ledger is written whoever holds the claim by now.
    SettlementUnfenced,
    /// A record that says injected is read as one in doubt.
    DuplicateUnchecked,
    /// A claim of an event with other data isn't a conflict.
    DataUnchecked,
    /// The data of an event that CXone created a contact for, and lost, are forgotten.
    DataUnbound,
    /// An event that can't be injected is dead-lettered without a look at the ledger.
    LedgerUnasked,
    /// A dead-lettered event isn't on record as one.
    DeadLetterOffRecord,
    /// Whether an event has expired isn't looked at again after a wait.
    ExpiryCheckedEarly,
    /// CXone is taken to remember a key for ever.
    KeyMemoryIgnored,
    /// Every request has a key of its own.
    KeyPerAttempt,
    /// The key stays the same after CXone lost a contact.
    KeyKeptAfterLoss,
    /// A timeout counts as a connection that was never made.
    TimeoutTakenForRefusal,
    /// How long CXone asks to wait isn't read.
    RetryAfterIgnored,
    /// A client is leased though its credentials were refused a moment ago.
    RefusalForgotten,
    /// How long the authorization server asks to wait isn't read.
    TokenWaitIgnored,
    /// The window isn't kept from one invocation to the next.
    WindowForgotten,
    /// The permits of a worker that crashed are forgotten.
    ReservationForgotten,
    /// Every worker's clock is taken for the reader's own.
    SkewIgnored,
    /// A client can be leased while another worker holds it.
    LeaseUnchecked,
    /// A client can be given back by whoever held it once.
    LeaseUnfenced,
    /// A message is deleted when it is received.
    AcknowledgedOnReceipt,
    /// Every message of a batch is deleted when the batch ends.
    FailuresIgnored,
    /// A dead letter that could not be sent counts as sent.
    DeadLetterUnchecked,
    /// Every worker is told that the places it asks for are a queue's first.
    RoomUnreserved,
    /// That a queue refused a contact for being full is told to nobody.
    SaturationForgotten,
    /// Within an invocation, what is known of a queue stays what it was at its beginning.
    ReadingNotRenewed,
    /// A request leaves for a tenant before the ledger says that it will.
    IntentUnwritten,
    /// What a tenant may have been sent, and nobody can be asked about, is sent again.
    DoubtSentAgain,
    /// What one target may have been sent goes to the next.
    FallbackUnderDoubt,
    /// A later 400 or 404 counts as proof that an earlier request created nothing.
    DoubtCleared,
    /// A claim that says that a request left is taken over while its worker may live.
    JudgedEarly,
    /// The search for a message is believed to have heeded its filter: a page that hasn't got it counts as all that
    /// there is. The answer's count of hits is made to agree with its rows.
    FilterTrusted,
    /// One look that doesn't find a message counts as proof that it is absent, where CXone may only be slow to show it.
    /// The ledger's record of a message in doubt says that a first look had been taken when it was sent.
    AbsentAfterOneLook,
    /// A callback in doubt counts as queued where one for its number waits at its skill, though it may be another
    /// event's: CXone has nothing else to tell them apart by. The request without an answer is answered with a 202.
    OtherCallbackTaken,
    /// That nothing left counts as said before its write lands, which then undoes what was said of the next request.
    WithdrawalUnfenced,
    /// A standard worker may have a client that is kept for urgent messages: it takes every client for its own lane's.
    ReserveIgnored,
    /// A redrive puts every dead letter into the contact queue.
    LaneForgotten,
    /// A client that was lent can be lent again while the standard lane waits for it.
    TurnsForgotten,
}

impl Defect {
    /// What chance hardly ever brings about: a sequence shows these.
    pub const BY_SEQUENCE: [Self; 3] = [Self::ReadingNotRenewed, Self::WithdrawalUnfenced, Self::TurnsForgotten];

    /// Those that only show where CXone knows no key, and the room of skills: by seeds of the profile for a tenant.
    pub const OF_CXONE: [Self; 9] = [
        Self::IntentUnwritten,
        Self::DoubtSentAgain,
        Self::FallbackUnderDoubt,
        Self::DoubtCleared,
        Self::JudgedEarly,
        Self::FilterTrusted,
        Self::AbsentAfterOneLook,
        Self::OtherCallbackTaken,
        Self::RoomUnreserved,
    ];

    /// Every other defect: by seeds of the guide's profile.
    pub const BY_SEED: [Self; 28] = [
        Self::ClaimDeletedOnTimeout,
        Self::ClaimReleasedOnDoubt,
        Self::SettlementUnfenced,
        Self::DuplicateUnchecked,
        Self::DataUnchecked,
        Self::DataUnbound,
        Self::LedgerUnasked,
        Self::DeadLetterOffRecord,
        Self::ExpiryCheckedEarly,
        Self::KeyMemoryIgnored,
        Self::KeyPerAttempt,
        Self::KeyKeptAfterLoss,
        Self::TimeoutTakenForRefusal,
        Self::RetryAfterIgnored,
        Self::RefusalForgotten,
        Self::TokenWaitIgnored,
        Self::WindowForgotten,
        Self::ReservationForgotten,
        Self::SkewIgnored,
        Self::LeaseUnchecked,
        Self::LeaseUnfenced,
        Self::AcknowledgedOnReceipt,
        Self::FailuresIgnored,
        Self::DeadLetterUnchecked,
        Self::RoomUnreserved,
        Self::SaturationForgotten,
        Self::ReserveIgnored,
        Self::LaneForgotten,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaimDeletedOnTimeout => "claim-deleted-on-timeout",
            Self::ClaimReleasedOnDoubt => "claim-released-on-doubt",
            Self::SettlementUnfenced => "settlement-unfenced",
            Self::DuplicateUnchecked => "duplicate-unchecked",
            Self::DataUnchecked => "data-unchecked",
            Self::DataUnbound => "data-unbound",
            Self::LedgerUnasked => "ledger-unasked",
            Self::DeadLetterOffRecord => "dead-letter-off-record",
            Self::ExpiryCheckedEarly => "expiry-checked-early",
            Self::KeyMemoryIgnored => "key-memory-ignored",
            Self::KeyPerAttempt => "key-per-attempt",
            Self::KeyKeptAfterLoss => "key-kept-after-loss",
            Self::TimeoutTakenForRefusal => "timeout-taken-for-refusal",
            Self::RetryAfterIgnored => "retry-after-ignored",
            Self::RefusalForgotten => "refusal-forgotten",
            Self::TokenWaitIgnored => "token-wait-ignored",
            Self::WindowForgotten => "window-forgotten",
            Self::ReservationForgotten => "reservation-forgotten",
            Self::SkewIgnored => "skew-ignored",
            Self::LeaseUnchecked => "lease-unchecked",
            Self::LeaseUnfenced => "lease-unfenced",
            Self::AcknowledgedOnReceipt => "acknowledged-on-receipt",
            Self::FailuresIgnored => "failures-ignored",
            Self::DeadLetterUnchecked => "dead-letter-unchecked",
            Self::RoomUnreserved => "room-unreserved",
            Self::ReadingNotRenewed => "reading-not-renewed",
            Self::SaturationForgotten => "saturation-forgotten",
            Self::IntentUnwritten => "intent-unwritten",
            Self::DoubtSentAgain => "doubt-sent-again",
            Self::FallbackUnderDoubt => "fallback-under-doubt",
            Self::DoubtCleared => "doubt-cleared",
            Self::JudgedEarly => "judged-early",
            Self::WithdrawalUnfenced => "withdrawal-unfenced",
            Self::FilterTrusted => "filter-trusted",
            Self::AbsentAfterOneLook => "absent-after-one-look",
            Self::OtherCallbackTaken => "other-callback-taken",
            Self::ReserveIgnored => "reserve-ignored",
            Self::LaneForgotten => "lane-forgotten",
            Self::TurnsForgotten => "turns-forgotten",
        }
    }

    /// The breach of the invariant that is there to see this defect, where it is among these. Another invariant may see
    /// some of what follows from it first, which says nothing of the one that is meant.
    pub fn sign(self, breaches: &[String]) -> Option<&String> {
        breaches.iter().find(|breach| breach.contains(self.breaks()))
    }

    /// Words of that invariant's breaches.
    const fn breaks(self) -> &'static str {
        match self {
            Self::DuplicateUnchecked
            | Self::KeyMemoryIgnored
            | Self::KeyPerAttempt
            | Self::TimeoutTakenForRefusal
            | Self::IntentUnwritten
            | Self::WithdrawalUnfenced => "became 2 contacts",
            Self::ClaimDeletedOnTimeout | Self::ClaimReleasedOnDoubt => "became a contact and a dead letter",
            Self::AcknowledgedOnReceipt
            | Self::FailuresIgnored
            | Self::DeadLetterUnchecked
            | Self::OtherCallbackTaken => "became neither a contact nor a dead letter",
            Self::SettlementUnfenced | Self::LedgerUnasked => "as injected and does no longer",
            Self::DataUnchecked | Self::DataUnbound => "with different data",
            Self::DeadLetterOffRecord => "the ledger doesn't tell how",
            Self::ExpiryCheckedEarly => "was posted after it had expired",
            Self::KeyKeptAfterLoss => "without cause: contact-failed",
            Self::RetryAfterIgnored => "was asked to wait and sent another request",
            Self::RefusalForgotten => "after its credentials were refused",
            Self::TokenWaitIgnored => "asked for a token",
            Self::WindowForgotten | Self::ReservationForgotten | Self::SkewIgnored => "requests in a window",
            Self::LeaseUnchecked | Self::LeaseUnfenced => "while another held it",
            Self::RoomUnreserved | Self::ReadingNotRenewed => "and had room for",
            Self::SaturationForgotten => "after it was known to be full",
            Self::DoubtSentAgain => "was sent again while it was in doubt",
            Self::FallbackUnderDoubt => "while it was in doubt at",
            Self::DoubtCleared => "was injected and parked, and nobody decided",
            Self::FilterTrusted | Self::AbsentAfterOneLook => "without proof that it was absent",
            Self::ReserveIgnored => "is kept for urgent messages",
            Self::LaneForgotten => "went back into the queue of the",
            Self::TurnsForgotten => "was lent twice in a row",
            Self::JudgedEarly => "while a request for it may be on its way",
        }
    }

    /// The defect of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = Self::BY_SEED.into_iter().chain(Self::BY_SEQUENCE).chain(Self::OF_CXONE);
        all.into_iter().find(|defect| defect.name() == name)
    }
}
