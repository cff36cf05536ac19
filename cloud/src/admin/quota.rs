//! How much an account may keep: `belay-cloud admin quota ACCOUNT [BYTES]`.

use std::path::Path;

use super::{AdminError, with_data};
use crate::accounts::named::Named;
use crate::store::countable;
use crate::sync::table;

/// Binary units, as they may stand behind a number.
const UNITS: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// What an operator wants of an account's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What the configuration says.
    Default,
    /// So many bytes.
    Bytes(u64),
}

impl Wanted {
    /// `default`, or a number of bytes with `KiB`, `MiB`, `GiB`, `TiB` behind it or without.
    ///
    /// # Errors
    /// [`AdminError::Usage`].
    pub fn parse(text: &str) -> Result<Self, AdminError> {
        if text == "default" {
            return Ok(Self::Default);
        }
        let unit = UNITS
            .iter()
            .find_map(|(unit, bytes)| text.strip_suffix(unit).map(|number| (number, *bytes)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = number.parse::<u64>().ok().filter(|_| digits);
        let bytes = bytes
            .and_then(|number| number.checked_mul(unit))
            .and_then(|bytes| countable(bytes).ok());
        bytes.map(Self::Bytes).ok_or(AdminError::Usage(
            "a quota is `default`, or bytes such as 5368709120 or 5GiB",
        ))
    }
}

/// Sets the quota of an account, given by its id or by an address of its owner, where one is wanted; what the account uses and
/// may use then. `default` is the configuration's.
///
/// # Errors
/// [`AdminError::Usage`], [`AdminError::Named`], [`AdminError::NoAccount`], or data that can't be used.
pub fn quota(data: &Path, account: &str, wanted: Option<&str>, default: u64) -> Result<String, AdminError> {
    let named = Named::parse(account)?;
    let wanted = wanted.map(Wanted::parse).transpose()?;
    let counted = with_data(data, |vault, tx, _| {
        let Some(account) = named.find(vault, tx)? else {
            return Ok(None);
        };
        if let Some(wanted) = wanted {
            table::set_quota(
                tx,
                &account,
                match wanted {
                    Wanted::Default => None,
                    Wanted::Bytes(bytes) => Some(bytes),
                },
            )?;
        }
        Ok(Some((account, table::counted(tx, &account)?)))
    })?;
    let (account, counted) = counted.ok_or(AdminError::NoAccount)?;
    let from = if counted.quota.is_some() { "own" } else { "default" };
    let total = counted.quota(default).total;
    Ok(format!(
        "account={account} used={} quota={total} ({from})",
        counted.used
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_of_bytes_with_or_without_a_unit() {
        for (text, bytes) in [("0", 0), ("1234", 1234), ("5GiB", 5 << 30), ("2TiB", 2 << 40)] {
            assert_eq!(Wanted::parse(text).unwrap(), Wanted::Bytes(bytes));
        }
        assert_eq!(Wanted::parse("default").unwrap(), Wanted::Default);
        for bad in [
            "",
            "GiB",
            "+1",
            "-1",
            "1.5GiB",
            "5GB",
            "5 GiB",
            "9223372036854775808",
            "99999999999TiB",
        ] {
            assert!(Wanted::parse(bad).is_err(), "{bad}");
        }
    }
}
