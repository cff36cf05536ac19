//! Who waits for collections to be synced.

use std::collections::{BTreeMap, BTreeSet};

use super::Effect;
use crate::sync::error::SyncError;

/// Who waits, and for what.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(BTreeMap<u64, Waiter>);

#[derive(Clone, Debug)]
struct Waiter {
    /// For each collection whether a round of it has begun since it was asked for.
    left: BTreeMap<&'static str, bool>,
    /// Whatever the policy says.
    is_anyway: bool,
    /// The collections were named.
    is_named: bool,
    /// The first trouble.
    outcome: Result<(), SyncError>,
}

impl Waiting {
    pub(super) fn wait(
        &mut self,
        waiter: u64,
        collections: BTreeSet<&'static str>,
        (is_anyway, is_named): (bool, bool),
    ) {
        let left = collections.into_iter().map(|name| (name, false)).collect();
        let outcome = Ok(());
        let waits = Waiter {
            left,
            is_anyway,
            is_named,
            outcome,
        };
        self.0.insert(waiter, waits);
    }

    /// Whether somebody waits whatever the policy says.
    pub(super) fn is_anyway(&self) -> bool {
        self.0.values().any(|waiter| waiter.is_anyway)
    }

    /// Whether somebody waits for a collection.
    pub(super) fn is_for(&self, collection: &str) -> bool {
        let mut waiters = self.0.values();
        waiters.any(|waiter| waiter.left.contains_key(collection))
    }

    /// Whether somebody waits for a collection whatever the policy says.
    pub(super) fn is_anyway_for(&self, collection: &str) -> bool {
        let mut waiters = self.0.values().filter(|waiter| waiter.is_anyway);
        waiters.any(|waiter| waiter.left.contains_key(collection))
    }

    /// Nobody waits any longer but who does so whatever the policy says.
    pub(super) fn end_others(&mut self, error: SyncError, effects: &mut Vec<Effect>) {
        self.0.retain(|waiter, waits| {
            if !waits.is_anyway {
                effects.push(Effect::Answer(*waiter, Err(error)));
            }
            waits.is_anyway
        });
    }

    pub(super) fn hang_up(&mut self, waiter: u64) {
        self.0.remove(&waiter);
    }

    /// A round begins.
    pub(super) fn begin(&mut self, collection: &'static str) {
        for waiter in self.0.values_mut() {
            if let Some(has_begun) = waiter.left.get_mut(collection) {
                *has_begun = true;
            }
        }
    }

    /// A round is over: who asked before it began has it.
    pub(super) fn done(
        &mut self,
        collection: &'static str,
        outcome: Result<(), SyncError>,
        effects: &mut Vec<Effect>,
    ) {
        for waiter in self.0.values_mut() {
            if waiter.left.get(collection) == Some(&true) {
                waiter.left.remove(collection);
                waiter.outcome = match (waiter.outcome, outcome) {
                    // Nobody can do anything about it: all that may be synced is, and it is told otherwise.
                    (before, Err(SyncError::Unopened)) if !waiter.is_named => before,
                    // Nor does it hide what is.
                    (Err(SyncError::Unopened), Err(error)) => Err(error),
                    (before, now) => before.and(now),
                };
            }
        }
        self.answer(effects);
    }

    /// A collection isn't synced any more.
    pub(super) fn drop_out(&mut self, collection: &'static str, error: SyncError, effects: &mut Vec<Effect>) {
        for waiter in self.0.values_mut() {
            if waiter.left.remove(collection).is_some() {
                waiter.outcome = waiter.outcome.and(Err(error));
            }
        }
        self.answer(effects);
    }

    /// Nobody waits any longer.
    pub(super) fn end(&mut self, error: SyncError, effects: &mut Vec<Effect>) {
        for (waiter, _) in std::mem::take(&mut self.0) {
            effects.push(Effect::Answer(waiter, Err(error)));
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn answer(&mut self, effects: &mut Vec<Effect>) {
        self.0.retain(|waiter, waits| {
            if waits.left.is_empty() {
                effects.push(Effect::Answer(*waiter, waits.outcome));
            }
            !waits.left.is_empty()
        });
    }
}
