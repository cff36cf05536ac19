//! Chunks through the real router, over real files: what comes, what stays, and what goes.

mod backup;
mod disk;
mod hostile;
mod keeping;
mod resume;
mod room;
mod streams;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
use belay_proto::keys::sha256;
use belay_proto::sync::ChunkId;
use belay_proto::wire::{
    MESSAGE_PACK, MissingAnswer, MissingChunk, MissingRequest, OCTET_STREAM, PushRecord, repr_digest,
};

use super::orders::Home;
use super::rig::{Client, Reply, Rig, settings};
use super::sync;

const DAY: u64 = 24 * 3600;
/// How long a file may take to come or go.
const PATIENCE: Duration = Duration::from_secs(60);

/// A chunk as the cloud sees it.
#[derive(Clone)]
struct Chunk {
    id: ChunkId,
    bytes: Vec<u8>,
}

impl Chunk {
    fn new(seed: u8, length: usize) -> Self {
        let bytes: Vec<u8> = (0..length)
            .map(|n| seed ^ n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
            .collect();
        Self {
            id: ChunkId::from_bytes(sha256(&[seed])),
            bytes,
        }
    }

    fn path(&self) -> String {
        format!("/v1/blobs/{}", self.id)
    }

    /// The headers of a call that brings it from `offset`.
    fn headers(&self, offset: usize) -> HeaderMap {
        headers(&[
            ("content-type", OCTET_STREAM),
            ("upload-offset", &offset.to_string()),
            ("upload-length", &self.bytes.len().to_string()),
            ("repr-digest", &repr_digest(&sha256(&self.bytes))),
        ])
    }

    /// What is missing of it while the cloud has `offset` bytes.
    fn from(&self, offset: u64) -> MissingChunk {
        MissingChunk { id: self.id, offset }
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

/// A call with these headers besides those of each, and once more when the cloud asks for its nonce.
async fn call(client: &Client<'_>, method: &str, path: &str, more: &HeaderMap, body: &[u8]) -> Reply {
    for _ in 0..2 {
        let mut request = client.request(method, path, None, None);
        request.headers_mut().extend(more.clone());
        *request.body_mut() = body.to_vec();
        let reply = client.rig.send(request).await;
        *client.nonce.lock().unwrap() = reply.header("dpop-nonce");
        if reply.problem() != "use-dpop-nonce" {
            return reply;
        }
    }
    panic!("no nonce is good");
}

/// As [`Chunk::headers`], on a request whose proof has a good nonce.
async fn request(client: &Client<'_>, chunk: &Chunk, offset: usize, body: Body) -> Request<Body> {
    // For the nonce.
    client.get("/v1/devices").await.is(200);
    let mut request = client
        .request("PUT", &chunk.path(), None, None)
        .map(|_| Body::empty());
    request.headers_mut().extend(chunk.headers(offset));
    *request.body_mut() = body;
    request
}

/// Brings the bytes of a chunk from `offset` on, `count` of them at most.
async fn bring(client: &Client<'_>, chunk: &Chunk, offset: usize, count: usize) -> Reply {
    let end = chunk.bytes.len().min(offset + count);
    let bytes = &chunk.bytes[offset.min(end)..end];
    call(client, "PUT", &chunk.path(), &chunk.headers(offset), bytes).await
}

async fn bring_all(client: &Client<'_>, chunk: &Chunk) {
    bring(client, chunk, 0, usize::MAX / 2).await.is(204);
}

/// Chunks of 1,000 bytes, 1,001 and so on, which the cloud has.
async fn brought<const N: usize>(client: &Client<'_>) -> [Chunk; N] {
    let chunks = [(); N].map({
        let mut seed = 0;
        move |()| {
            seed += 1;
            Chunk::new(seed, 999 + usize::from(seed))
        }
    });
    for chunk in &chunks {
        bring_all(client, chunk).await;
    }
    chunks
}

/// A record that names these chunks.
fn naming(id: u8, chunks: &[&Chunk]) -> PushRecord {
    let mut push = sync::new(id, &[id]);
    push.record.chunks = chunks.iter().map(|chunk| chunk.id).collect();
    push
}

/// The same chunks, each named by a record of its own.
async fn brought_and_named<const N: usize>(client: &Client<'_>) -> [Chunk; N] {
    let chunks = brought(client).await;
    for (id, chunk) in (1..).zip(&chunks) {
        sync::one(client, &naming(id, &[chunk])).await;
    }
    chunks
}

async fn ask(client: &Client<'_>, ids: Vec<ChunkId>) -> Reply {
    let body = rmp_serde::to_vec_named(&MissingRequest { chunks: ids }).unwrap();
    let packed = headers(&[("content-type", MESSAGE_PACK)]);
    call(client, "POST", "/v1/blobs/missing", &packed, &body).await
}

async fn missing(client: &Client<'_>, chunks: &[&Chunk]) -> Vec<MissingChunk> {
    let reply = ask(client, chunks.iter().map(|chunk| chunk.id).collect()).await;
    let answer: MissingAnswer = rmp_serde::from_slice(&reply.is(200).body).unwrap();
    answer.missing
}

/// The chunks' files.
fn files(rig: &Rig) -> Vec<PathBuf> {
    let inside = |folder: PathBuf| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let folders = inside(rig.folder.path().join("data/blobs")).filter(|path| path.is_dir());
    folders.flat_map(inside).collect()
}

/// The file of this length.
fn file(rig: &Rig, length: u64) -> PathBuf {
    let is_it = |file: &PathBuf| file.metadata().unwrap().len() == length;
    files(rig).into_iter().find(is_it).unwrap()
}

/// The lengths of the chunks' files.
fn lengths(rig: &Rig) -> Vec<u64> {
    let mut lengths: Vec<_> = files(rig)
        .iter()
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .collect();
    lengths.sort_unstable();
    lengths
}

/// Until the chunks' files have these lengths: they are removed, and written by calls whose caller went, meanwhile.
async fn until_lengths(rig: &Rig, wanted: &[u64]) {
    let start = Instant::now();
    while lengths(rig) != wanted {
        assert!(start.elapsed() < PATIENCE, "{:?}, not {wanted:?}", lengths(rig));
        tokio::task::yield_now().await;
    }
}

/// The account's bytes.
async fn used(client: &Client<'_>) -> u64 {
    sync::changes(client, "").await.quota.used
}

#[tokio::test]
async fn what_one_session_brings_each_of_the_account_fetches() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (here, there) = (Chunk::new(1, 300_000), Chunk::new(2, 5));
    assert_eq!(
        missing(&home.client, &[&here, &there]).await,
        [here.from(0), there.from(0)]
    );
    bring_all(&home.client, &here).await;
    assert_eq!(missing(&home.client, &[&here, &there]).await, [there.from(0)]);
    let mut guest = rig.client();
    home.owner.sign_in(&mut guest).await.is(200);
    let reply = guest.get(&here.path()).await.is(200);
    assert_eq!(reply.body, here.bytes);
    assert_eq!(
        reply.header("repr-digest"),
        Some(repr_digest(&sha256(&here.bytes)))
    );
    assert_eq!(reply.header("content-length").as_deref(), Some("300000"));
    guest.get(&there.path()).await.refuses(404, "not-found");
    assert_eq!(used(&guest).await, 300_000);
}

#[tokio::test]
async fn only_a_device_of_the_account_brings_and_asks() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let mut guest = rig.client();
    home.owner.sign_in(&mut guest).await.is(200);
    let chunk = Chunk::new(1, 10);
    bring(&guest, &chunk, 0, 10).await.refuses(403, "not-bound");
    ask(&guest, vec![chunk.id]).await.refuses(403, "not-bound");
    let nobody = rig.client();
    bring(&nobody, &chunk, 0, 10).await.refuses(401, "invalid-token");
    ask(&nobody, vec![chunk.id]).await.refuses(401, "invalid-token");
    nobody.get(&chunk.path()).await.refuses(401, "invalid-token");
    assert!(files(&rig).is_empty());
}

#[tokio::test]
async fn another_accounts_chunk_is_no_chunk() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "eve@example.org").await;
    let (mine, mut theirs) = (Chunk::new(1, 1000), Chunk::new(2, 900));
    theirs.id = mine.id;
    bring_all(&home.client, &mine).await;
    assert_eq!(missing(&other.client, &[&mine]).await, [mine.from(0)]);
    other.client.get(&mine.path()).await.refuses(404, "not-found");
    assert_eq!(used(&other.client).await, 0);
    bring_all(&other.client, &theirs).await;
    assert_eq!(home.client.get(&mine.path()).await.is(200).body, mine.bytes);
    assert_eq!(other.client.get(&mine.path()).await.is(200).body, theirs.bytes);
    assert_eq!(lengths(&rig), [900, 1000]);
}

#[tokio::test]
async fn a_part_of_a_chunk_is_fetched_alone() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 200_000);
    bring_all(&home.client, &chunk).await;
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=70000-", 70_000..200_000),
        ("bytes=-3", 199_997..200_000),
        ("bytes=5-999999", 5..200_000),
    ] {
        let reply = call(
            &home.client,
            "GET",
            &chunk.path(),
            &headers(&[("range", range)]),
            b"",
        )
        .await
        .is(206);
        let told = format!("bytes {}-{}/200000", part.start, part.end - 1);
        assert_eq!(reply.header("content-range"), Some(told));
        assert_eq!(reply.body, chunk.bytes[part]);
    }
    let behind = headers(&[("range", "bytes=200000-")]);
    let reply = call(&home.client, "GET", &chunk.path(), &behind, b"").await;
    let reply = reply.refuses(416, "range-not-satisfiable");
    assert_eq!(reply.header("content-range").as_deref(), Some("bytes */200000"));
    let two = headers(&[("range", "bytes=0-1,3-4")]);
    let reply = call(&home.client, "GET", &chunk.path(), &two, b"").await;
    assert_eq!(reply.is(200).body, chunk.bytes);
}
