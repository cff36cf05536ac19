//! The chunked channel (H-0020): what is longer than one write.

/// The type of a notification.
pub const NOTIFICATION: u8 = 0;

const FIRST: u8 = 0x00;
const MIDDLE: u8 = 0x40;
const LAST: u8 = 0x80;
const SINGLE: u8 = 0xc0;

/// The chunks of `data`, for an ATT MTU of `mtu` bytes; `None` where they are more than an index can count.
#[must_use]
pub fn chunks(kind: u8, data: &[u8], mtu: u16) -> Option<Vec<Vec<u8>>> {
    let room = usize::from(mtu.max(23)) - 6;
    let count = data.len().div_ceil(room).max(1);
    (0..count)
        .map(|index| {
            let flags = match (index == 0, index + 1 == count) {
                (true, true) => SINGLE,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            let header = [0, flags | (kind & 0x0f), u8::try_from(index).ok()?];
            let part = data.chunks(room).nth(index).unwrap_or_default();
            Some([&header, part].concat())
        })
        .collect()
}
