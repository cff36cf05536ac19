//! A connection over HTTP/1.1 that is kept open; to the cloud with the proofs of a device.

use std::net::SocketAddr;
use std::time::SystemTime;

use belay_proto::keys::SigningKey;
use belay_proto::wire::MESSAGE_PACK;
use belay_proto::wire::header::{DPOP, DPOP_NONCE};
use belay_proto::{Secret, dpop};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use super::Session;
use crate::{Outcome, Surprise};

/// An open connection.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    /// The cloud's, as its clients call it.
    origin: String,
    sender: SendRequest<Full<Bytes>>,
    session: Option<Session>,
    nonce: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Bytes,
}

impl Link {
    /// To a server without sessions, or to the cloud, whose clients call it `origin`.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: SocketAddr, origin: &str, session: Option<&Session>) -> Outcome<Self> {
        Ok(Self {
            address,
            origin: origin.to_owned(),
            sender: connect(address).await?,
            session: session.cloned(),
            nonce: None,
        })
    }

    /// A call, and once more where the cloud asks for its nonce.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Outcome<Reply> {
        let reply = self.once(method, path, headers, body.clone()).await?;
        let asks = reply.status == 401 && String::from_utf8_lossy(&reply.body).contains("use-dpop-nonce");
        match asks {
            true => self.once(method, path, headers, body).await,
            false => Ok(reply),
        }
    }

    async fn once(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Outcome<Reply> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(Session { seed, token }) = &self.session {
            let key = SigningKey::from_seed(&Secret::new(*seed));
            let bare = path.split('?').next().unwrap_or_default();
            let url = format!("{}{bare}", self.origin);
            let proof = dpop::create(
                &key,
                method,
                &url,
                self.nonce.as_deref(),
                Some(token),
                SystemTime::now(),
            );
            request = request
                .header(DPOP, proof)
                .header("authorization", format!("DPoP {token}"));
        }
        // The cloud ends connections that ask for nothing.
        if self.sender.is_closed() {
            self.sender = connect(self.address).await?;
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await?;
        let (parts, body) = answer.into_parts();
        if let Some(nonce) = parts.headers.get(DPOP_NONCE) {
            self.nonce = Some(nonce.to_str()?.to_owned());
        }
        Ok(Reply {
            status: parts.status.as_u16(),
            body: body.collect().await?.to_bytes(),
        })
    }

    /// A call with a MessagePack body.
    ///
    /// # Errors
    /// Where the answer isn't 200 and of this type.
    pub async fn post<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> Outcome<T> {
        let body = rmp_serde::to_vec_named(body)?;
        let kind = ("content-type", MESSAGE_PACK.to_owned());
        read(path, &self.call("POST", path, &[kind], body.into()).await?)
    }

    /// A call without a body.
    ///
    /// # Errors
    /// As [`Link::post`].
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Outcome<T> {
        read(path, &self.call("GET", path, &[], Bytes::new()).await?)
    }
}

async fn connect(address: SocketAddr) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn read<T: DeserializeOwned>(path: &str, reply: &Reply) -> Outcome<T> {
    if reply.status != 200 {
        let body = String::from_utf8_lossy(&reply.body);
        return Err(Surprise::new(format!("{path}: {} {body}", reply.status)));
    }
    Ok(rmp_serde::from_slice(&reply.body)?)
}
