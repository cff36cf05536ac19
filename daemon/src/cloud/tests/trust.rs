//! Whom the client trusts. The certificates were made for this test and are good for a hundred years; nobody
//! holds the authority's key.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::{CloudClient, MemoryVault, SkippingClock, read};
use crate::cloud::error::CloudError;

const AUTHORITY: &str = include_str!("tls/authority.pem");
const CERTIFICATE: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server-key.pem");

/// Answers one request in TLS, on a thread of its own.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap(),
        )
        .unwrap();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        // A client that distrusts us leaves in the middle of the handshake.
        if stream.read(&mut [0; 4096]).is_ok() {
            let _ = stream.write_all(b"HTTP/1.1 204 x\r\ncontent-length: 0\r\n\r\n");
        }
    });
    port
}

async fn call(url: String, authority: PathBuf) -> Result<(), CloudError> {
    let (vault, clock) = (
        Arc::new(MemoryVault::default()),
        Arc::new(SkippingClock::default()),
    );
    CloudClient::new(Some(&url), Some(authority), vault, clock)
        .done(&read())
        .await
}

#[tokio::test]
async fn only_a_server_that_the_configured_authority_has_certified_is_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    };
    let (ours, another) = (path("ours.pem", AUTHORITY), path("another.pem", CERTIFICATE));

    call(format!("https://localhost:{}", serve()), ours.clone())
        .await
        .unwrap();
    for (url, authority) in [
        (format!("https://localhost:{}", serve()), another),
        // The name that is asked for isn't the name that was certified.
        (format!("https://127.0.0.2:{}", serve_on_second_loopback()), ours),
    ] {
        let error = call(url, authority).await.unwrap_err();
        assert!(
            matches!(error, CloudError::Nonsense(_)),
            "an impostor isn't an outage: {error:?}"
        );
    }
}

/// 127.0.0.2 is this machine too, and in no certificate.
fn serve_on_second_loopback() -> u16 {
    let port = serve();
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let outside = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut from, _) = listener.accept().unwrap();
        let mut to = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut back_from, mut back_to) = (to.try_clone().unwrap(), from.try_clone().unwrap());
        let back = std::thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
        let _ = std::io::copy(&mut from, &mut to);
        let _ = back.join();
    });
    outside
}
