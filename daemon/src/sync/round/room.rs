//! What the cloud has room for, as far as this device knows.

use belay_proto::wire::Quota;

use super::{Report, Round};

/// What may be pushed since the cloud has room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sync) enum Room {
    /// All there is.
    #[default]
    Any,
    /// It had none the last time and has told of no more since: what it has may be changed, since what doesn't grow has room, and
    /// removed. What is new would be sealed and sent in vain, round by round.
    Changes,
    /// It has just told that it has none: removals alone.
    Removals,
}

impl Round {
    /// What the cloud tells of its room with a page or an answer.
    pub(super) fn told(&self, report: &mut Report, quota: Quota) {
        let left = |quota: Quota| quota.total.saturating_sub(quota.used);
        report.quota = Some(quota);
        if report.room == Room::Changes && self.full.is_none_or(|full| left(quota) > left(full)) {
            report.room = Room::Any;
        }
    }
}
