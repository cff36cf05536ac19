//! The parts of a state that are stored in one file.

use super::state::State;
use crate::disk::copies::Concern;
use crate::moment::Moment;

impl State {
    /// Takes one of them over from `next`: this is what is stored of it.
    pub fn take_over(&mut self, concern: Concern, next: &Self, at: &Moment) {
        match concern {
            Concern::Binding if self.binding == next.binding => {}
            Concern::Binding => {
                self.binding = next.binding.clone();
                // What was proved, found wrong or chosen was so for the binding before.
                self.tickets.clear();
                self.wrong.clear();
                (self.checking, self.chosen) = (None, None);
            }
            Concern::Throttle => self.throttle = next.throttle.clone(),
            Concern::Pending => self.pending.clone_from(&next.pending),
            Concern::Lock => {
                self.lock.clone_from(&next.lock);
                self.book.clone_from(&next.book);
                self.standing.clone_from(&next.standing);
            }
            Concern::AuditHead => {}
        }
        self.own_book(at);
        self.restand(at);
    }
}
