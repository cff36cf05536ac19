//! How much memory a content takes that is far longer.
//!
//! `BELAY_LONG=1`: 10 GiB instead of 1 GiB. Nothing of it is on a disk: the content is a hole with a number in each part, and
//! the cloud counts what comes.

use std::process::Command;

use belay_proto::sync::MAX_SEALED_CHUNK;

use super::*;
use crate::sync::long::BUFFERS;

/// Of this binary, so that a process of its own runs it: what other tests take would be counted too.
const NAME: &str = "sync::long::tests::memory::gibibytes_take_no_more_memory_than_a_few_chunks";
const ALONE: &str = "BELAY_TEST_ALONE";
const GIBIBYTE: usize = 1024 * 1024 * 1024;
/// What may be taken beside what is counted: threads' stacks, and what the allocator keeps. Bytes.
const BESIDE: u64 = 6 * 1024 * 1024;

/// A figure of this process, bytes.
pub(super) fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}

#[test]
fn gibibytes_take_no_more_memory_than_a_few_chunks() {
    if std::env::var_os(ALONE).is_none() {
        let alone = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
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
        return;
    }
    let gibibytes = match std::env::var_os("BELAY_LONG") {
        Some(_) => 10,
        None => 1,
    };
    let parts = (gibibytes * GIBIBYTE).div_ceil(CHUNK);
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
