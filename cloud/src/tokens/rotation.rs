//! What a refresh token is worth: the decision, without database and HTTP.

/// A family as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Thumbprint of the key that the family is bound to.
    pub thumbprint: [u8; 32],
    /// The number of the newest token given out; the first is 1.
    pub counter: u64,
    /// Whether the family has ended.
    pub revoked: bool,
}

/// What to do with a presented token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Give out the token of this number.
    Issue(u64),
    /// The token was stolen, from here or from there: end the family.
    Revoke,
    /// The family has ended.
    Refuse,
}

/// Judges token number `counter`, presented with the key `thumbprint`.
///
/// The newest token gives the next one. The one before it gives the newest once more: its answer was
/// lost. An older one, or another key, ends the family. One that is newer than the newest was given out
/// before this database was restored from a copy: its holder is not thrown out for that.
#[must_use]
pub fn present(family: &Family, counter: u64, thumbprint: &[u8; 32]) -> Verdict {
    if family.revoked {
        return Verdict::Refuse;
    }
    if family.thumbprint != *thumbprint {
        return Verdict::Revoke;
    }
    if counter >= family.counter {
        return Verdict::Issue(counter.saturating_add(1));
    }
    if counter.saturating_add(1) == family.counter {
        Verdict::Issue(family.counter)
    } else {
        Verdict::Revoke
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn family(counter: u64) -> Family {
        Family {
            thumbprint: KEY,
            counter,
            revoked: false,
        }
    }

    #[test]
    fn the_newest_token_gives_the_next_and_the_previous_one_the_same_again() {
        assert_eq!(present(&family(1), 1, &KEY), Verdict::Issue(2));
        assert_eq!(present(&family(2), 1, &KEY), Verdict::Issue(2));
        assert_eq!(present(&family(2), 2, &KEY), Verdict::Issue(3));
    }

    #[test]
    fn an_older_token_or_another_key_ends_the_family() {
        assert_eq!(present(&family(3), 1, &KEY), Verdict::Revoke);
        assert_eq!(present(&family(3), 3, &[8; 32]), Verdict::Revoke);
        assert_eq!(
            present(
                &Family {
                    revoked: true,
                    ..family(3)
                },
                3,
                &KEY
            ),
            Verdict::Refuse
        );
    }

    #[test]
    fn a_restored_database_throws_nobody_out() {
        assert_eq!(present(&family(3), 5, &KEY), Verdict::Issue(6));
        assert_eq!(present(&family(3), 5, &[8; 32]), Verdict::Revoke);
    }

    proptest! {
        /// A client that stores what it gets before using it is never thrown out, whatever answers get lost.
        #[test]
        fn a_client_that_loses_answers_keeps_its_session(lost in proptest::collection::vec(any::<bool>(), 0..50)) {
            let (mut server, mut client) = (family(1), 1);
            for lost in lost {
                let Verdict::Issue(next) = present(&server, client, &KEY) else { panic!("thrown out") };
                prop_assert!(next == server.counter || next == server.counter + 1);
                server.counter = next;
                if !lost {
                    client = next;
                }
            }
        }
    }
}
