//! What a record from the cloud does to the device's own.
//!
//! What is believed of a record is what is sealed in it, and it names the revisions that it was made of. So a cloud that
//! plays an older one back, or was restored from a backup, gets the newer one again; and what was made without knowing what
//! this device has is never taken in its place. A removal is a record like another; a record that the cloud doesn't have
//! says nothing.

/// How a record stands on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ours {
    /// Whether it was changed since the cloud was last seen with it.
    pub pending: bool,
    /// Whether it is removed here.
    pub removed: bool,
}

/// What came, beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theirs {
    /// Whether it is a removal.
    pub removed: bool,
    /// How the two hang together.
    pub kinship: Kinship,
}

/// How what came hangs together with what the device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// It is what the cloud was last seen with.
    Base,
    /// Ours was made of it.
    Ancestor,
    /// It was made of what the cloud was last seen with.
    Descendant,
    /// Neither knows of the other.
    Stranger,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is known, and what is pending is pushed.
    Known,
    /// It takes the place of ours.
    Take,
    /// Ours is pushed again, over what came.
    PushAgain,
    /// Both are made one. Only of a descendant is it known what it was made of.
    Merge,
}

/// Judges a record whose like may be on the device.
#[must_use]
pub const fn judge(ours: Option<Ours>, theirs: Theirs) -> Verdict {
    let Some(ours) = ours else { return Verdict::Take };
    match (theirs.kinship, ours.pending) {
        (Kinship::Base, _) => Verdict::Known,
        (Kinship::Ancestor, _) => Verdict::PushAgain,
        (Kinship::Descendant, false) => Verdict::Take,
        // A change outlives a removal that didn't know of it.
        _ if ours.removed => Verdict::Take,
        _ if theirs.removed => Verdict::PushAgain,
        _ => Verdict::Merge,
    }
}

/// The number of what is made of both.
#[must_use]
pub fn above(ours: u64, theirs: u64) -> u64 {
    ours.max(theirs).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLEAN: Ours = Ours {
        pending: false,
        removed: false,
    };
    const PENDING: Ours = Ours {
        pending: true,
        removed: false,
    };

    fn theirs(kinship: Kinship) -> Theirs {
        Theirs {
            removed: false,
            kinship,
        }
    }

    fn removal(kinship: Kinship) -> Theirs {
        Theirs {
            removed: true,
            kinship,
        }
    }

    #[test]
    fn what_is_new_here_and_what_follows_is_taken() {
        assert_eq!(judge(None, theirs(Kinship::Stranger)), Verdict::Take);
        assert_eq!(judge(Some(CLEAN), theirs(Kinship::Descendant)), Verdict::Take);
        assert_eq!(judge(Some(CLEAN), removal(Kinship::Descendant)), Verdict::Take);
    }

    #[test]
    fn an_older_record_is_never_taken() {
        for ours in [CLEAN, PENDING] {
            assert_eq!(judge(Some(ours), theirs(Kinship::Ancestor)), Verdict::PushAgain);
            assert_eq!(judge(Some(ours), removal(Kinship::Ancestor)), Verdict::PushAgain);
        }
    }

    #[test]
    fn two_changes_are_merged() {
        assert_eq!(judge(Some(PENDING), theirs(Kinship::Descendant)), Verdict::Merge);
        assert_eq!(judge(Some(PENDING), theirs(Kinship::Stranger)), Verdict::Merge);
        // A restored cloud let another device change what it still had.
        assert_eq!(judge(Some(CLEAN), theirs(Kinship::Stranger)), Verdict::Merge);
    }

    #[test]
    fn a_change_outlives_a_removal() {
        assert_eq!(
            judge(Some(PENDING), removal(Kinship::Descendant)),
            Verdict::PushAgain
        );
        let removed = Ours {
            removed: true,
            ..PENDING
        };
        assert_eq!(judge(Some(removed), theirs(Kinship::Descendant)), Verdict::Take);
    }

    proptest! {
        /// A change that the cloud doesn't have is never overwritten.
        #[test]
        fn a_pending_change_is_lost_by_nothing_that_comes(kinship in 0..4_usize, removed: bool) {
            let kinship = [Kinship::Base, Kinship::Ancestor, Kinship::Descendant, Kinship::Stranger][kinship];
            prop_assert_ne!(judge(Some(PENDING), Theirs { removed, kinship }), Verdict::Take);
        }
    }
}
