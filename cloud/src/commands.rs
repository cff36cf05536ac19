//! The owner's side of the command channel: commands to a device, what became of them, what it reports.

pub mod check;
pub mod life;
pub mod table;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belay_proto::wire::{self, Hint};
use belay_proto::{AccountId, CommandId, DeviceId};
use rusqlite::Transaction;

use self::check::{Checked, Target};
use crate::app::App;
use crate::budget::{self, Limit};
use crate::channel::hub::{Side, Waiter};
use crate::channel::{self, LONGEST_WAIT};
use crate::clock::{HOUR, Millis, SECOND};
use crate::devices::standing::Standing;
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Query, Session, id_in_path};
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError, after_commit};
use crate::{accounts, devices};

/// Commands to one device, each of [`Checked::minor`] and the others: what a delegate may send uses up nothing that the
/// owner's lock, unlock or wipe needs.
const DEVICE_SENDS: Limit = Limit {
    times: 300,
    window: HOUR,
};

/// Commands of one account, counted likewise.
const ACCOUNT_SENDS: Limit = Limit {
    times: 1000,
    window: HOUR,
};

/// The same command again: it changes nothing, and counts for itself alone.
const REPEATS: Limit = Limit {
    times: 300,
    window: HOUR,
};

/// Lives in one answer, unless fewer are asked for.
const PAGE: u64 = 20;

/// The most lives in one answer.
const LARGEST_PAGE: u64 = 100;

/// `POST /v1/devices/{id}/commands`.
///
/// # Errors
/// `malformed`, `too-large`, `bad-command`, `no-such-delegate`, `not-found`, `other-epoch`, `command-exists`,
/// `queue-full`, `command-expired`, `too-many`.
pub async fn send(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    call: Call<wire::CommandRequest>,
) -> Result<Answer, Problem> {
    let device: DeviceId = id_in_path(path)?;
    let account = session.account;
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Optional,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let binding = devices::table::binding(tx, &device)?
                .filter(|binding| binding.account == account && binding.standing == Standing::Active)
                .ok_or_else(|| Problem::new(Kind::NotFound))?;
            let (owner, generation) = generation(app, tx, &account)?;
            let target = Target {
                owner: &owner,
                account,
                generation,
                device,
                epoch: binding.epoch,
            };
            let checked = check::check(&body.envelope, &target, now)?;
            let id = &checked.command.id;
            if table::is_queued(&app.vault, tx, &device, id, &body.envelope)? {
                let counter = app
                    .vault
                    .mac("command-again", &[device.as_bytes(), id.as_bytes()]);
                budget::take(tx, &counter, REPEATS, now)?;
            } else {
                let budget = Budget::of(app, &checked);
                budget.check(tx, now)?;
                table::queue(app, tx, &checked, &body.envelope, now)?;
                budget.count(tx, now)?;
                channel::hint(app, tx, &device, Hint::Commands)?;
                let hub = app.hub.clone();
                after_commit(move || hub.went_on(&device));
            }
            let life =
                table::life(&app.vault, tx, &device, id, now)?.ok_or(StoreError::Unreadable("a command"))?;
            Ok(Kept::Answer(Answer::json(StatusCode::ACCEPTED, &life)?))
        },
    )
    .await
}

/// `GET /v1/devices/{id}/commands`.
///
/// # Errors
/// `malformed`, `not-found`.
pub async fn list(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    query: Query,
) -> Result<Answer, Problem> {
    let device: DeviceId = id_in_path(path)?;
    let limit = query
        .only(&["limit"])?
        .get("limit")
        .unwrap_or(PAGE)
        .min(LARGEST_PAGE);
    let (now, inside) = (app.now(), app.clone());
    let commands = app
        .store
        .transact(move |tx| {
            check_owned(tx, &device, &session.account)?;
            table::lives(&inside.vault, tx, &device, limit, now)
        })
        .await?;
    Answer::ok(&wire::CommandsAnswer { commands })
}

/// `GET /v1/devices/{id}/commands/{command}`: with `wait` and `seen` it answers once the life is another than
/// the one that was seen.
///
/// # Errors
/// `malformed`, `not-found`.
pub async fn show(
    State(app): State<App>,
    Path((device, command)): Path<(String, String)>,
    session: Session,
    query: Query,
) -> Result<Answer, Problem> {
    let (device, command): (DeviceId, CommandId) = (id_in_path(Path(device))?, id_in_path(Path(command))?);
    let query = query.only(&["wait", "seen"])?;
    let (seen, wait) = (query.get("seen"), query.get("wait").unwrap_or(0));
    let deadline = app.now().saturating_add(wait.min(LONGEST_WAIT) * SECOND);
    let mut waiter: Option<Waiter> = None;
    loop {
        let (now, inside, waits) = (app.now(), app.clone(), waiter.is_some());
        let (life, new) = app
            .store
            .transact(move |tx| {
                check_owned(tx, &device, &session.account)?;
                let life = table::life(&inside.vault, tx, &device, &command, now)?
                    .ok_or_else(|| Problem::new(Kind::NotFound))?;
                // On the store's thread nothing happens between this look and the waiting.
                let waiter = (seen == Some(life.revision) && now < deadline && !waits)
                    .then(|| inside.hub.poll(device, Side::Owner))
                    .flatten();
                Ok((life, waiter))
            })
            .await?;
        waiter = waiter.or(new);
        let Some(waiter) = waiter.as_mut().filter(|_| seen == Some(life.revision)) else {
            return Answer::ok(&life);
        };
        if app.now() >= deadline || app.hub.is_closed() {
            return Answer::ok(&life);
        }
        tokio::select! {
            () = waiter.changed() => drop(waiter.news()),
            () = app.alarms.at(deadline) => {}
        }
    }
}

/// `GET /v1/devices/{id}/reports`.
///
/// # Errors
/// `malformed`, `not-found`.
pub async fn reports(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    query: Query,
) -> Result<Answer, Problem> {
    let device: DeviceId = id_in_path(path)?;
    let after = query.only(&["after"])?.get("after").unwrap_or(0);
    let (now, inside) = (app.now(), app.clone());
    let answer = app
        .store
        .transact(move |tx| {
            check_owned(tx, &device, &session.account)?;
            channel::table::reports(&inside.vault, tx, &device, after, now)
        })
        .await?;
    Answer::ok(&answer)
}

/// The owner's key, and the generation of the account's credentials.
///
/// # Errors
/// `invalid-token` when the account is gone, or a broken database.
pub fn generation(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
) -> Result<(belay_proto::keys::PublicKey, u64), Failure> {
    let account = accounts::table::of_session(&app.vault, tx, account)?;
    Ok((account.owner, account.generation()?))
}

/// Whether the device is or was the account's: what became of a sign-out can be read after it.
fn check_owned(tx: &Transaction<'_>, device: &DeviceId, account: &AccountId) -> Result<(), Failure> {
    let owned = devices::table::binding(tx, device)?.is_some_and(|binding| binding.account == *account);
    match owned {
        true => Ok(()),
        false => Err(Problem::new(Kind::NotFound).into()),
    }
}

/// What a new command takes its part of.
struct Budget([([u8; 32], Limit); 2]);

impl Budget {
    fn of(app: &App, checked: &Checked) -> Self {
        let command = &checked.command;
        let kind: &[u8] = if checked.minor { b"minor" } else { b"owner" };
        let account = app
            .vault
            .mac("commands-account", &[command.account.as_bytes(), kind]);
        let device = app
            .vault
            .mac("commands-device", &[command.device.as_bytes(), kind]);
        Self([(account, ACCOUNT_SENDS), (device, DEVICE_SENDS)])
    }

    fn check(&self, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
        self.0
            .iter()
            .try_for_each(|(counter, limit)| budget::check(tx, counter, *limit, now))
    }

    fn count(&self, tx: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
        self.0
            .iter()
            .try_for_each(|(counter, limit)| budget::count(tx, counter, *limit, now))
    }
}
