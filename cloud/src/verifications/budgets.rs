//! How much is sent to whom, and asked for by whom.

use belay_proto::identifier::{Identifier, IdentifierKind};
use rusqlite::Transaction;

use crate::app::App;
use crate::budget::{self, Limit};
use crate::clock::{DAY, Millis};
use crate::config::Limits;
use crate::http::Caller;
use crate::language::Language;
use crate::messages::Notice;
use crate::store::Failure;
use crate::vault::Vault;
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

/// Mails a day to one address that tell of one kind of deed in one language.
const MAIL_NOTICES: Limit = Limit {
    times: 10,
    window: DAY,
};
/// Text messages a day to one number that tell of one kind of deed in one language.
const TEXT_NOTICES: Limit = Limit {
    times: 3,
    window: DAY,
};

/// The same of all kinds and languages together, those of sign-ins and recoveries apart from all others.
const TEXTS: Limit = Limit {
    times: 24,
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
    let mut budgets = vec![(app.vault.mac(CODES.number, &[lookup]), SENDS)];
    if let Some(network) = app.budget_network(caller) {
        budgets.push((
            app.vault.mac("network-sends", &[network.to_string().as_bytes()]),
            app.settings.limits.network_sends(),
        ));
    }
    if channel == Channel::Sms {
        budgets.extend(of_number(&app.vault, &app.settings.limits, address, &CODES));
    }
    take_all(tx, &budgets, now)
}

/// Counts an unasked message of one kind, in one language, to this address; nothing is counted where one of the budgets is used up. They have
/// budgets of their own, so that neither does a flood of codes keep a notice back, nor one kind of notice another. Text messages
/// cost, and there are ranges of numbers that somebody earns by: those have fewer, and a bound for the range and the region. Those
/// of sign-ins and recoveries have one of their own, and one number has no more than a part of either: who owns an account doesn't
/// keep his neighbours' owners from hearing of what befalls theirs.
///
/// # Errors
/// As [`take`].
pub fn take_notice(
    vault: &Vault,
    limits: &Limits,
    tx: &Transaction<'_>,
    (notice, language): (&Notice<'_>, Language),
    address: &Identifier,
    now: Millis,
) -> Result<(), Failure> {
    let is_text = address.kind() == IdentifierKind::Phone;
    let limit = if is_text { TEXT_NOTICES } else { MAIL_NOTICES };
    let lookup = super::table::lookup(vault, address);
    let kind = [notice.id(), language.tag()].map(str::as_bytes);
    let mut budgets = vec![(vault.mac("notices", &[kind[0], kind[1], &lookup]), limit)];
    if is_text {
        let messages = match notice.is_of_access() {
            true => &ACCESS,
            false => &NOTICES,
        };
        budgets.push((vault.mac(messages.number, &[&lookup]), TEXTS));
        budgets.extend(of_number(vault, limits, address, messages));
    }
    take_all(tx, &budgets, now)
}

/// What messages with codes, or notices, count as for a range of numbers and a region.
struct Messages {
    number: &'static str,
    range: &'static str,
    region: &'static str,
    /// How many of them go for one that the configuration names.
    times: u32,
}

const CODES: Messages = Messages {
    number: "sends",
    range: "range-sends",
    region: "region-sends",
    times: 1,
};
/// Each is about a deed at an account that has proved its number, so that they are harder to ask for, and missed more.
const NOTICES: Messages = Messages {
    number: "number-notices",
    range: "range-notices",
    region: "region-notices",
    times: 10,
};

/// The same about who came into the account, or has a way to.
const ACCESS: Messages = Messages {
    number: "number-access-notices",
    range: "range-access-notices",
    region: "region-access-notices",
    times: 10,
};

/// Whoever earns by text messages owns a range of numbers, or sits in one country.
fn of_number(
    vault: &Vault,
    limits: &Limits,
    address: &Identifier,
    messages: &Messages,
) -> [([u8; 32], Limit); 2] {
    let number = address.as_str();
    let range = number.get(..number.len().saturating_sub(4)).unwrap_or(number);
    let region = number.get(..4).unwrap_or(number);
    let times = |limit: Limit| Limit {
        times: limit.times.saturating_mul(messages.times),
        ..limit
    };
    [
        (
            vault.mac(messages.range, &[range.as_bytes()]),
            times(limits.range_sends()),
        ),
        (
            vault.mac(messages.region, &[region.as_bytes()]),
            times(limits.region_sends()),
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
