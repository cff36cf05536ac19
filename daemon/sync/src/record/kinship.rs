//! How a record that came hangs together with the device's own.

use belay_proto::sync::{Ancestors, Content, Revision};

use super::{Common, Held};
use crate::judge::{Kinship, Theirs, Verdict, judge};

impl Held {
    pub(super) fn kinship(&self, theirs: &Content, revision: &Revision) -> Kinship {
        let ours = &self.content;
        let is_of =
            |found: Option<Revision>, of: &Content| found.is_some_and(|found| of.ancestors.has(&found));
        if self.base.is_some_and(|base| base.revision == *revision) {
            return Kinship::Base;
        }
        if ours.ancestors.has(revision) {
            return Kinship::Ancestor;
        }
        if self.known == Some(*revision) || is_of(self.known, theirs) {
            return Kinship::Descendant;
        }
        match (is_of(theirs.renews, ours), is_of(ours.renews, theirs)) {
            (true, false) => Kinship::Replaced,
            (false, true) => Kinship::Replacing,
            // What is said again has in it all that was removed by what it was joined of: there just what the other says.
            (true, true) if ours.renews != theirs.renews => Kinship::Crossed,
            // So many changes later what it was made of is forgotten. To take it at its word would lose ours where the cloud was
            // rolled back, or kept ours from others, and somebody went on from there: both stay.
            _ => match self.shared_with(theirs) {
                Some(_) => Kinship::Cousin,
                None => Kinship::Stranger,
            },
        }
    }

    /// The newest version that both were made of.
    pub(super) fn shared_with(&self, theirs: &Content) -> Option<&Common> {
        let mut newest_first = self.offered.iter().chain(&self.common);
        newest_first.find(|shared| theirs.ancestors.has(&shared.revision))
    }

    pub(super) fn judged(
        &self,
        theirs: &Content,
        revision: &Revision,
        is_beside: bool,
    ) -> (Kinship, Verdict) {
        let kinship = self.kinship(theirs, revision);
        let theirs = Theirs {
            removed: theirs.removed,
            is_beside,
            kinship,
        };
        (kinship, judge(self.content.removed, theirs))
    }

    /// Whether a stranger has so low a number that ours may have been made of it, longer ago than is remembered: the cloud
    /// may have been rolled back.
    pub(super) fn is_far_ahead_of(&self, theirs: &Content) -> bool {
        let late = theirs.number.saturating_add(Ancestors::MOST as u64);
        self.content.ancestors.is_full() && self.content.number >= late
    }
}
