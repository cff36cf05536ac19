//! What goes wrong with an accessory, by script and by a seed.

use std::time::Duration;

use uuid::Uuid;
use zbus::OwnedVariant;

/// Faults of one accessory. The default is none.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// It can be seen and not be reached: `Connect` isn't answered.
    pub absent: bool,
    /// So many of the next `Connect`s fail with this text of `org.bluez.Error.Failed`, such as
    /// `le-connection-abort-by-local`.
    pub connect_fails: Option<(u32, String)>,
    /// It has lost its bond: as long as BlueZ has one, connections break.
    pub lost_bond: bool,
    /// The link is lost at the n-th read, write or subscription from now on, counted from one.
    pub drops_at: Option<u32>,
    /// The link is lost after so many more notifications.
    pub drops_after: Option<u32>,
    /// Each read, write and subscription takes so long, in the simulation's time.
    pub slow: Duration,
    /// Each question about a service, a characteristic or a descriptor takes so long, in the simulation's time.
    pub ponders: Duration,
    /// So many notifications of a thousand are lost.
    pub lost: u16,
    /// So many notifications of a thousand arrive twice.
    pub doubled: u16,
    /// `ServicesResolved` becomes true before the GATT objects exist, which are added with the next reconnection.
    pub resolved_early: bool,
    /// A flag that nobody knows is among each characteristic's.
    pub unknown_flag: Option<String>,
    /// Properties the objects don't have, by interface and name.
    pub missing: Vec<(String, String)>,
    /// Properties with another value, or one of another type.
    pub odd: Vec<(String, String, OwnedVariant)>,
    /// Operations that are refused.
    pub refused: Vec<Refused>,
}

/// An operation that is refused for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The method, such as `WriteValue`.
    pub member: String,
    /// On this characteristic alone; `None`: on any.
    pub of: Option<Uuid>,
    /// Only where what is written begins so. With a characteristic it names one operation among those that the client
    /// has under way: which of them comes first is chance.
    pub begins: Vec<u8>,
    /// How many times more.
    pub times: u32,
    /// The D-Bus error.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Faults {
    /// A flaky link: what goes wrong and when follows from `seed` alone. Nothing of it is for ever, so a client that
    /// tries again gets there.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut faults = Self::default();
        if chance.per_mille(300) {
            let texts = [
                "le-connection-abort-by-local",
                "Software caused connection abort",
                "Input/output error",
            ];
            let text = texts[chance.below(texts.len())];
            faults.connect_fails = Some((1 + chance.number(2), text.to_owned()));
        }
        if chance.per_mille(500) {
            faults.drops_at = Some(1 + chance.number(20));
        } else if chance.per_mille(500) {
            faults.drops_after = Some(1 + chance.number(40));
        }
        if chance.per_mille(300) {
            faults.refused.push(Refused {
                member: ["ReadValue", "WriteValue", "StartNotify"][chance.below(3)].to_owned(),
                of: None,
                begins: Vec::new(),
                times: 1,
                name: "org.bluez.Error.Failed".to_owned(),
                text: "Operation failed with ATT error: 0x0e".to_owned(),
            });
        }
        faults.resolved_early = chance.per_mille(150);
        faults
    }

    /// What `member` of a characteristic is refused with this time, `value` being what it writes.
    pub(super) fn refuses(&mut self, member: &str, of: Uuid, value: &[u8]) -> Option<(String, String)> {
        let is_meant = |one: &&mut Refused| {
            one.member == member
                && one.of.is_none_or(|it| it == of)
                && value.starts_with(&one.begins)
                && one.times > 0
        };
        let found = self.refused.iter_mut().find(is_meant)?;
        found.times -= 1;
        Some((found.name.clone(), found.text.clone()))
    }

    /// Counts an operation: whether the link is lost at it.
    pub(super) fn cuts(&mut self) -> bool {
        count_down(&mut self.drops_at)
    }

    /// Counts a notification: whether the link is lost after it.
    pub(super) fn cuts_after(&mut self) -> bool {
        count_down(&mut self.drops_after)
    }

    /// The text this `Connect` fails with.
    pub(super) fn connect_failure(&mut self) -> Option<String> {
        let (times, text) = self.connect_fails.as_mut()?;
        if *times == 0 {
            return None;
        }
        *times -= 1;
        Some(text.clone())
    }
}

fn count_down(counter: &mut Option<u32>) -> bool {
    let Some(left) = counter else { return false };
    *left = left.saturating_sub(1);
    let now = *left == 0;
    if now {
        *counter = None;
    }
    now
}

/// Chance that repeats: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, and 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// A number below `end`, and 0 where there is none.
    pub fn number(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end.max(1))).unwrap_or(0)
    }

    /// A byte.
    pub const fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// What happens so many times of a thousand.
    pub fn per_mille(&mut self, of_thousand: u16) -> bool {
        self.number(1000) < u32::from(of_thousand)
    }
}
