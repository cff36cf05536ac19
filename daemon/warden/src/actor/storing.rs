//! What becomes of the memory where a write fails: whoever asks next is answered by what the disk says, as after another start.

use super::Warden;
use crate::core::state::{Binding, State};
use crate::disk::copies::Concern;
use crate::moment::Moment;

impl Warden {
    /// Takes over of `next` what is on disk of the concerns that were `tried`: those before the one that failed, and that one too where a
    /// copy of it was written. In a door that isn't open yet nothing is: it stays as shut as the next start would find it.
    pub(super) fn take_over_stored(&mut self, tried: &[Concern], next: &State, at: &Moment) {
        if !matches!(self.state.binding, Binding::Bound(_) | Binding::Unbound { .. }) {
            return;
        }
        for concern in tried {
            if self.vault.holds(*concern, next) {
                self.state.take_over(*concern, next, at);
            }
        }
    }
}
