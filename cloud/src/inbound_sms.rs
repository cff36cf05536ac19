//! What the SMS gateway brings: an owner's own message that proves a number.

pub mod message;

use axum::extract::{Request, State};
use belay_proto::identifier::Identifier;
use belay_proto::wire::{self, header::GATEWAY_SIGNATURE};
use rusqlite::Transaction;

use crate::app::App;
use crate::http::{Answer, call};
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::verifications::state::{Channel, Stage};
use crate::verifications::table;

/// `POST /v1/inbound-sms`. The answer doesn't tell whether the message meant anything.
///
/// # Errors
/// `bad-signature`, `malformed`; `channel-unavailable` when this cloud has no gateway.
pub async fn receive(State(app): State<App>, request: Request) -> Result<Answer, Problem> {
    let Some(gateway) = &app.settings.sms_out else {
        return Err(Problem::new(Kind::ChannelUnavailable));
    };
    let json = call::is_json(request.headers());
    let (parts, body) = call::read(request, &app).await?;
    let signature = parts
        .headers
        .get(GATEWAY_SIGNATURE)
        .and_then(|value| value.to_str().ok());
    if !message::is_signed(gateway.secret.expose(), &body, signature) {
        return Err(Problem::new(Kind::BadSignature));
    }
    if !json {
        return Err(Problem::new(Kind::UnsupportedMediaType));
    }
    let sms: wire::InboundSms = call::parse(&body)?;
    let inside = app.clone();
    app.store.transact(move |tx| judge(&inside, tx, &sms)).await?;
    Ok(Answer::empty())
}

/// A token confirms the number it was asked for, and no other.
fn judge(app: &App, tx: &Transaction<'_>, sms: &wire::InboundSms) -> Result<(), Failure> {
    let now = app.now();
    let (Some(token), Ok(from)) = (message::token(&sms.text), Identifier::parse(&sms.from)) else {
        return Ok(());
    };
    let Some(row) = table::by_link(&app.vault, tx, &token)? else {
        return Ok(());
    };
    let meant = row.state.channel == Channel::SmsOut
        && row.lookup == table::lookup(&app.vault, &from)
        && row.state.stage(now) == Stage::Pending;
    if meant {
        table::confirm(tx, &row.id, now)
    } else {
        Ok(())
    }
}
