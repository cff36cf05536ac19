//! A network that is bad by chance, and away for some devices.

use std::collections::BTreeSet;

use crate::bluez::Chance;

use super::Trick;

/// How many of a thousand requests for sync go wrong, and how.
#[derive(Debug, Clone)]
pub struct Weather {
    /// Where the chances come from.
    pub chance: Chance,
    /// The cloud never hears of it.
    pub lost: u16,
    /// The cloud hears and the answer is lost.
    pub unanswered: u16,
    /// The cloud hears it twice.
    pub doubled: u16,
    /// The answer breaks off in the middle.
    pub torn: u16,
    /// The request reaches the cloud late: up to [`Weather::OVERTAKEN`] others come before it.
    pub late: u16,
}

impl Weather {
    /// So many requests overtake a late one at most.
    pub const OVERTAKEN: u32 = 3;

    /// What happens in one request to `path`: so many others overtake it, and then the trick is played.
    pub(super) fn next(&mut self, path: &str) -> (u32, Option<Trick>) {
        let is_sync = path.starts_with("/v1/sync") || path.starts_with("/v1/blobs");
        if !is_sync {
            return (0, None);
        }
        let late = match self.chance.per_mille(self.late) {
            true => 1 + self.chance.number(Self::OVERTAKEN),
            false => 0,
        };
        let mut dice = self.chance.number(1000);
        let trick = [
            (self.lost, Trick::Cut),
            (self.unanswered, Trick::LoseAnswer),
            (self.doubled, Trick::Double),
            (self.torn, Trick::Tear),
        ]
        .into_iter()
        .find_map(|(share, trick)| {
            let falls_here = dice < u32::from(share);
            dice = dice.saturating_sub(u32::from(share));
            falls_here.then_some(trick)
        });
        (late, trick)
    }
}

/// Who is on the network, by the keys that prove their requests.
#[derive(Debug, Default)]
pub(super) struct Callers {
    /// All that were seen, in order.
    pub(super) seen: Vec<String>,
    /// Those for whom there is no network.
    pub(super) away: BTreeSet<String>,
}
