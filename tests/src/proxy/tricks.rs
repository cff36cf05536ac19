//! What a bad network, a broken cloud or a lying one does.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

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
        }
    }
}

/// A trick and when it is due.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) path: String,
    pub(super) times: usize,
    pub(super) trick: Trick,
}
