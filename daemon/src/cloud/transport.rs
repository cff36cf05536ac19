//! One HTTP exchange: bounded in time and size, with outages told from answers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use belay_proto::clock::Clock;
use belay_proto::wire::header::{DPOP, DPOP_NONCE, IDEMPOTENCY_KEY, REPR_DIGEST, UPLOAD_OFFSET};
use belay_proto::wire::{EVENT_STREAM, MESSAGE_PACK, OCTET_STREAM, from_repr_digest};
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::cloud::call::{Body, JSON};
use crate::cloud::error::CloudError;
use crate::cloud::{retry, tls};

/// The longest one exchange may take, from looking up the name to the last byte of the answer.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the longest answer that is read, where the call doesn't say otherwise.
pub const LARGEST_ANSWER: usize = 1 << 20;

/// Bytes of the longest nonce for proofs that is taken up.
const LONGEST_NONCE: usize = 256;

/// How long one exchange may take, and how much may come.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For all of it, or with a stream its head.
    pub within: Duration,
    /// Until the head of the answer, and then between two pieces of its body.
    pub quiet: Duration,
    /// Bytes of the answer at most; more is [`CloudError::Nonsense`], and isn't read.
    pub largest: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            within: EXCHANGE_TIMEOUT,
            quiet: EXCHANGE_TIMEOUT,
            largest: LARGEST_ANSWER,
        }
    }
}

/// What to send. No `Debug`, here and below: both may hold tokens.
pub struct Exchange<'a> {
    /// The HTTP method.
    pub method: Method,
    /// The whole address.
    pub url: &'a str,
    /// The body.
    pub(super) body: Option<&'a Body>,
    /// Headers of this kind of call alone.
    pub headers: &'a [(&'static str, String)],
    /// The DPoP proof, where one is needed.
    pub proof: Option<&'a str>,
    /// The access token, where one is needed.
    pub access_token: Option<&'a str>,
    /// The idempotency key of a call that changes something.
    pub idempotency_key: Option<&'a str>,
    /// The last event that was seen of a stream that is opened again.
    pub last_event_id: Option<&'a str>,
    /// How long it may take, and how much may come.
    pub limits: Limits,
}

/// What an answer's body calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON, or a problem document.
    Json,
    /// MessagePack.
    Packed,
    /// Bytes.
    Octets,
    /// Anything else, or nothing.
    Other,
}

/// What came back.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// From `Retry-After`, as it is to be told.
    pub retry_after: Option<Duration>,
    /// From `Date`.
    pub date: Option<SystemTime>,
    /// From `DPoP-Nonce`.
    pub nonce: Option<String>,
    /// What the body calls itself.
    pub kind: Kind,
    /// From `Upload-Offset`: how much of a chunk the cloud has, bytes.
    pub offset: Option<u64>,
    /// From `Repr-Digest`: SHA-256.
    pub digest: Option<[u8; 32]>,
    /// The body, at most [`Limits::largest`] bytes.
    pub body: Vec<u8>,
}

impl Answer {
    /// What it tells, as JSON.
    ///
    /// # Errors
    /// [`CloudError::Nonsense`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CloudError> {
        if self.kind != Kind::Json {
            return Err(CloudError::Nonsense("the answer isn't JSON".into()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| CloudError::Nonsense(format!("the answer can't be read: {}", position(&error))))
    }

    /// That it is done, and nothing more.
    ///
    /// # Errors
    /// [`CloudError::Nonsense`] for any other status than 204.
    pub fn done(&self) -> Result<(), CloudError> {
        match self.status {
            204 => Ok(()),
            status => Err(CloudError::Nonsense(format!("status {status}"))),
        }
    }
}

/// Where an answer went wrong, without quoting it: it may hold tokens.
fn position(error: &serde_json::Error) -> String {
    format!("line {} column {}", error.line(), error.column())
}

/// What opening a stream brought.
pub enum Opened {
    /// The stream, whose body is read piece by piece.
    Stream(Answer, reqwest::Response),
    /// Something else, whole.
    Answer(Answer),
}

/// The HTTP client, built at the first call.
pub struct Transport {
    base: Url,
    ca: Option<PathBuf>,
    client: Mutex<Arc<OnceCell<reqwest::Client>>>,
    clock: Arc<dyn Clock>,
}

impl Transport {
    /// A transport to the cloud at `base` ([`tls::check_url`]), trusting `ca` or else the system's authorities.
    pub fn new(base: Url, ca: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            base,
            ca,
            client: Mutex::default(),
            clock,
        }
    }

    /// The whole address of a path such as `/v1/devices`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    /// Sends and reads the whole answer.
    ///
    /// # Errors
    /// [`CloudError::Offline`] when no whole answer came in time, [`CloudError::Nonsense`] for one that is
    /// too large or a server whose certificate is wrong.
    pub async fn exchange(&self, exchange: Exchange<'_>) -> Result<Answer, CloudError> {
        let limits = exchange.limits;
        self.in_time(limits.within, async {
            let (answer, response) = self.in_time(limits.quiet, self.send(exchange)).await?;
            Ok(Answer {
                body: self.read(response, limits).await?,
                ..answer
            })
        })
        .await
    }

    /// Sends, and reads no more than the head of an answer that is a stream of events.
    ///
    /// # Errors
    /// As [`Transport::exchange`].
    pub async fn open(&self, exchange: Exchange<'_>) -> Result<Opened, CloudError> {
        let limits = exchange.limits;
        self.in_time(limits.within, async {
            let (answer, response) = self.send(exchange).await?;
            let content = text(response.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
            if answer.status == 200 && is(content, EVENT_STREAM) {
                return Ok(Opened::Stream(answer, response));
            }
            Ok(Opened::Answer(Answer {
                body: self.read(response, limits).await?,
                ..answer
            }))
        })
        .await
    }

    /// Leaves the connections there are for new ones: the way they took may be gone without a word, and one that
    /// looks alive would be taken again and again.
    pub fn renew(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    async fn in_time<T>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, CloudError> {
        tokio::select! {
            outcome = work => outcome,
            () = self.clock.give(within) => {
                self.renew();
                Err(CloudError::offline("no answer in time"))
            }
        }
    }

    /// The head of the answer, and what its body comes from.
    async fn send(&self, exchange: Exchange<'_>) -> Result<(Answer, reqwest::Response), CloudError> {
        let cell = Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner));
        let client = cell.get_or_try_init(|| self.build()).await?;
        let headers = headers(&exchange)?;
        let mut request = client.request(exchange.method, exchange.url).headers(headers);
        if let Some(body) = exchange.body {
            request = request.body(body.bytes.clone());
        }
        let response = request.send().await.map_err(outage)?;
        let answer = Answer {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
            date: text(response.headers(), DATE.as_str())
                .and_then(|date| httpdate::parse_http_date(date).ok()),
            nonce: text(response.headers(), DPOP_NONCE)
                .filter(|nonce| nonce.len() <= LONGEST_NONCE)
                .map(str::to_owned),
            kind: text(response.headers(), CONTENT_TYPE.as_str()).map_or(Kind::Other, kind),
            offset: text(response.headers(), UPLOAD_OFFSET).and_then(|offset| offset.parse().ok()),
            digest: text(response.headers(), REPR_DIGEST).and_then(from_repr_digest),
            body: Vec::new(),
        };
        Ok((answer, response))
    }

    async fn read(&self, mut response: reqwest::Response, limits: Limits) -> Result<Vec<u8>, CloudError> {
        let too_large = || CloudError::Nonsense("the answer is too large".into());
        // Room from the start, where the answer tells its length: a buffer that grows is copied.
        let promised = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
        if promised > limits.largest {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(promised);
        while let Some(piece) = self.in_time(limits.quiet, piece(&mut response)).await? {
            if body.len() + piece.len() > limits.largest {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    async fn build(&self) -> Result<reqwest::Client, CloudError> {
        let (base, ca) = (self.base.clone(), self.ca.clone());
        tokio::task::spawn_blocking(move || tls::build(&base, ca.as_deref()))
            .await
            .map_err(|_| CloudError::Misconfigured("the HTTP client was not built".into()))?
    }
}

async fn piece(response: &mut reqwest::Response) -> Result<Option<Bytes>, CloudError> {
    response.chunk().await.map_err(outage)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = text(headers, RETRY_AFTER.as_str())?;
    retry::retry_after(header, text(headers, DATE.as_str()))
}

fn headers(exchange: &Exchange<'_>) -> Result<HeaderMap, CloudError> {
    let mut headers = HeaderMap::new();
    if let Some(body) = exchange.body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.kind));
    }
    for (name, value) in exchange.headers {
        headers.insert(HeaderName::from_static(name), header(value)?);
    }
    if let Some(proof) = exchange.proof {
        headers.insert(DPOP, header(proof)?);
    }
    if let Some(token) = exchange.access_token {
        let mut value = header(&format!("DPoP {token}"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    if let Some(key) = exchange.idempotency_key {
        headers.insert(IDEMPOTENCY_KEY, header(key)?);
    }
    if let Some(id) = exchange.last_event_id {
        headers.insert("last-event-id", header(id)?);
    }
    Ok(headers)
}

fn header(value: &str) -> Result<HeaderValue, CloudError> {
    HeaderValue::from_str(value).map_err(|_| CloudError::Nonsense("a token is no header value".into()))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn kind(content_type: &str) -> Kind {
    let kinds = [
        (JSON, Kind::Json),
        ("application/problem+json", Kind::Json),
        (MESSAGE_PACK, Kind::Packed),
        (OCTET_STREAM, Kind::Octets),
    ];
    let known = kinds.into_iter().find(|(name, _)| is(content_type, name));
    known.map_or(Kind::Other, |(_, kind)| kind)
}

fn is(content_type: &str, essence: &str) -> bool {
    let named = content_type.split(';').next().unwrap_or_default();
    named.trim().eq_ignore_ascii_case(essence)
}

/// A transport error is an outage, except where the other side spoke and said the wrong thing.
pub(super) fn outage(error: reqwest::Error) -> CloudError {
    if let Some(why) = untrusted(&error) {
        return CloudError::Nonsense(why);
    }
    let what = if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    // The address may hold an identifier of the verification: it stays out of logs.
    CloudError::Offline {
        what: what.into(),
        retry_after: None,
        unsent: error.is_connect(),
        source: Some(error.without_url()),
    }
}

/// The reason, when the server's certificate or TLS itself was wrong.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(format!("TLS: {tls}"));
        }
        // An io::Error names the source of what it wraps, not what it wraps.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
