//! Recovery without the code: credentials of another root, beside those that hold.
//!
//! Nobody who could vouch for the new root is left, so that time has to: the owner is told at each address, on each of the
//! account's devices, and has the whole wait to say no. Saying no takes the old password once, or an owner's signature. What
//! waits holds only when both clocks say so:
//!
//! - this cloud's own, from when the credentials came: nobody who lies to it makes it shorter;
//! - of a device of the account its warden's, in a [`HoldEnd`] under the key that the old owner key certified, which names these
//!   credentials. Without it nothing happens, however long: the mailbox alone is no proof of being at the device.
//!
//! A device that is nobody's has no warden to count. It waits as long where the account has no device left, else a week: whoever
//! has one can recover there, or say no.

use belay_proto::failpoint;
use belay_proto::keys::{PublicKey, sha256};
use belay_proto::signed::HoldEnd;
use belay_proto::steps::HOLD_LASTS;
use belay_proto::{AccountId, DeviceId, wire};
use rusqlite::{OptionalExtension, Transaction, params};

use super::change::{self, Other};
use super::table::{self, Account};
use super::{credentials, following, grants, orders};
use crate::app::App;
use crate::clock::{DAY, HOUR, Millis};
use crate::http::Proof;
use crate::http::idempotency::Context;
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError, countable};
use crate::vault::Vault;
use crate::{bootloader, channel, devices, notices, tokens};

/// How long a stranger's waits while a device is bound to the account.
const WEEK: Millis = 7 * DAY;
/// How long what was waited out is kept for whoever comes for it.
const KEPT: Millis = 30 * DAY;
/// How often the owner is told of one that goes on.
const REMINDED: Millis = DAY;
/// Reminders of one sweep; the next one goes on.
const REMINDERS: u32 = 100;

/// Credentials that wait, without what takes the place of what holds.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Their login key.
    pub login: PublicKey,
    /// SHA-256 of the record.
    credentials: [u8; 32],
    /// Whose warden counts.
    device: Option<DeviceId>,
    ready_at: Millis,
    is_over: bool,
}

impl Waiting {
    /// Whether both clocks say that they may hold.
    #[must_use]
    pub const fn may_hold(&self, now: Millis) -> bool {
        now >= self.ready_at && (self.device.is_none() || self.is_over)
    }

    /// Whether its device had time enough, and a day more, to say that its hold is over, and didn't: it is switched off or broken.
    fn is_stuck(&self, now: Millis) -> bool {
        self.device.is_some() && !self.is_over && now >= self.ready_at.saturating_add(DAY)
    }

    /// Whether it is this device whose warden counts.
    #[must_use]
    pub fn is_at(&self, device: &DeviceId) -> bool {
        self.device.as_ref() == Some(device)
    }

    /// How long still, as far as this cloud knows; what a device counts isn't told to it.
    #[must_use]
    pub fn left(&self, now: Millis) -> Millis {
        self.ready_at.saturating_sub(now)
    }
}

/// The length of the hold on this cloud's clock.
#[must_use]
pub fn lasts() -> Millis {
    Millis::try_from(HOLD_LASTS.as_millis()).unwrap_or(Millis::MAX)
}

/// Has credentials wait. The same ones again, whose answer was lost, change nothing.
///
/// # Errors
/// `recovery-on-hold` while another device of the account recovers it; as [`change::judge_other`].
pub fn begin(
    app: &App,
    context: &Context<'_>,
    account: &Account,
    body: wire::NewCredentialsRequest,
    proof: &Proof,
    name: &str,
) -> Result<wire::HoldAnswer, Failure> {
    let (tx, now, vault) = (context.transaction, context.now, &app.vault);
    let before = load(tx, &account.id)?;
    if let Some(before) = &before
        && before.credentials == sha256(&body.credentials)
    {
        return Ok(answer(before, now));
    }
    let own = devices::here(tx, &proof.thumbprint, &account.id)?;
    let present = credentials::present(app, tx, account, None)?;
    let own = own.filter(|own| present.devices.iter().any(|device| device.device == *own));
    // Whoever has a lost device, whose own warden waits for nobody, isn't taken for its owner.
    let own = match own {
        Some(device) if channel::table::is_lost(tx, &device)? => None,
        own => own,
    };
    if let Some(other) = before
        && let Some(device) = other.device.filter(|device| Some(*device) != own)
        && !other.is_stuck(now)
        && !channel::table::is_lost(tx, &device)?
    {
        // Whoever is at a device of the account comes before who only reads its mail, and before who is at another one, unless
        // that one counts no more: a broken or stolen device must not keep the owner out by beginning again and again.
        return Err(Problem::wait(Kind::RecoveryOnHold, other.left(now).max(HOUR)).into());
    }
    let Other { record, .. } = change::judge_other(&present, &body, own.as_ref(), now)?;
    let alone = own.is_some() || present.devices.is_empty();
    let waits = if alone { lasts() } else { WEEK };
    let waiting = Waiting {
        login: record.login,
        credentials: sha256(&body.credentials),
        device: own,
        ready_at: now.saturating_add(waits),
        is_over: false,
    };
    let id = account.id.as_bytes();
    let kept = wire::NewCredentialsRequest { ticket: None, ..body };
    let kept = serde_json::to_vec(&kept).map_err(|_| StoreError::Unreadable("waiting credentials"))?;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO waiting
             (account, generation, login, credentials, body, device, name, begun_at, ready_at, told_at, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?10)",
    )?
    .execute(params![
        id,
        countable(record.generation)?,
        waiting.login.as_bytes(),
        waiting.credentials,
        vault.seal("waiting", id, &kept),
        own.as_ref().map(|device| *device.as_bytes()),
        vault.seal("waiting-name", id, name.as_bytes()),
        now,
        waiting.ready_at,
        waiting.ready_at.saturating_add(KEPT),
    ])?;
    tell(app, tx, &account.id, name, waits, now)?;
    failpoint!("cloud.recovery.waits");
    channel::account_moved(app, tx, &account.id, own.as_ref())?;
    Ok(answer(&waiting, now))
}

fn answer(waiting: &Waiting, now: Millis) -> wire::HoldAnswer {
    wire::HoldAnswer {
        waits_ms: waiting.left(now),
    }
}

fn tell(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    device: &str,
    left: Millis,
    now: Millis,
) -> Result<(), Failure> {
    let hours = u32::try_from(left.div_ceil(HOUR)).unwrap_or(u32::MAX);
    notices::tell(app, tx, account, &Notice::RecoveryBegun { device, hours }, now)
}

type Row = ([u8; 32], [u8; 32], Option<[u8; 16]>, Millis, bool);

/// The credentials that wait for an account.
///
/// # Errors
/// A broken database.
pub fn load(tx: &Transaction<'_>, account: &AccountId) -> Result<Option<Waiting>, Failure> {
    let row: Option<Row> = tx
        .prepare_cached(
            "SELECT login, credentials, device, ready_at, over_at IS NOT NULL FROM waiting WHERE account = ?1",
        )?
        .query_row(params![account.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    Ok(
        row.map(|(login, credentials, device, ready_at, is_over)| Waiting {
            login: PublicKey::from_bytes(login),
            credentials,
            device: device.map(DeviceId::from_bytes),
            ready_at,
            is_over,
        }),
    )
}

/// Whether it is these credentials that wait for an account.
///
/// # Errors
/// A broken database.
pub fn is_of(tx: &Transaction<'_>, account: &AccountId, credentials: &[u8]) -> Result<bool, Failure> {
    let waiting = load(tx, account)?;
    Ok(waiting.is_some_and(|waiting| waiting.credentials == sha256(credentials)))
}

/// The owner is there: nothing comes of what waits.
///
/// # Errors
/// A broken database.
pub fn forget(tx: &Transaction<'_>, account: &AccountId) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM waiting WHERE account = ?1")?
        .execute(params![account.as_bytes()])?;
    Ok(())
}

/// The binding has ended at which somebody waited.
///
/// # Errors
/// A broken database.
pub fn forget_of(tx: &Transaction<'_>, device: &DeviceId) -> Result<(), Failure> {
    tx.prepare_cached("DELETE FROM waiting WHERE device = ?1")?
        .execute(params![device.as_bytes()])?;
    Ok(())
}

/// A device's warden says how its hold ended.
///
/// # Errors
/// `not-found`: nothing of it waits, or not any more.
pub fn ended(app: &App, tx: &Transaction<'_>, end: &HoldEnd, now: Millis) -> Result<(), Failure> {
    let waiting = load(tx, &end.account)?
        .filter(|waiting| waiting.device == Some(end.device) && waiting.credentials == end.credentials)
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    if !end.over {
        return forget(tx, &end.account);
    }
    tx.prepare_cached("UPDATE waiting SET over_at = ifnull(over_at, ?2) WHERE account = ?1")?
        .execute(params![end.account.as_bytes(), now])?;
    let over = Waiting {
        is_over: true,
        ..waiting
    };
    match over.may_hold(now) {
        true => hold(app, tx, &end.account, now).map(drop),
        false => Ok(()),
    }
}

/// Has what waited take the place of what held, once it [may](Waiting::may_hold). The account's other devices stay bound to the
/// old owner key, as ones that were removed: they get no session and no keys, and are let go by a release alone.
///
/// # Errors
/// `not-found`: it waits no more; a broken database.
pub fn hold(app: &App, tx: &Transaction<'_>, id: &AccountId, now: Millis) -> Result<Account, Failure> {
    let gone = || Problem::new(Kind::NotFound);
    let account = table::load(&app.vault, tx, id)?.ok_or_else(gone)?;
    let sealed: Option<(Vec<u8>, Option<[u8; 16]>)> = tx
        .prepare_cached("SELECT body, device FROM waiting WHERE account = ?1")?
        .query_row(params![id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (sealed, own) = sealed.ok_or_else(gone)?;
    let (body, own) = (opened(&app.vault, id, &sealed)?, own.map(DeviceId::from_bytes));
    forget(tx, id)?;
    following::forget(tx, id)?;
    let present = credentials::present(app, tx, &account, None)?;
    // What it was held against may have moved on.
    let Other { record, owner, grant } = change::judge_other(&present, &body, own.as_ref(), now)?;
    table::set_credentials(&app.vault, tx, &owner, &record, &body)?;
    grants::void_delegates(tx, id)?;
    grants::void_keyrings(tx, id)?;
    bootloader::table::withdraw(tx, id)?;
    for device in present.devices.iter().filter(|device| Some(device.device) != own) {
        devices::removal::set_aside(tx, &device.device, now)?;
    }
    if let Some(grant) = &grant {
        let unreadable = StoreError::Unreadable("a certificate");
        let certificate = grant.certificate.as_ref().ok_or(unreadable)?;
        devices::table::set_certificate(&app.vault, tx, &grant.device, certificate)?;
        grants::put(&app.vault, tx, grant)?;
    }
    orders::forget_before(tx, id, countable(record.generation)?)?;
    tokens::revoke_others(tx, id, None, now)?;
    channel::account_moved(app, tx, id, None)?;
    notices::tell(app, tx, id, &Notice::RecoveryHolds, now)?;
    failpoint!("cloud.recovery.held");
    table::load(&app.vault, tx, id)?.ok_or_else(|| gone().into())
}

fn opened(vault: &Vault, id: &AccountId, sealed: &[u8]) -> Result<wire::NewCredentialsRequest, Failure> {
    let bytes = vault.unseal("waiting", id.as_bytes(), sealed)?;
    let body = serde_json::from_slice(bytes.expose());
    Ok(body.map_err(|_| StoreError::Unreadable("waiting credentials"))?)
}

/// Reminds the owners of what still waits.
///
/// # Errors
/// A broken database.
pub fn remind(app: &App, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    let due: Vec<([u8; 16], Vec<u8>, Millis)> = tx
        .prepare_cached("SELECT account, name, ready_at FROM waiting WHERE told_at <= ?1 LIMIT ?2")?
        .query_map(params![now.saturating_sub(REMINDED), REMINDERS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (id, name, ready_at) in due {
        let account = AccountId::from_bytes(id);
        let name = crate::verifications::table::open_text(&app.vault, "waiting-name", &id, &name)?;
        // Past this cloud's own wait the device may still count, and go on to the end of what is kept.
        let left = ready_at.saturating_sub(now).max(HOUR);
        tell(app, tx, &account, &name, left, now)?;
        tx.prepare_cached("UPDATE waiting SET told_at = ?2 WHERE account = ?1")?
            .execute(params![id, now])?;
    }
    Ok(())
}
