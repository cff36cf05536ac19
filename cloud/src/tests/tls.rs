//! TLS that ends at this program.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::Version;
use reqwest::{Certificate, Client};
use rustix::process::{Signal, getpid, kill_process};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::listener::{HEALTH, Served, ask, start};

fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/tests/tls")
        .join(name)
}

/// A cloud with copies of certificate and key, which a test may change.
async fn secure() -> (Served, PathBuf, PathBuf) {
    let mut files = (PathBuf::new(), PathBuf::new());
    let served = start(|settings| {
        let folder = settings.data.parent().unwrap();
        files = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::copy(pem("cert.pem"), &files.0).unwrap();
        std::fs::copy(pem("key.pem"), &files.1).unwrap();
        settings.tls = Some(files.clone());
    })
    .await;
    (served, files.0, files.1)
}

fn connector(cert: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What a client gets that believes in this certificate alone.
async fn health(port: u16, cert: &Path) -> std::io::Result<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector(cert).connect(name, stream).await?;
    Ok(ask(stream, HEALTH).await)
}

#[tokio::test]
async fn tls_ends_here_when_a_certificate_is_given() {
    let (served, cert, _) = secure().await;
    let answer = health(served.port, &cert).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let plain = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    assert!(
        !ask(plain, HEALTH).await.contains("200"),
        "no plain HTTP beside it"
    );
    served.task.abort();
}

#[tokio::test]
async fn clients_choose_between_http_2_and_http_1() {
    let (served, cert, _) = secure().await;
    let known = Certificate::from_pem(&std::fs::read(cert).unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], served.port));
    let client = || {
        Client::builder()
            .tls_certs_only([known.clone()])
            .resolve("localhost", address)
    };
    for (client, version) in [
        (client(), Version::HTTP_2),
        (client().http1_only(), Version::HTTP_11),
    ] {
        let url = format!("https://localhost:{}/healthz", served.port);
        let answer = client.build().unwrap().get(url).send().await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (version, 200));
        assert_eq!(answer.text().await.unwrap(), "ok\n");
    }
    served.task.abort();
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_at_a_signal() {
    let (served, cert, key) = secure().await;
    let (renewed, before) = (pem("renewed.pem"), pem("cert.pem"));
    std::fs::copy(&renewed, &cert).unwrap();
    std::fs::copy(pem("renewed-key.pem"), &key).unwrap();
    assert!(health(served.port, &before).await.is_ok());
    assert!(
        health(served.port, &renewed).await.is_err(),
        "not before the signal"
    );
    kill_process(getpid(), Signal::HUP).unwrap();
    let becomes = async {
        while health(served.port, &renewed).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), becomes)
        .await
        .unwrap();
    assert!(health(served.port, &before).await.is_err());
    served.task.abort();
}
