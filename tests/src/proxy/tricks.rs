//! What a bad network, a broken cloud or a lying one does.

use std::fmt;
use std::sync::Arc;

use belay_proto::wire::ChangesAnswer;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use tokio::sync::Notify;

use super::relay::Whole;
use crate::openapi::Call;

/// One misbehaviour.
#[derive(Clone)]
pub enum Trick {
    /// Answers by itself; the cloud never hears of the request.
    Answer {
        /// The status.
        status: u16,
        /// Headers besides the length.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Takes the request and never answers; the cloud never hears of it.
    Hang,
    /// Closes the connection; the cloud never hears of it.
    Cut,
    /// The cloud hears and answers, and the answer is lost.
    LoseAnswer,
    /// The cloud hears and answers, and the answer comes once this is notified.
    Hold(Arc<Notify>),
    /// The cloud's JSON answer is changed on the way.
    Alter(Arc<dyn Fn(&mut Value) + Send + Sync>),
    /// The cloud's answer, whatever it is, is changed on the way; the first argument is the query of the request.
    Rewrite(Rewriting),
    /// The cloud hears it twice, and the second answer comes back.
    Double,
    /// The answer breaks off in the middle of its body.
    Tear,
    /// A 200 of JSON that never ends; the cloud never hears of it.
    Endless,
}

/// What changes an answer.
pub type Rewriting = Arc<dyn Fn(&str, &mut Reply<'_>) + Send + Sync>;

/// An answer on its way back.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The status.
    pub status: &'a mut u16,
    /// The headers, without the length.
    pub headers: &'a mut HeaderMap,
    /// The body.
    pub body: &'a mut Vec<u8>,
}

impl Reply<'_> {
    /// Becomes an answer of this media type.
    pub fn becomes(&mut self, status: u16, kind: &'static str, body: Vec<u8>) {
        *self.status = status;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        *self.body = body;
    }
}

impl Trick {
    /// A plain status with nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A refusal of the cloud by name.
    #[must_use]
    pub fn problem(status: u16, name: &str) -> Self {
        let body =
            format!(r#"{{"type": "urn:belay:problem:{name}", "title": "{name}", "status": {status}}}"#);
        Self::Answer {
            status,
            headers: vec![("content-type", "application/problem+json".to_owned())],
            body: body.into_bytes(),
        }
    }

    /// The same, which asks to come back after so many seconds.
    #[must_use]
    pub fn waits(status: u16, name: &str, seconds: u32) -> Self {
        match Self::problem(status, name) {
            Self::Answer {
                status,
                mut headers,
                body,
            } => {
                headers.push(("retry-after", seconds.to_string()));
                Self::Answer {
                    status,
                    headers,
                    body,
                }
            }
            other => other,
        }
    }

    /// A status that asks to come back after so many seconds.
    #[must_use]
    pub fn later(status: u16, seconds: u32) -> Self {
        Self::Answer {
            status,
            headers: vec![("retry-after", seconds.to_string())],
            body: Vec::new(),
        }
    }

    /// A 200 of JSON that says this.
    #[must_use]
    pub fn says(body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Answer {
            status: 200,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    /// The cloud's JSON answer, changed.
    pub fn alter(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Alter(Arc::new(change))
    }

    /// The cloud's answer, changed by the query it answers.
    pub fn rewrite(change: impl Fn(&str, &mut Reply<'_>) + Send + Sync + 'static) -> Self {
        Self::Rewrite(Arc::new(change))
    }

    /// An answer of changes, changed. The rest goes by as it is.
    pub fn changes(change: impl Fn(&str, &mut ChangesAnswer) + Send + Sync + 'static) -> Self {
        Self::rewrite(move |query, reply| {
            let Ok(mut answer) = rmp_serde::from_slice(reply.body) else {
                return;
            };
            change(query, &mut answer);
            if let Ok(body) = rmp_serde::to_vec_named(&answer) {
                *reply.body = body;
            }
        })
    }

    /// Changes an answer of the cloud's own.
    pub(super) fn play(&self, query: &str, answer: &mut Whole) {
        match self {
            Self::Alter(change) => {
                if let Ok(mut json) = serde_json::from_slice::<Value>(&answer.body) {
                    change(&mut json);
                    answer.body = json.to_string().into_bytes();
                }
            }
            Self::Rewrite(change) => change(
                query,
                &mut Reply {
                    status: &mut answer.status,
                    headers: &mut answer.headers,
                    body: &mut answer.body,
                },
            ),
            _ => {}
        }
    }
}

impl fmt::Debug for Trick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, .. } => write!(f, "Answer {status}"),
            Self::Hang => f.write_str("Hang"),
            Self::Cut => f.write_str("Cut"),
            Self::LoseAnswer => f.write_str("LoseAnswer"),
            Self::Hold(_) => f.write_str("Hold"),
            Self::Alter(_) => f.write_str("Alter"),
            Self::Rewrite(_) => f.write_str("Rewrite"),
            Self::Double => f.write_str("Double"),
            Self::Tear => f.write_str("Tear"),
            Self::Endless => f.write_str("Endless"),
        }
    }
}

/// Which requests a trick is for.
#[derive(Debug)]
pub(super) enum Aim {
    /// Those whose path begins so.
    Under(String),
    /// Those that are this call of the contract.
    Call(Call),
}

/// A trick and when it is due.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) aim: Aim,
    pub(super) times: usize,
    pub(super) trick: Trick,
}
