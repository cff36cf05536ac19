//! The device's side of the command channel: hints, queue, outcomes, reports.
//!
//! It needs a proof of the device key alone. Neither a password change nor the end of a session cuts it off:
//! it goes on until the binding ends.

pub mod hub;
pub mod stream;
pub mod table;

use axum::extract::State;
use belay_proto::signed::{Object, Outcome, Signed, StateReport};
use belay_proto::{AccountId, DeviceId, Epoch, wire};
use rusqlite::Transaction;

use self::hub::{Side, Waiter};
use crate::app::App;
use crate::budget::{self, Limit};
use crate::clock::{HOUR, SECOND};
use crate::commands;
use crate::devices;
use crate::devices::table::Bound;
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Call, Proof, Query};
use crate::problem::{Kind, Problem};
use crate::store::{Failure, after_commit};

/// The longest a long poll waits, s.
pub const LONGEST_WAIT: u64 = 55;

/// The largest sealed report, bytes.
const LARGEST_REPORT: usize = 64 * 1024;

/// The largest outcome or state report, bytes.
const LARGEST_STATEMENT: usize = 8 * 1024;

/// What one device may send: outcomes and reports, each.
const SENDS: Limit = Limit {
    times: 1200,
    window: HOUR,
};

/// `GET /v1/commands`: what was queued for the device after the number that it names; with `wait` it answers
/// once there is something.
///
/// # Errors
/// `malformed`, `not-bound`.
pub async fn queue(State(app): State<App>, proof: Proof, query: Query) -> Result<Answer, Problem> {
    let query = query.only(&["after", "wait"])?;
    let (after, wait) = (query.get("after").unwrap_or(0), query.get("wait").unwrap_or(0));
    let deadline = app.now().saturating_add(wait.min(LONGEST_WAIT) * SECOND);
    let mut waiter: Option<Waiter> = None;
    loop {
        let (now, inside, waits) = (app.now(), app.clone(), waiter.is_some());
        let (answer, new) = app
            .store
            .transact(move |tx| {
                let device = bound(tx, &proof)?.device;
                let answer = commands::table::fetch(&inside, tx, &device, after, now)?;
                // On the store's thread nothing is queued between this look and the waiting.
                let waiter = (answer.commands.is_empty() && now < deadline && !waits)
                    .then(|| inside.hub.poll(device, Side::Device))
                    .flatten();
                Ok((answer, waiter))
            })
            .await?;
        waiter = waiter.or(new);
        let Some(waiter) = waiter.as_mut().filter(|_| answer.commands.is_empty()) else {
            return Answer::ok(&answer);
        };
        if app.now() >= deadline || app.hub.is_closed() {
            return Answer::ok(&answer);
        }
        tokio::select! {
            () = waiter.changed() => drop(waiter.news()),
            () = app.alarms.at(deadline) => {}
        }
    }
}

/// `POST /v1/outcomes`: also for a binding that the device has just let go, since a sign-out reports its end. The
/// warden's signature is enough, whatever key brings it; without it a key that is bound to nothing hears `not-bound`, whether there is
/// such a device or not.
///
/// # Errors
/// `malformed`, `not-bound`, `other-epoch`, `bad-signature`, `too-many`.
pub async fn outcome(
    State(app): State<App>,
    proof: Proof,
    call: Call<wire::OutcomeRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::Optional, move |app, context, body| {
        let tx = context.transaction;
        let statement: Statement<Outcome> = Statement::read(&body.outcome)?;
        let outcome = &statement.claim;
        let bound = match bound_for(tx, &proof, &outcome.device)? {
            Some(bound) => {
                statement.check(&bound, &outcome.account, &outcome.epoch)?;
                bound
            }
            None => brought(app, tx, &statement)?,
        };
        take_budget(app, context, "outcomes", &bound.device)?;
        table::stands(tx, &bound.device, outcome.sequence, &outcome.lock)?;
        if commands::table::add_outcome(app, tx, outcome, &body.outcome, context.now)? {
            let (hub, device) = (app.hub.clone(), bound.device);
            after_commit(move || hub.went_on(&device));
        }
        Ok(Kept::Answer(Answer::empty()))
    })
    .await
}

/// `POST /v1/reports`: a sealed report for the owner, or the warden's word on how the device stands.
///
/// # Errors
/// `malformed`, `too-large`, `not-bound`, `other-epoch`, `bad-signature`, `too-many`.
pub async fn report(
    State(app): State<App>,
    proof: Proof,
    call: Call<wire::ReportRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(&app, &proof, call, Key::Optional, move |app, context, body| {
        let tx = context.transaction;
        match body {
            wire::ReportRequest::Sealed { id, sealed } => {
                if sealed.is_empty() {
                    return Err(Problem::malformed("`sealed` is empty").into());
                }
                if sealed.len() > LARGEST_REPORT {
                    return Err(Problem::new(Kind::TooLarge)
                        .because("a sealed report has at most 64 KiB")
                        .into());
                }
                let device = bound(tx, &proof)?.device;
                take_budget(app, context, "reports", &device)?;
                table::add_report(tx, &device, &id, &sealed, context.now)?;
            }
            wire::ReportRequest::State { state } => {
                let statement: Statement<StateReport> = Statement::read(&state)?;
                let claim = &statement.claim;
                let bound = bound_for(tx, &proof, &claim.device)?;
                let bound = bound.ok_or_else(|| Problem::new(Kind::NotBound))?;
                statement.check(&bound, &claim.account, &claim.epoch)?;
                take_budget(app, context, "reports", &bound.device)?;
                table::stands(tx, &bound.device, claim.sequence, &claim.lock)?;
                table::keep_state(&app.vault, tx, &bound.device, claim.sequence, &state)?;
            }
        }
        Ok(Kept::Answer(Answer::empty()))
    })
    .await
}

/// The device whose key made the proof.
///
/// # Errors
/// `not-bound`, or a broken database.
pub fn bound(tx: &Transaction<'_>, proof: &Proof) -> Result<Bound, Failure> {
    devices::table::bound(tx, &proof.thumbprint)?
        .into_iter()
        .find(|bound| bound.active)
        .ok_or_else(|| Problem::new(Kind::NotBound).into())
}

/// Numbers an event at a device, and tells its streams once it stands.
///
/// # Errors
/// A broken database.
pub fn hint(app: &App, tx: &Transaction<'_>, device: &DeviceId, hint: wire::Hint) -> Result<(), Failure> {
    let marks = table::hint(tx, device, hint, app.now())?;
    let (hub, device) = (app.hub.clone(), *device);
    after_commit(move || hub.tell(&device, marks));
    Ok(())
}

/// Tells an account's devices that something about it changed; all but `except`, which knows.
///
/// # Errors
/// A broken database.
pub fn account_changed(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    except: &DeviceId,
) -> Result<(), Failure> {
    tell_others(app, tx, account, Some(except), wire::Hint::Account)
}

/// Tells all that is bound to an account, what its owner removed among it, that something about it changed.
///
/// # Errors
/// A broken database.
pub fn account_moved(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    except: Option<&DeviceId>,
) -> Result<(), Failure> {
    for device in devices::table::all_bound(tx, account)? {
        if Some(&device) != except {
            hint(app, tx, &device, wire::Hint::Account)?;
        }
    }
    Ok(())
}

/// Tells the streams of this cloud what another process noted, and its sender.
///
/// # Errors
/// A broken database.
pub fn tell_from_outside(app: &App, tx: &Transaction<'_>) -> Result<(), Failure> {
    for device in table::from_outside(tx)? {
        let (hub, marks) = (app.hub.clone(), table::marks(tx, &device)?);
        after_commit(move || hub.tell(&device, marks));
    }
    // It may have left messages too, which the sender would otherwise find only after the next of its own.
    app.messages_due.notify_one();
    Ok(())
}

/// Hints at an account's devices; all but `except`, which knows.
///
/// # Errors
/// A broken database.
pub fn tell_others(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    except: Option<&DeviceId>,
    what: wire::Hint,
) -> Result<(), Failure> {
    for device in devices::table::active(tx, account)? {
        if Some(&device) != except {
            hint(app, tx, &device, what)?;
        }
    }
    Ok(())
}

/// Ends the channel of a binding that ended.
pub fn end(app: &App, device: &DeviceId) {
    let (hub, device) = (app.hub.clone(), *device);
    after_commit(move || hub.end(&device));
}

/// The binding that a statement is about, if the proof's key is the one that was bound in it; none for a key that is no device's.
///
/// # Errors
/// `other-epoch` for another device's key, or a broken database.
fn bound_for(tx: &Transaction<'_>, proof: &Proof, device: &DeviceId) -> Result<Option<Bound>, Failure> {
    let known = devices::table::bound(tx, &proof.thumbprint)?;
    let own = known.iter().find(|bound| bound.active && bound.device == *device);
    if own.is_none() && known.iter().any(|bound| bound.active) {
        return Err(Problem::new(Kind::OtherEpoch).into());
    }
    Ok(own.copied())
}

/// The binding that an outcome is of, in force or let go, whatever key brings it: a device forgets its own with the binding. Anybody
/// may ask, so that one that isn't of its device's warden is answered as one of a device that isn't there, after the same work.
///
/// # Errors
/// `not-bound`, or a broken database.
fn brought(app: &App, tx: &Transaction<'_>, statement: &Statement<Outcome>) -> Result<Bound, Failure> {
    let claim = &statement.claim;
    let found = devices::table::bound_or_released(tx, &claim.device)?;
    let warden = found.map_or(app.dummy.warden, |bound| bound.warden);
    let is_signed = statement.signed.open::<Outcome>(&warden).is_ok();
    found
        .filter(|bound| is_signed && claim.account == bound.account && claim.epoch == bound.epoch)
        .ok_or_else(|| Problem::new(Kind::NotBound).into())
}

fn take_budget(app: &App, context: &Context<'_>, what: &str, device: &DeviceId) -> Result<(), Failure> {
    let counter = app.vault.mac(what, &[device.as_bytes()]);
    budget::take(context.transaction, &counter, SENDS, context.now)
}

/// Something that a warden signed: its bytes, and what they claim until [`Statement::check`].
struct Statement<T> {
    signed: Signed,
    claim: T,
}

impl<T: Object> Statement<T> {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = || Problem::malformed("not an object that a warden signs");
        if bytes.len() > LARGEST_STATEMENT {
            return Err(Problem::new(Kind::TooLarge).because("a warden's statement has at most 8 KiB"));
        }
        let signed = Signed::decode(bytes).map_err(|_| malformed())?;
        let claim = signed.peek_unverified().map_err(|_| malformed())?;
        Ok(Self { signed, claim })
    }

    /// Verified under the key that the owner certified for this binding.
    fn check(&self, bound: &Bound, account: &AccountId, epoch: &Epoch) -> Result<(), Problem> {
        if *account != bound.account || *epoch != bound.epoch {
            return Err(Problem::new(Kind::OtherEpoch));
        }
        let opened = self.signed.open::<T>(&bound.warden).map(drop);
        opened.map_err(|_| Problem::new(Kind::BadSignature))
    }
}
