//! The page behind an e-mail's link. Opening it changes nothing, since mail scanners open links; only its
//! button confirms. Plain HTML, no script.
//!
//! What the pages load is given again only once it has changed, so that none mixes new files with old ones after an upgrade.

pub mod register;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_proto::keys::sha256;
use belay_proto::text::{from_base64url, hex};
use fluent_bundle::FluentArgs;
use rusqlite::Transaction;

use crate::app::App;
use crate::catalogue;
use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::store::Failure;
use crate::text::escape_html;
use crate::verifications;
use crate::verifications::state::{Channel, Purpose, Stage};
use crate::verifications::table::{self, Row};

/// Nothing but this cloud's own style and icon, and a form that comes back here.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

const STYLE: &str = include_str!("pages/style.css");

const ICON: &str = include_str!("pages/icon.svg");

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
                verifications::confirmed(&inside, tx, row, now)?;
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
pub async fn style(headers: HeaderMap) -> Response {
    file("text/css; charset=utf-8", STYLE, &headers)
}

/// `GET /icon.svg`: browsers ask for one whether a page names it or not.
pub async fn icon(headers: HeaderMap) -> Response {
    file("image/svg+xml", ICON, &headers)
}

/// A file, or that the browser has it.
fn file(kind: &'static str, content: &'static str, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex(&sha256(content.as_bytes())));
    let has_it = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|has| has.as_bytes() == tag.as_bytes());
    let mut response = match has_it {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, kind)], content).into_response(),
    };
    let of_response = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        of_response.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        of_response.insert(header::ETAG, tag);
    }
    response
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
        self.page(StatusCode::OK, "page-ask", &body, POLICY)
    }

    fn confirmed(self, device: &str) -> Response {
        let (lead, close) = (
            self.says("page-confirmed", "lead"),
            self.says("page-confirmed", "close"),
        );
        let device = escape_html(device);
        let body = format!("<p>{lead}</p>\n<p class=\"device\" dir=\"auto\">{device}</p>\n<p>{close}</p>");
        self.page(StatusCode::OK, "page-confirmed", &body, POLICY)
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
        self.page(status, page, &format!("<p>{advice}</p>"), POLICY)
    }

    /// A sentence of the catalogue, fit for HTML.
    fn says(self, page: &str, attribute: &str) -> String {
        self.says_of(page, attribute, &FluentArgs::new())
    }

    /// The same with arguments.
    fn says_of(self, page: &str, attribute: &str, arguments: &FluentArgs<'_>) -> String {
        escape_html(&catalogue::text(self.0, page, attribute, arguments))
    }

    fn page(self, status: StatusCode, page: &str, body: &str, policy: &'static str) -> Response {
        let (language, title) = (self.0.tag(), self.says(page, "title"));
        let html = format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n\
             <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n\
             </main>\n</body>\n</html>\n"
        );
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_LANGUAGE, language),
            (header::CONTENT_SECURITY_POLICY, policy),
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
