//! Proving an address: opening, sending again, asking, typing the code.
//!
//! Nothing here tells whether the address belongs to an account: status, words and work are the same. Only
//! the mail says so, and only the address's owner reads that.

pub mod budgets;
pub mod opening;
pub mod state;
pub mod table;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use belay_proto::failpoint;
use belay_proto::identifier::Identifier;
use belay_proto::text::{base64url, from_base64url};
use belay_proto::wire;
use rusqlite::Transaction;

use self::opening::Wanted;
use self::state::{Channel, Purpose, Stage, Verdict};
use self::table::{Row, VerificationId};
use crate::app::App;
use crate::budget;
use crate::challenges::Solved;
use crate::clock::Millis;
use crate::http::call::Nothing;
use crate::http::idempotency::{self, Context, Kept, Key};
use crate::http::{Answer, Bearer, Call, Caller, Proof};
use crate::messages::Notice;
use crate::problem::{Kind, Problem};
use crate::store::{Failure, StoreError};
use crate::{identifiers, notices};

/// `POST /v1/verifications`: for a new account, or by a session for one more address of its account.
///
/// # Errors
/// `malformed`, `invalid-token`, `removed`, `invalid-address`, `channel-unavailable`, `proof-of-work-refused`, `too-many`.
pub async fn open(
    State(app): State<App>,
    caller: Caller,
    bearer: Bearer,
    call: Call<wire::OpenVerificationRequest>,
) -> Result<Answer, Problem> {
    let solved = Solved::check_aside(&app, &call.body.pow).await;
    let proof = bearer.proof;
    idempotency::once(&app, &proof, call, Key::Required, move |app, context, body| {
        let channel = channel(body.channel);
        let (purpose, account) = match body.purpose {
            wire::VerificationPurpose::Registration => (Purpose::Registration, None),
            wire::VerificationPurpose::Identifier => {
                let session = bearer.session(context.transaction)?;
                (Purpose::Identifier, Some(session.account))
            }
            wire::VerificationPurpose::Recovery => {
                return Err(Problem::malformed("`recovery` is opened by POST /v1/recoveries").into());
            }
        };
        let wanted = Wanted {
            purpose,
            account,
            channel,
            address: &opening::address_for(channel, &body.address)?,
            device_name: &body.device_name,
            language: body.language.as_deref(),
        };
        let opened = opening::begin(app, context, &wanted, solved, caller, &proof)?;
        Ok(Kept::Answer(Answer::json(StatusCode::ACCEPTED, &opened)?))
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
            // It was taken as it is, though it might be refused by now.
            let address =
                Identifier::stored(&row.address).map_err(|_| StoreError::Unreadable("an address"))?;
            budgets::take(app, tx, &row.lookup, &address, row.state.channel, caller, now)?;
            opening::send_code(app, tx, &row, now)?;
            row.state.tries_left = state::TRIES;
        } else {
            table::set_sent(tx, &row.id, now)?;
        }
        row.state.sent_at = now;
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
        if row.purpose == Purpose::Recovery {
            return Err(Problem::new(Kind::NotFound).into());
        }
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
/// `bad-ticket`, also for another key than the one that opened it, and for one with another purpose.
pub fn redeem(
    app: &App,
    tx: &Transaction<'_>,
    ticket: &str,
    purpose: Purpose,
    proof: &Proof,
    now: Millis,
) -> Result<Row, Failure> {
    let row = of_ticket(app, tx, ticket, purpose, proof)?;
    if row.used || row.state.stage(now) != Stage::Confirmed {
        Err(Problem::new(Kind::BadTicket).into())
    } else {
        Ok(row)
    }
}

/// The verification that `ticket` belongs to, whatever became of it.
///
/// # Errors
/// As [`redeem`].
pub fn of_ticket(
    app: &App,
    tx: &Transaction<'_>,
    ticket: &str,
    purpose: Purpose,
    proof: &Proof,
) -> Result<Row, Failure> {
    let bad = || Failure::from(Problem::new(Kind::BadTicket));
    let bytes = from_base64url(ticket).map_err(|_| bad())?;
    let (id, tag) = bytes.split_first_chunk::<16>().ok_or_else(bad)?;
    if !app.vault.matches("ticket", &[id, &proof.thumbprint], tag) {
        return Err(bad());
    }
    let row = table::load(&app.vault, tx, id)?;
    row.filter(|row| row.purpose == purpose).ok_or_else(bad)
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

/// Judges a code, and notes what comes of it.
///
/// # Errors
/// `wrong-code`, `code-expired`, `not-confirmed`, `too-many`.
pub fn try_code(app: &App, context: &Context<'_>, row: &Row, code: &str) -> Result<(), Failure> {
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
            confirmed(app, tx, row, now)?;
            failpoint!("cloud.code.right");
            Ok(())
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

/// Notes that the address is proved. Who proves one to recover an account is told to all the others: from here on the recovery
/// code alone stands between them and the account, or a password that can be guessed from the record that they get.
///
/// # Errors
/// A broken database.
pub fn confirmed(app: &App, tx: &Transaction<'_>, row: &Row, now: Millis) -> Result<(), Failure> {
    if row.state.confirmed {
        return Ok(());
    }
    table::confirm(tx, &row.id, now)?;
    if row.purpose == Purpose::Recovery
        && let Some(account) = identifiers::table::account_of(tx, &row.lookup)?
    {
        let device = &row.device_name;
        notices::tell(app, tx, &account, &Notice::RecoveryProved { device }, now)?;
    }
    Ok(())
}

/// The verification that this key opened.
///
/// # Errors
/// `not-found`.
pub fn own(app: &App, tx: &Transaction<'_>, id: &VerificationId, proof: &Proof) -> Result<Row, Failure> {
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

/// What proves the address to the call that the verification is for.
#[must_use]
pub fn ticket(app: &App, id: &VerificationId, proof: &Proof) -> String {
    base64url(&[id.as_slice(), &app.vault.mac("ticket", &[id, &proof.thumbprint])].concat())
}

fn channel(channel: wire::Channel) -> Channel {
    match channel {
        wire::Channel::Email => Channel::Email,
        wire::Channel::Sms => Channel::Sms,
        wire::Channel::SmsOut => Channel::SmsOut,
    }
}

/// The id in a path.
///
/// # Errors
/// `not-found`.
pub fn id(path: &Path<String>) -> Result<VerificationId, Problem> {
    let bytes = belay_proto::text::from_hex(&path.0).map_err(|_| Problem::new(Kind::NotFound))?;
    bytes.try_into().map_err(|_| Problem::new(Kind::NotFound))
}
