//! Bodies in MessagePack.

use std::io::Cursor;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_proto::wire::MESSAGE_PACK;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call;
use crate::app::App;
use crate::problem::{Kind, Problem};

/// How deep a body may be nested.
const DEEPEST: usize = 16;

/// A body in MessagePack, on the way in or out.
#[derive(Debug)]
pub struct Packed<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Packed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_packed(request.headers()) {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        let (_, bytes) = call::read(request, app).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Packed<T> {
    fn into_response(self) -> Response {
        let Ok(bytes) = rmp_serde::to_vec_named(&self.0) else {
            return Problem::new(Kind::Internal).into_response();
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(MESSAGE_PACK)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (StatusCode::OK, headers, Body::from(bytes)).into_response()
    }
}

/// Reads one value and nothing after it.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = rmp_serde::Deserializer::new(Cursor::new(bytes));
    reader.set_max_depth(DEEPEST);
    let body = T::deserialize(&mut reader).map_err(|error| Problem::malformed(error.to_string()))?;
    match reader.position() == bytes.len() as u64 {
        true => Ok(body),
        false => Err(Problem::malformed("bytes after the body")),
    }
}

fn is_packed(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str());
    matches!(kind, Some(Ok(kind)) if kind.trim().eq_ignore_ascii_case(MESSAGE_PACK))
}

#[cfg(test)]
mod tests {
    use belay_proto::wire::MissingRequest;
    use proptest::prelude::*;

    use super::parse;

    #[test]
    fn one_value_is_a_body_and_more_are_not() {
        let good = b"\x81\xa6chunks\x90";
        assert!(parse::<MissingRequest>(good).is_ok());
        assert!(parse::<MissingRequest>(&[good, &b"\xc0"[..]].concat()).is_err());
        assert!(parse::<MissingRequest>(b"\x82\xa6chunks\x90\xa1x\x01").is_err());
        assert!(parse::<MissingRequest>(b"").is_err());
    }

    #[test]
    fn a_length_that_isnt_there_costs_no_memory() {
        // An array of 2^32 - 1 ids, and a byte string of as many bytes, in a body of some bytes.
        assert!(parse::<MissingRequest>(b"\x81\xa6chunks\xdd\xff\xff\xff\xff").is_err());
        assert!(parse::<MissingRequest>(b"\x81\xa6chunks\x91\xc6\xff\xff\xff\xff").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = parse::<MissingRequest>(&bytes);
        }
    }
}
