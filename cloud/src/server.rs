//! Listening: connections, TLS, and stopping with nothing lost.

mod door;
mod idle;
mod tls;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use belay_proto::clock::system_clock;
use belay_proto::sysexits;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use self::door::Door;
use self::idle::{Activity, Lasting};
use self::tls::Tls;
use crate::app::{App, OpenError};
use crate::clock::CloudClock;
use crate::config::Settings;
use crate::delivery::{self, DeliveryError};
use crate::net::Peer;
use crate::{routes, upkeep};

/// Connections at once, where the limit of open files allows so many; more wait to be accepted. Most of them
/// are streams that say nothing for minutes.
const CONNECTIONS: usize = 32 * 1024;
/// Open files that aren't connections: the database, the timer, messages on their way out.
const OTHER_FILES: usize = 64;
/// How long the head of a request, or a TLS handshake, may take.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// The longest head of a request over HTTP/1.1, bytes; HTTP/2 has hyper's 16 KiB.
const HEAD_LENGTH: usize = 64 * 1024;
/// Calls at once on one connection of HTTP/2: each may hold a body in memory.
const STREAMS: u32 = 16;
/// How long running calls get after the signal to stop.
const GRACE: Duration = Duration::from_millis(1500);

/// Why the cloud doesn't run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data can't be used.
    #[error("the data can't be used")]
    Open(#[from] OpenError),
    /// Messages can't be sent as configured.
    #[error("messages can't be sent as configured")]
    Delivery(#[from] DeliveryError),
    /// The address can't be listened at.
    #[error("can't listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The port file can't be written.
    #[error("the port file can't be written")]
    PortFile(#[source] io::Error),
    /// Certificate or key can't be read.
    #[error("{0} can't be used")]
    Pem(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// Certificate and key don't go together.
    #[error("certificate and key don't go together")]
    Tls(#[source] rustls::Error),
    /// Signals can't be waited for.
    #[error("signals can't be waited for")]
    Signals(#[source] io::Error),
}

impl ServeError {
    /// The code of `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Open(error) if error.is_busy() => sysexits::UNAVAILABLE,
            Self::Open(_) | Self::PortFile(_) => sysexits::IO,
            Self::Listen(..) => sysexits::UNAVAILABLE,
            Self::Delivery(_) | Self::Pem(..) | Self::Tls(_) => sysexits::CONFIG,
            Self::Signals(_) => sysexits::SOFTWARE,
        }
    }
}

/// Serves until SIGTERM or SIGINT; with TLS, SIGHUP has certificate and key read again.
///
/// # Errors
/// When something that it needs can't be had; never after it began to serve.
pub async fn serve(settings: Settings) -> Result<(), ServeError> {
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve_until(settings, stop).await
}

/// As [`serve`], until `stop` ends.
///
/// # Errors
/// As [`serve`].
pub async fn serve_until(mut settings: Settings, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
    // Both the mail client and the gateway's take the process-wide provider; another one may be set already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let clock = CloudClock::new(system_clock());
    let mut tls = settings
        .tls
        .as_ref()
        .map(|(cert, key)| Tls::read(cert, key))
        .transpose()?;
    // Without certificates a hang-up is a terminal's, and ends the program as any other.
    let mut renewed = tls.is_some().then(|| watch(SignalKind::hangup())).transpose()?;
    let carriers = delivery::carriers(&settings.delivery)?;
    let wanted = settings.listen;
    let listener = TcpListener::bind(wanted)
        .await
        .map_err(|error| ServeError::Listen(wanted, error))?;
    let address = listener
        .local_addr()
        .map_err(|error| ServeError::Listen(wanted, error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let origin = settings
        .origin
        .get_or_insert_with(|| format!("{scheme}://{address}"))
        .clone();
    let port_file = settings.port_file.clone();
    let app = App::open(settings, clock)?;
    let sender = tokio::spawn(delivery::run(app.clone(), carriers));
    let upkeep = tokio::spawn(upkeep::run(app.clone()));
    let graceful = GracefulShutdown::new();
    if let Some(file) = port_file {
        write_port(&file, address.port()).map_err(ServeError::PortFile)?;
    }
    tracing::info!(%address, origin, "serving");

    let slots = Arc::new(Semaphore::new(connections()));
    let door = Door::new(&app.settings, slots.available_permits());
    let router = routes::router(app.clone());
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = accept(&listener, &slots, &door, &router, tls.as_ref(), &graceful) => {}
            () = told(renewed.as_mut()) => if let Some(tls) = &mut tls {
                tls.reload();
            },
            () = &mut stop => break,
        }
    }
    // Streams and long polls would run on; the rest ends by itself.
    app.hub.close();
    // What is committed stays, and what isn't was answered to nobody.
    let finished = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    sender.abort();
    upkeep.abort();
    tracing::info!(all_answered = finished.is_ok(), "stopped");
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    door: &Door,
    router: &Router,
    tls: Option<&Tls>,
    graceful: &GracefulShutdown,
) {
    // The semaphore is never closed.
    let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
        return;
    };
    let (stream, peer) = match listener.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            // Out of descriptors, most likely: some connection ends soon.
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            return;
        }
    };
    let Some(visit) = door.admit(peer.ip()) else {
        tracing::debug!("a connection was turned away");
        return;
    };
    let (router, tls, watcher) = (router.clone(), tls.map(Tls::acceptor), graceful.watcher());
    tokio::spawn(async move {
        connection(stream, peer, router, tls, watcher).await;
        drop((slot, visit));
    });
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    watcher: Watcher,
) {
    // Small answers go out at once.
    drop(stream.set_nodelay(true));
    match tls {
        None => speak(stream, peer, router, watcher).await,
        Some(tls) => match tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await {
            Ok(Ok(stream)) => speak(stream, peer, router, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn speak<S>(stream: S, peer: SocketAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::default();
    let seen = activity.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let (mut router, running) = (router.clone(), seen.begin());
        async move {
            let answer = router.call(request).await;
            // A stream runs for as long as its body does.
            answer.map(|answer| answer.map(|body| Lasting::new(body, running)))
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_LENGTH);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(60));
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    tokio::select! {
        ended = watcher.watch(connection) => if let Err(error) = ended {
            tracing::debug!(error, "a connection broke off");
        },
        // hyper waits without end for the first bytes, and for as long as pings are answered.
        () = activity.idle(HEAD_TIME) => tracing::debug!("a connection asked for nothing"),
    }
}

/// Raises the limit of open files as far as it goes, and answers how many of them may be connections.
fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays");
    }
    let files = getrlimit(Resource::Nofile)
        .current
        .and_then(|files| usize::try_from(files).ok());
    files.map_or(CONNECTIONS, |files| {
        files.saturating_sub(OTHER_FILES).clamp(1, CONNECTIONS)
    })
}

fn watch(kind: SignalKind) -> Result<Signal, ServeError> {
    signal(kind).map_err(ServeError::Signals)
}

/// Waits for the signal; without one, for ever.
async fn told(signal: Option<&mut Signal>) {
    let told = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if told.is_none() {
        std::future::pending().await
    }
}

/// Whoever sees the file sees the whole number.
fn write_port(file: &Path, port: u16) -> io::Result<()> {
    let temporary = file.with_extension("tmp");
    fs::write(&temporary, format!("{port}\n"))?;
    fs::rename(temporary, file)
}
