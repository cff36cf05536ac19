//! What sync's own work costs on one core, without network and disk: sealing, merging, cutting.
//!
//! ```sh
//! cargo bench -p belay-sync
//! ```
//!
//! - **Records**: contacts of about 280 B, compressed where that is shorter, sealed; then opened.
//! - **Merges**: vCards of the same length of which both sides changed another line.
//! - **Chunks**: 1 GB (10⁹ B) that doesn't compress, cut and sealed: at fixed places as photos are, and by content as documents
//!   are, where each chunk is compressed first and kept as it is because that saves nothing. Then 200 MB of text, that of
//!   letters: cut by content, compressed, sealed, and opened again.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use belay_proto::signed::EpochKeys;
use belay_proto::sync::{
    Ancestors, Attributes, Buffer, Chunks, CollectionKeys, Content, Encoding, MAX_SEALED_CHUNK,
};
use belay_proto::{AccountId, Secret};
use belay_sync::chunker::{Chunker, Cut};
use belay_sync::compress::{Packer, compress, decompress, unpack};
use belay_sync::merge::{Merged, merge};
use rustix::time::{ClockId, clock_gettime};

const RECORDS: u32 = 10_000;
const MERGES: u32 = 1_000;
const BYTES: u64 = 1_000_000_000;
const TEXT: usize = 200_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let keys = EpochKeys::new(vec![(1, Secret::new([1; 32]))])?;
    let account = AccountId::from_bytes([2; 16]);
    let keys = CollectionKeys::new(account, "contacts".to_owned(), keys, Secret::new([3; 32]));
    records(&keys)?;
    merges()?;
    let by_content = || Cut::ByContent {
        seed: keys.cut_seed(),
    };
    chunks(&keys, "photos", Cut::Fixed, (Noise::new().take(BYTES), BYTES))?;
    chunks(
        &keys,
        "documents that don't compress",
        by_content(),
        (Noise::new().take(BYTES), BYTES),
    )?;
    let text = letters(TEXT);
    chunks(
        &keys,
        "documents of text",
        by_content(),
        (text.as_bytes(), TEXT as u64),
    )
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
        renews: None,
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

/// As good as random for this (xorshift64*).
struct Random(u64);

impl Random {
    const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap_or_default() % most.max(1)
    }
}

/// Noise of a page again and again, as quick as reading it from memory. A page is longer than any chunk: within one nothing
/// comes twice, and each has its number.
struct Noise {
    page: Vec<u8>,
    given: u64,
}

impl Noise {
    fn new() -> Self {
        let mut random = Random::new();
        let words = std::iter::repeat_with(move || random.next().to_le_bytes());
        Self {
            page: words.take(1024 * 1024).flatten().collect(),
            given: 0,
        }
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let number = self.given.to_le_bytes();
        for (byte, number) in self.page.iter_mut().zip(number) {
            *byte ^= number;
        }
        let at = usize::try_from(self.given).unwrap_or_default() % self.page.len();
        let rest = self.page.get(at..).unwrap_or_default();
        let count = buffer.len().min(rest.len());
        if let (Some(now), Some(rest)) = (buffer.get_mut(..count), rest.get(..count)) {
            now.copy_from_slice(rest);
        }
        self.given += count as u64;
        Ok(count)
    }
}

/// Text much as people write it: made-up words in sentences, a few of the words most of it.
fn letters(length: usize) -> String {
    const LETTERS: &[u8] = b"eeettaaooiinnsshhrrddlluucmmwfgypbvk";
    let mut random = Random::new();
    let words: Vec<String> = (1..=20_000_usize)
        .map(|rank| {
            // The rarer the longer.
            let letters = 2 + rank.ilog2() as usize / 3 + random.below(4);
            let letters = (0..letters).filter_map(|_| LETTERS.get(random.below(LETTERS.len())));
            letters.map(|letter| char::from(*letter)).collect()
        })
        .collect();
    let mut text = String::with_capacity(length + 64);
    while text.len() < length {
        // About as often as its rank is low (Zipf's law).
        let most = words.len() >> random.below(14);
        text.push_str(words.get(random.below(most)).map_or("", String::as_str));
        text.push_str(match random.below(12) {
            0 => ", ",
            1 => ".\n",
            _ => " ",
        });
    }
    text.truncate(length);
    text
}

/// Cuts, names and seals so many bytes, and opens the sealed chunks again.
fn chunks(
    keys: &CollectionKeys,
    what: &str,
    cut: Cut,
    (source, length): (impl Read, u64),
) -> Result<(), Box<dyn Error>> {
    let mut sealing = Stopwatch::default();
    let mut opening = Stopwatch::default();
    let (mut count, mut bytes, mut sealed_bytes) = (0_u32, 0_u64, 0_u64);
    // In the same buffer again and again, as a content goes to the cloud.
    let mut buffer = Buffer::new(Vec::with_capacity(MAX_SEALED_CHUNK));
    let mut parts = Chunker::new(source, Some(length), cut);
    let mut packer = Packer::default();
    loop {
        let sealed = sealing.time(|| -> Result<_, Box<dyn Error>> {
            let Some(part) = parts.next_in(std::mem::take(&mut buffer)) else {
                return Ok(None);
            };
            let part = part?.name(keys, cut.encoding())?;
            let chunk = part.chunk();
            let sealed = match part.encoding() {
                Encoding::Identity => part.seal(keys, &mut ()),
                Encoding::Zstd => part.seal(keys, &mut packer),
            };
            Ok(Some((chunk, sealed?)))
        })?;
        let Some((chunk, sealed)) = sealed else { break };
        count += 1;
        bytes += chunk.length;
        sealed_bytes += sealed.len() as u64;
        // As it comes from the cloud: in memory of its own.
        let fetched = sealed.clone();
        buffer = Buffer::new(sealed);
        let opened = opening.time(|| keys.open_chunk(&chunk, fetched, unpack))?;
        if opened.expose().len() as u64 != chunk.length {
            return Err("a chunk opened as another".into());
        }
    }
    if bytes != length {
        return Err("not all of it was cut".into());
    }
    println!(
        "chunks, {what}: {count} of {:.0} kB, sealed {:.1} %; sealed {}, opened {}",
        bytes as f64 / f64::from(count) / 1e3,
        sealed_bytes as f64 * 100.0 / bytes as f64,
        sealing.rate(bytes),
        opening.rate(bytes),
    );
    Ok(())
}

/// What some of the work takes: by the clock, and of the processor, whatever else the machine does.
#[derive(Default)]
struct Stopwatch {
    elapsed: f64,
    busy: f64,
}

impl Stopwatch {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (begun, busy) = (Instant::now(), cpu_seconds());
        let done = black_box(work());
        self.busy += cpu_seconds() - busy;
        self.elapsed += begun.elapsed().as_secs_f64();
        done
    }

    fn rate(&self, bytes: u64) -> String {
        let megabytes = bytes as f64 / 1e6;
        format!(
            "{:.0} MB/s ({:.0} MB a CPU-second)",
            megabytes / self.elapsed,
            megabytes / self.busy
        )
    }
}

/// What this process has computed so far, whatever else the machine does.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rate(count: u32, elapsed: Duration) -> f64 {
    f64::from(count) / elapsed.as_secs_f64()
}
