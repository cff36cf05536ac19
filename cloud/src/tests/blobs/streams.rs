//! Bodies as they come: in pieces, late, cut off, from two at once.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use axum::Router;
use axum::body::Bytes;
use axum::http::Response;
use belay_proto::sync::MAX_SEALED_CHUNK;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower_service::Service;

use super::*;
use crate::blobs::files::{GATHERED, PIECE};
use crate::net::Peer;
use crate::routes;
use crate::tests::owner::Device;

type Piece = io::Result<Bytes>;

/// A body that has what is sent.
fn fed() -> (mpsc::Sender<Piece>, Body) {
    let (send, receive) = mpsc::channel::<Piece>(1);
    let next = async |mut receive: mpsc::Receiver<Piece>| receive.recv().await.map(|piece| (piece, receive));
    (send, Body::from_stream(stream::unfold(receive, next)))
}

fn router(rig: &Rig) -> Router {
    let peer = Peer(SocketAddr::from(([127, 0, 0, 1], 4000)));
    routes::router(rig.app.clone()).layer(axum::Extension(peer))
}

async fn answer(mut router: Router, request: Request<Body>) -> Response<Body> {
    router.call(request).await.unwrap()
}

fn piece(bytes: &[u8]) -> Piece {
    Ok(Bytes::copy_from_slice(bytes))
}

/// The longest chunk, and a cloud that takes it.
fn big() -> (Rig, Chunk) {
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = settings(&folder);
    settings.limits.quota = 8 * 1024 * 1024;
    (Rig::with(folder, settings), Chunk::new(1, MAX_SEALED_CHUNK))
}

#[tokio::test]
async fn a_chunk_is_on_disk_as_it_comes() {
    let (rig, chunk) = big();
    let home = Home::new(&rig).await;
    let blobs = rig.folder.path().join("data/blobs");
    let pieces: Vec<Bytes> = chunk.bytes.chunks(10_000).map(Bytes::copy_from_slice).collect();
    let body = stream::unfold((0, pieces.into_iter()), move |(told, mut pieces)| {
        let inside = |folder: &PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let folders = inside(&blobs).map(|folder| folder.path());
        let files = folders.flat_map(|folder| inside(&folder).collect::<Vec<_>>());
        let there: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
        assert!(told < there + GATHERED as u64, "{told} came, {there} are on disk");
        let next = pieces.next().map(|piece| (told + piece.len() as u64, piece));
        async move { next.map(|(told, piece)| (Ok::<_, io::Error>(piece), (told, pieces))) }
    });
    let request = request(&home.client, &chunk, 0, Body::from_stream(body)).await;
    assert_eq!(answer(router(&rig), request).await.status(), 204);
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn a_chunk_is_read_as_it_is_told_and_one_that_shrinks_meanwhile_breaks_off() {
    let (rig, chunk) = big();
    let home = Home::new(&rig).await;
    bring_all(&home.client, &chunk).await;
    home.client.get("/v1/devices").await.is(200);
    let request = home.client.request("GET", &chunk.path(), None, None);
    let answer = answer(router(&rig), request.map(Body::from)).await;
    assert_eq!(answer.status(), 200);
    let mut told = answer.into_body().into_data_stream();
    let first = told.next().await.unwrap().unwrap();
    assert!(first == chunk.bytes[..PIECE]);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&files(&rig)[0])
        .unwrap();
    file.set_len(2 * PIECE as u64).unwrap();
    assert!(told.next().await.unwrap().unwrap() == chunk.bytes[PIECE..2 * PIECE]);
    assert!(told.next().await.unwrap().is_err());
}

#[tokio::test]
async fn one_writes_a_chunk_at_a_time() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let (chunk, other) = (Chunk::new(1, 2 * GATHERED), Chunk::new(2, 10));
    let (feed, body) = fed();
    let request = request(&home.client, &chunk, 0, body).await;
    let first = tokio::spawn(answer(router(&rig), request));
    feed.send(piece(&chunk.bytes[..GATHERED])).await.unwrap();
    until_lengths(&rig, &[GATHERED as u64]).await;
    for offset in [0, GATHERED] {
        let busy = bring(&home.client, &chunk, offset, 10).await;
        assert_eq!(busy.refuses(409, "chunk-busy").retry_after(), 5);
    }
    assert_eq!(
        missing(&home.client, &[&chunk]).await,
        [chunk.from(GATHERED as u64)]
    );
    bring_all(&home.client, &other).await;
    feed.send(piece(&chunk.bytes[GATHERED..])).await.unwrap();
    drop(feed);
    assert_eq!(first.await.unwrap().status(), 204);
    bring(&home.client, &chunk, 0, 10).await.is(204);
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

/// A call that nothing comes of until its body's sender is dropped, and the sender.
type Held = (mpsc::Sender<Piece>, JoinHandle<Response<Body>>);

/// So many calls, each for another chunk, whose bodies don't come.
async fn held(client: &Client<'_>, seeds: Range<u8>) -> Vec<Held> {
    let mut open = Vec::new();
    for seed in seeds {
        let (feed, body) = fed();
        let request = request(client, &Chunk::new(seed, 10), 0, body).await;
        open.push((feed, tokio::spawn(answer(router(client.rig), request))));
    }
    open
}

/// Another device of the owner's.
async fn further<'a>(home: &Home<'a>) -> Client<'a> {
    let mut client = home.client.rig.client();
    home.owner.sign_in(&mut client).await.is(200);
    let body = json!({ "certificate": home.owner.certify(&client, &Device::new()), "name": "Tablet" });
    client.post("/v1/devices", &body).await.is(201);
    client
}

#[tokio::test]
async fn a_device_writes_eight_chunks_at_once_and_keeps_no_other_of_its_account_out() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let tablet = further(&home).await;
    let mut open = held(&home.client, 0..8).await;
    until_lengths(&rig, &[0; 8]).await;
    let ninth = Chunk::new(8, 10);
    let busy = bring(&home.client, &ninth, 0, 10).await;
    assert_eq!(busy.refuses(503, "busy").retry_after(), 5);
    bring_all(&tablet, &ninth).await;
    let (feed, first) = open.remove(0);
    drop(feed);
    assert_eq!(first.await.unwrap().status(), 202);
    bring_all(&home.client, &Chunk::new(9, 10)).await;
}

#[tokio::test]
async fn an_account_writes_32_chunks_at_once_and_keeps_no_other_out() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let other = Home::of(&rig, "eve@example.org").await;
    let mut open = held(&home.client, 0..8).await;
    for device in 1..4 {
        let client = further(&home).await;
        open.extend(held(&client, 8 * device..8 * (device + 1)).await);
    }
    until_lengths(&rig, &[0; 32]).await;
    let (fifth, one_more) = (further(&home).await, Chunk::new(32, 10));
    let busy = bring(&fifth, &one_more, 0, 10).await;
    assert_eq!(busy.refuses(503, "busy").retry_after(), 5);
    bring_all(&other.client, &one_more).await;
    let (feed, first) = open.remove(0);
    drop(feed);
    assert_eq!(first.await.unwrap().status(), 202);
    bring_all(&fifth, &one_more).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_what_came_and_the_chunk_free() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    let (feed, body) = fed();
    let request = request(&home.client, &chunk, 0, body).await;
    let first = tokio::spawn(answer(router(&rig), request));
    feed.send(piece(&chunk.bytes[..400])).await.unwrap();
    feed.send(Err(io::ErrorKind::ConnectionReset.into()))
        .await
        .unwrap();
    assert_eq!(first.await.unwrap().status(), 400);
    assert_eq!(missing(&home.client, &[&chunk]).await, [chunk.from(400)]);
    bring(&home.client, &chunk, 400, 600).await.is(204);
}

#[tokio::test]
async fn an_upload_whose_caller_has_gone_keeps_what_came() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 2 * GATHERED);
    let (feed, body) = fed();
    let request = request(&home.client, &chunk, 0, body).await;
    let first = tokio::spawn(answer(router(&rig), request));
    feed.send(piece(&chunk.bytes[..GATHERED])).await.unwrap();
    until_lengths(&rig, &[GATHERED as u64]).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    feed.send(piece(&chunk.bytes[GATHERED..GATHERED + 100]))
        .await
        .unwrap();
    drop(feed);
    until_lengths(&rig, &[GATHERED as u64 + 100]).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_ends_with_what_came() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    let (feed, body) = fed();
    let request = request(&home.client, &chunk, 0, body).await;
    let first = tokio::spawn(answer(router(&rig), request));
    feed.send(piece(&chunk.bytes[..400])).await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(first.await.unwrap().status(), 408);
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(missing(&home.client, &[&chunk]).await, [chunk.from(400)]);
}

#[tokio::test]
async fn a_body_that_is_longer_than_the_chunk_is_refused_and_never_stored() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 1000);
    let (feed, body) = fed();
    let request = request(&home.client, &chunk, 0, body).await;
    let first = tokio::spawn(answer(router(&rig), request));
    feed.send(piece(&chunk.bytes[..600])).await.unwrap();
    feed.send(piece(&[0; 401])).await.unwrap();
    drop(feed);
    assert_eq!(first.await.unwrap().status(), 413);
    assert_eq!(missing(&home.client, &[&chunk]).await, [chunk.from(600)]);
}

/// A listener of the cloud's; its port.
async fn listen(rig: &Rig) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = router(rig);
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// The head of a call over a real connection, whose body is what is left of the chunk.
async fn begin(client: &Client<'_>, port: u16, chunk: &Chunk, offset: usize) -> TcpStream {
    let request = request(client, chunk, offset, Body::empty()).await;
    let mut head = format!("PUT {} HTTP/1.1\r\nhost: x\r\n", chunk.path());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    head += &format!("content-length: {}\r\n\r\n", chunk.bytes.len() - offset);
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

async fn status(connection: &mut TcpStream) -> String {
    let mut line = [0; 12];
    connection.read_exact(&mut line).await.unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_what_came() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let port = listen(&rig).await;
    let chunk = Chunk::new(1, 200_000);
    let mut connection = begin(&home.client, port, &chunk, 0).await;
    connection.write_all(&chunk.bytes[..90_001]).await.unwrap();
    drop(connection);
    until_lengths(&rig, &[90_001]).await;
    let mut connection = begin(&home.client, port, &chunk, 90_001).await;
    connection.write_all(&chunk.bytes[90_001..]).await.unwrap();
    assert_eq!(status(&mut connection).await, "HTTP/1.1 204");
    assert_eq!(home.client.get(&chunk.path()).await.is(200).body, chunk.bytes);
}

#[tokio::test]
async fn who_brings_a_chunk_that_is_there_is_told_before_he_has_sent_it() {
    let rig = Rig::new();
    let home = Home::new(&rig).await;
    let port = listen(&rig).await;
    let chunk = Chunk::new(1, 200_000);
    bring_all(&home.client, &chunk).await;
    let mut connection = begin(&home.client, port, &chunk, 0).await;
    assert_eq!(status(&mut connection).await, "HTTP/1.1 204");
}

#[tokio::test]
async fn who_sends_all_before_he_listens_hears_the_refusal() {
    let rig = Rig::new();
    let port = listen(&rig).await;
    let chunk = Chunk::new(1, MAX_SEALED_CHUNK);
    // Without a nonce, as each first call.
    let proof = rig.client().proof("PUT", &chunk.path());
    let head = format!(
        "PUT {} HTTP/1.1\r\nhost: x\r\ndpop: {proof}\r\ncontent-length: {}\r\n\r\n",
        chunk.path(),
        chunk.bytes.len()
    );
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&chunk.bytes).await.unwrap();
    assert_eq!(status(&mut connection).await, "HTTP/1.1 401");
}

#[tokio::test]
async fn an_upload_that_lasts_longer_than_its_row_begins_anew() {
    let rig = Rig::new();
    let mut home = Home::new(&rig).await;
    let chunk = Chunk::new(1, 2 * GATHERED);
    let (feed, body) = fed();
    let request = request(&home.client, &chunk, 0, body).await;
    let first = tokio::spawn(answer(router(&rig), request));
    feed.send(piece(&chunk.bytes[..GATHERED])).await.unwrap();
    until_lengths(&rig, &[GATHERED as u64]).await;
    rig.advance(30 * DAY + 60);
    home.owner.sign_in(&mut home.client).await.is(200);
    until_lengths(&rig, &[]).await;
    feed.send(piece(&chunk.bytes[GATHERED..])).await.unwrap();
    drop(feed);
    let refused = first.await.unwrap();
    assert_eq!(refused.status(), 409);
    assert_eq!(refused.headers()["upload-offset"], "0");
    bring_all(&home.client, &chunk).await;
    assert_eq!(lengths(&rig), [2 * GATHERED as u64]);
    assert_eq!(used(&home.client).await, 2 * GATHERED as u64);
}
