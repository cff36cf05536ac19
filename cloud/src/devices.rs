//! Devices: bound by a certificate, held for their owner, let go by a release.

pub mod history;
pub mod removal;
pub mod room;
pub mod standing;
pub mod table;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belay_proto::failpoint;
use belay_proto::keys::{PublicKey, sha256};
use belay_proto::signed::{DeviceCertificate, Signed};
use belay_proto::wire::DeviceKind;
use belay_proto::{AccountId, DeviceId, wire};
use rusqlite::Transaction;

use self::table::{Binding, Holder};
use crate::app::App;
use crate::clock::Millis;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Proof, Session, id_in_path};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{accounts, bootloader, channel, commands, identifiers, notices, releases, text, tokens};

pub use table::seen;

/// What a device says of itself beside its certificate.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What its owner calls it.
    pub name: &'a str,
    /// What sort of device it is.
    pub kind: Option<DeviceKind>,
}

impl<'a> Told<'a> {
    /// Checks it.
    ///
    /// # Errors
    /// `malformed`.
    pub fn of(name: &'a str, kind: Option<DeviceKind>) -> Result<Self, Problem> {
        if kind == Some(DeviceKind::Unknown) {
            return Err(Problem::malformed("no such kind of device"));
        }
        let name = text::name(name)?;
        Ok(Self { name, kind })
    }
}

/// `POST /v1/devices`.
///
/// # Errors
/// `bad-certificate`, `generation-conflict`, `quota-exceeded`, `activation-locked`, `too-many`.
pub async fn bind_another(
    State(app): State<App>,
    session: Session,
    call: Call<wire::AddDeviceRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let told = Told::of(&body.name, body.kind)?;
            let account = accounts::table::load(&app.vault, tx, &session.account)?
                .ok_or_else(|| Problem::new(Kind::InvalidToken))?;
            let certificate = check(
                &body.certificate,
                &account.owner,
                &session.account,
                &session.proof,
            )?;
            let bytes = &body.certificate;
            if !is_bound(app, tx, &certificate, bytes)? {
                has_the_keys(&account, &body)?;
                room::check(
                    tx,
                    &certificate,
                    &hardware_mac(app, certificate.hardware.as_bytes()),
                )?;
                ask_lock(app, tx, &certificate, body.release.as_deref(), now)?;
                accounts::calls::by_owner(&app.vault, tx, &session.account, now)?;
                bind(app, tx, &certificate, bytes, &told, now)?;
                notices::tell(
                    app,
                    tx,
                    &session.account,
                    &Notice::DeviceAdded { device: told.name },
                    now,
                )?;
            }
            failpoint!("cloud.device.bound");
            let answer = wire::AddedDevice {
                device: certificate.device,
            };
            Ok(Kept::Answer(Answer::json(StatusCode::CREATED, &answer)?))
        },
    )
    .await
}

/// Whoever changed the keys since the login sealed them to the devices of then: without this one.
fn has_the_keys(account: &accounts::table::Account, body: &wire::AddDeviceRequest) -> Result<(), Problem> {
    match &body.keyring {
        Some(had) if had.0 != sha256(&account.keyring) => {
            Err(Problem::new(Kind::GenerationConflict).because("another keyring is the present one"))
        }
        _ => Ok(()),
    }
}

/// `GET /v1/devices`.
///
/// # Errors
/// Only those of every call.
pub async fn list(State(app): State<App>, session: Session) -> Result<Answer, Problem> {
    let inside = app.clone();
    let devices = app
        .store
        .transact(move |tx| table::list(&inside.vault, tx, &session.account, &session.proof.thumbprint))
        .await?;
    Answer::ok(&wire::DevicesAnswer { devices })
}

/// `PATCH /v1/devices/{id}`: another name.
///
/// # Errors
/// `not-found`, `too-many`.
pub async fn rename(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    call: Call<wire::RenameDeviceRequest>,
) -> Result<Answer, Problem> {
    let id: DeviceId = id_in_path(path)?;
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, name) = (context.transaction, text::name(&body.name)?);
            accounts::calls::by_session(&app.vault, tx, &session.account, context.now)?;
            if table::rename(&app.vault, tx, &session.account, &id, name)? {
                Ok(Kept::Answer(Answer::empty()))
            } else {
                Err(Problem::new(Kind::NotFound).into())
            }
        },
    )
    .await
}

/// A certificate that `owner` signed for this account and the key that brings it.
///
/// # Errors
/// `bad-certificate`, with the reason.
pub fn check(
    bytes: &[u8],
    owner: &PublicKey,
    account: &AccountId,
    proof: &Proof,
) -> Result<DeviceCertificate, Problem> {
    let bad = |why: &str| Problem::new(Kind::BadCertificate).because(why);
    if bytes.len() > accounts::change::LARGEST_OBJECT {
        return Err(bad("longer than 8 KiB"));
    }
    let signed = Signed::decode(bytes).map_err(|_| bad("not a signed object"))?;
    let certificate: DeviceCertificate = signed
        .open(owner)
        .map_err(|_| bad("not a certificate under the owner key"))?;
    if certificate.account != *account {
        return Err(bad("another account"));
    }
    if certificate.device_key != proof.key {
        return Err(bad("another device key than the proof's"));
    }
    if !certificate.names_itself() {
        return Err(bad("the device id doesn't come from warden key and epoch"));
    }
    Ok(certificate)
}

/// Takes the release that comes along, then asks the lock: may this certificate bind?
///
/// # Errors
/// `activation-locked`, `bad-certificate` when the id belongs to another certificate, `malformed` for a
/// release that isn't one.
pub fn ask_lock(
    app: &App,
    tx: &Transaction<'_>,
    certificate: &DeviceCertificate,
    release: Option<&[u8]>,
    now: Millis,
) -> Result<(), Failure> {
    if let Some(release) = release {
        // A release that is spent, or of another device, changes nothing; then the lock decides.
        releases::apply(app, tx, release, now)?.malformed_is_an_error()?;
    }
    // An id is made of all parts, so that honest devices say the same of one id: without an unprinted part it has no lock, and
    // whoever holds it under one made it up from the box. A thief who says so of a locked id could send any other as well.
    let holder = match certificate.hardware_locked {
        true => table::lock_holder(tx, &hardware_mac(app, certificate.hardware.as_bytes()))?,
        false => None,
    };
    if let Some(owner) = locked_by_another(holder.as_ref(), &certificate.account) {
        return Err(Problem {
            login: identifiers::masked_login(&app.vault, tx, &owner)?,
            ..Problem::new(Kind::ActivationLocked)
        }
        .into());
    }
    if table::known(&app.vault, tx, &certificate.device)?.is_some() {
        return Err(Problem::new(Kind::BadCertificate)
            .because("the device id is known already")
            .into());
    }
    Ok(())
}

/// Stores a binding that [`ask_lock`] allowed, in place of the account's own older one of the hardware,
/// whose key's sessions end when the device has another key now.
///
/// # Errors
/// A broken database.
pub fn bind(
    app: &App,
    tx: &Transaction<'_>,
    certificate: &DeviceCertificate,
    bytes: &[u8],
    told: &Told<'_>,
    now: Millis,
) -> Result<(), Failure> {
    let hardware = hardware_mac(app, certificate.hardware.as_bytes());
    let thumbprint = certificate.device_key.thumbprint();
    for (device, before) in table::supersede(tx, &hardware, &certificate.account, &thumbprint)? {
        if before != thumbprint {
            tokens::revoke_key(tx, &certificate.account, &before, now)?;
        }
        commands::table::let_go(tx, &device, now)?;
        accounts::grants::forget(tx, &device)?;
        accounts::waiting::forget_of(tx, &device)?;
        bootloader::table::withdraw_of(tx, &device)?;
        channel::end(app, &device);
    }
    table::insert(&app.vault, tx, certificate, &hardware, bytes, told, now)?;
    room::forget_former(tx, &certificate.account)?;
    channel::account_changed(app, tx, &certificate.account, &certificate.device)
}

/// Whether exactly this binding is in force already: the same call under another idempotency key.
fn is_bound(
    app: &App,
    tx: &Transaction<'_>,
    certificate: &DeviceCertificate,
    bytes: &[u8],
) -> Result<bool, Failure> {
    let known = table::known(&app.vault, tx, &certificate.device)?;
    Ok(known.is_some_and(|known| {
        known.active && known.account == certificate.account && known.certificate == bytes
    }))
}

/// Ends a binding and the sessions of its key.
///
/// # Errors
/// A broken database.
pub fn release(
    tx: &Transaction<'_>,
    device: &DeviceId,
    binding: &Binding,
    now: Millis,
) -> Result<(), Failure> {
    table::set_released(tx, device)?;
    commands::table::let_go(tx, device, now)?;
    accounts::grants::forget(tx, device)?;
    accounts::waiting::forget_of(tx, device)?;
    bootloader::table::withdraw_of(tx, device)?;
    accounts::departure::was_released(tx, &binding.account, now)?;
    tokens::revoke_key(tx, &binding.account, &binding.thumbprint, now)
}

/// What stands for a hardware id in the database.
#[must_use]
pub fn hardware_mac(app: &App, hardware: &[u8; 32]) -> [u8; 32] {
    table::hardware_mac(&app.vault, hardware)
}

/// The first certificate wins, until its account lets go.
fn locked_by_another(holder: Option<&Holder>, account: &AccountId) -> Option<AccountId> {
    holder
        .map(|holder| holder.account)
        .filter(|holder| holder != account)
}

/// The account's device that a session's key is bound to. Asked where records are brought: a signed-in client alone has no
/// collection key, and what it brings no device could open.
///
/// # Errors
/// `not-bound`, or a broken database.
pub fn acting(tx: &Transaction<'_>, thumbprint: &[u8; 32], account: &AccountId) -> Result<DeviceId, Failure> {
    let bound = table::bound(tx, thumbprint)?;
    let acting = bound
        .into_iter()
        .find(|bound| bound.active && !bound.removed && bound.account == *account);
    Ok(acting.ok_or_else(|| Problem::new(Kind::NotBound))?.device)
}

/// As [`acting`], where a client that is no device of the account may act too.
///
/// # Errors
/// A broken database.
pub fn here(
    tx: &Transaction<'_>,
    thumbprint: &[u8; 32],
    account: &AccountId,
) -> Result<Option<DeviceId>, Failure> {
    let bound = table::bound(tx, thumbprint)?;
    let here = bound
        .iter()
        .find(|bound| bound.active && bound.account == *account);
    Ok(here.map(|bound| bound.device))
}
