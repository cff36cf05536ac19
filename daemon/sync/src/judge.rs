//! What a record from the cloud does to the device's own.
//!
//! What is believed of a record is what is sealed in it, and it names the revisions that it was made of. So a cloud that
//! plays an older one back, or was restored from a backup, gets the newer one again; and what was made without knowing what
//! this device has is never taken in its place. A removal is a record like another; a record that the cloud doesn't have
//! says nothing.

/// What came, beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theirs {
    /// Whether it is a removal.
    pub removed: bool,
    /// Whether what the device has of the record lies beside it anyway, as another version, or did until its owner chose.
    pub is_beside: bool,
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
    /// It is ours, or was made of it.
    Descendant,
    /// What it says ours took the place of, though not it itself.
    Replaced,
    /// It took the place of what ours says, though not of ours itself.
    Replacing,
    /// Each took the place of what the other says: both say what somebody who saw it has replaced or removed.
    Crossed,
    /// Ours was changed, and both were made of what was in common before.
    Cousin,
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
    /// Both are made one. Only of a cousin is it known what it was made of.
    Merge,
    /// Neither stays.
    Neither,
}

/// Judges a record whose like is on the device, `removed` there or not.
#[must_use]
pub const fn judge(removed: bool, theirs: Theirs) -> Verdict {
    match theirs.kinship {
        Kinship::Base => Verdict::Known,
        Kinship::Ancestor | Kinship::Replaced => Verdict::PushAgain,
        Kinship::Descendant | Kinship::Replacing => Verdict::Take,
        Kinship::Crossed if theirs.removed => Verdict::Take,
        Kinship::Crossed if removed => Verdict::PushAgain,
        Kinship::Crossed => Verdict::Neither,
        Kinship::Cousin | Kinship::Stranger if removed => Verdict::Take,
        // Ours has been put beside it by somebody who knew of both: were it pushed again it would be there twice, or come back.
        Kinship::Cousin | Kinship::Stranger if theirs.removed && theirs.is_beside => Verdict::Take,
        // A change outlives a removal that didn't know of it.
        Kinship::Cousin | Kinship::Stranger if theirs.removed => Verdict::PushAgain,
        Kinship::Cousin | Kinship::Stranger => Verdict::Merge,
    }
}

/// The number of what is made of both.
#[must_use]
pub fn above(ours: u64, theirs: u64) -> u64 {
    ours.max(theirs).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [Kinship; 2] = [Kinship::Cousin, Kinship::Stranger];

    const fn theirs(kinship: Kinship) -> Theirs {
        Theirs {
            removed: false,
            is_beside: false,
            kinship,
        }
    }

    const fn removal(kinship: Kinship) -> Theirs {
        Theirs {
            removed: true,
            is_beside: false,
            kinship,
        }
    }

    #[test]
    fn what_follows_is_taken() {
        for kinship in [Kinship::Descendant, Kinship::Replacing] {
            for removed in [false, true] {
                assert_eq!(judge(removed, theirs(kinship)), Verdict::Take);
                assert_eq!(judge(removed, removal(kinship)), Verdict::Take);
            }
        }
    }

    #[test]
    fn an_older_record_is_never_taken() {
        for kinship in [Kinship::Ancestor, Kinship::Replaced] {
            for removed in [false, true] {
                assert_eq!(judge(removed, theirs(kinship)), Verdict::PushAgain);
                assert_eq!(judge(removed, removal(kinship)), Verdict::PushAgain);
            }
        }
    }

    #[test]
    fn two_changes_are_merged() {
        for kinship in OTHERS {
            assert_eq!(judge(false, theirs(kinship)), Verdict::Merge);
        }
    }

    #[test]
    fn a_change_outlives_a_removal() {
        for kinship in OTHERS {
            assert_eq!(judge(false, removal(kinship)), Verdict::PushAgain);
            assert_eq!(judge(true, theirs(kinship)), Verdict::Take);
        }
    }

    #[test]
    fn of_two_that_took_each_others_place_a_removal_stays_and_else_neither() {
        for removed in [false, true] {
            assert_eq!(judge(removed, removal(Kinship::Crossed)), Verdict::Take);
        }
        assert_eq!(judge(true, theirs(Kinship::Crossed)), Verdict::PushAgain);
        assert_eq!(judge(false, theirs(Kinship::Crossed)), Verdict::Neither);
    }

    #[test]
    fn what_lies_beside_its_record_anyway_goes_with_it_but_not_by_a_removal_that_it_took_the_place_of() {
        for kinship in OTHERS.into_iter().chain([Kinship::Ancestor, Kinship::Replaced]) {
            let removal = Theirs {
                is_beside: true,
                ..removal(kinship)
            };
            let verdict = match OTHERS.contains(&kinship) {
                true => Verdict::Take,
                false => Verdict::PushAgain,
            };
            assert_eq!(judge(false, removal), verdict);
        }
        let change = Theirs {
            is_beside: true,
            ..theirs(Kinship::Stranger)
        };
        assert_eq!(judge(false, change), Verdict::Merge);
    }
}
