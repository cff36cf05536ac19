//! A provider's gateway for text messages: HTTP, with a token.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::until::within;

/// What somebody posted.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// Method and path.
    pub call: String,
    /// The header `Authorization`.
    pub authorization: String,
    /// The header `Idempotency-Key`.
    pub key: String,
    /// The body.
    pub body: Value,
}

/// The gateway. Dropping it ends it.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    posts: VecDeque<Post>,
    answers: VecDeque<StatusCode>,
}

impl Gateway {
    /// Listens on a port of its own.
    ///
    /// # Errors
    /// What the network says.
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (count, _) = watch::channel(0);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            count,
        });
        Ok(Self {
            address: listener.local_addr()?,
            task: tokio::spawn(accept(listener, Arc::clone(&shared))),
            shared,
        })
    }

    /// Where messages are posted to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/send", self.address)
    }

    /// The answers to the next posts; all others are 202.
    pub fn answers(&self, answers: &[StatusCode]) {
        self.shared.state().answers.extend(answers);
    }

    /// The next post that wasn't taken out yet; waits for it.
    ///
    /// # Errors
    /// Where none comes.
    pub async fn next(&self) -> Outcome<Post> {
        let mut count = self.shared.count.subscribe();
        within("a post to the gateway", async {
            loop {
                count.mark_unchanged();
                if let Some(post) = self.shared.state().posts.pop_front() {
                    return Ok(post);
                }
                count.changed().await?;
            }
        })
        .await?
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &shared));
            // A client that breaks off is for its own test to see.
            let _ended = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (authorization, key) = (header("authorization"), header("idempotency-key"));
    let call = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let post = Post {
        call,
        authorization,
        key,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let mut state = shared.state();
    state.posts.push_back(post);
    let status = state.answers.pop_front().unwrap_or(StatusCode::ACCEPTED);
    shared.count.send_modify(|n| *n = n.wrapping_add(1));
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
