//! The registry of an account's accessories. Its records are sealed by the account's devices: the cloud knows how many
//! there are, and nothing else of them.

pub mod table;

use axum::extract::{Path, State};
use belay_proto::accessory::MAX_SEALED_ACCESSORY;
use belay_proto::wire::{self, Hint};
use belay_proto::{AccessoryId, AccountId};
use rusqlite::Transaction;

use self::table::{MOST, Row};
use crate::app::App;
use crate::budget::{self, Limit};
use crate::clock::{HOUR, Millis};
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Query, Session, id_in_path};
use crate::problem::{Kind, Problem};
use crate::store::{Failure, countable, storable};
use crate::sync::table::counted;
use crate::{channel, devices};

/// Changes of one account's registry.
const CHANGES: Limit = Limit {
    times: 300,
    window: HOUR,
};

/// `GET /v1/accessories`: what changed after a number.
///
/// # Errors
/// `malformed`.
pub async fn list(State(app): State<App>, session: Session, query: Query) -> Result<Answer, Problem> {
    let after = query.only(&["after"])?.get("after").unwrap_or(0);
    let answer = app
        .store
        .transact(move |tx| table::changed(tx, &session.account, storable(after)))
        .await?;
    Answer::ok(&answer)
}

/// `PUT /v1/accessories/{id}`: a record in the place of the present one, if that is the one its device knew.
///
/// # Errors
/// `malformed`, `not-bound`, `too-large`, `not-found` for an id that is none, `key-epoch-old`, `revision-conflict`, `quota-exceeded`,
/// `too-many`.
pub async fn put(
    State(app): State<App>,
    path: Path<String>,
    session: Session,
    call: Call<wire::AccessoryRequest>,
) -> Result<Answer, Problem> {
    let id: AccessoryId = id_in_path(path)?;
    let (account, thumbprint) = (session.account, session.proof.thumbprint);
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Optional,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            check(&body)?;
            let here = devices::acting(tx, &thumbprint, &account)?;
            let before = table::find(tx, &account, &id)?;
            if !is_there_already(before.as_ref(), &body) {
                may_follow(tx, &account, before.as_ref(), &body)?;
                take_budget(app, tx, &account, now)?;
                table::put(tx, &account, &id, &body, now)?;
                channel::tell_others(app, tx, &account, Some(&here), Hint::Sync)?;
            }
            Ok(Kept::Answer(Answer::empty()))
        },
    )
    .await
}

fn check(body: &wire::AccessoryRequest) -> Result<(), Problem> {
    countable(body.key_epoch)?;
    countable(body.revision)?;
    if body.revision <= body.base {
        return Err(Problem::malformed("`revision` isn't above `base`"));
    }
    if body.sealed.is_empty() {
        return Err(Problem::malformed("`sealed` is empty"));
    }
    if body.sealed.len() > MAX_SEALED_ACCESSORY {
        return Err(Problem::new(Kind::TooLarge).because("a sealed accessory has at most 4 KiB"));
    }
    Ok(())
}

/// The same change again, whose first answer was lost.
fn is_there_already(before: Option<&Row>, body: &wire::AccessoryRequest) -> bool {
    before.is_some_and(|row| {
        (row.revision, row.removed, row.key_epoch) == (body.revision, body.removed, body.key_epoch)
            && row.sealed == body.sealed.0
    })
}

fn may_follow(
    tx: &Transaction<'_>,
    account: &AccountId,
    before: Option<&Row>,
    body: &wire::AccessoryRequest,
) -> Result<(), Failure> {
    let conflict = |why: &str| Failure::from(Problem::new(Kind::RevisionConflict).because(why));
    // A device that hasn't heard of it yet isn't to seal for one that was removed.
    if body.key_epoch < counted(tx, account)?.key_epoch {
        return Err(Problem::new(Kind::KeyEpochOld).into());
    }
    if before.map_or(0, |row| row.revision) != body.base {
        return Err(conflict("another revision is the present one"));
    }
    match before {
        Some(row) if row.removed && !body.removed => Err(conflict("it was removed, for good")),
        Some(_) => Ok(()),
        None if body.removed => Ok(()),
        None if table::count(tx, account)? < MOST => Ok(()),
        None => Err(Problem::new(Kind::QuotaExceeded)
            .because("an account has at most 64 accessories")
            .into()),
    }
}

fn take_budget(app: &App, tx: &Transaction<'_>, account: &AccountId, now: Millis) -> Result<(), Failure> {
    let counter = app.vault.mac("accessories", &[account.as_bytes()]);
    budget::take(tx, &counter, CHANGES, now)
}
