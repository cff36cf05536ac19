//! What a call is.

use std::time::Duration;

use belay_proto::keys;
use belay_proto::text::hex;
use bytes::Bytes;
use reqwest::Method;

use crate::cloud::transport::{EXCHANGE_TIMEOUT, Limits};

/// The media type of most bodies.
pub(super) const JSON: &str = "application/json";

/// Who a call speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    Open,
    /// The device key alone.
    Device,
    /// The session: device key and access token.
    Session,
}

/// One call. Its body may hold a code or a token, so it has no `Debug`.
#[derive(Clone)]
pub struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) auth: Auth,
    pub(super) body: Option<Body>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) idempotency_key: Option<String>,
    pub(super) limits: Limits,
}

/// What a call brings; cheap to clone, so that a second attempt costs no second copy.
#[derive(Clone)]
pub(super) struct Body {
    /// Its media type.
    pub(super) kind: &'static str,
    /// The bytes.
    pub(super) bytes: Bytes,
}

impl Call {
    /// A call that reads.
    pub fn get(path: impl Into<String>, auth: Auth) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            auth,
            body: None,
            headers: Vec::new(),
            idempotency_key: None,
            limits: Limits::default(),
        }
    }

    /// A call that changes something, with a JSON body and a fresh idempotency key.
    pub fn post(path: impl Into<String>, auth: Auth, body: Vec<u8>) -> Self {
        let key = Some(idempotency_key());
        Self {
            method: Method::POST,
            path: path.into(),
            auth,
            body: Some(Body {
                kind: JSON,
                bytes: body.into(),
            }),
            headers: Vec::new(),
            idempotency_key: key,
            limits: Limits::default(),
        }
    }

    /// A call that changes a part of something, with a JSON body and a fresh idempotency key.
    pub fn patch(path: impl Into<String>, auth: Auth, body: Vec<u8>) -> Self {
        Self {
            method: Method::PATCH,
            ..Self::post(path, auth, body)
        }
    }

    /// A call that puts something in the place of what there is, with a JSON body and a fresh idempotency key.
    pub fn put(path: impl Into<String>, auth: Auth, body: Vec<u8>) -> Self {
        Self {
            method: Method::PUT,
            ..Self::post(path, auth, body)
        }
    }

    /// A call that removes something, with a fresh idempotency key.
    pub fn delete(path: impl Into<String>, auth: Auth) -> Self {
        let key = Some(idempotency_key());
        Self {
            method: Method::DELETE,
            path: path.into(),
            auth,
            body: None,
            headers: Vec::new(),
            idempotency_key: key,
            limits: Limits::default(),
        }
    }

    /// The same call to a cloud that is asked to wait so long before it answers that there is nothing.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        let within = wait + EXCHANGE_TIMEOUT;
        let (limits, quiet) = (self.limits, within);
        Self {
            limits: Limits {
                within,
                quiet,
                ..limits
            },
            ..self
        }
    }

    /// The same call with a body of another media type.
    #[must_use]
    pub(super) fn bringing(self, kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            body: Some(Body { kind, bytes }),
            ..self
        }
    }

    /// The same call with one more header.
    #[must_use]
    pub(super) fn telling(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The same call whose exchange is bounded otherwise.
    #[must_use]
    pub(super) fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same call with a key that was kept with the stored request, so that a repetition is one.
    #[must_use]
    pub fn keyed(self, key: &str) -> Self {
        Self {
            idempotency_key: Some(key.to_owned()),
            ..self
        }
    }
}

/// A fresh idempotency key: 128 random bits as text.
#[must_use]
pub fn idempotency_key() -> String {
    hex(&keys::random::<16>())
}
