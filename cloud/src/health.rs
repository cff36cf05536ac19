//! Whether the cloud runs, what it allows, and numbers for its operator.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use belay_proto::wire;

use crate::app::App;
use crate::channel::stream;
use crate::clock::SECOND;
use crate::http::call::BODY_LIMIT;
use crate::http::metrics::Totals;
use crate::http::{Answer, Caller};
use crate::problem::{Kind, Problem};

const KIB: u64 = 1024;

/// `GET /healthz`: 200 once the database answers.
///
/// # Errors
/// `internal` or `busy`, when it doesn't.
pub async fn healthz(State(app): State<App>) -> Result<Response, Problem> {
    app.store
        .transact(|tx| Ok(tx.query_row("SELECT 1", [], |_| Ok(()))?))
        .await?;
    Ok("ok\n".into_response())
}

/// `GET /v1/config`.
///
/// # Errors
/// None of its own.
pub async fn config(State(app): State<App>) -> Result<Answer, Problem> {
    let delivery = &app.settings.delivery;
    let channels = [
        ("email", delivery.mails()),
        ("sms", delivery.texts()),
        ("sms-out", app.settings.sms_out.is_some()),
    ];
    Answer::ok(&wire::ConfigAnswer {
        limits: wire::Limits {
            records: 500,
            body: u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX),
            inline_record: 256 * KIB,
            chunk_min: 256 * KIB,
            chunk_max: 4096 * KIB,
            page: 1000,
            heartbeat_min_ms: stream::HEARTBEAT_MIN * SECOND,
            heartbeat_max_ms: stream::HEARTBEAT_MAX * SECOND,
        },
        channels: channels
            .iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    })
}

/// `GET /metrics`, for the networks that the configuration names; others don't learn that it exists.
///
/// # Errors
/// `not-found`; `busy` or `internal`, when the database doesn't answer.
pub async fn metrics(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    if !app
        .settings
        .metrics
        .iter()
        .any(|network| network.contains(caller.0))
    {
        return Err(Problem::new(Kind::NotFound));
    }
    let counted = app.metrics.totals_are_due(app.now());
    let (waiting, totals) = app
        .store
        .transact(move |tx| {
            let number = |sql| tx.query_row(sql, [], |row| row.get(0));
            let waiting = number("SELECT COUNT(*) FROM messages")?;
            let totals = match counted {
                false => None,
                true => Some(Totals {
                    // A row an account, and the shortest that there is.
                    accounts: number("SELECT COUNT(*) FROM shares")?,
                    devices: number("SELECT COUNT(*) FROM devices WHERE state = 'active'")?,
                    stored: number("SELECT IFNULL(SUM(used), 0) FROM sync_accounts")?,
                }),
            };
            Ok((waiting, totals))
        })
        .await?;
    if let Some(totals) = totals {
        app.metrics.set_totals(&totals);
    }
    let text = app.metrics.render(app.hub.streams(), waiting);
    let text = text.map_err(|error| {
        tracing::error!(%error, "the numbers can't be told");
        Problem::new(Kind::Internal)
    })?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
