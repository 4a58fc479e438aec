//! Letters by reason and by route, with a few samples.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection::domain::time::Timestamp;
use serde_json::{Value, json};

use super::filter::Filter;
use super::letter::{Letter, NOTHING};
use super::routes::{BATCH, Routes};
use crate::answer::{plain, table};
use crate::error::Error;

/// Letters shown of each reason.
const SAMPLES: usize = 3;

/// What is counted.
#[derive(Debug)]
pub(crate) struct Tally<'a> {
    filter: &'a Filter,
    key: Option<IdempotencyKey>,
    now: Timestamp,
    ledger: &'a mut Routes,
    waiting: Vec<Letter>,
    /// Letters that are meant.
    pub(crate) total: usize,
    reasons: BTreeMap<&'static str, usize>,
    routes: BTreeMap<String, usize>,
    samples: BTreeMap<&'static str, Vec<Letter>>,
}

impl<'a> Tally<'a> {
    /// Counts the letters that are meant; with a key, those alone of its event.
    pub(crate) fn new(filter: &'a Filter, key: Option<IdempotencyKey>, now: Timestamp, ledger: &'a mut Routes) -> Self {
        let (reasons, routes, samples) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { filter, key, now, ledger, waiting: Vec::new(), total: 0, reasons, routes, samples }
    }

    /// Counts a letter; the ledger is asked about many at once.
    pub(crate) async fn add(&mut self, letter: Letter) -> Result<(), Error> {
        if self.filter.admits(&letter, self.now) && self.key.is_none_or(|key| letter.key == Some(key)) {
            self.waiting.push(letter);
        }
        if self.waiting.len() >= BATCH { self.finish().await } else { Ok(()) }
    }

    /// Counts what waits for the ledger.
    pub(crate) async fn finish(&mut self) -> Result<(), Error> {
        let mut letters = std::mem::take(&mut self.waiting);
        self.ledger.look_up(&mut letters).await?;
        for letter in letters {
            if self.filter.admits_route(&letter) {
                self.count(letter);
            }
        }
        Ok(())
    }

    fn count(&mut self, letter: Letter) {
        self.total += 1;
        *self.reasons.entry(letter.reason_name).or_default() += 1;
        *self.routes.entry(letter.route.clone().unwrap_or_else(|| NOTHING.to_owned())).or_default() += 1;
        let samples = self.samples.entry(letter.reason_name).or_default();
        if samples.len() < SAMPLES {
            samples.push(letter);
        }
    }

    /// Why there are no routes, where there are none.
    pub(crate) fn note(&self) -> Option<String> {
        self.ledger.note()
    }

    /// A few of what was counted.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Letter> {
        self.samples.values().flatten()
    }

    /// Counts by reason and by route, most frequent first, and samples of each reason.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if self.total > 0 {
            let reason = |name: &&str| {
                if *name == NOTHING { format!("{NOTHING} (SQS itself moved it)") } else { (*name).to_owned() }
            };
            text += &counts("REASON", self.reasons.iter().map(|(name, count)| (reason(name), *count)));
            text.push('\n');
            text += &counts("ROUTE", self.routes.iter().map(|(name, count)| (plain(name), *count)));
        }
        for (reason, letters) in &self.samples {
            text.extend([format!("\n{reason}\n")]);
            text.extend(letters.iter().map(|letter| format!("  {}\n", letter.line())));
        }
        text
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        let samples: Vec<_> = self.samples().map(Letter::json).collect();
        json!({ "total": self.total, "reasons": self.reasons, "routes": self.routes, "samples": samples })
    }
}

fn counts(heading: &str, counts: impl Iterator<Item = (String, usize)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let heading = [heading.to_owned(), "LETTERS".to_owned()];
    let rows: Vec<_> =
        [heading].into_iter().chain(counts.into_iter().map(|(name, count)| [name, count.to_string()])).collect();
    table(&rows)
}
