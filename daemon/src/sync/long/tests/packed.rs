//! Documents lie compressed at the cloud, pictures and videos as they are, and what came before that is read on.

use std::fs::File;
use std::io::Read;

use belay_proto::sync::{Compress, Encoding, Part, seal_chunk, sealed_length};
use tokio::task::spawn_blocking;

use super::*;
use crate::sync::ports::Fetch;

/// A text of so many bytes; no part of it is like another.
fn text(length: usize) -> Vec<u8> {
    let lines = (0_u64..).map(|line| format!("line {line} of a letter to whom it may concern\n"));
    let mut text: Vec<u8> = lines.flat_map(String::into_bytes).take(length).collect();
    text.truncate(length);
    text
}

/// Bytes that the cloud has.
fn bytes(bench: &Bench) -> usize {
    bench.cloud.kept().chunks.values().map(Vec::len).sum()
}

async fn fetched(bench: &Bench, collection: &str, chunks: &Chunks) -> Vec<u8> {
    let what = Fetch {
        keys: keys(collection),
        chunks: chunks.clone(),
        from: 0,
        lost: ready(()).boxed(),
    };
    let pipe = bench.long.fetch(what, bench.allowed()).unwrap();
    let read = move || {
        let mut content = Vec::new();
        File::from(pipe).read_to_end(&mut content).unwrap();
        content
    };
    spawn_blocking(read).await.unwrap()
}

#[tokio::test]
async fn documents_are_compressed_and_media_are_not() {
    let content = text(3 * CHUNK / 2);
    for (collection, is_shorter) in [("documents", true), ("pictures", false), ("videos", false)] {
        let bench = Bench::new(Fake::default());
        let chunks = bench.bring(collection, memfd(&content)).await.unwrap();
        let (kept, length) = (bytes(&bench), content.len());
        assert_eq!(kept < length / 3, is_shorter, "{collection}: {kept}");
        assert_eq!(kept > length, !is_shorter, "{collection}: {kept}");
        assert!(fetched(&bench, collection, &chunks).await == content);
    }
}

#[tokio::test]
async fn documents_that_dont_get_shorter_cost_nothing() {
    let content = noise(3 * CHUNK / 2);
    let bench = Bench::new(Fake::default());
    let chunks = bench.bring("documents", memfd(&content)).await.unwrap();
    let plain = chunks.0.iter().map(|chunk| sealed_length(chunk.length as usize));
    let over = bytes(&bench) - plain.sum::<usize>();
    assert_eq!(over, 12 * chunks.0.len());
    assert!(fetched(&bench, "documents", &chunks).await == content);
}

#[tokio::test]
async fn a_document_that_the_cloud_has_isnt_sent_again() {
    let content = text(2 * CHUNK);
    let bench = Bench::new(Fake::default());
    let first = bench.bring("documents", memfd(&content)).await;
    let puts = bench.cloud.kept().puts;
    assert_eq!(bench.bring("documents", memfd(&content)).await, first);
    let kept = bench.cloud.kept();
    assert_eq!((kept.puts, kept.wrong.len()), (puts, 0));
}

#[tokio::test]
async fn what_compresses_is_let_go_after_the_last_content() {
    let bench = Bench::new(Fake::default());
    let held = bench.long.packer();
    assert!(Arc::ptr_eq(&held, &bench.long.packer()));
    drop(held);
    bench.bring("documents", memfd(&text(CHUNK))).await.unwrap();
    assert!(bench.long.packer.lock().unwrap().upgrade().is_none());
}

#[tokio::test]
async fn documents_from_before_they_were_compressed_are_read() {
    let content = text(3 * CHUNK / 2);
    let parts = content.chunks(CHUNK);
    let sealed = parts.map(|part| seal_chunk(&keys("documents"), part).unwrap());
    let sealed: Vec<_> = sealed.collect();
    let bench = Bench::new(Fake::default());
    for (chunk, bytes) in &sealed {
        let mut kept = bench.cloud.kept();
        kept.whole.insert(chunk.id);
        kept.chunks.insert(chunk.id, bytes.clone());
    }
    let chunks = Chunks(sealed.iter().map(|(chunk, _)| *chunk).collect());
    assert!(fetched(&bench, "documents", &chunks).await == content);
}

/// A frame that becomes 100 MB.
struct Bomb(Vec<u8>);

impl Compress for Bomb {
    fn compress(&mut self, _: &[u8]) -> Option<&[u8]> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_bomb_among_the_chunks_ends_the_pipe() {
    let content = noise(CHUNK);
    let (good, bad) = content.split_at(300_000);
    let zeros = vec![0; 100_000_000];
    let mut bomb = Bomb(match belay_sync::compress::compress(&zeros) {
        (Encoding::Zstd, bomb) => bomb,
        (Encoding::Identity, _) => Vec::new(),
    });
    assert!((1..20_000).contains(&bomb.0.len()));
    let (good, bad) = (
        seal_chunk(&keys("documents"), good).unwrap(),
        Part::of(bad).name(&keys("documents"), Encoding::Zstd).unwrap(),
    );
    let bad = (bad.chunk(), bad.seal(&keys("documents"), &mut bomb).unwrap());
    let chunks = Chunks(vec![good.0, bad.0, good.0]);
    let bench = Bench::new(Fake::default());
    for (chunk, bytes) in [good, bad] {
        let mut kept = bench.cloud.kept();
        kept.whole.insert(chunk.id);
        kept.chunks.insert(chunk.id, bytes);
    }
    assert!(fetched(&bench, "documents", &chunks).await == content[..300_000]);
}
