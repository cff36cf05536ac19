//! Refusals as problem documents (RFC 9457); `openapi.yaml` lists them a call.

mod kind;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use belay_proto::wire::{self, PROBLEM_PREFIX};
use belay_proto::{AccessoryId, DeviceId};

use crate::clock::{Millis, SECOND};

pub use kind::Kind;

/// A refusal: the stable name and what the caller may know about it.
///
/// It never carries an address, a token or an internal error's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}")]
pub struct Problem {
    /// Which refusal.
    pub kind: Kind,
    /// A sentence for a person reading a log of the client.
    pub detail: Option<String>,
    /// When the same call may be tried again, told as `Retry-After`.
    pub retry_after: Option<Millis>,
    /// Tries that the code has left, with [`Kind::WrongCode`].
    pub tries_left: Option<u32>,
    /// The masked login of the hardware's owner, with [`Kind::ActivationLocked`].
    pub login: Option<String>,
    /// What is bound still, with [`Kind::DevicesStillBound`].
    pub bound: Option<Box<Bound>>,
}

/// What keeps an account from being deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Devices.
    pub devices: Vec<DeviceId>,
    /// Accessories.
    pub accessories: Vec<AccessoryId>,
}

impl Problem {
    /// A refusal without particulars.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            retry_after: None,
            tries_left: None,
            login: None,
            bound: None,
        }
    }

    /// [`Kind::Malformed`] with what is wrong.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::new(Kind::Malformed)
        }
    }

    /// A refusal that ends after `wait`.
    #[must_use]
    pub fn wait(kind: Kind, wait: Millis) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(kind)
        }
    }

    /// The same refusal with a sentence about this case.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The document's JSON.
    #[must_use]
    pub fn document(&self) -> wire::Problem {
        let (name, status, title) = self.kind.describe();
        let bound = self.bound.as_deref().cloned().unwrap_or_default();
        wire::Problem {
            kind: format!("{PROBLEM_PREFIX}{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            tries_left: self.tries_left,
            login: self.login.clone(),
            devices: bound.devices,
            accessories: bound.accessories,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (_, status, _) = self.kind.describe();
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (status, body).into_response();
        // For whoever counts refusals.
        response.extensions_mut().insert(self.kind);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            // Rounded up: a client that waits exactly this long is never early.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.div_ceil(SECOND)));
        }
        if let Some(challenge) = www_authenticate(self.kind) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

fn www_authenticate(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::UseDpopNonce => Some(r#"DPoP error="use_dpop_nonce", algs="EdDSA""#),
        Kind::InvalidDpopProof => Some(r#"DPoP error="invalid_dpop_proof", algs="EdDSA""#),
        Kind::InvalidToken | Kind::Removed => Some(r#"DPoP error="invalid_token", algs="EdDSA""#),
        _ => None,
    }
}
