//! Plain HTTP to the cloud, past the device.

use std::net::SocketAddr;

use belay_tests::Stage;
use belay_tests::until::within;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer of the cloud.
pub struct Reply {
    pub status: u16,
    pub kind: String,
    pub nonce: Option<String>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The name of the problem, after `urn:belay:problem:`.
    pub fn problem(&self) -> String {
        assert_eq!(self.kind, "application/problem+json", "status {}", self.status);
        let json = self.json();
        let name = json["type"].as_str().unwrap().strip_prefix("urn:belay:problem:");
        name.unwrap_or_else(|| panic!("{json}")).to_owned()
    }
}

/// A request with these headers and this body, to the address at which the cloud itself listens.
pub async fn send(stage: &Stage, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    send_to(
        stage.cloud().unwrap().address(),
        &stage.network().url(),
        method,
        path,
        headers,
        body,
    )
    .await
}

/// `GET`, through the network, as a browser would.
pub async fn get(stage: &Stage, path: &str) -> Reply {
    send_to(network(stage), &stage.network().url(), "GET", path, &[], b"").await
}

/// An empty form, through the network, as a button of a page would send it.
pub async fn post_form(stage: &Stage, path: &str) -> Reply {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    send_to(network(stage), &stage.network().url(), "POST", path, &kind, b"").await
}

fn network(stage: &Stage) -> SocketAddr {
    stage
        .network()
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

async fn send_to(
    to: SocketAddr,
    url: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    within(&format!("the answer to {method} {path}"), async {
        let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
        let (mut sender, connection) = http1::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let host = url.strip_prefix("http://").unwrap();
        let mut request = Request::builder().method(method).uri(path).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let (status, nonce) = (answer.status().as_u16(), header("dpop-nonce"));
        let kind = header("content-type").unwrap_or_default();
        let text = |v: &hyper::header::HeaderValue| v.to_str().unwrap_or_default().to_owned();
        let headers = answer
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), text(v)))
            .collect();
        let body = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
        driver.abort();
        Reply {
            status,
            kind,
            nonce,
            headers,
            body,
        }
    })
    .await
    .unwrap()
}
