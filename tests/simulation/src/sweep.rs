//! Many seeds, on every core. Runs share nothing, so how they are spread changes none of them.

use std::{
    fmt,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{Defect, Profile, Report, Tally, run};

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The runs that broke an invariant, by seed.
    pub failed: Vec<Report>,
    /// What all of them went through together.
    pub tally: Tally,
}

/// Runs these seeds of a profile.
pub fn sweep(profile: Profile, seeds: Range<u64>, defect: Option<Defect>) -> Sweep {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut mine = Sweep::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return mine;
            }
            let report = run(profile, seed, defect, false);
            mine.tally.add(report.tally);
            if !report.breaches.is_empty() {
                mine.failed.push(report);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut whole = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().fold(Sweep::default(), |mut whole, worker| {
            match worker.join() {
                Ok(part) => {
                    whole.failed.extend(part.failed);
                    whole.tally.add(part.tally);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
            whole
        })
    });
    whole.failed.sort_by_key(|report| report.seed);
    whole
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.invocations += other.invocations;
        self.deaths += other.deaths;
        self.requests += other.requests;
        self.contacts += other.contacts;
        self.letters += other.letters;
        self.in_doubt += other.in_doubt;
        self.decided += other.decided;
        self.callbacks += other.callbacks;
        self.conversations += other.conversations;
        self.look_ups += other.look_ups;
        self.repeated += other.repeated;
        self.virtual_millis += other.virtual_millis;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages, {} invocations ({} died), {} requests, {} contacts, {} dead letters, {} virtual hours",
            self.messages,
            self.invocations,
            self.deaths,
            self.requests,
            self.contacts,
            self.letters,
            self.virtual_millis / 3_600_000
        )
    }
}
