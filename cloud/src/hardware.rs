//! Whether a piece of hardware belongs to somebody: asked by a device that has just been reset.

use axum::extract::State;
use belay_proto::wire;

use crate::app::App;
use crate::challenges::Solved;
use crate::http::{Answer, Call};
use crate::problem::Problem;
use crate::{devices, identifiers};

/// `POST /v1/hardware/check`: costs work, so that nobody lists ids.
///
/// # Errors
/// `proof-of-work-refused`.
pub async fn check(State(app): State<App>, call: Call<wire::HardwareRequest>) -> Result<Answer, Problem> {
    let inside = app.clone();
    let solved = Solved::check_aside(&app, &call.body.pow).await?;
    let answer = app
        .store
        .transact(move |tx| {
            solved.spend(tx)?;
            let hardware = devices::hardware_mac(&inside, call.body.hardware.as_bytes());
            // Without an unprinted part there is no lock, whoever claims one, nor a name to tell.
            let holder = match call.body.unprinted {
                true => devices::table::lock_holder(tx, &hardware)?,
                false => None,
            };
            let login = match &holder {
                Some(holder) => identifiers::masked_login(&inside.vault, tx, &holder.account)?,
                None => None,
            };
            Ok(wire::HardwareAnswer {
                locked: holder.is_some(),
                login,
            })
        })
        .await?;
    Answer::ok(&answer)
}
