//! What a mirror is told from outside: of its collection, and of its source.

use std::io;

use super::look::Look;
use super::{Mirror, Order};
use crate::state::{Event, Outcome};

impl Mirror {
    /// What waits isn't begun, nor what would be done instead: each is put off once.
    pub(super) fn take_back(&mut self) {
        loop {
            let left = self.queue.clear();
            if left.is_empty() {
                return;
            }
            let later = |natural| (natural, Outcome::Later);
            self.event(Event::Done(left.into_iter().map(later).collect()));
        }
    }

    /// What the desk says of the collection.
    pub(super) fn ordered(&mut self, order: Order) {
        match order {
            Order::On(binding) => {
                if self.state.is_on() && self.state.memory.binding != binding {
                    // Nothing that waits or is being looked at is this owner's.
                    self.ordered(Order::Off);
                }
                if !self.state.is_on() {
                    self.era += 1;
                    self.scans = Look::new(self.parts.settle);
                    self.lists = Look::new(self.parts.settle);
                    self.watch = match self.parts.source.watch() {
                        Ok(watch) => Some(watch),
                        Err(error) => {
                            tracing::warn!(source = self.parts.name, %error, "can't be watched");
                            None
                        }
                    };
                }
                self.event(Event::On(binding));
            }
            Order::Off => {
                self.watch = None;
                self.retry_at = None;
                self.look_at = None;
                self.era += 1;
                self.scans = Look::new(self.parts.settle);
                self.lists = Look::new(self.parts.settle);
                self.take_back();
                self.event(Event::Off);
            }
            Order::Changed if self.state.is_on() => self.lists.want(),
            Order::Again if self.state.is_on() && self.retry_at.is_some() => {
                self.waits.reset();
                self.retry();
            }
            Order::Changed | Order::Again => {}
        }
    }

    /// Something in the source was changed, as far as it is watched.
    pub(super) fn noticed(&mut self, changed: io::Result<()>) {
        if let Err(error) = changed {
            tracing::warn!(source = self.parts.name, %error, "isn't watched any more");
            self.watch = None;
        }
        self.scans.want();
    }
}
