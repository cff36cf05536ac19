//! Wearer, goal and wrist, as they are written to H-0008.

use crate::settings::{Sex, Wearer, Wrist};

/// The wearer, 16 bytes; the weight is in 1/200 kg. `None` where it is above 327 kg or nobody was born in that year.
#[must_use]
pub fn wearer(wearer: &Wearer) -> Option<[u8; 16]> {
    let [y, z] = u16::try_from(wearer.birth.year()).ok()?.to_le_bytes();
    let (month, day) = (
        wearer.birth.month().unsigned_abs(),
        wearer.birth.day().unsigned_abs(),
    );
    let sex = match wearer.sex {
        Sex::Male => 0,
        Sex::Female => 1,
        Sex::Other => 2,
    };
    let [h, i] = wearer.height.to_le_bytes();
    let [w, x] = wearer.weight.checked_mul(200)?.to_le_bytes();
    let [a, b, c, d] = wearer.id.to_le_bytes();
    Some([0x4f, 0, 0, y, z, month, day, sex, h, i, w, x, a, b, c, d])
}

/// Steps a day.
#[must_use]
pub const fn goal(steps: u16) -> [u8; 7] {
    let [low, high] = steps.to_le_bytes();
    [0x10, 0, 0, low, high, 0, 0]
}

/// The wrist that wears the band.
#[must_use]
pub const fn wrist(wrist: Wrist) -> [u8; 4] {
    match wrist {
        Wrist::Left => [0x20, 0, 0, 0x02],
        Wrist::Right => [0x20, 0, 0, 0x82],
    }
}
