//! Battery Level (2A19) and the characteristics of the Device Information service.

use super::Invalid;
use crate::cursor::Cursor;

/// Reads a Battery Level: percent.
///
/// # Errors
/// [`Invalid`] above 100, and for another length than 1.
pub const fn battery_level(value: &[u8]) -> Result<u8, Invalid> {
    match value {
        [level @ 0..=100] => Ok(*level),
        _ => Err(Invalid),
    }
}

/// Reads one of the strings: UTF-8, without the white space and NULs that some devices pad with.
///
/// # Errors
/// [`Invalid`] if it isn't UTF-8.
pub fn text(value: &[u8]) -> Result<String, Invalid> {
    let text = std::str::from_utf8(value).map_err(|_| Invalid)?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text.chars().any(char::is_control) {
        return Err(Invalid);
    }
    Ok(text.to_owned())
}

/// Reads a version string, without the V that some put in front.
///
/// # Errors
/// [`Invalid`] if it isn't UTF-8.
pub fn version(value: &[u8]) -> Result<String, Invalid> {
    let text = text(value)?;
    let number = text.strip_prefix(['V', 'v']).unwrap_or(&text);
    Ok(if number.starts_with(|c: char| c.is_ascii_digit()) {
        number.to_owned()
    } else {
        text
    })
}

/// A PnP ID (2A50).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PnpId {
    /// Who gave out the vendor id: 1 the Bluetooth SIG, 2 the USB Implementers Forum.
    pub source: u8,
    /// Vendor.
    pub vendor: u16,
    /// Product of that vendor.
    pub product: u16,
    /// Version of that product.
    pub version: u16,
}

/// Reads a PnP ID.
///
/// # Errors
/// [`Invalid`] for a reserved source or another length than 7.
pub fn pnp_id(value: &[u8]) -> Result<PnpId, Invalid> {
    let mut cursor = Cursor::new(value);
    let mut read = || {
        let source = cursor.u8().filter(|source| matches!(source, 1 | 2))?;
        let (vendor, product, version) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
        cursor.rest().is_empty().then_some(PnpId {
            source,
            vendor,
            product,
            version,
        })
    };
    read().ok_or(Invalid)
}

/// Reads a System ID (2A23): 8 bytes, the least significant first, of which the last three are the maker's.
///
/// # Errors
/// [`Invalid`] for another length.
pub fn system_id(value: &[u8]) -> Result<u64, Invalid> {
    value.try_into().map(u64::from_le_bytes).map_err(|_| Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_battery_has_at_most_a_hundred_percent() {
        assert_eq!(battery_level(&[100]), Ok(100));
        for value in [&[101][..], &[255], &[], &[50, 0]] {
            assert_eq!(battery_level(value), Err(Invalid), "{value:?}");
        }
    }

    #[test]
    fn strings_come_without_their_padding() {
        assert_eq!(text(b"InfiniTime\0\0").unwrap(), "InfiniTime");
        assert_eq!(version(b"V1.0.1.81").unwrap(), "1.0.1.81");
        assert_eq!(version(b"Vega").unwrap(), "Vega");
        assert_eq!(text(&[0xff]), Err(Invalid));
        assert_eq!(text(b"a\nb"), Err(Invalid), "it goes to terminals and logs");
    }

    #[test]
    fn a_pnp_id_names_vendor_and_product() {
        let read = pnp_id(&[1, 0x57, 0x01, 0x20, 0, 0, 1]).unwrap();
        assert_eq!((read.vendor, read.product, read.version), (0x157, 0x20, 0x100));
        assert_eq!(pnp_id(&[1, 0x57, 0x01, 0x20, 0, 0]), Err(Invalid));
        assert_eq!(pnp_id(&[3, 0x57, 0x01, 0x20, 0, 0, 1]), Err(Invalid));
        assert_eq!(system_id(&[1, 0, 0, 0, 0, 0, 0, 0]), Ok(1));
        assert_eq!(system_id(&[1]), Err(Invalid));
    }
}
