//! Reads what accessories send, from front to back. Nothing is read beyond the end: `None` is a truncated value.

use jiff::civil::DateTime;

/// What is left to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All that is left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next bytes, as many as the array has.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_le_bytes)
    }

    pub(crate) fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    /// Seven bytes: year, month, day, hour, minute, second. The inner `None` is a date that doesn't exist, as clocks
    /// that were never set show it.
    pub(crate) fn civil(&mut self) -> Option<Option<DateTime>> {
        let year = self.u16()?;
        let [month, day, hour, minute, second] = self.array()?;
        let small = |value: u8| i8::try_from(value).ok();
        let date_time = || {
            DateTime::new(
                i16::try_from(year).ok()?,
                small(month)?,
                small(day)?,
                small(hour)?,
                small(minute)?,
                small(second)?,
                0,
            )
            .ok()
        };
        // The year 0 is "unknown" to the Bluetooth SIG.
        Some(if year == 0 { None } else { date_time() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Some(0x0201));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.rest(), [3], "what could not be read is still there");
    }

    #[test]
    fn a_date_that_does_not_exist_is_none() {
        let civil = |bytes: [u8; 7]| Cursor::new(&bytes).civil().unwrap();
        assert_eq!(
            civil([0xb2, 0x07, 1, 1, 10, 26, 21]).unwrap().to_string(),
            "1970-01-01T10:26:21"
        );
        assert_eq!(civil([0xe7, 7, 2, 30, 0, 0, 0]), None);
        assert_eq!(civil([0, 0, 1, 1, 0, 0, 0]), None);
        assert_eq!(civil([0xff; 7]), None);
        assert_eq!(Cursor::new(&[0; 6]).civil(), None, "six bytes are no date");
    }
}
