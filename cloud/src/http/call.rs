//! The body and the circumstances of a call.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use belay_proto::keys::sha256;
use belay_proto::wire::header::IDEMPOTENCY_KEY;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::json;
use super::places::Places;
use crate::app::App;
use crate::net::{self, Peer};
use crate::problem::{Kind, Problem};

/// The largest body.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// How much of a body that is too large is read before the refusal.
const THROWN_AWAY: usize = 16 * BODY_LIMIT;

/// Bodies longer than [`SMALL`] that are read at once; more wait, so that many connections don't mean as much memory.
pub const BODIES: usize = 1024;

/// The longest body that needs no place, bytes: most calls have less, and whoever fills all places keeps none of them waiting.
pub const SMALL: usize = 4 * 1024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The longest idempotency key.
const LONGEST_KEY: usize = 128;

/// A JSON body together with what makes a repetition of the call recognisable.
#[derive(Debug)]
pub struct Call<T> {
    /// The body.
    pub body: T,
    /// SHA-256 of the body as it came.
    pub digest: [u8; 32],
    /// The method.
    pub method: Method,
    /// The path, without a query.
    pub path: String,
    /// `Idempotency-Key`.
    pub key: Option<String>,
}

/// Stands for the body of a call that has none.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

/// The caller's address, behind trusted proxies.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub IpAddr);

impl<T: DeserializeOwned> FromRequest<App> for Call<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        let (parts, bytes) = read(request, app).await?;
        let body = parse(&bytes)?;
        Self::assemble(body, &bytes, parts)
    }
}

impl Call<Nothing> {
    /// A call without a body: what came as one is read and ignored, but not without measure.
    ///
    /// # Errors
    /// As reading a body.
    pub async fn without_body(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, bytes) = read(request, app).await?;
        Self::assemble(Nothing, &bytes, parts)
    }
}

impl FromRequest<App> for Call<Nothing> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Self::without_body(request, app).await
    }
}

impl<T> Call<T> {
    fn assemble(body: T, bytes: &[u8], parts: Parts) -> Result<Self, Problem> {
        let key = idempotency_key(&parts.headers)?;
        Ok(Self {
            body,
            digest: sha256(bytes),
            method: parts.method,
            path: parts.uri.path().to_owned(),
            key,
        })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(Peer(peer)) = parts.extensions.get().copied() else {
            return Err(Problem::new(Kind::Internal));
        };
        let forwarded = parts.headers.get_all("x-forwarded-for");
        // An unreadable line is a hop that names nobody.
        let lines: Vec<&str> = forwarded.iter().map(|line| line.to_str().unwrap_or("")).collect();
        Ok(Self(net::caller(
            peer.ip(),
            lines.into_iter(),
            &app.settings.proxies,
        )))
    }
}

/// Reads a JSON body.
///
/// # Errors
/// `malformed`, with the place and the field.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::read(bytes).map_err(Problem::malformed)
}

/// The whole body within the limits of size and time.
///
/// # Errors
/// `too-large`, `request-timeout`, or `malformed` when the connection breaks off.
pub async fn read(request: Request, app: &App) -> Result<(Parts, Bytes), Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, app).await?;
    let reading = collect(body, &app.bodies, app.budget_network(caller));
    let bytes = tokio::time::timeout(BODY_TIME, reading)
        .await
        .map_err(|_| Problem::new(Kind::RequestTimeout))??;
    Ok((parts, bytes))
}

/// What is over the limit is read on for a while and thrown away: a connection that is closed with bytes
/// unread resets, and the caller would never see the refusal.
async fn collect(body: Body, places: &Places, network: Option<IpAddr>) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0usize);
    let mut place = None;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("the body broke off"))?;
        length = length.saturating_add(chunk.len());
        if length > SMALL && place.is_none() {
            place = Some(places.take(network).await);
        }
        if length > THROWN_AWAY {
            break;
        }
        if length <= BODY_LIMIT {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = Vec::new();
        }
    }
    drop(place);
    if length > BODY_LIMIT {
        Err(Problem::new(Kind::TooLarge))
    } else {
        Ok(bytes.into())
    }
}

/// An identifier that is a part of the path. One that can't be read names nothing: `not-found`.
///
/// # Errors
/// `not-found`.
pub fn id_in_path<T: FromStr>(path: Path<String>) -> Result<T, Problem> {
    path.0.parse().map_err(|_| Problem::new(Kind::NotFound))
}

/// Whether the body says that it is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(kind)) = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str()) else {
        return false;
    };
    let (essence, _) = kind.split_once(';').unwrap_or((kind, ""));
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let bad = || Problem::malformed("Idempotency-Key has 1 to 128 visible ASCII characters, and comes once");
    let key = key.to_str().map_err(|_| bad())?;
    let good = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if good && keys.next().is_none() {
        Ok(Some(key.to_owned()))
    } else {
        Err(bad())
    }
}
