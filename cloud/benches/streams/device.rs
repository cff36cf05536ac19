//! A device that listens: connects, reads, and comes back when the cloud goes away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use belay_proto::backoff::Backoff;
use belay_proto::dpop;
use belay_proto::keys::random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::Outcome;
use crate::fleet::Fleet;

/// How a device waits before it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Drawn evenly from half to one and a half of what the server's `retry:` says, then by backoff.
    Retry,
    /// By backoff alone.
    Backoff,
}

/// What a device tells of itself.
#[derive(Clone, Copy, Debug)]
pub enum Happened {
    Open { when: Instant },
    Hint { number: usize, when: Instant },
    Refused,
}

pub struct Device {
    pub number: usize,
    pub fleet: Arc<Fleet>,
    pub tell: mpsc::UnboundedSender<Happened>,
    pub rule: watch::Receiver<Rule>,
}

/// An answer without its body.
pub struct Answer {
    pub status: u16,
    pub nonce: Option<String>,
}

impl Device {
    pub async fn run(self, doors: Arc<Semaphore>) {
        let mut pauses = Backoff::new(Duration::from_secs(1), Duration::from_secs(900));
        let mut door = doors.acquire_owned().await.ok();
        loop {
            let mut wait = Duration::ZERO;
            match self.open().await {
                Ok(Some(stream)) => {
                    drop(door.take());
                    pauses.reset();
                    let retry = self.listen(stream).await;
                    if *self.rule.borrow() == Rule::Retry {
                        let drawn = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
                        wait = retry.mul_f64(0.5 + drawn);
                    }
                }
                // Only the nonce was old.
                Ok(None) => continue,
                Err(_) => {
                    // Nobody counts any more when the bench is over.
                    let _ = self.tell.send(Happened::Refused);
                }
            }
            // As a device does: what is measured is how the cloud bears them all in real time.
            tokio::time::sleep(wait.max(pauses.next().unwrap_or_default())).await;
        }
    }

    /// A stream whose greeting comes; `None` when only the nonce was too old.
    async fn open(&self) -> Outcome<Option<TcpStream>> {
        let key = &self.fleet.members[self.number].key;
        let url = format!("{}/v1/stream", self.fleet.origin);
        let proof = dpop::create(
            key,
            "GET",
            &url,
            Some(&self.fleet.nonce()),
            None,
            SystemTime::now(),
        );
        let mut stream = TcpStream::connect(self.fleet.cloud).await?;
        let request = format!("GET /v1/stream?heartbeat=1680 HTTP/1.1\r\nhost: x\r\ndpop: {proof}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let answer = head(&mut stream).await?;
        self.fleet.learn(answer.nonce);
        match answer.status {
            200 => Ok(Some(stream)),
            401 => Ok(None),
            other => Err(format!("a stream got {other}").into()),
        }
    }

    /// Reads to the end; what `retry:` said.
    async fn listen(&self, mut stream: TcpStream) -> Duration {
        let mut retry = Duration::from_secs(5);
        let _ = self.tell.send(Happened::Open { when: Instant::now() });
        let mut bytes = [0; 512];
        loop {
            let Ok(length) = stream.read(&mut bytes).await else {
                return retry;
            };
            let Some(text) = bytes.get(..length).filter(|text| !text.is_empty()) else {
                return retry;
            };
            let text = String::from_utf8_lossy(text);
            if let Some(asked) = text.lines().find_map(|line| line.strip_prefix("retry: ")) {
                retry = asked.parse().map_or(retry, Duration::from_millis);
            }
            if text.contains("event: commands") {
                let happened = Happened::Hint {
                    number: self.number,
                    when: Instant::now(),
                };
                let _ = self.tell.send(happened);
            }
        }
    }
}

/// One request whose answer ends the connection.
pub async fn exchange(cloud: SocketAddr, request: &str) -> Outcome<Answer> {
    let mut stream = TcpStream::connect(cloud).await?;
    stream.write_all(request.as_bytes()).await?;
    let answer = head(&mut stream).await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok(answer)
}

/// Reads an answer's head, byte by byte: nothing behind it is taken away.
async fn head(stream: &mut TcpStream) -> Outcome<Answer> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await?);
    }
    let text = String::from_utf8(text)?;
    let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
    let nonce = text.lines().find_map(|line| line.strip_prefix("dpop-nonce: "));
    Ok(Answer {
        status,
        nonce: nonce.map(str::to_owned),
    })
}
