//! What a request to a store touches, so that the limits of the store can be counted.

use std::fmt;

use contact_injection::domain::{idempotency::IdempotencyKey, routes::QueueId};

/// A request to a store.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// Reads the secret.
    Secret,
    /// Reads one item as it is now.
    Read(Item),
    /// Reads several items of one table in one request, as they are or were a moment ago.
    ReadMany(Vec<Item>),
    /// Writes one item, or fails to under its condition.
    Write(Item),
}

impl Access {
    /// The store, as an error names it.
    pub(crate) fn store(&self) -> &'static str {
        match self {
            Self::Secret => "the secret",
            Self::Read(item) | Self::Write(item) => item.table().store(),
            Self::ReadMany(items) => items.first().map_or(Table::Registry, Item::table).store(),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => f.write_str("a read of the secret"),
            Self::Read(_) | Self::ReadMany(_) => write!(f, "a read of {}", self.store()),
            Self::Write(_) => write!(f, "a write to {}", self.store()),
        }
    }
}

/// An item of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    /// What the ledger knows of an event.
    Event(IdempotencyKey),
    /// An OAuth client.
    Client(String),
    /// The registered attributes.
    Schema,
    /// A queue's health and room.
    Queue(QueueId),
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    /// One item for each event.
    Ledger,
    /// One item for each OAuth client.
    Clients,
    /// The attributes, and one item for each queue.
    Registry,
}

impl Item {
    /// Where it is.
    pub(crate) fn table(&self) -> Table {
        match self {
            Self::Event(_) => Table::Ledger,
            Self::Client(_) => Table::Clients,
            Self::Schema | Self::Queue(_) => Table::Registry,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(_) => f.write_str("one event's record"),
            Self::Client(id) => write!(f, "client {id}"),
            Self::Schema => f.write_str("the attribute schema"),
            Self::Queue(id) => write!(f, "queue {id}"),
        }
    }
}

impl Table {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Ledger, Self::Clients, Self::Registry];

    /// As an error names it.
    pub(crate) const fn store(self) -> &'static str {
        match self {
            Self::Ledger => "the ledger",
            Self::Clients => "the clients table",
            Self::Registry => "the registry",
        }
    }
}
