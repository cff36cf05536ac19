//! How people and programs name an account: by its id, or by an address of its owner.

use belay_proto::AccountId;
use belay_proto::identifier::Identifier;
use rusqlite::Transaction;

use super::table;
use crate::identifiers;
use crate::store::Failure;
use crate::vault::Vault;
use crate::verifications::table::lookup;

/// A text that names no account: neither an id nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account is named by its id, 32 hexadecimal digits, or an address of its owner")]
pub struct NoName;

/// How an account is named.
#[derive(Debug)]
pub enum Named {
    /// By one of its addresses.
    Address(Identifier),
    /// By whoever knows the account already.
    Id(AccountId),
}

impl Named {
    /// Reads an id of 32 hexadecimal digits, or an address.
    ///
    /// # Errors
    /// [`NoName`].
    pub fn parse(text: &str) -> Result<Self, NoName> {
        // No address has this form.
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        Identifier::parse(text).map(Self::Address).map_err(|_| NoName)
    }

    /// The MAC that stands for the name, whether an account has it or not.
    #[must_use]
    pub fn lookup(&self, vault: &Vault) -> [u8; 32] {
        match self {
            Self::Address(address) => lookup(vault, address),
            Self::Id(id) => vault.mac("account-id", &[id.as_bytes()]),
        }
    }

    /// The account, unless it was deleted.
    ///
    /// # Errors
    /// A broken database.
    pub fn find(&self, vault: &Vault, tx: &Transaction<'_>) -> Result<Option<AccountId>, Failure> {
        match self {
            Self::Address(_) => identifiers::table::account_of(tx, &self.lookup(vault)),
            Self::Id(id) => Ok(table::exists(tx, id)?.then_some(*id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn an_account_is_named_by_its_id_or_an_address_in_its_normal_form() {
        for (text, normal) in [
            ("jo@example.org", "jo@example.org"),
            ("+49 151 23456789", "+4915123456789"),
        ] {
            let named = Named::parse(text).unwrap();
            assert!(
                matches!(&named, Named::Address(address) if address.as_str() == normal),
                "{named:?}"
            );
        }
        assert!(matches!(Named::parse(ID), Ok(Named::Id(_))));
        for none in ["", "jo", &ID[1..], "jo@", "0151 23456789"] {
            assert_eq!(Named::parse(none).unwrap_err(), NoName, "{none}");
        }
    }
}
