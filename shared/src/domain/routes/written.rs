//! A route as the file has it: judged when the function starts, compiled when an event first needs it.
//!
//! Of ten thousand routes a worker sees events for a few hundred. All of them compiled would take ten times the memory
//! of their text, and more time than a start may take; one of them takes as long as one attribute of its events.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::{Glob, Queries, Route, RouteRules, load};
use crate::domain::event::Event;

/// Which events a route is for, and where the file says what becomes of them.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) matched: Match,
    part: Range<usize>,
    compiled: OnceLock<Option<Box<Route>>>,
}

/// The events that a route takes.
#[derive(Clone, Debug)]
pub(super) struct Match {
    pub(super) event_type: Glob,
    pub(super) source: Option<Glob>,
}

impl Written {
    pub(super) fn new(matched: Match, part: Range<usize>) -> Self {
        Self { matched, part, compiled: OnceLock::new() }
    }

    /// The route; always there, since the file was judged.
    pub(super) fn route(&self, file: &str, rules: RouteRules, queries: &Arc<Queries>) -> Option<&Route> {
        let compile = || load::route(file, self.part.clone(), rules, queries).map(Box::new);
        self.compiled.get_or_init(compile).as_deref()
    }
}

impl Match {
    pub(super) fn takes(&self, event: &Event) -> bool {
        self.event_type.matches(event.event_type())
            && self.source.as_ref().is_none_or(|source| source.matches(event.identity().source()))
    }

    /// Whether every event that `other` takes is taken here too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let source_covers = match (&self.source, &other.source) {
            (None, _) => true,
            (Some(source), None) => source.covers(&Glob::any()),
            (Some(source), Some(other)) => source.covers(other),
        };
        source_covers && self.event_type.covers(&other.event_type)
    }
}
