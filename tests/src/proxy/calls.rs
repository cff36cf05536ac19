//! What was called, by the contract's names, and tricks on one call alone.

use std::collections::BTreeSet;

use super::tricks::Aim;
use super::{Proxy, Trick};
use crate::openapi::Call;

impl Proxy {
    /// Plays `trick` on the next `times` requests that are this call, after those planned before.
    pub fn plan_call(&self, call: &Call, times: usize, trick: &Trick) {
        self.shared.plan(Aim::Call(call.clone()), times, trick);
    }

    /// Whether a trick has been played on this call since [`Proxy::behave`].
    #[must_use]
    pub fn has_played(&self, call: &Call) -> bool {
        let played = self.shared.state().played.clone();
        let mut calls = played
            .iter()
            .filter_map(|(method, path)| self.shared.contract.call(method, path));
        calls.any(|played| played == *call)
    }

    /// The calls after the first `count` exchanges, see [`Proxy::count`].
    #[must_use]
    pub fn calls_since(&self, count: usize) -> BTreeSet<Call> {
        let state = self.shared.state();
        let news = state.exchanges.iter().skip(count);
        news.filter_map(|exchange| self.shared.contract.call(&exchange.method, &exchange.path))
            .collect()
    }
}
