//! What a test asks this face, and what it changes under way.

use std::collections::BTreeSet;

use super::config::{Config, Skill};
use super::faults::Fault;
use super::record::{Creation, RequestRecord, Summary, TokenRecord};
use super::tenant::Tenant;
use super::violations::Violation;
use crate::tenant::{busiest, tally};

impl Tenant {
    /// Every contact made, oldest first.
    pub fn creations(&self) -> &[Creation] {
        &self.creations
    }

    /// The contacts made under this key.
    pub fn creations_by_key(&self, key: &str) -> Vec<&Creation> {
        self.creations.iter().filter(|creation| creation.key == key).collect()
    }

    /// Every request, in order of arrival.
    pub fn requests(&self) -> &[RequestRecord] {
        &self.requests
    }

    /// Every token issued, oldest first.
    pub fn tokens(&self) -> &[TokenRecord] {
        &self.tokens.issued
    }

    /// Every broken rule, in order.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The violations that no correct client commits.
    pub fn misuses(&self) -> Vec<&Violation> {
        self.violations.iter().filter(|violation| violation.rule.is_misuse()).collect()
    }

    /// The settings in force, with the skills as they stand now; faults are apart, in [`Tenant::pending_faults`].
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The settings in force, to be changed. Changes hold from the next request on.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// A skill, to be changed: fuller, emptier, inactive.
    pub fn skill_mut(&mut self, skill_id: u64) -> Option<&mut Skill> {
        self.config.skills.iter_mut().find(|skill| skill.id == skill_id)
    }

    /// Adds a skill or replaces the one of the same number.
    pub fn put_skill(&mut self, skill: Skill) {
        match self.skill_mut(skill.id) {
            Some(known) => *known = skill,
            None => self.config.skills.push(skill),
        }
    }

    /// Serves up to `count` contacts of a skill and returns how many waited: those made here first, oldest first, then
    /// whatever else its queue counts.
    pub fn complete(&mut self, skill_id: u64, count: u64) -> u64 {
        let Some(skill) = self.skill_mut(skill_id) else { return 0 };
        let served = skill.queue_count.min(count);
        skill.queue_count -= served;
        let now_ms = self.now_ms;
        let waiting = self.creations.iter_mut().filter(|creation| creation.completed_at_ms.is_none());
        let here = waiting.filter(|creation| creation.skill_id == Some(skill_id));
        here.take(usize::try_from(served).unwrap_or(usize::MAX))
            .for_each(|creation| creation.completed_at_ms = Some(now_ms));
        served
    }

    /// Ends one contact, and returns whether it waited: the only end that a digital one has, as no skill holds it.
    pub fn complete_contact(&mut self, contact_id: u64) -> bool {
        let now_ms = self.now_ms;
        let mut waiting = self.creations.iter_mut().filter(|creation| creation.completed_at_ms.is_none());
        let Some(creation) = waiting.find(|creation| creation.contact_id == contact_id) else { return false };
        creation.completed_at_ms = Some(now_ms);
        let skill_id = creation.skill_id;
        if let Some(skill) = skill_id.and_then(|id| self.skill_mut(id)) {
            skill.queue_count = skill.queue_count.saturating_sub(1);
        }
        true
    }

    /// The most of an access key's authenticated requests, the refused ones among them, that any window held: exactly,
    /// over the whole run.
    pub fn busiest_window(&self, access_key_id: &str) -> usize {
        let counted = self.requests.iter().filter(|request| request.counted);
        let own = counted.filter(|request| request.access_key_id.as_deref() == Some(access_key_id));
        busiest(own.map(|request| request.at_ms), self.config.rate_limit.window_milliseconds)
    }

    /// How many requests were answered with this status.
    pub fn count_of_status(&self, status: u16) -> usize {
        self.requests.iter().filter(|request| request.status == Some(status)).count()
    }

    /// Adds a fault behind those already there.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The faults that have still to strike.
    pub fn pending_faults(&self) -> &[Fault] {
        self.faults.pending()
    }

    /// Revokes every token issued so far.
    pub fn revoke_tokens(&mut self) {
        self.tokens.revoke_all();
    }

    /// Everything at a glance.
    pub fn summary(&self) -> Summary {
        let keys = self.creations.iter().map(|creation| creation.key.as_str());
        let keys: BTreeSet<&str> = keys.filter(|key| !key.is_empty()).collect();
        let status = |request: &RequestRecord| request.status.map_or("none".to_owned(), |status| status.to_string());
        let busiest = |id: &String| (id.clone(), self.busiest_window(id));
        Summary {
            now_ms: self.now_ms,
            creations: self.creations.len(),
            contacts_by_kind: tally(self.creations.iter().map(|creation| creation.kind.name().to_owned())),
            keys_with_twins: keys.iter().filter(|key| self.creations_by_key(key).len() > 1).count(),
            waiting: self.creations.iter().filter(|creation| creation.completed_at_ms.is_none()).count(),
            requests_by_status: tally(self.requests.iter().map(status)),
            tokens_by_access_key: tally(self.tokens.issued.iter().map(|token| token.access_key_id.clone())),
            busiest_window_by_access_key: self
                .config
                .access_keys
                .iter()
                .map(|key| busiest(&key.access_key_id))
                .collect(),
            violations: self.violations.len(),
            misuses: self.misuses().len(),
            pending_faults: self.faults.pending().len(),
        }
    }
}
