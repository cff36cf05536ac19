//! Commands to a driver: JSON over HTTP.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::surprise::During;
use crate::until::within;
use crate::{Outcome, Surprise};

/// The value that a command answers.
///
/// # Errors
/// By the name that WebDriver gives it, with what the driver says to it.
pub(super) async fn command(driver: SocketAddr, method: &str, path: &str, body: &Value) -> Outcome<Value> {
    let what = format!("the browser's answer to {method} {path}");
    let (status, answer) = within(&what, exchange(driver, method, path, body)).await??;
    let mut answer: Value = serde_json::from_slice(&answer).during(&what)?;
    let value = answer["value"].take();
    if status < 400 {
        return Ok(value);
    }
    let said = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Err(Surprise::new(format!(
        "{method} {path}: {}: {}",
        said("error"),
        said("message")
    )))
}

async fn exchange(driver: SocketAddr, method: &str, path: &str, body: &Value) -> Outcome<(u16, Vec<u8>)> {
    let stream = TokioIo::new(TcpStream::connect(driver).await.during("the driver")?);
    let (mut sender, connection) = http1::handshake(stream).await?;
    let open = tokio::spawn(connection);
    let body = match method {
        "POST" => serde_json::to_vec(body)?,
        _ => Vec::new(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", driver.to_string())
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let (parts, answer) = sender.send_request(request).await?.into_parts();
    let answer = answer.collect().await?.to_bytes().to_vec();
    open.abort();
    Ok((parts.status.as_u16(), answer))
}
