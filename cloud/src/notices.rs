//! Telling an account's owner what happens to it, at each address that the account has, and in each language that the owner
//! was told in lately.

use belay_proto::AccountId;
use belay_proto::identifier::IdentifierKind;
use rusqlite::Transaction;

use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::config::Settings;
use crate::http::metrics::Outcome;
use crate::messages::{self, Notice, Way};
use crate::store::Failure;
use crate::vault::Vault;
use crate::verifications::budgets;
use crate::{accounts, delivery, identifiers};

/// How long a notice stays worth sending.
const LIFE: Millis = 3 * DAY;

/// Puts a notice to the account's owner into the queue, within the transaction that makes it true, and while the
/// account and the address in question are still there. An address that has had too many of them is left out, never a
/// reason to refuse the deed.
///
/// # Errors
/// A broken database.
pub fn tell(
    app: &App,
    tx: &Transaction<'_>,
    account: &AccountId,
    notice: &Notice<'_>,
    now: Millis,
) -> Result<(), Failure> {
    let delivery = &app.settings.delivery;
    let goes = |way: Way| match way {
        Way::Mail => delivery.mails(),
        Way::Text => delivery.texts(),
    };
    let withheld = put(&app.vault, &app.settings, tx, account, notice, goes, now)?;
    for channel in withheld {
        app.metrics.message(&channel, Outcome::Withheld);
    }
    // The sender asks the same thread, so it looks after this transaction has ended.
    app.messages_due.notify_one();
    Ok(())
}

/// The same from another process than the cloud, which sends it with its next look at what came from outside. That process may
/// not know the cloud's configuration: whatever the cloud has no way for waits in the queue for one until it isn't worth sending
/// any more. Answers the channels of the messages that were withheld.
///
/// # Errors
/// A broken database.
pub fn put_from_outside(
    vault: &Vault,
    settings: &Settings,
    tx: &Transaction<'_>,
    account: &AccountId,
    notice: &Notice<'_>,
    now: Millis,
) -> Result<Vec<String>, Failure> {
    put(vault, settings, tx, account, notice, |_| true, now)
}

fn put(
    vault: &Vault,
    settings: &Settings,
    tx: &Transaction<'_>,
    account: &AccountId,
    notice: &Notice<'_>,
    goes: impl Fn(Way) -> bool,
    now: Millis,
) -> Result<Vec<String>, Failure> {
    let Some(owner) = accounts::table::load(vault, tx, account)? else {
        return Ok(Vec::new());
    };
    let languages = accounts::languages::all(tx, &owner, now)?;
    let mut withheld = Vec::new();
    for address in identifiers::addresses(vault, tx, account)? {
        let way = match address.kind() {
            IdentifierKind::Email => Way::Mail,
            IdentifierKind::Phone => Way::Text,
        };
        if !goes(way) {
            continue;
        }
        for language in &languages {
            let message = messages::notice(way, address.as_str(), *language, notice);
            // A language that somebody chose takes nothing from the one that the owner reads.
            let what = (notice, *language);
            match budgets::take_notice(vault, &settings.limits, tx, what, &address, now) {
                Ok(()) => delivery::put(vault, tx, &message, LIFE, now)?,
                Err(Failure::Refused(_)) => withheld.push(message.channel),
                Err(other) => return Err(other),
            }
        }
    }
    Ok(withheld)
}
