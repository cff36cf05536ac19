//! Answers of the API.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::{Kind, Problem};

/// A status and a JSON body, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// JSON; empty for 204.
    pub body: Vec<u8>,
}

impl Answer {
    /// `body` as JSON with `status`.
    ///
    /// # Errors
    /// `internal`, when the body can't be written as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|_| Problem::new(Kind::Internal))?;
        Ok(Self { status, body })
    }

    /// 200 with JSON.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, body)
    }

    /// 204.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Vec::new(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let kind = match self.status {
            StatusCode::NO_CONTENT => None,
            // A kept refusal.
            status if status.is_client_error() => Some("application/problem+json"),
            _ => Some("application/json"),
        };
        if let Some(kind) = kind {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            *response.body_mut() = Body::from(self.body);
        }
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
