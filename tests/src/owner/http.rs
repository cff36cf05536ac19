//! HTTP to the cloud past the device's network, held against `openapi.yaml` like everything else.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use belay_proto::dpop;
use belay_proto::keys::{SigningKey, random};
use belay_proto::text::hex;
use belay_proto::wire::header::{DPOP, DPOP_NONCE, IDEMPOTENCY_KEY};
use belay_proto::wire::{TokenAnswer, TokenRequest, Tokens};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use super::refused;
use crate::openapi::{Contract, Exchange};
use crate::surprise::During;
use crate::until::within;
use crate::{Outcome, Stage, Surprise};

/// An answer of the cloud.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// From the first byte of the question, on a connection that stands, to the last of the answer.
    pub took: Duration,
}

/// A key that proves its calls, with a session or without one.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) key: SigningKey,
    session: Mutex<Option<Session>>,
    nonce: Mutex<Option<String>>,
}

#[derive(Debug, Clone)]
struct Session {
    access: String,
    refresh: String,
}

impl Reply {
    /// The body as JSON of this type.
    ///
    /// # Errors
    /// Where it isn't.
    pub fn json<T: DeserializeOwned>(&self) -> Outcome<T> {
        serde_json::from_slice(&self.body).map_err(|_| refused("an answer of another type", self))
    }

    /// The name of the problem, after `urn:belay:problem:`; empty when it is none.
    #[must_use]
    pub fn problem(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let kind = json.get("type").and_then(serde_json::Value::as_str);
        let name = kind.and_then(|kind| kind.strip_prefix(belay_proto::wire::PROBLEM_PREFIX));
        name.unwrap_or_default().to_owned()
    }
}

impl Wire {
    pub(super) fn new() -> Self {
        Self {
            key: SigningKey::generate(),
            session: Mutex::default(),
            nonce: Mutex::default(),
        }
    }

    pub(super) async fn get(&self, stage: &Stage, path: &str) -> Outcome<Reply> {
        self.call(stage, "GET", path, Vec::new()).await
    }

    pub(super) async fn put(&self, stage: &Stage, path: &str, body: &impl Serialize) -> Outcome<Reply> {
        self.call(stage, "PUT", path, serde_json::to_vec(body)?).await
    }

    pub(super) async fn post(&self, stage: &Stage, path: &str, body: &impl Serialize) -> Outcome<Reply> {
        self.call(stage, "POST", path, serde_json::to_vec(body)?).await
    }

    pub(super) async fn delete(&self, stage: &Stage, path: &str) -> Outcome<Reply> {
        self.call(stage, "DELETE", path, Vec::new()).await
    }

    /// The session's tokens from now on.
    pub(super) fn keep(&self, tokens: &Tokens) {
        *lock(&self.session) = Some(Session {
            access: tokens.access_token.expose().to_owned(),
            refresh: tokens.refresh_token.expose().to_owned(),
        });
    }

    /// A call, and once more when the access token's time is over.
    async fn call(&self, stage: &Stage, method: &str, path: &str, body: Vec<u8>) -> Outcome<Reply> {
        let reply = self.asked(stage, method, path, body.clone()).await?;
        let session = lock(&self.session).take();
        let Some(session) = session else {
            return Ok(reply);
        };
        if reply.problem() != "invalid-token" {
            *lock(&self.session) = Some(session);
            return Ok(reply);
        }
        let refresh = TokenRequest {
            refresh_token: session.refresh.into(),
        };
        let renewed = self
            .asked(stage, "POST", "/v1/token", serde_json::to_vec(&refresh)?)
            .await?;
        self.keep(&expected::<TokenAnswer>("new tokens", 200, &renewed)?.tokens);
        self.asked(stage, method, path, body).await
    }

    /// One call, and once more when the cloud asks for its nonce.
    async fn asked(&self, stage: &Stage, method: &str, path: &str, body: Vec<u8>) -> Outcome<Reply> {
        let reply = self.once(stage, method, path, body.clone()).await?;
        if reply.problem() == "use-dpop-nonce" {
            return self.once(stage, method, path, body).await;
        }
        Ok(reply)
    }

    async fn once(&self, stage: &Stage, method: &str, path: &str, body: Vec<u8>) -> Outcome<Reply> {
        let public = stage.network().url();
        let nonce = lock(&self.nonce).clone();
        let token = lock(&self.session).as_ref().map(|session| session.access.clone());
        let proof = dpop::create(
            &self.key,
            method,
            &format!("{public}{path}"),
            nonce.as_deref(),
            token.as_deref(),
            SystemTime::UNIX_EPOCH,
        );
        let mut headers = vec![(DPOP, proof)];
        if let Some(token) = token {
            headers.push(("authorization", format!("DPoP {token}")));
        }
        if method != "GET" {
            headers.push(("content-type", "application/json".to_owned()));
            headers.push((IDEMPOTENCY_KEY, hex(&random::<8>())));
        }
        let host = public.trim_start_matches("http://").to_owned();
        headers.push(("host", host));
        let cloud = stage.cloud()?.address();
        let what = format!("the answer to {method} {path}");
        let (exchange, took) = within(&what, exchange(cloud, method, path, &headers, body)).await??;
        let fresh = exchange.answer_headers.iter().find(|(n, _)| n == DPOP_NONCE);
        if let Some((_, fresh)) = fresh {
            *lock(&self.nonce) = Some(fresh.clone());
        }
        let wrong = Contract::ours()?.judge(&exchange);
        crate::expect!(
            wrong.is_empty(),
            "openapi.yaml was broken:\n  {}",
            wrong.join("\n  ")
        );
        Ok(Reply {
            status: exchange.status,
            body: exchange.answer,
            took,
        })
    }
}

/// A browser at a link of the cloud's: `GET`, or with `POST` the button of its page.
///
/// # Errors
/// Where the link is of another cloud, or nobody answers.
pub async fn browse(stage: &Stage, method: &str, link: &str) -> Outcome<Reply> {
    let public = stage.network().url();
    let path = link.strip_prefix(&public);
    let path = path.ok_or_else(|| Surprise::new(format!("{link} isn't at {public}")))?;
    let host = public.trim_start_matches("http://").to_owned();
    let mut headers = vec![("host", host)];
    if method == "POST" {
        headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
    }
    let cloud = stage.cloud()?.address();
    let what = format!("the answer to {method} {path}");
    let (exchange, took) = within(&what, exchange(cloud, method, path, &headers, Vec::new())).await??;
    Ok(Reply {
        status: exchange.status,
        body: exchange.answer,
        took,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn exchange(
    cloud: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Outcome<(Exchange, Duration)> {
    let stream = TokioIo::new(TcpStream::connect(cloud).await.during("the cloud")?);
    let (mut sender, connection) = http1::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Full::new(Bytes::from(body.clone())))?;
    let begun = Instant::now();
    let answer = sender.send_request(request).await?;
    let (parts, answered) = answer.into_parts();
    let answered = answered.collect().await?.to_bytes().to_vec();
    let took = begun.elapsed();
    driver.abort();
    let text = |v: &hyper::header::HeaderValue| v.to_str().unwrap_or_default().to_owned();
    let answer_headers = parts
        .headers
        .iter()
        .map(|(n, v)| (n.as_str().to_owned(), text(v)));
    let own_headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
    let path = path.split('?').next().unwrap_or_default();
    let exchange = Exchange {
        method: method.to_owned(),
        path: path.to_owned(),
        request_headers: own_headers.collect(),
        request: body,
        status: parts.status.as_u16(),
        answer_headers: answer_headers.collect(),
        answer: answered,
    };
    Ok((exchange, took))
}

/// The answer as JSON where the status is the expected one.
pub(super) fn expected<T: DeserializeOwned>(what: &str, status: u16, reply: &Reply) -> Outcome<T> {
    match reply.status == status {
        true => reply.json(),
        false => Err::<T, Surprise>(refused(what, reply)),
    }
}
