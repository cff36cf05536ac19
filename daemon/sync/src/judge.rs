//! What a record from the cloud does to the device's own.
//!
//! What is believed of a record is what is sealed in it. Its number rises with each change, so that a cloud that plays an
//! older one back, or was restored from a backup, gets the newer one again. A removal is a record like another; a record
//! that the cloud doesn't have says nothing.

/// How a record stands on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ours {
    /// Its number, with the changes that the cloud doesn't have.
    pub number: u64,
    /// The number that the cloud was last seen with; 0: never.
    pub base: u64,
    /// Whether it was changed since.
    pub pending: bool,
    /// Whether it is removed here.
    pub removed: bool,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theirs {
    /// Its number.
    pub number: u64,
    /// Whether it is a removal.
    pub removed: bool,
    /// Whether it is, byte for byte, what the cloud was last seen with.
    pub is_base: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is known.
    Known,
    /// It takes the place of ours.
    Take,
    /// Ours is newer than what the cloud has: it is pushed again, over what came.
    PushAgain,
    /// Both were changed: they are merged, above both numbers.
    Merge,
    /// One was removed and the other changed: ours stays, above both numbers.
    Keep,
}

/// Judges a record whose like may be on the device.
#[must_use]
pub const fn judge(ours: Option<Ours>, theirs: Theirs) -> Verdict {
    let Some(ours) = ours else { return Verdict::Take };
    if theirs.is_base {
        return match ours.pending || theirs.number < ours.number {
            true => Verdict::PushAgain,
            false => Verdict::Known,
        };
    }
    // What the cloud was seen with was newer than this: whatever became of it there, it is on the device.
    if theirs.number < ours.base || !ours.pending && theirs.number < ours.number {
        return Verdict::PushAgain;
    }
    if !ours.pending && theirs.number > ours.number {
        return Verdict::Take;
    }
    match (ours.removed, theirs.removed) {
        (true, _) => Verdict::Take,
        (false, true) => Verdict::Keep,
        (false, false) => Verdict::Merge,
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

    fn ours(number: u64, base: u64) -> Ours {
        Ours {
            number,
            base,
            pending: number > base,
            removed: false,
        }
    }

    fn theirs(number: u64) -> Theirs {
        Theirs {
            number,
            removed: false,
            is_base: false,
        }
    }

    #[test]
    fn what_is_new_here_is_taken() {
        assert_eq!(judge(None, theirs(3)), Verdict::Take);
        assert_eq!(judge(Some(ours(2, 2)), theirs(3)), Verdict::Take);
    }

    #[test]
    fn an_older_record_is_never_taken() {
        assert_eq!(judge(Some(ours(5, 5)), theirs(4)), Verdict::PushAgain);
        assert_eq!(judge(Some(ours(6, 5)), theirs(4)), Verdict::PushAgain);
    }

    #[test]
    fn two_changes_are_merged() {
        assert_eq!(judge(Some(ours(6, 5)), theirs(6)), Verdict::Merge);
        assert_eq!(judge(Some(ours(6, 5)), theirs(9)), Verdict::Merge);
        // A restored cloud let another device count the same number again.
        assert_eq!(judge(Some(ours(5, 5)), theirs(5)), Verdict::Merge);
    }

    #[test]
    fn a_change_outlives_a_removal() {
        let removal = Theirs {
            removed: true,
            ..theirs(6)
        };
        assert_eq!(judge(Some(ours(6, 5)), removal), Verdict::Keep);
        assert_eq!(judge(Some(ours(5, 5)), removal), Verdict::Take);
        let removed = Ours {
            removed: true,
            ..ours(6, 5)
        };
        assert_eq!(judge(Some(removed), theirs(6)), Verdict::Take);
    }

    #[test]
    fn what_the_cloud_was_seen_with_is_no_news() {
        let seen = Theirs {
            is_base: true,
            ..theirs(5)
        };
        assert_eq!(judge(Some(ours(5, 5)), seen), Verdict::Known);
        assert_eq!(judge(Some(ours(6, 5)), seen), Verdict::PushAgain);
    }

    proptest! {
        /// A change that the cloud doesn't have is never overwritten.
        #[test]
        fn a_pending_change_is_lost_by_nothing_that_comes(
            base in 0_u64..4, more in 1_u64..4, number in 1_u64..9, removed: bool, is_base: bool
        ) {
            let verdict = judge(Some(ours(base + more, base)), Theirs { number, removed, is_base });
            prop_assert!(matches!(verdict, Verdict::PushAgain | Verdict::Merge | Verdict::Keep));
        }

        /// The device never falls behind what it has seen.
        #[test]
        fn what_is_taken_is_newer(number in 1_u64..9, theirs in 1_u64..9, removed: bool) {
            let verdict = judge(Some(ours(number, number)), Theirs { number: theirs, removed, is_base: false });
            prop_assert!(verdict != Verdict::Take || theirs > number);
        }
    }
}
