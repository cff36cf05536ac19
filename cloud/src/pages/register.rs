//! Registration in a browser: the page makes the keys, and what it sends opens nothing without password or recovery code.
//!
//! Static files, and one page in the reader's language; all that the page may ever say stands in it, hidden, so that no script
//! writes a text.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fluent_bundle::FluentArgs;

use super::{Reader, file};
use crate::app::App;
use crate::config::Console;
use crate::problem::{Kind, Problem};

/// Scripts of this cloud alone, Argon2id in WebAssembly, and calls to this cloud alone.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                      connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The message with all that the page says.
const PAGE: &str = "page-register";

/// Which refusals the page has words for. What isn't here is said as `other`.
const REFUSALS: [&str; 19] = [
    "password-short",
    "password-long",
    "password-simple",
    "password-weak",
    "different",
    "offline",
    "strange",
    "invalid-address",
    "channel-unavailable",
    "wrong-code",
    "not-confirmed",
    "code-expired",
    "too-soon",
    "too-many",
    "identifier-taken",
    "bad-ticket",
    "insecure",
    "unsupported",
    "other",
];

macro_rules! files {
    ($folder:literal: $($name:literal)+) => {
        &[$(($name, include_str!(concat!("register/", $folder, $name)))),+]
    };
}

const SCRIPTS: &[(&str, &str)] = files!("":
    "account.mjs" "bytes.mjs" "cbor.mjs" "cloud.mjs" "flow.mjs" "keys.mjs" "page.mjs" "password.mjs");

const VENDORED: &[(&str, &str)] = files!("vendor/":
    "argon2.umd.min.js" "zxcvbn.js" "LICENSE.hash-wasm" "LICENSE.zxcvbn");

/// `GET /register`.
///
/// # Errors
/// `not-found` where this cloud serves no page that asks for a password.
pub async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    asked_for(&app)?;
    let origin = app.settings.origin.as_deref().unwrap_or_default();
    let reader = Reader::of(&headers, None);
    Ok(reader.page(StatusCode::OK, PAGE, &body(reader, origin), POLICY))
}

/// `GET /register/{file}`.
///
/// # Errors
/// As [`show`], and for a file that isn't there.
pub async fn script(
    State(app): State<App>,
    path: Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    asked_for(&app)?;
    known(SCRIPTS, &path, &headers)
}

/// `GET /register/vendor/{file}`: other people's, as they made them, with their licences.
///
/// # Errors
/// As [`script`].
pub async fn vendored(
    State(app): State<App>,
    path: Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    asked_for(&app)?;
    known(VENDORED, &path, &headers)
}

fn asked_for(app: &App) -> Result<(), Problem> {
    match app.settings.console {
        Console::On => Ok(()),
        Console::Off => Err(Problem::new(Kind::NotFound)),
    }
}

/// The file of this name.
fn known(files: &[(&str, &'static str)], name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let found = files.iter().find(|(known, _)| *known == name);
    let (_, content) = found.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let kind = match name.starts_with("LICENSE") {
        true => "text/plain; charset=utf-8",
        false => "text/javascript; charset=utf-8",
    };
    Ok(file(kind, content, headers))
}

/// The steps, one after the other; all but the first are hidden until the script shows them.
fn body(reader: Reader, origin: &str) -> String {
    let says = |attribute: &str| reader.says(PAGE, attribute);
    let mut host = FluentArgs::new();
    host.set("host", origin.split_once("://").map_or(origin, |(_, host)| host));
    let refusals: String = REFUSALS
        .iter()
        .map(|name| {
            format!(
                "<p class=\"error\" id=\"error-{name}\" hidden>{}</p>\n",
                says(&format!("error-{name}"))
            )
        })
        .collect();
    format!(
        r#"<script type="module" src="/register/page.mjs"></script>
<noscript><p class="error">{no_script}</p></noscript>
<div id="errors" role="alert">
{refusals}<p class="error" id="wait" hidden>{wait} <strong id="wait-time"></strong></p>
<p class="error" id="tries" hidden>{tries} <strong id="tries-left"></strong></p>
</div>
<section id="trust" tabindex="-1">
<p>{trust_lead}</p>
<p>{trust_who}</p>
<p>{trust_next}</p>
<button type="button" id="start" disabled>{start}</button>
<p id="slow" hidden>{slow}</p>
</section>
<form id="ask" hidden>
<label>{identifier} <input id="identifier" name="identifier" type="text" inputmode="email" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="320"></label>
<label>{password} <input id="password" name="password" type="password" autocomplete="new-password" required aria-describedby="hint"></label>
<p id="hint">{password_hint}</p>
<label>{again} <input id="again" name="again" type="password" autocomplete="new-password" required></label>
<button type="submit">{create}</button>
</form>
<p id="working" role="status" tabindex="-1" hidden>{working}</p>
<form id="prove" hidden>
<p>{sent} <strong id="address" dir="auto"></strong></p>
<label>{code} <input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" maxlength="12"></label>
<p>{link}</p>
<button type="submit">{confirm}</button>
<button type="button" id="resend">{resend}</button>
<a id="anew" href="/register">{anew}</a>
</form>
<section id="written" tabindex="-1" hidden>
<p>{recovery_lead}</p>
<p class="device" id="recovery" dir="ltr"></p>
<p>{recovery_advice}</p>
<button type="button" id="acknowledge">{recovery_done}</button>
</section>
<section id="done" tabindex="-1" hidden>
<p>{done}</p>
</section>
<p id="browser" hidden>{browser}</p>"#,
        wait = says("wait"),
        tries = says("tries"),
        no_script = says("no-script"),
        trust_lead = says("trust-lead"),
        trust_who = reader.says_of(PAGE, "trust-who", &host),
        trust_next = says("trust-next"),
        start = says("start"),
        slow = says("slow"),
        identifier = says("identifier"),
        password = says("password"),
        password_hint = says("password-hint"),
        again = says("again"),
        create = says("create"),
        working = says("working"),
        sent = says("sent"),
        code = says("code"),
        link = says("link"),
        confirm = says("confirm"),
        resend = says("resend"),
        anew = says("anew"),
        recovery_lead = says("recovery-lead"),
        recovery_advice = says("recovery-advice"),
        recovery_done = says("recovery-done"),
        done = says("done"),
        browser = says("browser"),
    )
}
