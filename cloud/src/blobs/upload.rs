//! A chunk on its way in.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use belay_proto::AccountId;
use belay_proto::sync::{ChunkId, MAX_SEALED_CHUNK};
use belay_proto::wire::header::{REPR_DIGEST, UPLOAD_LENGTH, UPLOAD_OFFSET};
use belay_proto::wire::{OCTET_STREAM, from_repr_digest};
use futures_util::StreamExt;
use ring::digest::{Context, SHA256};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use super::files::{self, FileName, GATHERED, Writing};
use super::table::{self, Row};
use crate::app::App;
use crate::clock::{Millis, SECOND};
use crate::problem::{Kind, Problem};

/// When to try again while others write.
pub const WAIT: Millis = 5 * SECOND;
/// How long no byte may come.
const QUIET: Duration = Duration::from_secs(30);
/// How long one call may take; the next one goes on where it ended.
const LONGEST: Duration = Duration::from_secs(600);
/// What the last bytes that come before a piece is full are mostly within: hyper reads so many at once.
const LAST: usize = 64 * 1024;
/// How long the body of a call that was answered without it is read on.
const DRAIN: Duration = Duration::from_secs(30);

/// What a call says that it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Where its first byte belongs.
    pub offset: u64,
    /// The length of the sealed chunk, bytes.
    pub length: u64,
    /// SHA-256 of the sealed chunk.
    pub digest: [u8; 32],
}

/// What the cloud does with a call, before it reads its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is there.
    Whole,
    /// Other bytes are there, or came.
    Differs,
    /// It has to begin elsewhere.
    From(u64),
    /// It begins, in place of what came before.
    Begin,
    /// It goes on with what came before.
    GoOn(FileName),
}

impl Announced {
    /// From the headers of a call with this body.
    ///
    /// # Errors
    /// `unsupported-media-type`, `malformed`, `too-large`.
    pub fn read(headers: &HeaderMap, body: &Body) -> Result<Self, Problem> {
        let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str());
        if !matches!(kind, Some(Ok(kind)) if kind.trim().eq_ignore_ascii_case(OCTET_STREAM)) {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        let length = number(headers, UPLOAD_LENGTH)?.filter(|length| *length > 0);
        let length =
            length.ok_or_else(|| Problem::malformed("Upload-Length is the chunk's length, in bytes"))?;
        let too_large = |why: &str| Problem::new(Kind::TooLarge).because(why);
        if length > MAX_SEALED_CHUNK as u64 {
            return Err(too_large("a sealed chunk is longer than any can be"));
        }
        let offset = number(headers, UPLOAD_OFFSET)?.unwrap_or(0);
        let rest = length
            .checked_sub(offset)
            .ok_or_else(|| Problem::malformed("Upload-Offset lies behind Upload-Length"))?;
        if body.size_hint().lower() > rest {
            return Err(too_large("the body is longer than what is left of the chunk"));
        }
        let digests: Option<Vec<_>> = headers
            .get_all(REPR_DIGEST)
            .iter()
            .map(|line| line.to_str().ok())
            .collect();
        let digest = digests.and_then(|digests| from_repr_digest(&digests.join(",")));
        Ok(Self {
            offset,
            length,
            digest: digest.ok_or_else(|| Problem::malformed("Repr-Digest has the chunk's sha-256"))?,
        })
    }

    /// Whether it may begin, as far as the chunk's row tells.
    #[must_use]
    pub fn judge(&self, row: Option<&Row>) -> Verdict {
        match row {
            Some(row) if row.whole && row.digest == self.digest => Verdict::Whole,
            Some(row) if row.whole => Verdict::Differs,
            Some(row) if (row.length, row.digest) == (self.length, self.digest) => Verdict::GoOn(row.file),
            _ if self.offset > 0 => Verdict::From(0),
            _ => Verdict::Begin,
        }
    }
}

/// A digit sequence that comes once at most.
fn number(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, Problem> {
    let bad = || Problem::malformed(format!("{name} is a number of bytes, and comes once"));
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| bad())?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && values.next().is_none();
    match text.parse() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(bad()),
    }
}

/// A chunk that is being written.
pub struct Upload {
    /// The cloud.
    pub app: App,
    /// Whose chunk.
    pub account: AccountId,
    /// Which.
    pub id: ChunkId,
    /// Where its bytes go.
    pub file: FileName,
    /// What is to come.
    pub announced: Announced,
    /// Keeps others from writing it.
    pub writing: Writing,
}

impl Upload {
    /// Writes what comes, and keeps it when no more does.
    ///
    /// # Errors
    /// `malformed` when the connection breaks off, `too-large`, `request-timeout`, `internal`.
    pub async fn receive(self, body: Body) -> Result<Response, Problem> {
        let (files, name, announced) = (self.app.files.clone(), self.file, self.announced);
        let (file, reached) = blocking(move || files.append(name)).await?;
        if reached != announced.offset {
            drain(body);
            return Ok(wrong_offset(reached.min(announced.length)));
        }
        let (writer, last, end) = store_body(Writer::new(file, reached), announced, body).await?;
        let reached = writer.reached + last.len() as u64;
        if end.is_none() && reached == announced.length {
            return self.settle(writer, last).await;
        }
        writer.write(last).await?;
        match end {
            Some(problem) => Err(problem),
            None => {
                let offset = (HeaderName::from_static(UPLOAD_OFFSET), HeaderValue::from(reached));
                Ok((StatusCode::ACCEPTED, no_store([offset])).into_response())
            }
        }
    }

    /// Writes the last bytes of a chunk, checks all of it, and has the row say that it is there.
    async fn settle(self, mut writer: Writer, last: Vec<u8>) -> Result<Response, Problem> {
        let (files, name, digest) = (self.app.files.clone(), self.file, self.announced.digest);
        let settle = move || {
            writer.put(&last)?;
            let good = writer.sha256()? == digest;
            if good {
                files.settle(name, &writer.file)?;
            }
            Ok(good)
        };
        let good = blocking(settle).await?;
        let (account, id, now) = (self.account, self.id, self.app.now());
        if !good {
            let files = self.app.files.clone();
            // First the file: were it to stay behind, the next call would go on with it.
            blocking(move || {
                files.remove_now(name);
                Ok(())
            })
            .await?;
            let forget = move |tx: &rusqlite::Transaction<'_>| table::throw_away(tx, &account, &id, name);
            self.app.store.transact(forget).await?;
            return Err(Problem::new(Kind::DigestMismatch));
        }
        let complete = move |tx: &rusqlite::Transaction<'_>| table::complete(tx, &account, &id, name, now);
        match self.app.store.transact(complete).await? {
            true => Ok(whole()),
            false => {
                self.app.files.remove(vec![name]);
                Ok(wrong_offset(0))
            }
        }
    }
}

/// What writes at the end of a file.
struct Writer {
    file: File,
    /// How long it is, bytes.
    reached: u64,
    /// Of all of it, where it was empty.
    hashed: Option<Context>,
}

impl Writer {
    fn new(file: File, reached: u64) -> Self {
        Self {
            file,
            reached,
            hashed: (reached == 0).then(|| Context::new(&SHA256)),
        }
    }

    /// Writes and empties `bytes`.
    async fn write(mut self, mut bytes: Vec<u8>) -> Result<(Self, Vec<u8>), Problem> {
        if bytes.is_empty() {
            return Ok((self, bytes));
        }
        blocking(move || {
            self.put(&bytes)?;
            bytes.clear();
            Ok((self, bytes))
        })
        .await
    }

    /// The same on a thread that may wait.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(hashed) = &mut self.hashed {
            hashed.update(bytes);
        }
        self.file.write_all(bytes)?;
        self.reached += bytes.len() as u64;
        Ok(())
    }

    /// The SHA-256 of the file: it is read where not all of it was written here.
    fn sha256(&mut self) -> io::Result<[u8; 32]> {
        match self.hashed.take() {
            Some(hashed) => hashed.finish().as_ref().try_into().map_err(io::Error::other),
            None => files::sha256(&mut self.file),
        }
    }
}

/// Writes a body at the end of a file, but for the last bytes, which are answered; and what ended the body before its time.
async fn store_body(
    mut writer: Writer,
    announced: Announced,
    body: Body,
) -> Result<(Writer, Vec<u8>, Option<Problem>), Problem> {
    let deadline = Instant::now() + LONGEST;
    let mut stream = body.into_data_stream();
    // Room from the start, for what comes last too: a buffer that grows is copied.
    let room = announced.length.saturating_sub(writer.reached);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let mut held = Vec::with_capacity(room.min(GATHERED + LAST));
    let end = loop {
        let by = deadline.min(Instant::now() + QUIET);
        let piece = match timeout_at(by, stream.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(_))) => break Some(Problem::malformed("the body broke off")),
            Ok(None) => break None,
            Err(_) => break Some(Problem::new(Kind::RequestTimeout)),
        };
        let held_to = writer.reached + held.len() as u64;
        if piece.len() as u64 > announced.length.saturating_sub(held_to) {
            drain(Body::from_stream(stream));
            break Some(
                Problem::new(Kind::TooLarge).because("the body is longer than what is left of the chunk"),
            );
        }
        held.extend_from_slice(&piece);
        if held.len() >= GATHERED {
            (writer, held) = writer.write(held).await?;
        }
    };
    Ok((writer, held, end))
}

/// Does what waits for the disk on a thread that may.
///
/// # Errors
/// `internal`, with the cause in the log.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::error!(%error, "a chunk's file failed");
            Err(Problem::new(Kind::Internal))
        }
        Err(_) => Err(Problem::new(Kind::Internal)),
    }
}

/// Reads on for a while what nobody needs: a connection that is closed with bytes unread resets, and the caller would never
/// see the answer. The answer doesn't wait for it.
pub fn drain(body: Body) {
    let reading = async move {
        let (mut stream, mut left) = (body.into_data_stream(), MAX_SEALED_CHUNK);
        while let Some(Ok(piece)) = stream.next().await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    tokio::spawn(timeout(DRAIN, reading));
}

/// All of the chunk is there.
#[must_use]
pub fn whole() -> Response {
    (StatusCode::NO_CONTENT, no_store([])).into_response()
}

/// Another offset is the right one.
#[must_use]
pub fn wrong_offset(right: u64) -> Response {
    let mut response = Problem::new(Kind::WrongOffset).into_response();
    let name = HeaderName::from_static(UPLOAD_OFFSET);
    response.headers_mut().insert(name, HeaderValue::from(right));
    response
}

fn no_store<const N: usize>(more: [(HeaderName, HeaderValue); N]) -> HeaderMap {
    let cache = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    more.into_iter().chain([cache]).collect()
}
