//! DynamoDB's limits: of an item, and of the partition that it is in.
//!
//! The budgets of a second are counted by the second. An item is in the partition that its hash says; a table has some
//! partitions to begin with, and twice as many a while after one of them was asked for more than it gives. What a
//! refused request would have taken is not taken.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::access::{Item, Table};

/// What the services bear. The default is what AWS documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Write units of one item, and of one partition, in a second.
    pub writes: u64,
    /// Read units of one item, and of one partition, in a second.
    pub reads: u64,
    /// Partitions of a table at its start.
    pub partitions: usize,
    /// After so long a table that was asked for too much has twice as many, in seconds.
    pub split_seconds: i64,
    /// Messages of a queue that were received, and neither deleted nor returned.
    pub in_flight: usize,
    /// Batches that an event source mapping works on at once at its start.
    pub first_pollers: usize,
    /// How many more it works on a minute later.
    pub pollers_a_minute: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            writes: 1000,
            reads: 3000,
            partitions: 4,
            split_seconds: 600,
            in_flight: 120_000,
            first_pollers: 5,
            pollers_a_minute: 300,
        }
    }
}

/// What is taken of an item's budget: write units, and halves of read units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) writes: u64,
    pub(super) half_reads: u64,
}

/// What a table was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) requests: u64,
    pub(super) units: Units,
    pub(super) refused: u64,
    pub(super) partitions: usize,
}

/// The item that was asked for most, in one second.
#[derive(Clone, Debug)]
pub(super) struct Hottest {
    pub(super) item: Item,
    pub(super) requests: u64,
    /// The share of its limit that it took.
    pub(super) share: f64,
}

/// The tables' budgets.
pub(super) struct Tables {
    limits: Limits,
    second: i64,
    items: HashMap<Item, (Units, u64)>,
    partitions: HashMap<(Table, usize), Units>,
    split_at: BTreeMap<Table, i64>,
    pub(super) asked: BTreeMap<Table, Asked>,
    pub(super) hottest: BTreeMap<Table, Hottest>,
}

impl Units {
    fn and(self, more: Self) -> Self {
        Self { writes: self.writes + more.writes, half_reads: self.half_reads + more.half_reads }
    }

    fn within(self, limits: Limits) -> bool {
        self.writes <= limits.writes && self.half_reads <= 2 * limits.reads
    }

    #[expect(clippy::cast_precision_loss, reason = "units of one second")]
    fn share(self, limits: Limits) -> f64 {
        (self.writes as f64 / limits.writes as f64).max(self.half_reads as f64 / 2.0 / limits.reads as f64)
    }
}

impl Tables {
    /// Tables that nobody has asked for anything.
    pub(super) fn new(limits: Limits) -> Self {
        let fresh = Asked { partitions: limits.partitions, ..Asked::default() };
        Self {
            limits,
            second: 0,
            items: HashMap::new(),
            partitions: HashMap::new(),
            split_at: BTreeMap::new(),
            asked: Table::ALL.map(|table| (table, fresh)).into(),
            hottest: BTreeMap::new(),
        }
    }

    /// Takes these units of one table's items, all or none; whether the budgets of this second have them.
    pub(super) fn take(&mut self, now: i64, wanted: &[(Item, Units)]) -> bool {
        self.begin(now);
        let Some(table) = wanted.first().map(|(item, _)| item.table()) else { return true };
        let hot = wanted.iter().any(|(item, units)| !self.of_item(item).0.and(*units).within(self.limits));
        let full = wanted.iter().any(|(item, units)| !self.of_partition(item).1.and(*units).within(self.limits));
        let asked = self.asked.entry(table).or_default();
        asked.requests += 1;
        if hot || full {
            asked.refused += 1;
            if full && !hot {
                self.split_at.entry(table).or_insert(now + self.limits.split_seconds * 1000);
            }
            return false;
        }
        asked.units = wanted.iter().fold(asked.units, |sum, (_, units)| sum.and(*units));
        for (item, units) in wanted {
            let (partition, taken) = self.of_partition(item);
            self.partitions.insert((table, partition), taken.and(*units));
            let (taken, requests) = self.of_item(item);
            let (taken, requests) = (taken.and(*units), requests + 1);
            self.items.insert(item.clone(), (taken, requests));
            let share = taken.share(self.limits);
            if self.hottest.get(&table).is_none_or(|hottest| hottest.share < share) {
                self.hottest.insert(table, Hottest { item: item.clone(), requests, share });
            }
        }
        true
    }

    fn begin(&mut self, now: i64) {
        if now / 1000 == self.second {
            return;
        }
        self.second = now / 1000;
        self.items.clear();
        self.partitions.clear();
        for table in Table::ALL {
            if self.split_at.get(&table).is_some_and(|at| *at <= now) {
                self.split_at.remove(&table);
                self.asked.entry(table).or_default().partitions *= 2;
            }
        }
    }

    fn of_item(&self, item: &Item) -> (Units, u64) {
        self.items.get(item).copied().unwrap_or_default()
    }

    fn of_partition(&self, item: &Item) -> (usize, Units) {
        let table = item.table();
        let mut hasher = DefaultHasher::new();
        item.hash(&mut hasher);
        let partitions = self.asked.get(&table).map_or(1, |asked| asked.partitions.max(1));
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
        let partition = (hasher.finish() % partitions as u64) as usize;
        (partition, self.partitions.get(&(table, partition)).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Units = Units { writes: 2, half_reads: 0 };

    fn client(number: usize) -> Item {
        Item::Client(format!("c-{number}"))
    }

    #[test]
    fn an_item_gives_no_more_than_its_limit_in_a_second_and_as_much_in_the_next() {
        let mut tables = Tables::new(Limits { writes: 4, partitions: 1, ..Limits::default() });
        let taken: Vec<_> = (0..3).map(|_| tables.take(1000, &[(client(1), WRITE)])).collect();
        assert_eq!(taken, [true, true, false]);
        assert!(tables.take(2000, &[(client(1), WRITE)]));
        let hottest = &tables.hottest[&Table::Clients];
        assert_eq!((hottest.requests, hottest.share), (2, 1.0));
    }

    #[test]
    fn a_table_that_was_asked_for_too_much_has_twice_the_partitions_later() {
        let limits = Limits { writes: 4, partitions: 1, split_seconds: 60, ..Limits::default() };
        let mut tables = Tables::new(limits);
        let given = |tables: &mut Tables, at| (0..100).filter(|n| tables.take(at, &[(client(*n), WRITE)])).count();
        assert_eq!(given(&mut tables, 1000), 2);
        assert_eq!(given(&mut tables, 60_000), 2);
        assert_eq!(given(&mut tables, 61_000), 4);
        assert_eq!(tables.asked[&Table::Clients].partitions, 2);
        assert_eq!(tables.asked[&Table::Clients].refused, 98 + 98 + 96);
    }

    #[test]
    fn a_request_for_several_items_takes_all_or_none() {
        let mut tables = Tables::new(Limits { reads: 1, partitions: 8, ..Limits::default() });
        let half = Units { writes: 0, half_reads: 1 };
        let both = [(Item::Schema, Units { half_reads: 3, ..half }), (client(0), half)];
        assert!(!tables.take(1000, &both));
        assert_eq!(tables.asked[&Table::Registry].units, Units::default());
    }
}
