//! The verifications in the database.

use belay_proto::AccountId;
use belay_proto::identifier::Identifier;
use belay_proto::keys::random;
use rusqlite::{OptionalExtension, Transaction, params};

use super::state::{self, Channel, Purpose, Verification};
use crate::clock::Millis;
use crate::store::{Failure, StoreError};
use crate::vault::Vault;

/// A verification's id.
pub type VerificationId = [u8; 16];

/// A row.
#[derive(Debug)]
pub struct Row {
    /// The id.
    pub id: VerificationId,
    /// The key that opened it.
    pub thumbprint: [u8; 32],
    /// What decides.
    pub state: Verification,
    /// The MAC of the last code.
    pub code: Vec<u8>,
    /// The MAC of the address.
    pub lookup: [u8; 32],
    /// The address, opened.
    pub address: String,
    /// The device's name, opened.
    pub device_name: String,
    /// The wanted language.
    pub language: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The account whose session opened it, with [`Purpose::Identifier`].
    pub account: Option<AccountId>,
    /// Whether what it is for was done.
    pub used: bool,
}

/// What a new one begins with.
#[derive(Debug)]
pub struct New<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// The account whose session opens it, with [`Purpose::Identifier`].
    pub account: Option<AccountId>,
    /// The key that opens it.
    pub thumbprint: &'a [u8; 32],
    /// How the address is reached.
    pub channel: Channel,
    /// The address.
    pub address: &'a Identifier,
    /// The device, as its owner named it.
    pub device_name: &'a str,
    /// The wanted language.
    pub language: &'a str,
}

/// The MAC that stands for an address: one for all spellings that [compare](Identifier::compared) equal. One that is refused today has
/// one of its text alone, so that it is nobody's but its account's, and takes nothing from the address that it looks like.
#[must_use]
pub fn lookup(vault: &Vault, address: &Identifier) -> [u8; 32] {
    let (label, text) = match address.compared() {
        Some(compared) => ("identifier", compared),
        None => ("refused-identifier", address.as_str()),
    };
    vault.mac(label, &[address.kind().as_str().as_bytes(), text.as_bytes()])
}

/// Stores a new verification.
///
/// # Errors
/// A broken database.
pub fn insert(vault: &Vault, tx: &Transaction<'_>, new: &New<'_>, now: Millis) -> Result<Row, Failure> {
    let id: VerificationId = random();
    let state = Verification {
        channel: new.channel,
        sent_at: now,
        tries_left: state::TRIES,
        confirmed: false,
        until: now.saturating_add(state::LIFE),
    };
    let lookup = lookup(vault, new.address);
    tx.prepare_cached(
        "INSERT INTO verifications (id, thumbprint, channel, lookup, address, device_name, language, opened_at,
                                    sent_at, code, tries_left, link, until, purpose, account)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, x'', ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        id,
        new.thumbprint,
        new.channel.as_str(),
        lookup,
        vault.seal("verification-address", &id, new.address.as_str().as_bytes()),
        vault.seal("verification-device", &id, new.device_name.as_bytes()),
        new.language,
        now,
        state.tries_left,
        link_mac(vault, &link_token(vault, &id)),
        state.until,
        new.purpose.as_str(),
        new.account.as_ref().map(AccountId::as_bytes),
    ])?;
    Ok(Row {
        id,
        thumbprint: *new.thumbprint,
        state,
        code: Vec::new(),
        lookup,
        address: new.address.as_str().to_owned(),
        device_name: new.device_name.to_owned(),
        language: new.language.to_owned(),
        purpose: new.purpose,
        account: new.account,
        used: false,
    })
}

/// The verification with this id, whoever opened it.
///
/// # Errors
/// A broken database.
pub fn load(vault: &Vault, tx: &Transaction<'_>, id: &VerificationId) -> Result<Option<Row>, Failure> {
    select(vault, tx, "id", id)
}

/// The verification that a link's or outgoing message's token belongs to.
///
/// # Errors
/// A broken database.
pub fn by_link(vault: &Vault, tx: &Transaction<'_>, token: &[u8]) -> Result<Option<Row>, Failure> {
    select(vault, tx, "link", &link_mac(vault, token))
}

/// Makes `code` the code in force, with all its tries.
///
/// # Errors
/// A broken database.
pub fn set_code(
    vault: &Vault,
    tx: &Transaction<'_>,
    id: &VerificationId,
    code: &str,
    now: Millis,
) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE verifications SET code = ?2, sent_at = ?3, tries_left = ?4 WHERE id = ?1")?
        .execute(params![id, code_mac(vault, id, code), now, state::TRIES])?;
    Ok(())
}

/// The owner was told to send the message again.
///
/// # Errors
/// A broken database.
pub fn set_sent(tx: &Transaction<'_>, id: &VerificationId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE verifications SET sent_at = ?2 WHERE id = ?1")?
        .execute(params![id, now])?;
    Ok(())
}

/// Whether `code` is the one in force.
#[must_use]
pub fn is_code(vault: &Vault, row: &Row, code: &str) -> bool {
    vault.matches("code", &[&row.id, code.as_bytes()], &row.code)
}

/// Takes a try away.
///
/// # Errors
/// A broken database.
pub fn set_tries(tx: &Transaction<'_>, id: &VerificationId, tries: u32) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE verifications SET tries_left = ?2 WHERE id = ?1")?
        .execute(params![id, tries])?;
    Ok(())
}

/// The address is proved.
///
/// # Errors
/// A broken database.
pub fn confirm(tx: &Transaction<'_>, id: &VerificationId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE verifications SET confirmed_at = ?2 WHERE id = ?1 AND confirmed_at IS NULL")?
        .execute(params![id, now])?;
    Ok(())
}

/// What it is for was done.
///
/// # Errors
/// A broken database.
pub fn mark_used(tx: &Transaction<'_>, id: &VerificationId, now: Millis) -> Result<(), Failure> {
    tx.prepare_cached("UPDATE verifications SET used_at = ?2 WHERE id = ?1")?
        .execute(params![id, now])?;
    Ok(())
}

/// Forgets it.
///
/// # Errors
/// A broken database.
pub fn delete(tx: &Transaction<'_>, id: &VerificationId) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM verifications WHERE id = ?1")?
        .execute(params![id])?;
    Ok(())
}

/// 128 bits that the link carries. Derived, so that each mail of one verification has the same link and
/// the database has none.
#[must_use]
pub fn link_token(vault: &Vault, id: &VerificationId) -> [u8; 16] {
    let mut token = [0; 16];
    token.copy_from_slice(&vault.mac("link", &[id])[..16]);
    token
}

fn link_mac(vault: &Vault, token: &[u8]) -> [u8; 32] {
    vault.mac("link-token", &[token])
}

fn code_mac(vault: &Vault, id: &VerificationId, code: &str) -> [u8; 32] {
    vault.mac("code", &[id, code.as_bytes()])
}

impl Channel {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::SmsOut => "sms-out",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "email" => Ok(Self::Email),
            "sms" => Ok(Self::Sms),
            "sms-out" => Ok(Self::SmsOut),
            _ => Err(StoreError::Unreadable("a verification's channel")),
        }
    }
}

impl Purpose {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Identifier => "identifier",
            Self::Recovery => "recovery",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "registration" => Ok(Self::Registration),
            "identifier" => Ok(Self::Identifier),
            "recovery" => Ok(Self::Recovery),
            _ => Err(StoreError::Unreadable("a verification's purpose")),
        }
    }
}

fn select(vault: &Vault, tx: &Transaction<'_>, column: &str, key: &[u8]) -> Result<Option<Row>, Failure> {
    let sql = format!(
        "SELECT id, thumbprint, channel, lookup, address, device_name, language, sent_at, code, tries_left,
                confirmed_at IS NOT NULL, used_at IS NOT NULL, until, purpose, account
         FROM verifications WHERE {column} = ?1"
    );
    let found = tx
        .prepare_cached(&sql)?
        .query_row(params![key], |row| {
            let channel: String = row.get(2)?;
            let purpose: String = row.get(13)?;
            let account: Option<[u8; 16]> = row.get(14)?;
            let sealed: (Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?);
            let state = Verification {
                channel: Channel::Email,
                sent_at: row.get(7)?,
                tries_left: row.get(9)?,
                confirmed: row.get(10)?,
                until: row.get(12)?,
            };
            let found = Row {
                id: row.get(0)?,
                thumbprint: row.get(1)?,
                state,
                code: row.get(8)?,
                lookup: row.get(3)?,
                address: String::new(),
                device_name: String::new(),
                language: row.get(6)?,
                purpose: Purpose::Registration,
                account: account.map(AccountId::from_bytes),
                used: row.get(11)?,
            };
            Ok((found, channel, purpose, sealed))
        })
        .optional()?;
    let Some((mut row, channel, purpose, (address, device_name))) = found else {
        return Ok(None);
    };
    row.state.channel = Channel::parse(&channel)?;
    row.purpose = Purpose::parse(&purpose)?;
    row.address = open_text(vault, "verification-address", &row.id, &address)?;
    row.device_name = open_text(vault, "verification-device", &row.id, &device_name)?;
    Ok(Some(row))
}

/// A sealed column that holds text.
///
/// # Errors
/// When it doesn't open or isn't text.
pub fn open_text(vault: &Vault, label: &str, id: &[u8], sealed: &[u8]) -> Result<String, StoreError> {
    let bytes = vault.unseal(label, id, sealed)?;
    String::from_utf8(bytes.expose().clone()).map_err(|_| StoreError::Unreadable("a text"))
}
