//! The network between the device and the cloud: a proxy that holds every request and answer against the
//! contract, and that can be as bad as a network or a cloud can be.
//!
//! Its address is the cloud's public one, so that proofs and login signatures name it. It can be a secure one, with an
//! authority of its own.

mod calls;
mod relay;
mod secure;
mod stream;
mod tricks;
mod weather;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belay_proto::wire::Hint;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::openapi::{Contract, Exchange};
use crate::until::within;

pub use relay::caller;
pub use secure::AUTHORITY;
pub(crate) use secure::acceptor;
pub use tricks::{Reply, Rewriting, Trick};
pub use weather::Weather;

use tricks::Aim;

/// The running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    secure: bool,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    contract: &'static Contract,
    state: Mutex<State>,
    /// How many exchanges there were.
    count: watch::Sender<usize>,
    /// How many requests have come.
    came: watch::Sender<u64>,
    /// Changes when the network does: what goes on over it breaks off.
    network: watch::Sender<u64>,
    /// What is put into each stream.
    said: broadcast::Sender<Bytes>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the cloud listens; `None` is no network.
    cloud: Option<SocketAddr>,
    tricks: VecDeque<tricks::Planned>,
    /// The methods and paths on which a trick was played, in order.
    played: Vec<(String, String)>,
    exchanges: Vec<Exchange>,
    wrong: Vec<String>,
    weather: Option<Weather>,
    callers: weather::Callers,
    /// Bytes of chunks that devices sent, by path.
    uploads: BTreeMap<String, u64>,
    /// Of each call that brings a chunk and isn't answered, the bytes that it sent.
    unanswered: Vec<Arc<AtomicU64>>,
}

impl Proxy {
    /// Listens on a free port of the loopback address, with no cloud behind it yet; `secure` is with TLS, as a server
    /// that [`AUTHORITY`] has certified.
    ///
    /// # Errors
    /// Where there is no port, or the contract can't be read.
    pub async fn start(secure: bool) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (count, _) = watch::channel(0);
        let shared = Arc::new(Shared {
            contract: Contract::ours()?,
            state: Mutex::default(),
            count,
            came: watch::Sender::new(0),
            network: watch::Sender::new(0),
            said: broadcast::Sender::new(16),
        });
        let tls = secure.then(acceptor).transpose()?;
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Ok(Self {
            address,
            secure,
            shared,
            task,
        })
    }

    /// The URL by which the device knows the cloud.
    #[must_use]
    pub fn url(&self) -> String {
        if self.secure {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// Connects the network to a cloud, or cuts it; streams break off.
    pub fn connect(&self, cloud: Option<SocketAddr>) {
        self.shared.state().cloud = cloud;
        self.cut();
    }

    /// Breaks every stream off; new ones can be opened.
    pub fn cut(&self) {
        self.shared.network.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Plays `trick` on the next `times` requests whose path begins with `path`, after those planned before.
    pub fn plan(&self, path: &str, times: usize, trick: &Trick) {
        self.shared.plan(Aim::Under(path.to_owned()), times, trick);
    }

    /// Forgets the tricks that are planned, and which were played.
    pub fn behave(&self) {
        let mut state = self.shared.state();
        state.tricks.clear();
        state.played.clear();
    }

    /// How bad it is from now on; `None` is fair. What is late arrives.
    pub fn weather(&self, weather: Option<Weather>) {
        self.shared.state().weather = weather;
        self.shared.comes(Weather::OVERTAKEN);
    }

    /// The keys that proved requests so far, each once, in order.
    #[must_use]
    pub fn callers(&self) -> Vec<String> {
        self.shared.state().callers.seen.clone()
    }

    /// Whoever has one of these keys is away from the network, or back. Streams break off.
    pub fn away(&self, keys: &[String], is_away: bool) {
        let away = &mut self.shared.state().callers.away;
        for key in keys {
            match is_away {
                true => drop(away.insert(key.clone())),
                false => drop(away.remove(key)),
            }
        }
        self.cut();
    }

    /// The bytes of chunks that devices sent so far, those of half a chunk too, by path.
    #[must_use]
    pub fn uploads(&self) -> BTreeMap<String, u64> {
        self.shared.state().uploads.clone()
    }

    /// The bytes of chunks in calls that weren't answered: those that go on, and those that broke off.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        let state = self.shared.state();
        state
            .unanswered
            .iter()
            .map(|sent| sent.load(Ordering::Relaxed))
            .sum()
    }

    /// Puts an event without a number into each open stream: a cloud may say at any time where to look.
    pub fn hint(&self, hint: Hint) {
        let event = format!("event: {hint}\ndata: {{}}\n\n");
        // Where no stream is open nobody hears it.
        let _nobody = self.shared.said.send(event.into());
    }

    /// All exchanges so far.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.state().exchanges.clone()
    }

    /// How many exchanges there were.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// What the contract was broken by so far.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.shared.state().wrong.clone()
    }

    /// Waits until a trick has been played on a request whose path begins with `path`.
    ///
    /// # Errors
    /// Where none is.
    pub async fn played(&self, path: &str) -> Outcome {
        let mut count = self.shared.count.subscribe();
        within(&format!("a trick to be played on {path}"), async {
            loop {
                count.borrow_and_update();
                if self
                    .shared
                    .state()
                    .played
                    .iter()
                    .any(|(_, p)| p.starts_with(path))
                {
                    return Ok(());
                }
                count.changed().await?;
            }
        })
        .await?
    }

    /// Waits until an exchange that `fits` has been, and returns it.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn seen(&self, what: &str, fits: impl Fn(&Exchange) -> bool) -> Outcome<Exchange> {
        let mut count = self.shared.count.subscribe();
        within(what, async {
            loop {
                count.borrow_and_update();
                if let Some(found) = self.shared.state().exchanges.iter().find(|e| fits(e)) {
                    return Ok(found.clone());
                }
                count.changed().await?;
            }
        })
        .await?
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that so many requests have come. Answers how many have by now.
    fn comes(&self, count: u32) -> u64 {
        let mut came = 0;
        self.came.send_modify(|all| {
            *all += u64::from(count);
            came = *all;
        });
        came
    }

    /// Notes an exchange; `judged` is false where a trick took part, which needn't keep the contract.
    fn note(&self, exchange: Exchange, judged: bool) {
        let wrong = if judged {
            self.contract.judge(&exchange)
        } else {
            Vec::new()
        };
        let mut state = self.state();
        state.wrong.extend(wrong);
        state.exchanges.push(exchange);
        let count = state.exchanges.len();
        drop(state);
        self.count.send_replace(count);
    }

    /// Notes that so many more bytes of a chunk were sent.
    fn note_upload(&self, path: &str, bytes: u64) {
        *self.state().uploads.entry(path.to_owned()).or_default() += bytes;
    }

    /// Notes that a chunk is brought; counts what is sent of it.
    fn begin_upload(&self) -> Arc<AtomicU64> {
        let sent = Arc::default();
        self.state().unanswered.push(Arc::clone(&sent));
        sent
    }

    /// The call is answered.
    fn end_upload(&self, sent: &Arc<AtomicU64>) {
        self.state().unanswered.retain(|other| !Arc::ptr_eq(other, sent));
    }

    fn plan(&self, aim: Aim, times: usize, trick: &Trick) {
        let trick = trick.clone();
        self.state()
            .tricks
            .push_back(tricks::Planned { aim, times, trick });
    }

    /// Notes that a trick was played on this request.
    fn note_trick(&self, method: &str, path: &str) {
        self.state().played.push((method.to_owned(), path.to_owned()));
        self.count.send_modify(|_| ());
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        connections.spawn(async move {
            match tls {
                None => serve(stream, shared).await,
                // Whoever distrusts us leaves in the middle of the handshake.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, shared).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let relayed = relay::relay(Arc::clone(&shared), request);
        async {
            relayed
                .await
                .map_err(|surprise| io::Error::other(surprise.to_string()))
        }
    });
    // An error is a connection that was cut, on purpose or by the other side.
    let _cut = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
