//! How much memory a content takes that is far longer.
//!
//! `BELAY_LONG=1`: 10 GiB each way, instead of 1 GiB up and a quarter of it down. Nothing of it is on a disk: the content that goes
//! up is a hole with a number in each part, of which the cloud counts what comes; the one that comes down has one chunk again and
//! again.

use std::process::Command;

use belay_proto::sync::{MAX_SEALED_CHUNK, seal_chunk};
use tokio::task::spawn_blocking;

use super::*;
use crate::sync::long::BUFFERS;
use crate::sync::ports::Fetch;

/// Where this binary has these tests.
const HERE: &str = "sync::long::tests::memory";
const ALONE: &str = "BELAY_TEST_ALONE";
const GIBIBYTE: usize = 1024 * 1024 * 1024;
/// What may be taken beside what is counted: threads' stacks, and what the allocator keeps. Bytes.
const BESIDE: u64 = 6 * 1024 * 1024;
/// Chunks that a longer content may take more on its way down than one of a few: as many as are in memory there, and one that comes.
const DOWN: usize = 4;

/// A figure of this process, bytes.
pub(super) fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}

/// Whether this process has one test alone. Else one of its own runs the test called `name` now: what other tests take would be
/// counted too.
fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let alone = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{HERE}::{name}"), "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout).into_owned();
    let cried = String::from_utf8_lossy(&alone.stderr);
    assert!(
        alone.status.success() && said.contains("1 passed"),
        "{said}{cried}"
    );
    print!("{said}");
    false
}

/// In how many parts so much is, bytes, or 10 GiB in the long mode.
fn parts(short: usize) -> usize {
    let length = match std::env::var_os("BELAY_LONG") {
        Some(_) => 10 * GIBIBYTE,
        None => short,
    };
    length.div_ceil(CHUNK)
}

#[test]
fn gibibytes_take_no_more_memory_than_a_few_chunks() {
    if !is_alone("gibibytes_take_no_more_memory_than_a_few_chunks") {
        return;
    }
    let parts = parts(GIBIBYTE);
    for collection in ["videos", "documents"] {
        let before = status("RssAnon");
        let (short, long) = (highest(collection, 8), highest(collection, parts));
        println!(
            "{collection}: {} KiB before, at most {} KiB with 8 chunks and {} KiB with {parts}; VmHWM {} KiB",
            before / 1024,
            short / 1024,
            long / 1024,
            status("VmHWM") / 1024,
        );
        // One more is what a document's chunk is compressed into.
        let counted = (BUFFERS + usize::from(collection == "documents")) * MAX_SEALED_CHUNK;
        assert!(
            long < before + counted as u64 + BESIDE,
            "{long} bytes after {before}"
        );
    }
}

/// The most memory of its own that this process had while it brought so many chunks, bytes.
fn highest(collection: &str, parts: usize) -> u64 {
    let bench = Bench::new(Fake {
        forgets: true,
        ..Fake::default()
    });
    let content = sparse(parts);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let chunks = runtime.block_on(bench.bring(collection, content)).unwrap();
    let length: u64 = chunks.0.iter().map(|chunk| chunk.length).sum();
    assert_eq!(length, (parts * CHUNK) as u64);
    let kept = bench.cloud.kept();
    assert!(kept.most_live <= BUFFERS * MAX_SEALED_CHUNK && kept.wrong.is_empty());
    kept.most_memory
}

#[test]
fn gibibytes_on_their_way_down_take_no_more_memory_than_a_few_chunks() {
    if !is_alone("gibibytes_on_their_way_down_take_no_more_memory_than_a_few_chunks") {
        return;
    }
    let parts = parts(GIBIBYTE / 4);
    let (short, long) = (highest_down(8), highest_down(parts));
    println!(
        "down: at most {} KiB with 8 chunks and {} KiB with {parts}",
        short / 1024,
        long / 1024
    );
    let more = (DOWN * MAX_SEALED_CHUNK) as u64 + BESIDE;
    assert!(long < short + more, "{long} bytes, and {short} with 8 chunks");
}

/// The most memory of its own that this process had while so many chunks came out of a pipe, bytes.
fn highest_down(parts: usize) -> u64 {
    let (chunk, sealed) = seal_chunk(&keys("videos"), &noise(CHUNK)).unwrap();
    let bench = Bench::new(Fake {
        forgets: true,
        ..Fake::default()
    });
    {
        let mut kept = bench.cloud.kept();
        kept.whole.insert(chunk.id);
        kept.chunks.insert(chunk.id, sealed);
    }
    let what = Fetch {
        keys: keys("videos"),
        chunks: Chunks(vec![chunk; parts]),
        from: 0,
        lost: ready(()).boxed(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let came = runtime.block_on(async {
        let pipe = bench.long.fetch(what, bench.allowed()).unwrap();
        let reading = spawn_blocking(|| std::io::copy(&mut File::from(pipe), &mut std::io::sink()));
        reading.await.unwrap().unwrap()
    });
    assert_eq!(came, (parts * CHUNK) as u64);
    bench.cloud.kept().most_memory
}
