//! Which ids the book remembers, and how it forgets: what is forgotten can never be accepted, by another rule.
//!
//! | forgotten | refused from then on as |
//! |---|---|
//! | its time is over | `expired`: the warden's own time only goes on |
//! | a newer one stands in its register | `superseded`: the register only rises |
//! | none of both, and there are more than the book holds: the lowest counters | `superseded`: not above the [`Book::floor`] |
//!
//! The floor is what keeps a flood of the owner's own commands from ending the owner's commands: a new one always has
//! a counter above all that were accepted, and so above the floor. Delegates have places of their own and move no
//! floor: one that was stolen shuts nobody out.

use belay_proto::CommandId;

use super::book::{Book, Fate, Known};
use super::judge::{Order, shares_register};

/// How many of the owner's commands, and ids that they cancelled, are remembered one by one.
pub const OWNERS: usize = 384;
/// How many of the delegates' are; beyond, no more of them are taken until some are void.
pub const DELEGATES: usize = 128;

impl Book {
    /// Remembers a command.
    pub fn remember(&mut self, order: &Order, fate: Fate) {
        let known = Known {
            verb: Some(order.verb()),
            counter: order.counter,
            void_after: order.void_after,
            fate,
            delegated: order.is_delegated(),
        };
        self.known.insert(order.id, known);
    }

    /// Remembers that a command is cancelled that hasn't come yet. What it is isn't known, and so neither is its end;
    /// it was made before its cancel, or before the newest command that came until now.
    pub(super) fn mark(&mut self, target: CommandId) {
        let known = Known {
            verb: None,
            counter: self.counter,
            void_after: None,
            fate: Fate::Marked,
            delegated: false,
        };
        self.known.insert(target, known);
    }

    /// Whether the id isn't remembered and the counter says that it may have been.
    pub(super) fn is_below_floor(&self, order: &Order) -> bool {
        !self.known.contains_key(&order.id) && self.floor.is_some_and(|floor| order.counter <= floor)
    }

    /// Whether one more can be remembered. The owner's always can, by [`Self::make_room`].
    pub(super) fn has_room(&self, order: &Order) -> bool {
        !order.is_delegated() || self.count_known(true) < DELEGATES
    }

    /// Before a delegate's command is judged: forgets what is void, if their places are taken.
    pub(super) fn make_room_for_delegates(&mut self, now: u64) {
        if self.count_known(true) >= DELEGATES {
            self.forget_void(true, now);
        }
    }

    /// After a command was judged: forgets ids of the owner's until the rest have their places, what is void first.
    pub(super) fn make_room(&mut self, now: u64) {
        if self.count_known(false) > OWNERS {
            self.forget_void(false, now);
        }
        let excess = self.count_known(false).saturating_sub(OWNERS);
        if excess == 0 {
            return;
        }
        let over = |known: &Known| !known.delegated && known.fate != Fate::Running;
        let over = self.known.iter().filter(|(_, known)| over(known));
        let mut lowest: Vec<_> = over.map(|(id, known)| (known.counter, *id)).collect();
        lowest.sort_unstable();
        for (counter, id) in lowest.into_iter().take(excess) {
            self.known.remove(&id);
            self.floor = self.floor.max(Some(counter));
            // Issuers go by this one, and are to come out above the floor.
            self.counter = self.counter.max(counter);
        }
    }

    /// Forgets what another rule refuses from now on.
    fn forget_void(&mut self, delegated: bool, now: u64) {
        let (register, floor) = (self.register, self.floor);
        self.known.retain(|_, known| {
            let expired = known.void_after.is_some_and(|end| end < now);
            let outranked = known.verb.is_some_and(shares_register) && known.counter <= register;
            let below = floor.is_some_and(|floor| known.counter <= floor);
            known.delegated != delegated || known.fate == Fate::Running || !(expired || outranked || below)
        });
    }

    fn count_known(&self, delegated: bool) -> usize {
        let of_these = |known: &&Known| known.delegated == delegated;
        self.known.values().filter(of_these).count()
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
