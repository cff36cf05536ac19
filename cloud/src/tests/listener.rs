//! The listener itself: ports, and requests over a real connection.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::rig::settings;
use crate::config::Settings;
use crate::server::{ServeError, serve};

pub struct Served {
    pub port: u16,
    pub folder: tempfile::TempDir,
    pub task: JoinHandle<Result<(), ServeError>>,
}

pub async fn start(change: impl FnOnce(&mut Settings)) -> Served {
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = settings(&folder);
    let file = folder.path().join("port");
    settings.port_file = Some(file.clone());
    settings.origin = None;
    change(&mut settings);
    let task = tokio::spawn(serve(settings));
    // The file appears once connections are accepted.
    let port = loop {
        match std::fs::read_to_string(&file) {
            Ok(text) => break text.trim().parse().unwrap(),
            Err(_) if task.is_finished() => panic!("{:?}", task.await),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    Served { port, folder, task }
}

pub async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    // Who is refused early can't always write all.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    // A peer that just closes, without a TLS goodbye, has answered too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

pub const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_free_port_is_told_and_answers() {
    let served = start(|_| {}).await;
    let stream = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    assert!(ask(stream, HEALTH).await.starts_with("HTTP/1.1 200 OK"));
    assert!(served.folder.path().join("outbox").is_dir());
    served.task.abort();
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_caller_can_read_so() {
    let served = start(|_| {}).await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    let head = "POST /v1/challenges HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
                content-length: 3000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = ask(stream, &vec![b' '; 3_000_000]).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("urn:belay:problem:too-large"),
        "{answer}"
    );
    served.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_gives_its_place_back() {
    // Without a deadline a thousand of these would keep everybody else out.
    let served = start(|_| {}).await;
    let mut silent = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "closed");
    let mut slow = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    slow.write_all(b"PRI * HT").await.unwrap();
    assert_eq!(slow.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed");
    served.task.abort();
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let served = start(|_| {}).await;
    let stream = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    let head = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(!ask(stream, head.as_bytes()).await.contains("200 OK"));
    served.task.abort();
}

/// An address of this machine that isn't loopback, where it is in any network. Nothing is sent.
fn network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[tokio::test]
async fn plain_http_from_a_network_is_for_proxies_only() {
    let Some(address) = network_address() else {
        let _nobody_reads = writeln!(std::io::stderr(), "SKIPPED: this machine is in no network");
        return;
    };
    for (proxies, is_served) in [(vec![], false), (vec![address.to_string()], true)] {
        let served = start(|settings| {
            settings.listen = (Ipv4Addr::UNSPECIFIED, 0).into();
            settings.proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        })
        .await;
        let stream = TcpStream::connect((address, served.port)).await.unwrap();
        assert_eq!(ask(stream, HEALTH).await.contains("200 OK"), is_served);
        let stream = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
        assert!(ask(stream, HEALTH).await.contains("200 OK"));
        served.task.abort();
    }
}

#[tokio::test]
async fn what_can_not_be_used_is_named_before_anything_is_served() {
    let broken: [fn(&mut Settings); 3] = [
        |settings| settings.tls = Some(("/nonexistent".into(), "/nonexistent".into())),
        |settings| settings.data = "/proc/nowhere".into(),
        |settings| settings.delivery.outbox = Some("/proc/nowhere".into()),
    ];
    for change in broken {
        let folder = tempfile::TempDir::new().unwrap();
        let mut settings = settings(&folder);
        change(&mut settings);
        let error = serve(settings).await.unwrap_err();
        assert!(matches!(error.exit_code(), 74 | 78), "{error}");
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = settings(&folder);
    settings.listen = taken.local_addr().unwrap();
    assert_eq!(serve(settings).await.unwrap_err().exit_code(), 69);
}
