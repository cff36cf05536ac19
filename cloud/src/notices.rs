//! Telling an account's owner what happens to it, at each address that the account has.

use belay_proto::AccountId;
use belay_proto::identifier::IdentifierKind;
use rusqlite::Transaction;

use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::http::metrics::Outcome;
use crate::language::Language;
use crate::messages::{self, Notice, Way};
use crate::store::Failure;
use crate::verifications::budgets;
use crate::{accounts, delivery, identifiers};

/// How long a notice stays worth sending.
const LIFE: Millis = 3 * DAY;

/// Puts a notice to the account's owner into the queue, within the transaction that makes it true, and while the
/// account is still there. An address that has had too many of them is left out, never a reason to refuse the
/// deed.
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
    let Some(owner) = accounts::table::load(&app.vault, tx, account)? else {
        return Ok(());
    };
    let language = owner.profile.language.as_deref().and_then(Language::of);
    for address in identifiers::addresses(&app.vault, tx, account)? {
        let (way, open) = match address.kind() {
            IdentifierKind::Email => (Way::Mail, app.settings.delivery.mails()),
            IdentifierKind::Phone => (Way::Text, app.settings.delivery.texts()),
        };
        let message = messages::notice(way, address.as_str(), language.unwrap_or_default(), notice);
        if !open {
            continue;
        }
        match budgets::take_notice(app, tx, notice.id(), &address, now) {
            Ok(()) => delivery::queue(app, tx, &message, LIFE, now)?,
            Err(Failure::Refused(_)) => app.metrics.message(&message.channel, Outcome::Withheld),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
