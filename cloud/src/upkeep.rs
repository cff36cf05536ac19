//! What the cloud does by itself once a minute: it forgets what is over, reminds owners of what runs against them, and passes on
//! what another process noted, such as the operator's command.
//!
//! The first call after a minute does it along with its own work, and [`run`] where nobody calls: at night the one phone of a
//! small cloud holds its stream and asks for nothing, and its owner has to hear of a hold all the same.

use rusqlite::Transaction;

use crate::accounts::{following, waiting};
use crate::app::App;
use crate::clock::Millis;
use crate::store::Failure;
use crate::{channel, sweep};

/// Does all of it, at `now`.
///
/// # Errors
/// A broken database.
pub fn keep(app: &App, transaction: &Transaction<'_>, now: Millis) -> Result<(), Failure> {
    sweep::sweep(transaction, &app.files, now)?;
    waiting::remind(app, transaction, now)?;
    following::remind(app, transaction, now)?;
    channel::tell_from_outside(app, transaction)
}

/// Does it whenever no call has done it for a minute, until the task is dropped.
pub async fn run(app: App) {
    loop {
        app.clock.sleep_until(app.next_sweep()).await;
        let now = app.now();
        if !app.sweep_is_due(now) {
            continue;
        }
        let inside = app.clone();
        let kept = app.store.transact(move |tx| keep(&inside, tx, now)).await;
        if let Err(problem) = kept {
            tracing::warn!(?problem, "the minute's upkeep waits for the next one");
        }
    }
}
