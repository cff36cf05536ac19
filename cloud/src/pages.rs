//! The page behind an e-mail's link. Opening it changes nothing, since mail scanners open links; only its
//! button confirms. Plain HTML, no script.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_proto::text::from_base64url;
use fluent_bundle::FluentArgs;
use rusqlite::Transaction;

use crate::app::App;
use crate::catalogue;
use crate::language::Language;
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
pub async fn show(State(app): State<App>, path: Path<String>, headers: HeaderMap) -> Response {
    let (now, inside) = (app.now(), app.clone());
    let found = app.store.transact(move |tx| find(&inside, tx, &path.0)).await;
    let reader = Reader::of(&headers, found.as_ref().ok().and_then(Option::as_ref));
    match found.map(|row| row.map(|row| (row.state.stage(now), row))) {
        Ok(Some((Stage::Pending, row))) => reader.ask(row.purpose, &row.device_name),
        Ok(Some((Stage::Confirmed, row))) => reader.confirmed(&row.device_name),
        Ok(Some((Stage::Expired, _)) | None) => reader.gone(),
        Err(problem) => reader.failed(&problem),
    }
}

/// `POST /verify/{token}`: the button.
pub async fn confirm(State(app): State<App>, path: Path<String>, headers: HeaderMap) -> Response {
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
    let reader = Reader::of(&headers, found.as_ref().ok().and_then(Option::as_ref));
    match found {
        Ok(Some(row)) => reader.confirmed(&row.device_name),
        Ok(None) => reader.gone(),
        Err(problem) => reader.failed(&problem),
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

/// Whoever reads the page.
#[derive(Clone, Copy, Debug)]
struct Reader(Language);

impl Reader {
    /// In a language that the browser names, else in the mail's.
    fn of(headers: &HeaderMap, row: Option<&Row>) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).map(HeaderValue::to_str);
        let accepted = accepted.and_then(Result::ok).and_then(Language::accepted);
        let asked = || row.and_then(|row| Language::of(&row.language));
        Self(accepted.or_else(asked).unwrap_or_default())
    }

    fn ask(self, purpose: Purpose, device: &str) -> Response {
        let lead = match purpose {
            Purpose::Registration => "lead",
            Purpose::Identifier => "lead-identifier",
            Purpose::Recovery => "lead-recovery",
        };
        let (lead, caution) = (self.says("page-ask", lead), self.says("page-ask", "caution"));
        let (button, device) = (self.says("page-ask", "button"), escape_html(device));
        let body = format!(
            "<p>{lead}</p>\n<p class=\"device\" dir=\"auto\">{device}</p>\n<p>{caution}</p>\n\
             <form method=\"post\"><button type=\"submit\">{button}</button></form>"
        );
        self.page(StatusCode::OK, "page-ask", &body)
    }

    fn confirmed(self, device: &str) -> Response {
        let (lead, close) = (
            self.says("page-confirmed", "lead"),
            self.says("page-confirmed", "close"),
        );
        let device = escape_html(device);
        let body = format!("<p>{lead}</p>\n<p class=\"device\" dir=\"auto\">{device}</p>\n<p>{close}</p>");
        self.page(StatusCode::OK, "page-confirmed", &body)
    }

    fn gone(self) -> Response {
        self.advise(StatusCode::NOT_FOUND, "page-gone")
    }

    fn failed(self, problem: &Problem) -> Response {
        let (_, status, _) = problem.kind.describe();
        let status = if problem.kind == Kind::Busy {
            status
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        self.advise(status, "page-failed")
    }

    fn advise(self, status: StatusCode, page: &str) -> Response {
        let advice = self.says(page, "advice");
        self.page(status, page, &format!("<p>{advice}</p>"))
    }

    /// A sentence of the catalogue, fit for HTML.
    fn says(self, page: &str, attribute: &str) -> String {
        escape_html(&catalogue::text(self.0, page, attribute, &FluentArgs::new()))
    }

    fn page(self, status: StatusCode, page: &str, body: &str) -> Response {
        let (language, title) = (self.0.tag(), self.says(page, "title"));
        let html = format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n\
             </main>\n</body>\n</html>\n"
        );
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_LANGUAGE, language),
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
}
