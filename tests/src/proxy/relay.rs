//! One request on its way to the cloud and back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use belay_proto::wire::EVENT_STREAM;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::stream::{self, Flow};
use super::{Shared, Trick};
use crate::openapi::Exchange;
use crate::{Outcome, Surprise};

/// An answer with its body read whole, or with a stream that has only begun.
struct Whole {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    flow: Option<Flow>,
}

/// Relays the request; an error closes the connection without an answer.
pub(super) async fn relay(shared: Arc<Shared>, request: Request<Incoming>) -> Outcome<Response<Flow>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = parts.uri.path().to_owned();
    let trick = shared.trick(&path);
    let judged = trick.is_none();
    if !judged && !matches!(trick, Some(Trick::LoseAnswer | Trick::Hold(_))) {
        shared.note_trick(&path);
    }
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
                let answer = shared
                    .ask(Request::from_parts(parts.clone(), Full::new(body.clone())))
                    .await?;
                shared.note(exchange(&parts, &path, &body, &answer), true);
                shared.note_trick(&path);
                Ok::<_, Surprise>(())
            });
            heard.await??;
            return Err(Surprise::new("the answer is lost"));
        }
        Some(Trick::Hold(go)) => {
            let answer = shared
                .ask(Request::from_parts(parts.clone(), Full::new(body.clone())))
                .await?;
            shared.note_trick(&path);
            go.notified().await;
            answer
        }
        Some(Trick::Alter(change)) => {
            let mut answer = shared
                .ask(Request::from_parts(parts.clone(), Full::new(body.clone())))
                .await?;
            if let Ok(mut json) = serde_json::from_slice::<Value>(&answer.body) {
                change(&mut json);
                answer.body = serde_json::to_vec(&json)?;
            }
            answer
        }
        None => {
            shared
                .ask(Request::from_parts(parts.clone(), Full::new(body.clone())))
                .await?
        }
    };
    shared.note(exchange(&parts, &path, &body, &answer), judged);
    let whole = || stream::whole(answer.body.into());
    let mut response = Response::builder()
        .status(answer.status)
        .body(answer.flow.unwrap_or_else(whole))?;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

impl Shared {
    /// The trick that is due for this path.
    fn trick(&self, path: &str) -> Option<Trick> {
        let mut state = self.state();
        let due = state.tricks.iter().position(|p| path.starts_with(&p.path))?;
        let planned = state.tricks.get_mut(due)?;
        planned.times = planned.times.saturating_sub(1);
        let trick = planned.trick.clone();
        if planned.times == 0 {
            state.tricks.remove(due);
        }
        Some(trick)
    }

    /// Asks the cloud itself.
    async fn ask(&self, request: Request<Full<Bytes>>) -> Outcome<Whole> {
        let (network, said) = (self.network.subscribe(), self.said.subscribe());
        let cloud: Option<SocketAddr> = self.state().cloud;
        let cloud = cloud.ok_or_else(|| Surprise::new("there is no network"))?;
        let stream = TokioIo::new(TcpStream::connect(cloud).await?);
        let (mut sender, connection) = http1::handshake(stream).await?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let flows = parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind == EVENT_STREAM);
        let (body, flow) = if flows {
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

fn exchange(parts: &hyper::http::request::Parts, path: &str, body: &[u8], answer: &Whole) -> Exchange {
    Exchange {
        method: parts.method.as_str().to_owned(),
        path: path.to_owned(),
        request_headers: texts(&parts.headers),
        request: body.to_vec(),
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
