//! LUKS2 on disk ("LUKS2 On-Disk Format Specification", version 1.1.2): both headers and the keyslots' areas.
//!
//! Nothing here trusts a header: what is looked for is what an attacker could still use.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;

/// The binary header, before the JSON area.
const BINARY: usize = 4096;
const PRIMARY: &[u8] = b"LUKS\xba\xbe";
const SECONDARY: &[u8] = b"SKUL\xba\xbe";
/// One copy's size in bytes, binary header and JSON; the second copy lies at the offset of that size.
pub const SIZES: [u64; 9] = [
    0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000,
];
/// The format's limit for all keyslots together.
const LARGEST_KEYSLOTS: u64 = 128 * 1024 * 1024;
/// Where payloads begin by default: what is destroyed when the header doesn't tell.
const USUAL_END: u64 = 16 * 1024 * 1024;

/// What both headers say together, in bytes from the start of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Luks {
    /// How many of the two copies can be read.
    pub copies: usize,
    /// The keyslots that either copy still lists.
    pub keyslots: usize,
    /// Where the headers end and the keyslots' area begins.
    pub headers: u64,
    /// Where the keyslots' area ends.
    pub end: u64,
}

/// Why a device can't be taken for LUKS2.
#[derive(Debug, thiserror::Error)]
pub enum LuksError {
    /// It can't be read.
    #[error("unreadable: {0}")]
    Read(#[from] io::Error),
    /// There is neither header.
    #[error("no LUKS header")]
    Absent,
    /// The old format.
    #[error("LUKS version {0}, and only version 2 is known here")]
    Version(u16),
}

/// Reads both headers through `read(offset, length)`, which may answer less at the end of the device.
///
/// # Errors
/// [`LuksError`].
pub fn read(read: &dyn Fn(u64, usize) -> io::Result<Vec<u8>>) -> Result<Luks, LuksError> {
    let primary = copy(read, 0, PRIMARY)?;
    let offsets = match &primary {
        Some(primary) => vec![primary.size],
        // Without the first one the second has to be searched for.
        None => SIZES.to_vec(),
    };
    let mut secondary = None;
    for offset in offsets {
        secondary = copy(read, offset, SECONDARY)?;
        if secondary.is_some() {
            break;
        }
    }
    let copies: Vec<HeaderCopy> = primary.into_iter().chain(secondary).collect();
    let headers = copies
        .iter()
        .map(|copy| copy.size)
        .max()
        .ok_or(LuksError::Absent)?
        * 2;
    let end = copies.iter().filter_map(|copy| copy.area).max();
    let keyslots = |copy: &HeaderCopy| copy.keyslots.keys().cloned().collect::<Vec<_>>();
    let mut listed: Vec<String> = copies.iter().flat_map(keyslots).collect();
    listed.sort();
    listed.dedup();
    Ok(Luks {
        copies: copies.len(),
        keyslots: listed.len(),
        headers,
        end: end.map_or(USUAL_END, |area| headers + area).max(headers),
    })
}

/// Whether a header's mark is left in any place where a header may lie.
///
/// # Errors
/// The device can't be read.
pub fn any_mark(read: &dyn Fn(u64, usize) -> io::Result<Vec<u8>>) -> io::Result<bool> {
    for offset in std::iter::once(0).chain(SIZES) {
        let mark = read(offset, PRIMARY.len())?;
        if mark == PRIMARY || mark == SECONDARY {
            return Ok(true);
        }
    }
    Ok(false)
}

struct HeaderCopy {
    size: u64,
    keyslots: BTreeMap<String, serde_json::Value>,
    /// The size of the keyslots' area, where the JSON can be read.
    area: Option<u64>,
}

fn copy(
    read: &dyn Fn(u64, usize) -> io::Result<Vec<u8>>,
    offset: u64,
    mark: &[u8],
) -> Result<Option<HeaderCopy>, LuksError> {
    let binary = read(offset, BINARY)?;
    if !binary.starts_with(mark) {
        return Ok(None);
    }
    let version = field(&binary, 6).map(u16::from_be_bytes).unwrap_or_default();
    if version != 2 {
        return Err(LuksError::Version(version));
    }
    let size = field(&binary, 8).map(u64::from_be_bytes).unwrap_or_default();
    if !SIZES.contains(&size) {
        return Ok(None);
    }
    let length = usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(BINARY);
    let text = read(offset + BINARY as u64, length)?;
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let json: Option<Json> = serde_json::from_slice(text).ok();
    Ok(Some(match json {
        Some(json) => HeaderCopy {
            size,
            area: json
                .config
                .keyslots_size
                .parse()
                .ok()
                .filter(|size| *size <= LARGEST_KEYSLOTS),
            keyslots: json.keyslots,
        },
        None => HeaderCopy {
            size,
            area: None,
            keyslots: BTreeMap::new(),
        },
    }))
}

fn field<const N: usize>(binary: &[u8], offset: usize) -> Option<[u8; N]> {
    binary.get(offset..offset + N)?.try_into().ok()
}

#[derive(Deserialize)]
struct Json {
    keyslots: BTreeMap<String, serde_json::Value>,
    config: JsonConfig,
}

#[derive(Deserialize)]
struct JsonConfig {
    keyslots_size: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::image;

    fn of(image: &[u8]) -> Result<Luks, LuksError> {
        read(&|offset, length| {
            let start = usize::try_from(offset).unwrap().min(image.len());
            Ok(image[start..(start + length).min(image.len())].to_vec())
        })
    }

    #[test]
    fn both_copies_tell_keyslots_and_areas() {
        let luks = of(&image(&["0", "1"])).unwrap();
        let expected = Luks {
            copies: 2,
            keyslots: 2,
            headers: 0x8000,
            end: 0x8000 + 0x1_0000,
        };
        assert_eq!(luks, expected);
    }

    #[test]
    fn a_keyslot_that_only_the_second_copy_lists_counts() {
        let mut damaged = image(&["0"]);
        damaged[..BINARY].fill(0);
        let luks = of(&damaged).unwrap();
        assert_eq!((luks.copies, luks.keyslots), (1, 1));
        let mut mixed = image(&[]);
        mixed[0x4000..0x8000].copy_from_slice(&image(&["7"])[0x4000..0x8000]);
        assert_eq!(of(&mixed).unwrap().keyslots, 1);
    }

    #[test]
    fn a_header_without_readable_json_is_still_destroyed_to_the_usual_end() {
        let mut damaged = image(&["0"]);
        damaged[BINARY..0x4000].fill(b'{');
        damaged[0x4000..0x8000].fill(0);
        assert_eq!(of(&damaged).unwrap().end, USUAL_END);
    }

    #[test]
    fn what_is_not_luks2_is_named() {
        assert!(matches!(of(&[0; 0x8000]), Err(LuksError::Absent)));
        assert!(matches!(of(&[]), Err(LuksError::Absent)));
        let mut old = image(&["0"]);
        old[7] = 1;
        assert!(matches!(of(&old), Err(LuksError::Version(1))));
    }
}
