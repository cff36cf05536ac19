//! Whose account an operator means.

use belay_proto::AccountId;
use belay_proto::identifier::Identifier;
use rusqlite::Transaction;

use super::AdminError;
use crate::accounts::table as accounts;
use crate::identifiers::table as identifiers;
use crate::store::Failure;
use crate::vault::Vault;
use crate::verifications::table::lookup;

/// How an account is named.
#[derive(Debug)]
pub enum Who {
    /// By its id.
    Id(AccountId),
    /// By an address of its owner.
    Address(Identifier),
}

impl Who {
    /// Reads an id of 32 hexadecimal digits, or an address.
    ///
    /// # Errors
    /// [`AdminError::Usage`].
    pub fn parse(text: &str) -> Result<Self, AdminError> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        Identifier::parse(text).map(Self::Address).map_err(|_| {
            AdminError::Usage(
                "an account is named by its id, 32 hexadecimal digits, or an address of its owner",
            )
        })
    }

    /// The account, unless it was deleted.
    ///
    /// # Errors
    /// A broken database.
    pub fn find(&self, vault: &Vault, tx: &Transaction<'_>) -> Result<Option<AccountId>, Failure> {
        match self {
            Self::Id(id) => Ok(accounts::exists(tx, id)?.then_some(*id)),
            Self::Address(address) => identifiers::account_of(tx, &lookup(vault, address)),
        }
    }
}
