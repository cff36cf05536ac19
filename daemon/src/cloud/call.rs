//! What a call is.

use std::time::Duration;

use belay_proto::keys;
use belay_proto::text::hex;
use reqwest::Method;

use crate::cloud::transport::EXCHANGE_TIMEOUT;

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
    pub(super) body: Option<Vec<u8>>,
    pub(super) idempotency_key: Option<String>,
    pub(super) within: Duration,
}

impl Call {
    /// A call that reads.
    pub fn get(path: impl Into<String>, auth: Auth) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            auth,
            body: None,
            idempotency_key: None,
            within: EXCHANGE_TIMEOUT,
        }
    }

    /// A call that changes something, with a JSON body and a fresh idempotency key.
    pub fn post(path: impl Into<String>, auth: Auth, body: Vec<u8>) -> Self {
        let key = Some(idempotency_key());
        Self {
            method: Method::POST,
            path: path.into(),
            auth,
            body: Some(body),
            idempotency_key: key,
            within: EXCHANGE_TIMEOUT,
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
            idempotency_key: key,
            within: EXCHANGE_TIMEOUT,
        }
    }

    /// The same call to a cloud that is asked to wait so long before it answers that there is nothing.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Self {
            within: wait + EXCHANGE_TIMEOUT,
            ..self
        }
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
