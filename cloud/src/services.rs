//! Signing on to other services of the account: a token (JWT, RFC 7519) that names the account to one service alone.

use axum::extract::State;
use axum::http::StatusCode;
use belay_proto::AccountId;
use belay_proto::keys::random;
use belay_proto::text::{base64url, hex};
use belay_proto::wire;
use serde_json::{Value, json};

use crate::accounts::table as accounts;
use crate::app::App;
use crate::budget::{self, Limit};
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::http::idempotency::{self, Kept, Key};
use crate::http::{Answer, Call, Session};
use crate::problem::{Kind, Problem};

/// How long a token is good.
const LIFE: Millis = 10 * MINUTE;

/// Tokens of one account.
const TOKENS: Limit = Limit {
    times: 120,
    window: HOUR,
};

/// `POST /v1/service-tokens`.
///
/// # Errors
/// `not-found` for a service that isn't configured, `too-many`.
pub async fn create(
    State(app): State<App>,
    session: Session,
    call: Call<wire::ServiceTokenRequest>,
) -> Result<Answer, Problem> {
    idempotency::once(
        &app,
        &session.proof,
        call,
        Key::Optional,
        move |app, context, body| {
            let (tx, now) = (context.transaction, context.now);
            let account = accounts::of_session(&app.vault, tx, &session.account)?.id;
            let services = &app.settings.services;
            let service = services
                .iter()
                .find(|service| **service == body.service)
                .ok_or_else(|| Problem::new(Kind::NotFound))?;
            let counter = app.vault.mac("service-tokens", &[account.as_bytes()]);
            budget::take(tx, &counter, TOKENS, now)?;
            // Who got it stays between the account and the service.
            tracing::info!(service, "a service token was given");
            let answer = wire::ServiceTokenAnswer {
                token: token(app, &account, service, now).into(),
                expires_in: LIFE / SECOND,
            };
            // A repetition gets a fresh one.
            Ok(Kept::Marker(
                Answer::json(StatusCode::CREATED, &answer)?,
                Vec::new(),
            ))
        },
    )
    .await
}

/// `GET /.well-known/jwks.json`: what services verify tokens with (RFC 7517, RFC 8037).
///
/// # Errors
/// Only those of every call.
pub async fn keys(State(app): State<App>) -> Result<Answer, Problem> {
    let key = app.vault.services().public();
    Answer::ok(&json!({
        "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": base64url(&key.thumbprint()), "x": key.to_string(),
        }],
    }))
}

/// No two services can tell by the subject that they have the same person.
fn token(app: &App, account: &AccountId, service: &str, now: Millis) -> String {
    let key = app.vault.services();
    let subject = app
        .vault
        .mac("service-subject", &[service.as_bytes(), account.as_bytes()]);
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": base64url(&key.public().thumbprint()) });
    let claims = json!({
        "iss": app.settings.origin.as_deref().unwrap_or_default(),
        "sub": base64url(&subject),
        "aud": service,
        "iat": now / SECOND,
        "exp": now.saturating_add(LIFE) / SECOND,
        "jti": hex(&random::<16>()),
    });
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(&[], signed.as_bytes());
    format!("{signed}.{signature}")
}
