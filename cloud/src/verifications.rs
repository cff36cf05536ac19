//! Proving an address: opening, sending again, asking, typing the code.
//!
//! Nothing here tells whether the address belongs to an account: status, words and work are the same. Only
//! the mail says so, and only the address's owner reads that.

pub mod budgets;
pub mod state;
pub mod table;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belay_proto::identifier::{Identifier, IdentifierKind};
use belay_proto::keys::random;
use belay_proto::text::{base64url, from_base64url, hex};
use belay_proto::wire;
use rusqlite::Transaction;

use self::state::{Channel, Stage, Verdict};
use self::table::{New, Row, VerificationId};
use crate::app::App;
use crate::budget;
use crate::challenges::Solved;
use crate::clock::Millis;
use crate::http::call::Nothing;
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Call, Caller, Proof};
use crate::language::Language;
use crate::messages::{Purpose, Way};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::{delivery, identifiers, messages, text};

/// `POST /v1/verifications`.
///
/// # Errors
/// `invalid-address`, `channel-unavailable`, `proof-of-work-refused`, `too-many`.
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    proof: Proof,
    call: Call<wire::OpenVerificationRequest>,
) -> Result<Answer, Problem> {
    let solved = Solved::check_aside(&app, &call.body.pow).await;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        let (tx, now) = (context.transaction, context.now);
        let channel = channel(body.channel);
        let address = address_for(channel, &body.address)?;
        if !is_available(app, channel) {
            return Err(Problem::new(Kind::ChannelUnavailable).into());
        }
        let device_name = text::name(&body.device_name)?;
        let language = text::language(body.language.as_deref())?;
        solved?.spend(tx)?;
        let lookup = table::lookup(&app.vault, &address);
        budgets::take(app, tx, &lookup, &address, channel, caller, now)?;
        let new = New {
            thumbprint: &proof.thumbprint,
            channel,
            address: &address,
            device_name,
            language,
        };
        let row = table::insert(&app.vault, tx, &new, now)?;
        if channel != Channel::SmsOut {
            send_code(app, tx, &row, now)?;
        }
        let answer = wire::OpenedVerification {
            id: hex(&row.id),
            resend_in_ms: row.state.resend_in(now),
            expires_in_ms: row.state.expires_in(now),
            sms_out: sms_out(app, &row),
        };
        Ok(Kept::Answer(Answer::json(StatusCode::ACCEPTED, &answer)?))
    })
    .await
}

/// `POST /v1/verifications/{id}/resend`.
///
/// # Errors
/// `not-found`, `code-expired`, `too-soon`, `too-many`, `proof-of-work-refused`.
pub async fn resend(
    State(app): State<App>,
    path: Path<String>,
    caller: Caller,
    proof: Proof,
    call: Call<wire::ResendRequest>,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    let solved = Solved::check_aside(&app, &call.body.pow).await;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, _| {
        let (tx, now) = (context.transaction, context.now);
        let mut row = own(app, tx, &id, &proof)?;
        match row.state.stage(now) {
            Stage::Expired => return Err(Problem::new(Kind::CodeExpired).into()),
            // Nothing needs to be sent any more.
            Stage::Confirmed => return Ok(Kept::Nothing(resent(&row, now)?)),
            Stage::Pending => {}
        }
        let wait = row.state.resend_in(now);
        if wait > 0 {
            return Err(Problem::wait(Kind::TooSoon, wait).into());
        }
        solved?.spend(tx)?;
        if row.state.channel != Channel::SmsOut {
            let address = address_for(row.state.channel, &row.address)?;
            budgets::take(app, tx, &row.lookup, &address, row.state.channel, caller, now)?;
            send_code(app, tx, &row, now)?;
            row.state.sent_at = now;
            row.state.tries_left = state::TRIES;
        }
        Ok(Kept::Answer(resent(&row, now)?))
    })
    .await
}

/// `GET /v1/verifications/{id}`, for the key that opened it.
///
/// # Errors
/// `not-found`.
pub async fn show(State(app): State<App>, path: Path<String>, proof: Proof) -> Result<Answer, Problem> {
    let id = id(&path)?;
    let (now, inside) = (app.now(), app.clone());
    let row = app
        .store
        .transact(move |tx| own(&inside, tx, &id, &proof))
        .await?;
    Answer::ok(&wire::VerificationAnswer {
        state: match row.state.stage(now) {
            Stage::Pending => wire::VerificationStatus::Pending,
            Stage::Confirmed => wire::VerificationStatus::Confirmed,
            Stage::Expired => wire::VerificationStatus::Expired,
        },
        channel: match row.state.channel {
            Channel::Email => wire::Channel::Email,
            Channel::Sms => wire::Channel::Sms,
            Channel::SmsOut => wire::Channel::SmsOut,
        },
        resend_in_ms: row.state.resend_in(now),
        expires_in_ms: row.state.expires_in(now),
    })
}

/// `DELETE /v1/verifications/{id}`: afterwards the caller has none of that id, whether there was one or not.
///
/// # Errors
/// Only those of every call.
pub async fn cancel(
    State(app): State<App>,
    path: Path<String>,
    proof: Proof,
    call: Call<Nothing>,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    idempotency::once(&app, &proof, call, Key::Optional, move |app, context, _| {
        match own(app, context.transaction, &id, &proof) {
            Ok(row) => table::delete(context.transaction, &row.id)?,
            Err(Failure::Refused(_)) => return Ok(Kept::Nothing(Answer::empty())),
            Err(other) => return Err(other),
        }
        Ok(Kept::Answer(Answer::empty()))
    })
    .await
}

/// `POST /v1/verifications/{id}/code`: a code, or nothing once the link or message has confirmed.
///
/// # Errors
/// `not-found`, `wrong-code`, `code-expired`, `not-confirmed`, `too-many`.
pub async fn confirm(
    State(app): State<App>,
    path: Path<String>,
    proof: Proof,
    call: Call<wire::CodeRequest>,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        let row = own(app, context.transaction, &id, &proof)?;
        try_code(app, context, &row, &state::typed(&body.code))?;
        let ticket = ticket(app, &row.id, &proof).into();
        let answer = Answer::ok(&wire::TicketAnswer { ticket })?;
        // A repetition runs again, finds it confirmed, and gives the same ticket.
        Ok(if row.state.confirmed {
            Kept::Nothing(answer)
        } else {
            Kept::Marker(answer, Vec::new())
        })
    })
    .await
}

/// The confirmed, unused verification that `ticket` belongs to.
///
/// # Errors
/// `bad-ticket`, also for another key than the one that opened it.
pub fn redeem(
    app: &App,
    tx: &Transaction<'_>,
    ticket: &str,
    proof: &Proof,
    now: Millis,
) -> Result<Row, Failure> {
    let bad = || Failure::from(Problem::new(Kind::BadTicket));
    let bytes = from_base64url(ticket).map_err(|_| bad())?;
    let (id, tag) = bytes.split_first_chunk::<16>().ok_or_else(bad)?;
    if !app.vault.matches("ticket", &[id, &proof.thumbprint], tag) {
        return Err(bad());
    }
    let row = table::load(&app.vault, tx, id)?.ok_or_else(bad)?;
    if row.used || row.state.stage(now) != Stage::Confirmed {
        Err(bad())
    } else {
        Ok(row)
    }
}

/// The address in the page's path.
#[must_use]
pub fn link(app: &App, id: &VerificationId) -> String {
    let token = base64url(&table::link_token(&app.vault, id));
    format!(
        "{}/verify/{token}",
        app.settings.origin.as_deref().unwrap_or_default()
    )
}

fn try_code(app: &App, context: &Context<'_>, row: &Row, code: &str) -> Result<(), Failure> {
    let (tx, now) = (context.transaction, context.now);
    let counter = app.vault.mac("wrong-codes", &[&row.lookup]);
    let verdict = row.state.judge(code, table::is_code(&app.vault, row, code), now);
    let wrong = |tries_left| Problem {
        tries_left: Some(tries_left),
        ..Problem::new(Kind::WrongCode)
    };
    match verdict {
        Verdict::Confirmed if row.state.confirmed => Ok(()),
        Verdict::Confirmed => {
            // A right code is worth nothing either when it came after too many guesses.
            budget::check(tx, &counter, budgets::WRONG_CODES, now)?;
            table::confirm(tx, &row.id, now)
        }
        Verdict::Wrong(tries) => {
            budget::check(tx, &counter, budgets::WRONG_CODES, now)?;
            budget::count(tx, &counter, budgets::WRONG_CODES, now)?;
            table::set_tries(tx, &row.id, tries)?;
            Err(Failure::Counted(wrong(tries)))
        }
        Verdict::Impossible(tries) => Err(wrong(tries).into()),
        Verdict::Expired => Err(Problem::new(Kind::CodeExpired).into()),
        Verdict::Unconfirmed => Err(Problem::new(Kind::NotConfirmed).into()),
    }
}

fn send_code(app: &App, tx: &Transaction<'_>, row: &Row, now: Millis) -> Result<(), Failure> {
    let code = fresh_code();
    table::set_code(&app.vault, tx, &row.id, &code, now)?;
    let taken = identifiers::is_taken(tx, &row.lookup)?;
    let letter = messages::Code {
        purpose: Purpose::Registration { taken },
        device: &row.device_name,
        code: &code,
        link: &link(app, &row.id),
    };
    let way = match row.state.channel {
        Channel::Email => Way::Mail,
        Channel::Sms | Channel::SmsOut => Way::Text,
    };
    let language = Language::of(&row.language).unwrap_or_default();
    let message = messages::code(way, &row.address, language, &letter);
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

fn own(app: &App, tx: &Transaction<'_>, id: &VerificationId, proof: &Proof) -> Result<Row, Failure> {
    let row = table::load(&app.vault, tx, id)?.filter(|row| row.thumbprint == proof.thumbprint);
    row.ok_or_else(|| Problem::new(Kind::NotFound).into())
}

fn resent(row: &Row, now: Millis) -> Result<Answer, Problem> {
    let answer = wire::Waits {
        resend_in_ms: row.state.resend_in(now),
        expires_in_ms: row.state.expires_in(now),
    };
    Answer::json(StatusCode::ACCEPTED, &answer)
}

fn ticket(app: &App, id: &VerificationId, proof: &Proof) -> String {
    base64url(&[id.as_slice(), &app.vault.mac("ticket", &[id, &proof.thumbprint])].concat())
}

fn sms_out(app: &App, row: &Row) -> Option<wire::SmsOut> {
    let number = &app.settings.sms_out.as_ref()?.number;
    let token = table::link_token(&app.vault, &row.id);
    (row.state.channel == Channel::SmsOut).then(|| wire::SmsOut {
        number: number.clone(),
        text: format!("belay {}", hex(&token)),
    })
}

fn channel(channel: wire::Channel) -> Channel {
    match channel {
        wire::Channel::Email => Channel::Email,
        wire::Channel::Sms => Channel::Sms,
        wire::Channel::SmsOut => Channel::SmsOut,
    }
}

fn address_for(channel: Channel, text: &str) -> Result<Identifier, Problem> {
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

fn is_available(app: &App, channel: Channel) -> bool {
    let delivery = &app.settings.delivery;
    match channel {
        Channel::Email => delivery.mails(),
        Channel::Sms => delivery.texts(),
        Channel::SmsOut => app.settings.sms_out.is_some(),
    }
}

fn id(path: &Path<String>) -> Result<VerificationId, Problem> {
    let bytes = belay_proto::text::from_hex(&path.0).map_err(|_| Problem::new(Kind::NotFound))?;
    bytes.try_into().map_err(|_| Problem::new(Kind::NotFound))
}
