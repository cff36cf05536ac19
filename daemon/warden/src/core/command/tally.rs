//! How much is audited of what somebody else can cause without end: refusals, a delegate's commands, rehearsals. Each
//! entry takes its place in a log that is cut at some length, and a flood would push out what was written before it.

/// So many are audited one by one; after them the 512th, the 1,024th and so on.
const ONE_BY_ONE: u64 = 256;

/// How many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally(u64);

/// How many there were under the newest of the owner's delegations. A newer one, for which the password was typed, has
/// its entries again; one that is older counts with the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelegatedTally {
    /// When the delegation was signed, ms since the Unix epoch.
    pub since: u64,
    /// How many since then.
    pub tally: Tally,
}

impl Tally {
    /// From its stored form.
    #[must_use]
    pub const fn of(count: u64) -> Self {
        Self(count)
    }

    /// Its stored form.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.0
    }

    /// Counts one more. Answers its entry's detail, which says how many before it have none; `None`: nor has this one.
    pub fn entry(&mut self, detail: String) -> Option<String> {
        self.0 = self.0.saturating_add(1);
        match self.0 {
            count if count <= ONE_BY_ONE => Some(detail),
            count if count.is_power_of_two() => {
                // All since the power of two before.
                let left_out = count / 2 - 1;
                Some(format!("{detail} ({left_out} more before it, left out)"))
            }
            _ => None,
        }
    }
}

impl DelegatedTally {
    /// As [`Tally::entry`], under a delegation that was signed then, ms since the Unix epoch. One that is dated far ahead
    /// of `now` counts with the newest, or none would ever be newer.
    pub fn entry_under(&mut self, signed: u64, now: u64, detail: String) -> Option<String> {
        if signed > self.since && signed <= now {
            *self = Self {
                since: signed,
                tally: Tally::default(),
            };
        }
        self.tally.entry(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(mut more: impl FnMut(String) -> Option<String>, times: u32) -> Vec<String> {
        (0..times).filter_map(|_| more("ring".to_owned())).collect()
    }

    #[test]
    fn a_flood_has_its_first_entries_and_then_few_that_count_the_rest() {
        let mut tally = Tally::default();
        let told = entries(|detail| tally.entry(detail), 1100);
        assert_eq!(told.len(), 258);
        assert!(told[..256].iter().all(|entry| entry == "ring"));
        assert_eq!(told[256], "ring (255 more before it, left out)");
        assert_eq!(told[257], "ring (511 more before it, left out)");
        assert_eq!(tally.count(), 1100);
    }

    #[test]
    fn a_newer_delegation_is_audited_anew_and_an_older_one_never() {
        let mut tally = DelegatedTally::default();
        assert_eq!(entries(|detail| tally.entry_under(5, 9, detail), 300).len(), 256);
        assert_eq!(entries(|detail| tally.entry_under(4, 9, detail), 100).len(), 0);
        assert_eq!(entries(|detail| tally.entry_under(6, 9, detail), 2).len(), 2);
        // All in turn are one flood.
        let mut signed = [5, 6, 10].into_iter().cycle();
        let told = entries(|detail| tally.entry_under(signed.next()?, 9, detail), 400);
        assert_eq!(told.len(), 254);
    }
}
