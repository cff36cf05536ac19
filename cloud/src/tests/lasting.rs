//! Streams over a real connection: what ends them and what doesn't.

use std::time::Duration;

use belay_proto::dpop;
use belay_proto::keys::SigningKey;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::orders::Home;
use super::rig::{ORIGIN, Rig, settings};
use crate::server::{ServeError, serve_until};

/// A cloud that listens, with one device in its data.
struct Served {
    port: u16,
    key: SigningKey,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
    _folder: TempDir,
}

async fn served() -> Served {
    let rig = Rig::new();
    let key = Home::new(&rig).await.client.key;
    let folder = rig.stop();
    let mut settings = settings(&folder);
    let file = folder.path().join("port");
    settings.port_file = Some(file.clone());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve_until(settings, async { drop(stopped.await) }));
    let port = loop {
        match std::fs::read_to_string(&file) {
            Ok(text) => break text.trim().parse().unwrap(),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    Served {
        port,
        key,
        stop,
        task,
        _folder: folder,
    }
}

impl Served {
    async fn ask(&self, nonce: Option<&str>) -> TcpStream {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let url = format!("{ORIGIN}/v1/stream");
        let proof = dpop::create(
            &self.key,
            "GET",
            &url,
            nonce,
            None,
            std::time::SystemTime::UNIX_EPOCH,
        );
        let head = format!("GET /v1/stream HTTP/1.1\r\nhost: x\r\ndpop: {proof}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        connection
    }

    /// An open stream, read up to its greeting's end.
    async fn stream(&self) -> TcpStream {
        let mut refused = self.ask(None).await;
        let text = until(&mut refused, "\r\n\r\n").await;
        let nonce = text
            .lines()
            .find_map(|line| line.strip_prefix("dpop-nonce: "))
            .unwrap();
        let mut stream = self.ask(Some(nonce)).await;
        let text = until(&mut stream, "id: 0\n\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        stream
    }
}

async fn until(connection: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut bytes = [0; 1024];
        let length = connection.read(&mut bytes).await.unwrap();
        assert_ne!(length, 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    text
}

#[tokio::test]
async fn a_stream_outlives_the_quiet_that_ends_other_connections() {
    let served = served().await;
    let mut stream = served.stream().await;
    // Not before: paused time passes while a request is on its way, and a connection ends that has asked for nothing.
    tokio::time::pause();
    let quiet = tokio::time::timeout(Duration::from_secs(3600), stream.read(&mut [0; 64])).await;
    assert!(quiet.is_err(), "neither ended nor said anything: {quiet:?}");
    served.task.abort();
}

#[tokio::test]
async fn a_cloud_that_stops_ends_its_streams_in_order_and_at_once() {
    let served = served().await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(served.stream().await);
    }
    served.stop.send(()).unwrap();
    for stream in &mut streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"0\r\n\r\n", "the body's regular end");
    }
    served.task.await.unwrap().unwrap();
}
