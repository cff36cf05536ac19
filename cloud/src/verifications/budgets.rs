//! How much is sent to whom, and asked for by whom.

use belay_proto::identifier::{Identifier, IdentifierKind};
use rusqlite::Transaction;

use crate::app::App;
use crate::budget::{self, Limit};
use crate::clock::{DAY, Millis};
use crate::http::Caller;
use crate::store::Failure;
use crate::verifications::state::Channel;

/// Codes and links a day to one address.
const SENDS: Limit = Limit {
    times: 5,
    window: DAY,
};
/// Wrong codes a day for one address.
pub const WRONG_CODES: Limit = Limit {
    times: 10,
    window: DAY,
};

/// Counts a message with a code for the address with this MAC, that `caller` asked for; nothing is counted where
/// one of the budgets is used up.
///
/// # Errors
/// `too-many`, with the time when it will not be.
pub fn take(
    app: &App,
    tx: &Transaction<'_>,
    lookup: &[u8; 32],
    address: &Identifier,
    channel: Channel,
    caller: Caller,
    now: Millis,
) -> Result<(), Failure> {
    let mut budgets = vec![(app.vault.mac("sends", &[lookup]), SENDS)];
    if let Some(network) = app.budget_network(caller) {
        budgets.push((
            app.vault.mac("network-sends", &[network.to_string().as_bytes()]),
            app.settings.limits.network_sends(),
        ));
    }
    if channel == Channel::Sms {
        budgets.extend(of_number(app, address));
    }
    take_all(tx, &budgets, now)
}

/// Counts an unasked message of one kind to this address. They have budgets of their own, so that neither does
/// a flood of codes keep a notice back, nor one kind of notice another.
///
/// # Errors
/// As [`take`].
pub fn take_notice(
    app: &App,
    tx: &Transaction<'_>,
    kind: &str,
    address: &Identifier,
    now: Millis,
) -> Result<(), Failure> {
    const NOTICES: Limit = Limit {
        times: 10,
        window: DAY,
    };
    let lookup = super::table::lookup(&app.vault, address);
    let mut budgets = vec![(app.vault.mac("notices", &[kind.as_bytes(), &lookup]), NOTICES)];
    if address.kind() == IdentifierKind::Phone {
        budgets.extend(of_number(app, address));
    }
    take_all(tx, &budgets, now)
}

/// Whoever earns by text messages owns a range of numbers, or sits in one country.
fn of_number(app: &App, address: &Identifier) -> [([u8; 32], Limit); 2] {
    let (vault, limits) = (&app.vault, &app.settings.limits);
    let number = address.as_str();
    let range = number.get(..number.len().saturating_sub(4)).unwrap_or(number);
    let region = number.get(..4).unwrap_or(number);
    [
        (
            vault.mac("range-sends", &[range.as_bytes()]),
            limits.range_sends(),
        ),
        (
            vault.mac("region-sends", &[region.as_bytes()]),
            limits.region_sends(),
        ),
    ]
}

fn take_all(tx: &Transaction<'_>, budgets: &[([u8; 32], Limit)], now: Millis) -> Result<(), Failure> {
    for (counter, limit) in budgets {
        budget::check(tx, counter, *limit, now)?;
    }
    for (counter, limit) in budgets {
        budget::count(tx, counter, *limit, now)?;
    }
    Ok(())
}
