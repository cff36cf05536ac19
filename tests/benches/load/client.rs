//! A connection that calls for many people, one after the other.

use std::time::SystemTime;

use altcha::{SolveChallengeOptions, solve_challenge};
use belay_proto::dpop;
use belay_proto::keys::{SigningKey, random};
use belay_proto::text::hex;
use belay_proto::wire::header::{DPOP, DPOP_NONCE, IDEMPOTENCY_KEY};
use belay_proto::wire::{ChallengeAnswer, ProofOfWork};
use belay_tests::{Outcome, Surprise};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::net::TcpStream;

use crate::cloud::Cloud;

pub struct Client {
    host: String,
    origin: String,
    sender: SendRequest<Full<Bytes>>,
    /// The cloud's, which is the same for everybody.
    nonce: Option<String>,
}

impl Client {
    pub async fn connect(cloud: &Cloud) -> Outcome<Self> {
        let stream = TokioIo::new(TcpStream::connect(cloud.address()).await?);
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::task::spawn_local(connection);
        Ok(Self {
            host: cloud.address().to_string(),
            origin: cloud.origin().to_owned(),
            sender,
            nonce: None,
        })
    }

    /// A call with a proof of `key`, and once more where the cloud asks for another nonce.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        key: &SigningKey,
        path: &str,
        body: &impl Serialize,
    ) -> Outcome<T> {
        let body = Bytes::from(serde_json::to_vec(body)?);
        let (mut status, mut said) = self.once(Some(key), path, body.clone()).await?;
        if status == 401 && String::from_utf8_lossy(&said).contains("use-dpop-nonce") {
            (status, said) = self.once(Some(key), path, body).await?;
        }
        read(path, status, &said)
    }

    /// A challenge, which is asked for without a key.
    pub async fn challenge(&mut self) -> Outcome<Value> {
        let body = Bytes::from(serde_json::to_vec(&Value::Object(Map::new()))?);
        let path = "/v1/challenges";
        let (status, said) = self.once(None, path, body).await?;
        read(path, status, &said).map(|answer: ChallengeAnswer| answer.challenge)
    }

    async fn once(&mut self, key: Option<&SigningKey>, path: &str, body: Bytes) -> Outcome<(u16, Bytes)> {
        let mut request = Request::post(path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header(IDEMPOTENCY_KEY, hex(&random::<8>()));
        if let Some(key) = key {
            let (url, nonce) = (format!("{}{path}", self.origin), self.nonce.as_deref());
            let proof = dpop::create(key, "POST", &url, nonce, None, SystemTime::now());
            request = request.header(DPOP, proof);
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await?;
        let (parts, body) = answer.into_parts();
        if let Some(nonce) = parts.headers.get(DPOP_NONCE) {
            self.nonce = Some(nonce.to_str()?.to_owned());
        }
        Ok((parts.status.as_u16(), body.collect().await?.to_bytes()))
    }
}

fn read<T: DeserializeOwned>(path: &str, status: u16, said: &Bytes) -> Outcome<T> {
    if !(200..300).contains(&status) {
        let said = String::from_utf8_lossy(said);
        return Err(Surprise::new(format!("{path} is answered {status}: {said}")));
    }
    Ok(serde_json::from_slice(said)?)
}

/// The work that `challenge` asks for, done.
pub fn solved(challenge: Value) -> Outcome<ProofOfWork> {
    let asked = serde_json::from_value(challenge.clone())?;
    let solution = solve_challenge(SolveChallengeOptions::new(&asked))
        .map_err(|error| Surprise::new(error.to_string()))?
        .ok_or_else(|| Surprise::new("the work takes too long"))?;
    Ok(ProofOfWork {
        challenge,
        solution: serde_json::to_value(solution)?,
    })
}
