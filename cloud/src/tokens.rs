//! Access tokens and rotating refresh tokens, bound to the device key.
//!
//! Neither is stored: both are derived from their family, so the database holds nothing that opens a
//! session, and the same refresh token answers again with the same new one.

pub mod rotation;

use axum::extract::State;
use belay_proto::AccountId;
use belay_proto::keys::random;
use belay_proto::text::{base64url, from_base64url};
use belay_proto::wire;
use rusqlite::{OptionalExtension, Transaction, params};

use self::rotation::{Family, Verdict};
use crate::app::App;
use crate::clock::{DAY, MINUTE, Millis, SECOND};
use crate::devices;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Proof};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::vault::Vault;

/// How long an access token is good.
pub const ACCESS_LIFE: Millis = 30 * MINUTE;

/// How long a refresh token is good: a device may lie in a drawer for a year.
const REFRESH_LIFE: Millis = 400 * DAY;

/// The id of a family of tokens.
pub type FamilyId = [u8; 16];

/// `POST /v1/token`.
///
/// # Errors
/// `invalid-grant`, `removed`.
pub async fn refresh(
    State(app): State<App>,
    proof: Proof,
    call: Call<wire::TokenRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::Optional, move |app, context, body| {
        let (tx, now) = (context.transaction, context.now);
        let invalid = || Failure::from(Problem::new(Kind::InvalidGrant));
        let (id, counter) = read_refresh(&app.vault, &body.refresh_token).ok_or_else(invalid)?;
        let Some(family) = load(tx, &id, now)? else {
            return Err(ended(tx, &proof)?);
        };
        let next = match rotation::present(&family, counter, &proof.thumbprint) {
            Verdict::Issue(next) => next,
            Verdict::Revoke => {
                revoke_family(tx, &id, now)?;
                return Err(invalid());
            }
            Verdict::Refuse => return Err(ended(tx, &proof)?),
        };
        // Never sooner than before: a machine may start with its clock in the past.
        tx.prepare_cached("UPDATE families SET counter = ?2, until = max(until, ?3) WHERE id = ?1")?
            .execute(params![id, next, now.saturating_add(REFRESH_LIFE)])?;
        let answer = Answer::ok(&wire::TokenAnswer {
            tokens: tokens(&app.vault, &id, next, now),
        })?;
        // A repetition runs again: the rotation itself gives the same token.
        Ok(Kept::Marker(answer, Vec::new()))
    })
    .await
}

/// `POST /v1/revoke`: ends the token's family. An unknown token is revoked already.
///
/// # Errors
/// Only those of every call.
pub async fn revoke(
    State(app): State<App>,
    proof: Proof,
    call: Call<wire::RevokeRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::Optional, |app, context, body| {
        let Some((id, _)) = read_refresh(&app.vault, &body.refresh_token) else {
            return Ok(Kept::Nothing(Answer::empty()));
        };
        revoke_family(context.transaction, &id, context.now)?;
        Ok(Kept::Answer(Answer::empty()))
    })
    .await
}

/// Starts a family for a key and gives its first tokens.
///
/// # Errors
/// A broken database.
pub fn start(
    app: &App,
    transaction: &Transaction<'_>,
    account: &AccountId,
    thumbprint: &[u8; 32],
    now: Millis,
) -> Result<(FamilyId, wire::Tokens), Failure> {
    let id: FamilyId = random();
    transaction
        .prepare_cached(
            "INSERT INTO families (id, account, thumbprint, counter, until) VALUES (?1, ?2, ?3, 1, ?4)",
        )?
        .execute(params![
            id,
            account.as_bytes(),
            thumbprint,
            now.saturating_add(REFRESH_LIFE)
        ])?;
    Ok((id, tokens(&app.vault, &id, 1, now)))
}

/// The newest tokens of a family again, for an answer that was lost on its way.
///
/// # Errors
/// A broken database.
pub fn again(
    app: &App,
    transaction: &Transaction<'_>,
    id: &FamilyId,
    now: Millis,
) -> Result<Option<wire::Tokens>, Failure> {
    let family = load(transaction, id, now)?.filter(|family| !family.revoked);
    Ok(family.map(|family| tokens(&app.vault, id, family.counter, now)))
}

/// The family of an access token that this cloud made and that isn't over.
#[must_use]
pub fn read_access(vault: &Vault, token: &str, now: Millis) -> Option<FamilyId> {
    let (id, until) = read(vault, "access-token", token)?;
    (now < until).then_some(id)
}

/// The account of a family, if it is in force and bound to this key.
///
/// # Errors
/// A broken database.
pub fn account_of(
    transaction: &Transaction<'_>,
    family: &FamilyId,
    thumbprint: &[u8; 32],
) -> Result<Option<AccountId>, Failure> {
    let account: Option<[u8; 16]> = transaction
        .prepare_cached(
            "SELECT account FROM families WHERE id = ?1 AND thumbprint = ?2 AND revoked_at IS NULL",
        )?
        .query_row(params![family, thumbprint], |row| row.get(0))
        .optional()?;
    Ok(account.map(AccountId::from_bytes))
}

/// Ends every session of a device key.
///
/// # Errors
/// A broken database.
pub fn revoke_key(
    transaction: &Transaction<'_>,
    account: &AccountId,
    thumbprint: &[u8; 32],
    now: Millis,
) -> Result<(), Failure> {
    transaction
        .prepare_cached(
            "UPDATE families SET revoked_at = ?3 WHERE account = ?1 AND thumbprint = ?2 AND revoked_at IS NULL",
        )?
        .execute(params![account.as_bytes(), thumbprint, now])?;
    Ok(())
}

/// Ends every session of an account but those of one device key; all without one.
///
/// # Errors
/// A broken database.
pub fn revoke_others(
    transaction: &Transaction<'_>,
    account: &AccountId,
    thumbprint: Option<&[u8; 32]>,
    now: Millis,
) -> Result<(), Failure> {
    transaction
        .prepare_cached(
            "UPDATE families SET revoked_at = ?3 WHERE account = ?1 AND thumbprint IS NOT ?2 AND revoked_at IS NULL",
        )?
        .execute(params![account.as_bytes(), thumbprint, now])?;
    Ok(())
}

/// What is told of a session that has ended: whether because its device was removed.
fn ended(transaction: &Transaction<'_>, proof: &Proof) -> Result<Failure, Failure> {
    let kind = match devices::table::is_removed(transaction, &proof.thumbprint, None)? {
        true => Kind::Removed,
        false => Kind::InvalidGrant,
    };
    Ok(Problem::new(kind).into())
}

fn revoke_family(transaction: &Transaction<'_>, id: &FamilyId, now: Millis) -> Result<(), Failure> {
    transaction
        .prepare_cached("UPDATE families SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
        .execute(params![id, now])?;
    Ok(())
}

fn load(transaction: &Transaction<'_>, id: &FamilyId, now: Millis) -> Result<Option<Family>, Failure> {
    Ok(transaction
        .prepare_cached(
            "SELECT thumbprint, counter, revoked_at IS NOT NULL FROM families WHERE id = ?1 AND until > ?2",
        )?
        .query_row(params![id, now], |row| {
            Ok(Family {
                thumbprint: row.get(0)?,
                counter: row.get(1)?,
                revoked: row.get(2)?,
            })
        })
        .optional()?)
}

fn tokens(vault: &Vault, id: &FamilyId, counter: u64, now: Millis) -> wire::Tokens {
    wire::Tokens {
        access_token: write(vault, "access-token", id, now.saturating_add(ACCESS_LIFE)).into(),
        refresh_token: write(vault, "refresh-token", id, counter).into(),
        expires_in: ACCESS_LIFE / SECOND,
    }
}

fn read_refresh(vault: &Vault, token: &str) -> Option<(FamilyId, u64)> {
    read(vault, "refresh-token", token)
}

/// `base64url(family 16 B ‖ number 8 B ‖ MAC 32 B)`; the number is a counter or an end.
fn write(vault: &Vault, label: &str, id: &FamilyId, number: u64) -> String {
    let number = number.to_be_bytes();
    base64url(&[id.as_slice(), &number, &vault.mac(label, &[id, &number])].concat())
}

fn read(vault: &Vault, label: &str, token: &str) -> Option<(FamilyId, u64)> {
    let bytes = from_base64url(token).ok()?;
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (number, tag) = rest.split_first_chunk::<8>()?;
    vault
        .matches(label, &[id, number], tag)
        .then(|| (*id, u64::from_be_bytes(*number)))
}
