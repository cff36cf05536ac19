//! Opening a verification, and the codes that it sends.

use belay_proto::AccountId;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::keys::random;
use belay_proto::text::hex;
use belay_proto::wire;
use rusqlite::Transaction;

use super::link;
use super::message::{self, Words};
use super::state::{Channel, Purpose};
use super::table::{self, New, Row};
use crate::app::App;
use crate::budget::{self, Limit};
use crate::challenges::Solved;
use crate::clock::{DAY, Millis};
use crate::http::idempotency::Context;
use crate::http::{Caller, Proof};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{delivery, identifiers, text};

/// Codes and links a day to one address.
const SENDS: Limit = Limit {
    times: 5,
    window: DAY,
};
/// What is asked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What the address is proved for.
    pub purpose: Purpose,
    /// With [`Purpose::Identifier`], whose it will be.
    pub account: Option<AccountId>,
    /// How the code travels.
    pub channel: Channel,
    /// The address.
    pub address: &'a Identifier,
    /// The device, as its owner named it.
    pub device_name: &'a str,
    /// The wanted language.
    pub language: Option<&'a str>,
}

/// Opens a verification, and sends its first code.
///
/// # Errors
/// `channel-unavailable`, `malformed`, `proof-of-work-refused`, `too-many`.
pub fn begin(
    app: &App,
    context: &Context<'_>,
    wanted: &Wanted<'_>,
    solved: Result<Solved, Problem>,
    caller: Caller,
    proof: &Proof,
) -> Result<wire::OpenedVerification, Failure> {
    let (tx, now) = (context.transaction, context.now);
    let Wanted { channel, address, .. } = *wanted;
    if !is_available(app, channel, wanted.purpose) {
        return Err(Problem::new(Kind::ChannelUnavailable).into());
    }
    let device_name = text::name(wanted.device_name)?;
    let language = text::language(wanted.language)?;
    solved?.spend(tx)?;
    let lookup = table::lookup(&app.vault, address);
    take_budgets(app, tx, &lookup, address, channel, caller, now)?;
    let new = New {
        purpose: wanted.purpose,
        account: wanted.account,
        thumbprint: &proof.thumbprint,
        channel,
        address,
        device_name,
        language,
    };
    let row = table::insert(&app.vault, tx, &new, now)?;
    if channel != Channel::SmsOut {
        send_code(app, tx, &row, now)?;
    }
    Ok(wire::OpenedVerification {
        id: hex(&row.id),
        resend_in_ms: row.state.resend_in(now),
        expires_in_ms: row.state.expires_in(now),
        sms_out: sms_out(app, &row),
    })
}

/// Takes what a message costs of the address's, the network's and the number's budgets.
///
/// # Errors
/// `too-many`.
pub fn take_budgets(
    app: &App,
    tx: &Transaction<'_>,
    lookup: &[u8; 32],
    address: &Identifier,
    channel: Channel,
    caller: Caller,
    now: Millis,
) -> Result<(), Failure> {
    let (vault, limits) = (&app.vault, &app.settings.limits);
    let mut budgets = vec![(vault.mac("sends", &[lookup]), SENDS)];
    if let Some(network) = app.budget_network(caller) {
        budgets.push((
            vault.mac("network-sends", &[network.to_string().as_bytes()]),
            limits.network_sends(),
        ));
    }
    if channel == Channel::Sms {
        // Whoever earns by the message owns a range of numbers, or sits in one country.
        let number = address.as_str();
        let range = number.get(..number.len().saturating_sub(4)).unwrap_or(number);
        let region = number.get(..4).unwrap_or(number);
        budgets.push((
            vault.mac("range-sends", &[range.as_bytes()]),
            limits.range_sends(),
        ));
        budgets.push((
            vault.mac("region-sends", &[region.as_bytes()]),
            limits.region_sends(),
        ));
    }
    for (counter, limit) in &budgets {
        budget::check(tx, counter, *limit, now)?;
    }
    for (counter, limit) in &budgets {
        budget::count(tx, counter, *limit, now)?;
    }
    Ok(())
}

/// Sends a code, and makes it the one in force.
///
/// A recovery of an address that has no account does the same work, but its code is one that nobody can type, and its message
/// goes nowhere.
///
/// # Errors
/// A broken database.
pub fn send_code(app: &App, tx: &Transaction<'_>, row: &Row, now: Millis) -> Result<(), Failure> {
    let taken = identifiers::is_taken(tx, &row.lookup)?;
    let nobody = row.purpose == Purpose::Recovery && !taken;
    let code = fresh_code();
    let in_force = match nobody {
        true => hex(&random::<8>()),
        false => code.clone(),
    };
    table::set_code(&app.vault, tx, &row.id, &in_force, now)?;
    let words = Words {
        to: &row.address,
        device: &row.device_name,
        code: &code,
        link: &link(app, &row.id),
        purpose: row.purpose,
        taken,
        german: row.language.to_ascii_lowercase().starts_with("de"),
    };
    let mut message = match row.state.channel {
        Channel::Email => message::mail(&words),
        Channel::Sms | Channel::SmsOut => message::text_message(&words),
    };
    if nobody {
        delivery::NOWHERE.clone_into(&mut message.channel);
    }
    delivery::queue(&app.vault, tx, &message, now)?;
    // The carrier asks the same thread, so it looks after this transaction has ended.
    app.messages_due.notify_one();
    Ok(())
}

/// Six digits, each code as likely as any other.
fn fresh_code() -> String {
    const CODES: u32 = 1_000_000;
    loop {
        let number = u32::from_be_bytes(random());
        if number < u32::MAX - u32::MAX % CODES {
            return format!("{:06}", number % CODES);
        }
    }
}

fn sms_out(app: &App, row: &Row) -> Option<wire::SmsOut> {
    let number = &app.settings.sms_out.as_ref()?.number;
    let token = table::link_token(&app.vault, &row.id);
    (row.state.channel == Channel::SmsOut).then(|| wire::SmsOut {
        number: number.clone(),
        text: format!("belay {}", hex(&token)),
    })
}

/// An address that the channel reaches.
///
/// # Errors
/// `invalid-address`.
pub fn address_for(channel: Channel, text: &str) -> Result<Identifier, Problem> {
    let invalid = || Problem::new(Kind::InvalidAddress);
    let address = Identifier::parse(text).map_err(|_| invalid())?;
    let wanted = match channel {
        Channel::Email => IdentifierKind::Email,
        Channel::Sms | Channel::SmsOut => IdentifierKind::Phone,
    };
    if address.kind() == wanted {
        Ok(address)
    } else {
        Err(invalid())
    }
}

fn is_available(app: &App, channel: Channel, purpose: Purpose) -> bool {
    let delivery = &app.settings.delivery;
    match channel {
        Channel::Email => delivery.outbox.is_some() || delivery.smtp.is_some(),
        Channel::Sms => delivery.outbox.is_some() || delivery.sms.is_some(),
        // A number that sends proves that it is there, not whose account it may join or open.
        Channel::SmsOut => purpose == Purpose::Registration && app.settings.sms_out.is_some(),
    }
}
