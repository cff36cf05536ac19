//! How a binding stands.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

/// How a binding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In force.
    Active,
    /// Let go by the device.
    Released,
    /// Replaced: the account has bound the hardware anew.
    Superseded,
}

impl Standing {
    /// Its name in the database and for operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Released => "released",
            Self::Superseded => "superseded",
        }
    }
}

impl FromSql for Standing {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        [Self::Active, Self::Released, Self::Superseded]
            .into_iter()
            .find(|standing| standing.name() == name)
            .ok_or(FromSqlError::InvalidType)
    }
}
