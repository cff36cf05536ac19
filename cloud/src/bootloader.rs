//! Requests to unlock a bootloader. The owner orders one for the device that asks; an operator decides it, and approves it only
//! after a wait in which the owner sees it.

pub mod table;

use axum::extract::State;
use axum::http::StatusCode;
use belay_proto::signed::Deed;
use belay_proto::text::misleads;
use belay_proto::wire;

use self::table::{Request, State as Stands};
use crate::accounts::{orders, table as accounts};
use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Proof, Session};
use crate::messages::Notice;
use crate::problem::Problem;
use crate::{channel, devices, notices};

/// The longest reason, characters.
const LONGEST_REASON: usize = 500;

/// `POST /v1/account/bootloader-unlocks`. One that waits gets the new reason and waits on; one that was denied begins anew.
///
/// # Errors
/// `malformed`, `too-large`, `bad-order`, `not-bound`, `generation-conflict`, `order-used`, `too-many`.
pub async fn ask(
    State(app): State<App>,
    session: Session,
    call: Call<wire::BootloaderRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Required,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let reason = reason(&body.reason)?;
            let account = accounts::of_session(&app.vault, tx, &session.account)?;
            let device = devices::acting(tx, &session.proof.thumbprint, &account.id)?;
            let order = orders::check(tx, &account, &body.order, |deed| {
                *deed == Deed::UnlockBootloader(device)
            })?;
            order.done(&app.vault, tx, now)?;
            let waits = |request: Request| request.state == Stands::Pending;
            let waited = table::load(tx, &device)?.is_some_and(waits);
            table::ask(&app.vault, tx, &device, reason, app.settings.bootloader_wait, now)?;
            channel::account_changed(app, tx, &account.id, &device)?;
            // One that waits already, or was approved, is no news.
            if !waited && table::load(tx, &device)?.is_some_and(waits) {
                let notice = Notice::UnlockRequested {
                    device: &devices::table::name(&app.vault, tx, &device)?,
                    days: days(app.settings.bootloader_wait),
                };
                notices::tell(app, tx, &account.id, &notice, now)?;
            }
            let answer = answer(table::load(tx, &device)?.as_ref(), now);
            Ok(Kept::Answer(Answer::json(StatusCode::ACCEPTED, &answer)?))
        },
    )
    .await
}

/// `GET /v1/account/bootloader-unlocks`: for a bound device's key alone.
///
/// # Errors
/// `not-bound`.
pub async fn show(State(app): State<App>, proof: Proof) -> Result<Answer, Problem> {
    let now = app.now();
    let request = app
        .store
        .transact(move |tx| table::load(tx, &channel::bound(tx, &proof)?.device))
        .await?;
    Answer::ok(&answer(request.as_ref(), now))
}

fn answer(request: Option<&Request>, now: Millis) -> wire::BootloaderAnswer {
    wire::BootloaderAnswer {
        state: request
            .map_or("none", |request| request.state.as_str())
            .to_owned(),
        waits_ms: match request {
            Some(request) if request.state == Stands::Pending => request.waits(now),
            _ => 0,
        },
    }
}

/// A wait in whole days, the last of them begun.
fn days(wait: Millis) -> u32 {
    u32::try_from(wait.div_ceil(DAY)).unwrap_or(u32::MAX)
}

fn reason(text: &str) -> Result<&str, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if !(1..=LONGEST_REASON).contains(&length) || text.chars().any(misleads) {
        return Err(Problem::malformed(
            "a reason has 1 to 500 characters, without control characters",
        ));
    }
    Ok(text)
}
