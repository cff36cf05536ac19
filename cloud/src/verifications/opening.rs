//! Opening a verification, and the codes that it sends.

use belay_proto::AccountId;
use belay_proto::failpoint;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::keys::random;
use belay_proto::text::hex;
use belay_proto::wire;
use rusqlite::Transaction;

use super::state::{Channel, Purpose};
use super::table::{self, New, Row};
use super::{budgets, link};
use crate::accounts::languages;
use crate::app::App;
use crate::challenges::Solved;
use crate::clock::Millis;
use crate::http::idempotency::Context;
use crate::http::{Caller, Proof};
use crate::identifiers::table::{Proved, as_proved};
use crate::language::Language;
use crate::messages::{self, Way};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{delivery, identifiers, text};

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
    /// The wanted language. Of a recovery it is whoever asks that wants it: the owner's own comes first.
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
    budgets::take(app, tx, &lookup, address, channel, caller, now)?;
    // What the message warns of is said in a language that the owner reads.
    let language = match wanted.purpose {
        Purpose::Recovery => languages::of_owner(app, tx, &lookup)?.map_or(language, |own| own.tag()),
        _ => language,
    };
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
    failpoint!("cloud.verification.opened");
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

/// Sends a code, and makes it the one in force.
///
/// A recovery of an address that has no account does the same work, but its code is one that nobody can type, and its message
/// goes nowhere. What is about an account's address goes to it as the account proved it, however it was typed now, and nowhere where
/// that can't be read: what was typed may be another mailbox.
///
/// # Errors
/// A broken database.
pub fn send_code(app: &App, tx: &Transaction<'_>, row: &Row, now: Millis) -> Result<(), Failure> {
    let taken = identifiers::is_taken(tx, &row.lookup)?;
    let proved = as_proved(app, tx, &row.lookup)?;
    let nobody = match proved {
        Proved::Unreadable => true,
        Proved::Nobody | Proved::As(_) => row.purpose == Purpose::Recovery && !taken,
    };
    let code = fresh_code();
    let in_force = match nobody {
        true => hex(&random::<8>()),
        false => code.clone(),
    };
    table::set_code(&app.vault, tx, &row.id, &in_force, now)?;
    let purpose = match row.purpose {
        Purpose::Registration => messages::Purpose::Registration { taken },
        Purpose::Identifier => messages::Purpose::Identifier { taken },
        // What nobody gets is composed, sealed and kept as it would be for an owner: the time says nothing.
        Purpose::Recovery => messages::Purpose::Recovery,
    };
    let letter = messages::Code {
        purpose,
        device: &row.device_name,
        code: &code,
        link: &link(app, &row.id),
    };
    let way = match row.state.channel {
        Channel::Email => Way::Mail,
        Channel::Sms | Channel::SmsOut => Way::Text,
    };
    let language = Language::of(&row.language).unwrap_or_default();
    let to = match &proved {
        Proved::As(address) => address,
        Proved::Nobody | Proved::Unreadable => &row.address,
    };
    let compose = |language| messages::code(way, to, language, &letter);
    let mut message = match row.purpose {
        // In each language: the one that an owner reads is not for whoever asks to hear from the time.
        Purpose::Recovery => {
            let all = Language::ALL.map(|one| (one, compose(one)));
            let own = all.into_iter().find(|(one, _)| *one == language);
            own.map_or_else(|| compose(language), |(_, message)| message)
        }
        _ => compose(language),
    };
    if nobody {
        delivery::NOWHERE.clone_into(&mut message.channel);
    }
    delivery::queue(app, tx, &message, delivery::CODE_LIFE, now)
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
        Channel::Email => delivery.mails(),
        Channel::Sms => delivery.texts(),
        // A number that sends proves that it is there, not whose account it may join or open.
        Channel::SmsOut => purpose == Purpose::Registration && app.settings.sms_out.is_some(),
    }
}
