//! One request on its way to the cloud and back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use belay_proto::text::from_base64url;
use belay_proto::wire::EVENT_STREAM;
use belay_proto::wire::header::DPOP;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::stream::{self, Flow};
use super::tricks::{Aim, Planned};
use super::{Shared, Trick};
use crate::openapi::Exchange;
use crate::{Outcome, Surprise};

/// Where chunks are.
const BLOBS: &str = "/v1/blobs/";

/// An answer with its body read whole, or with a stream that has only begun.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    flow: Option<Flow>,
}

/// A request that was read whole.
#[derive(Clone)]
struct Asked {
    parts: Parts,
    path: String,
    body: Bytes,
    /// Reaches the cloud once so many requests have come to the network; 0 is at once.
    late: u64,
}

/// Relays the request; an error closes the connection without an answer.
pub(super) async fn relay(shared: Arc<Shared>, request: Request<Incoming>) -> Outcome<Response<Flow>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    shared.is_reached_by(&parts.headers)?;
    let came = shared.comes(1);
    let planned = shared.trick(parts.method.as_str(), &path);
    let (late, chance) = match planned {
        None => shared.weather(&path),
        Some(_) => (0, None),
    };
    let late = match late {
        0 => 0,
        late => came + u64::from(late),
    };
    let judged = planned.is_none();
    let trick = planned.or(chance);
    if trick.is_none() && parts.method == Method::PUT && path.starts_with(BLOBS) {
        return upload(shared, parts, path, body).await;
    }
    let body = body.collect().await?.to_bytes();
    let asked = Asked {
        parts,
        path,
        body,
        late,
    };
    if trick.is_some() && !matches!(trick, Some(Trick::LoseAnswer | Trick::Hold(_))) {
        shared.note_trick(asked.parts.method.as_str(), &asked.path);
    }
    if matches!(trick, Some(Trick::Endless)) {
        let kind = ("content-type", "application/json");
        return Ok(Response::builder()
            .header(kind.0, kind.1)
            .body(stream::endless())?);
    }
    let tears = matches!(trick, Some(Trick::Tear));
    let answer = match trick {
        Some(Trick::Hang) => never(std::future::pending::<Infallible>().await),
        Some(Trick::Cut) => return Err(Surprise::new("cut")),
        Some(Trick::Answer {
            status,
            headers,
            body,
        }) => own(status, &headers, body)?,
        Some(Trick::LoseAnswer) => {
            // By itself: the cloud hears it, and the trick counts, also where the device gives up waiting first.
            let heard = tokio::spawn(async move {
                let answer = shared.ask(&asked).await?;
                shared.note(exchange(&asked, &answer), true);
                shared.note_trick(asked.parts.method.as_str(), &asked.path);
                Ok::<_, Surprise>(())
            });
            heard.await??;
            return Err(Surprise::new("the answer is lost"));
        }
        Some(Trick::Hold(go)) => {
            let answer = shared.ask(&asked).await?;
            shared.note_trick(asked.parts.method.as_str(), &asked.path);
            go.notified().await;
            answer
        }
        Some(Trick::Double) => {
            let _first = shared.ask(&asked).await?;
            shared.ask(&asked).await?
        }
        None if asked.late > 0 => {
            // It is under way, whether or not the device still waits for it.
            let (shared, asked) = (Arc::clone(&shared), asked.clone());
            tokio::spawn(async move { shared.ask(&asked).await }).await??
        }
        None | Some(Trick::Tear) => shared.ask(&asked).await?,
        Some(changes) => {
            let mut answer = shared.ask(&asked).await?;
            changes.play(asked.parts.uri.query().unwrap_or_default(), &mut answer);
            answer
        }
    };
    shared.note(exchange(&asked, &answer), judged);
    respond(answer, tears)
}

/// Passes a chunk on as it comes, so that a part of it comes to the cloud where the device dies.
async fn upload(shared: Arc<Shared>, parts: Parts, path: String, body: Incoming) -> Outcome<Response<Flow>> {
    let (counter, of) = (Arc::clone(&shared), path.clone());
    let sent = shared.begin_upload();
    let under_way = Arc::clone(&sent);
    let flow = stream::counted(body, move |bytes| {
        sent.fetch_add(bytes, Ordering::Relaxed);
        counter.note_upload(&of, bytes);
    });
    // Where it breaks off it stays among those that weren't answered.
    let answer = shared.pass(Request::from_parts(parts.clone(), flow)).await?;
    shared.end_upload(&under_way);
    let asked = Asked {
        parts,
        path,
        body: Bytes::new(),
        late: 0,
    };
    shared.note(exchange(&asked, &answer), true);
    respond(answer, false)
}

fn respond(answer: Whole, tears: bool) -> Outcome<Response<Flow>> {
    let body: Bytes = answer.body.into();
    let flow = match (answer.flow, tears) {
        (Some(flow), _) => flow,
        (None, true) => stream::torn(&body),
        (None, false) => stream::whole(body),
    };
    let mut response = Response::builder().status(answer.status).body(flow)?;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

impl Shared {
    /// The trick that is due for this request.
    fn trick(&self, method: &str, path: &str) -> Option<Trick> {
        let call = self.contract.call(method, path);
        let is_due = |planned: &Planned| match &planned.aim {
            Aim::Under(begin) => path.starts_with(begin),
            Aim::Call(aimed) => call.as_ref() == Some(aimed),
        };
        let mut state = self.state();
        let due = state.tricks.iter().position(is_due)?;
        let planned = state.tricks.get_mut(due)?;
        planned.times = planned.times.saturating_sub(1);
        let trick = planned.trick.clone();
        if planned.times == 0 {
            state.tricks.remove(due);
        }
        Some(trick)
    }

    /// What the weather does to a request to this path.
    fn weather(&self, path: &str) -> (u32, Option<Trick>) {
        let mut state = self.state();
        state
            .weather
            .as_mut()
            .map_or((0, None), |weather| weather.next(path))
    }

    /// Notes who calls; for some there is no network.
    fn is_reached_by(&self, headers: &HeaderMap) -> Outcome {
        let Some(key) = headers.get(DPOP).and_then(|proof| key(proof.to_str().ok()?)) else {
            return Ok(());
        };
        let callers = &mut self.state().callers;
        if callers.away.contains(&key) {
            return Err(Surprise::new("there is no network"));
        }
        if !callers.seen.contains(&key) {
            callers.seen.push(key);
        }
        Ok(())
    }

    /// Asks the cloud itself.
    async fn ask(&self, asked: &Asked) -> Outcome<Whole> {
        // Whoever sent it gives up waiting in the end and asks again, so that others come.
        let mut came = self.came.subscribe();
        came.wait_for(|came| *came >= asked.late).await?;
        let body = stream::whole(asked.body.clone());
        self.pass(Request::from_parts(asked.parts.clone(), body)).await
    }

    async fn pass(&self, request: Request<Flow>) -> Outcome<Whole> {
        let (network, said) = (self.network.subscribe(), self.said.subscribe());
        let cloud: Option<SocketAddr> = self.state().cloud;
        let cloud = cloud.ok_or_else(|| Surprise::new("there is no network"))?;
        let stream = TokioIo::new(TcpStream::connect(cloud).await?);
        let (mut sender, connection) = http1::handshake(stream).await?;
        let driver = tokio::spawn(connection);
        let asked_with = request.headers().clone();
        let answer = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let flows = parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind == EVENT_STREAM);
        let (body, flow) = if flows {
            // Who went away before `network` was listened to is told nothing of that by it.
            self.is_reached_by(&asked_with)?;
            (Vec::new(), Some(stream::passed_on(body, driver, network, said)))
        } else {
            let body = body.collect().await?.to_bytes().to_vec();
            driver.abort();
            (body, None)
        };
        let mut headers = parts.headers;
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONTENT_LENGTH);
        Ok(Whole {
            status: parts.status.as_u16(),
            headers,
            body,
            flow,
        })
    }
}

/// The key that proves a request with these headers, as [`super::Proxy::callers`] has it.
#[must_use]
pub fn caller(headers: &[(String, String)]) -> Option<String> {
    let proof = headers.iter().find(|(name, _)| name == DPOP)?;
    key(&proof.1)
}

/// The key of a proof (RFC 9449): `x` of its `jwk`.
fn key(proof: &str) -> Option<String> {
    let header = from_base64url(proof.split('.').next()?).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    Some(header.get("jwk")?.get("x")?.as_str()?.to_owned())
}

fn own(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> Outcome<Whole> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse()?);
    }
    Ok(Whole {
        status,
        headers: map,
        body,
        flow: None,
    })
}

fn exchange(asked: &Asked, answer: &Whole) -> Exchange {
    Exchange {
        method: asked.parts.method.as_str().to_owned(),
        path: asked.path.clone(),
        request_headers: texts(&asked.parts.headers),
        request: asked.body.to_vec(),
        status: answer.status,
        answer_headers: texts(&answer.headers),
        answer: answer.body.clone(),
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |v: &hyper::header::HeaderValue| v.to_str().unwrap_or_default().to_owned();
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

fn never<T>(never: Infallible) -> T {
    match never {}
}
