//! The page behind an e-mail's link. Opening it changes nothing, since mail scanners open links; only its
//! button confirms. Plain HTML, no script.

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_proto::text::from_base64url;
use rusqlite::Transaction;

use crate::app::App;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::text::escape_html;
use crate::verifications::state::{Channel, Purpose, Stage};
use crate::verifications::table::{self, Row};

/// Nothing but this cloud's own style and a form that comes back here.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("pages/style.css");

/// `GET /verify/{token}`: names the device and shows the button.
pub async fn show(State(app): State<App>, path: Path<String>) -> Response {
    let (now, inside) = (app.now(), app.clone());
    let found = app.store.transact(move |tx| find(&inside, tx, &path.0)).await;
    match found.map(|row| row.map(|row| (row.state.stage(now), row))) {
        Ok(Some((Stage::Pending, row))) => ask(row.purpose, &row.device_name),
        Ok(Some((Stage::Confirmed, row))) => confirmed(&row.device_name),
        Ok(Some((Stage::Expired, _)) | None) => gone(),
        Err(problem) => failed(&problem),
    }
}

/// `POST /verify/{token}`: the button.
pub async fn confirm(State(app): State<App>, path: Path<String>) -> Response {
    let (now, inside) = (app.now(), app.clone());
    let found = app
        .store
        .transact(move |tx| {
            let row = find(&inside, tx, &path.0)?.filter(|row| row.state.stage(now) != Stage::Expired);
            if let Some(row) = &row {
                table::confirm(tx, &row.id, now)?;
            }
            Ok(row)
        })
        .await;
    match found {
        Ok(Some(row)) => confirmed(&row.device_name),
        Ok(None) => gone(),
        Err(problem) => failed(&problem),
    }
}

/// `GET /style.css`.
pub async fn style() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=86400"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, STYLE).into_response()
}

/// Only a mail's token counts here. An outgoing message's token is known to the device that has yet to
/// prove its number.
fn find(app: &App, tx: &Transaction<'_>, token: &str) -> Result<Option<Row>, Failure> {
    let Ok(token) = from_base64url(token) else {
        return Ok(None);
    };
    Ok(table::by_link(&app.vault, tx, &token)?.filter(|row| row.state.channel == Channel::Email))
}

fn ask(purpose: Purpose, device: &str) -> Response {
    let device = escape_html(device);
    let what = match purpose {
        Purpose::Registration => "A Belay account is being set up on",
        Purpose::Identifier => "This address is being added to a Belay account on",
        Purpose::Recovery => "A new password for your Belay account is being set on",
    };
    let body = format!(
        "<p>{what}</p>\n<p class=\"device\">{device}</p>\n\
         <p>Confirm only if this is your device and you have just started this.</p>\n\
         <form method=\"post\"><button type=\"submit\">Confirm</button></form>"
    );
    page(StatusCode::OK, "Confirm your address", &body)
}

fn confirmed(device: &str) -> Response {
    let device = escape_html(device);
    let body = format!("<p>Go on at</p>\n<p class=\"device\">{device}</p>\n<p>You can close this page.</p>");
    page(StatusCode::OK, "Your address is confirmed", &body)
}

fn gone() -> Response {
    let body = "<p>It is used up, or older than a day. Ask for another code on your device.</p>";
    page(StatusCode::NOT_FOUND, "This link is not valid any more", body)
}

fn failed(problem: &Problem) -> Response {
    let (_, status, _) = problem.kind.describe();
    let status = if problem.kind == Kind::Busy {
        status
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    page(
        status,
        "Something went wrong",
        "<p>Please try again in a moment.</p>",
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n\
         </main>\n</body>\n</html>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    (
        status,
        headers.map(|(name, value)| (name, HeaderValue::from_static(value))),
        html,
    )
        .into_response()
}
