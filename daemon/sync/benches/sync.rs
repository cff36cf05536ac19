//! What sync's own work costs on one core, without network and disk: sealing, merging, cutting.
//!
//! ```sh
//! cargo bench -p belay-sync
//! ```
//!
//! - **Records**: contacts of about 280 B, compressed where that is shorter, sealed; then opened.
//! - **Merges**: vCards of the same length of which both sides changed another line.
//! - **Chunks**: 1 GB (10⁹ B) that doesn't compress, cut and sealed, at fixed places and by content.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use belay_proto::signed::EpochKeys;
use belay_proto::sync::{Ancestors, Attributes, Buffer, Chunks, CollectionKeys, Content, MAX_SEALED_CHUNK};
use belay_proto::{AccountId, Secret};
use belay_sync::chunker::{Chunker, Cut};
use belay_sync::compress::{compress, decompress};
use belay_sync::merge::{Merged, merge};
use rustix::time::{ClockId, clock_gettime};

const RECORDS: u32 = 10_000;
const MERGES: u32 = 1_000;
const BYTES: u64 = 1_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let keys = EpochKeys::new(vec![(1, Secret::new([1; 32]))])?;
    let account = AccountId::from_bytes([2; 16]);
    let keys = CollectionKeys::new(account, "contacts".to_owned(), keys, Secret::new([3; 32]));
    records(&keys)?;
    merges()?;
    chunks(&keys, "at fixed places", Cut::Fixed)?;
    let seed = keys.cut_seed();
    chunks(&keys, "by content", Cut::ByContent { seed })
}

fn card(number: u32, name: &str, note: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:9d3c1b52-6c0e-4a71-9c0f-{number:012}\r\nFN:{name} {number}\r\n\
         N:{number};{name};;;\r\nTEL;TYPE=cell:+44 20 7946 {number:04}\r\nEMAIL:{number}@example.org\r\n\
         ADR:;;{number} Long Street;Long Town;;12345;Land\r\n\
         ORG:Analytical Society of London\r\nBDAY:18151210\r\nTITLE:Countess, engineer\r\n{note}END:VCARD\r\n"
    )
}

fn content(number: u32) -> Content {
    let text = card(number, "Ada", "");
    let (encoding, body) = compress(text.as_bytes());
    Content {
        number: 1,
        changed_at: 1_790_000_000,
        natural: format!("urn:uuid:9d3c1b52-6c0e-4a71-9c0f-{number:012}"),
        kind: "text/vcard".to_owned(),
        ancestors: Ancestors::default(),
        removed: false,
        attributes: Attributes::default(),
        encoding,
        length: text.len() as u64,
        body: Secret::new(body),
        chunks: Chunks::default(),
    }
}

fn records(keys: &CollectionKeys) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let sealed: Vec<_> = (0..RECORDS)
        .map(|number| {
            let content = content(number);
            Ok::<_, Box<dyn Error>>((keys.record_id(&content.natural), content.seal(keys)?))
        })
        .collect::<Result<_, _>>()?;
    let sealing = begun.elapsed();
    let begun = Instant::now();
    for (id, record) in &sealed {
        let content = Content::open(keys, id, record.key_epoch, &record.sealed)?;
        black_box(decompress(
            content.encoding,
            content.body.expose(),
            content.length,
        )?);
    }
    let opening = begun.elapsed();
    let bytes: usize = sealed.iter().map(|(_, record)| record.sealed.len()).sum();
    println!(
        "records: contacts of {} B, sealed {} B: {:.0}/s sealed, {:.0}/s opened",
        card(0, "Ada", "").len(),
        bytes / RECORDS as usize,
        rate(RECORDS, sealing),
        rate(RECORDS, opening),
    );
    Ok(())
}

fn merges() -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    for number in 0..MERGES {
        let (base, mine) = (card(number, "Ada", ""), card(number, "Ada", "NOTE:mine\r\n"));
        let theirs = card(number, "Ada Lovelace", "");
        let merged = merge(
            "text/vcard",
            Some(base.as_bytes()),
            mine.as_bytes(),
            theirs.as_bytes(),
        );
        if !matches!(black_box(merged), Merged::Whole(_)) {
            return Err("a conflict".into());
        }
    }
    println!("merges: {:.0} vCards/s", rate(MERGES, begun.elapsed()));
    Ok(())
}

/// Noise of a page again and again, each page with its number: as quick as reading it from memory.
struct Noise {
    page: Vec<u8>,
    given: u64,
}

impl Noise {
    fn new() -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let word = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        Self {
            page: word.take(128 * 1024).flatten().collect(),
            given: 0,
        }
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(BYTES - self.given).unwrap_or(usize::MAX);
        let count = buffer.len().min(self.page.len()).min(left);
        let number = self.given.to_le_bytes();
        for (byte, number) in self.page.iter_mut().zip(number) {
            *byte ^= number;
        }
        let (now, page) = (buffer.get_mut(..count), self.page.get(..count));
        if let (Some(now), Some(page)) = (now, page) {
            now.copy_from_slice(page);
        }
        self.given += count as u64;
        Ok(count)
    }
}

fn chunks(keys: &CollectionKeys, way: &str, cut: Cut) -> Result<(), Box<dyn Error>> {
    let (begun, busy) = (Instant::now(), cpu_seconds());
    let (mut count, mut bytes) = (0_u32, 0_u64);
    // In the same buffer again and again, as a content goes to the cloud.
    let mut buffer = Buffer::new(Vec::with_capacity(MAX_SEALED_CHUNK));
    let mut parts = Chunker::new(Noise::new(), Some(BYTES), cut);
    while let Some(part) = parts.next_in(buffer) {
        let part = part?.name(keys)?;
        bytes += part.chunk().length;
        buffer = Buffer::new(black_box(part.seal(keys)?));
        count += 1;
    }
    let (elapsed, busy) = (begun.elapsed().as_secs_f64(), cpu_seconds() - busy);
    if bytes != BYTES {
        return Err("not all of it was cut".into());
    }
    let gigabytes = BYTES as f64 / 1e9;
    println!(
        "chunks {way}: {count}, {:.2} GB/s, {:.2} GB a CPU-second",
        gigabytes / elapsed,
        gigabytes / busy,
    );
    Ok(())
}

/// What this process has computed so far, whatever else the machine does.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rate(count: u32, elapsed: Duration) -> f64 {
    f64::from(count) / elapsed.as_secs_f64()
}
