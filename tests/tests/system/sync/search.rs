//! Nothing of what the owner has is in the cloud's files in a form that anybody could read, compressed or not, and lengths tell
//! what padding lets them tell.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use belay_proto::keys::random;
use belay_proto::padding::padded;
use belay_proto::sync::Content;
use belay_proto::text::{base64url, hex};
use belay_proto::wire::PushRequest;
use belay_sync::chunker::{Chunker, Cut};
use belay_tests::app::New;
use belay_tests::owner::Console;
use zstd::stream::read::Decoder;

use super::Fleet;
use crate::owner::{ADA, PASSWORD};

/// How long a run counts, bytes.
const RUN: usize = 12;
/// Bytes of a sealed record besides its padded content: version, salt, commitment, tag.
const RECORD: usize = 1 + 32 + 16 + 16;
/// The same of a chunk: version, tag.
const CHUNK: usize = 1 + 16;
/// The same of one that may be compressed: besides a nonce. What is padded has a byte more.
const PACKED: usize = CHUNK + 12;
/// What a Zstandard frame begins with (RFC 8878 §3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// So much of a frame's content is looked at, bytes.
const LOOKED_AT: u64 = 8 * 1024 * 1024;

/// A search for any run of [`RUN`] bytes of some secrets, in any form.
struct Search {
    runs: HashSet<[u8; RUN]>,
    begins: Vec<bool>,
    /// What is shorter than a run.
    short: Vec<Vec<u8>>,
}

impl Search {
    fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut search = Self {
            runs: HashSet::new(),
            begins: vec![false; 1 << 16],
            short: Vec::new(),
        };
        for form in secrets.into_iter().flat_map(forms) {
            if form.len() < RUN {
                search.begins[start(&form)] = true;
                search.short.push(form);
                continue;
            }
            for window in form.windows(RUN) {
                let run = <[u8; RUN]>::try_from(window).unwrap();
                search.begins[start(&run)] = true;
                search.runs.insert(run);
            }
        }
        search
    }

    /// In the bytes, and in what is compressed among them.
    fn finds(&self, bytes: &[u8]) -> Option<String> {
        let compressed = || frames(bytes).find_map(|content| self.finds_bare(&content));
        self.finds_bare(bytes).or_else(compressed)
    }

    fn finds_bare(&self, bytes: &[u8]) -> Option<String> {
        let at = |from: usize| {
            let rest = &bytes[from..];
            let run = rest.first_chunk::<RUN>().filter(|run| self.runs.contains(*run));
            let short = || self.short.iter().find(|short| rest.starts_with(short));
            run.map(<[u8; RUN]>::as_slice)
                .or_else(|| short().map(Vec::as_slice))
        };
        let mut begins =
            (0..bytes.len().saturating_sub(1)).filter(|from| self.begins[start(&bytes[*from..])]);
        begins
            .find_map(at)
            .map(|found| String::from_utf8_lossy(found).into_owned())
    }
}

fn start(run: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([run[0], run[1]]))
}

/// The forms in which something may lie about.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    forms.push(hex(secret).into_bytes());
    forms.push(hex(secret).to_uppercase().into_bytes());
    // Wherever it begins in what was encoded: three ways, less the ends that depend on what is beside.
    for skipped in 0..3.min(secret.len()) {
        let encoded = base64url(&secret[skipped..]);
        let sure = &encoded[..encoded.len() / 4 * 4];
        forms.push(sure.as_bytes().to_vec());
        forms.push(sure.replace('-', "+").replace('_', "/").into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        forms.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    forms
}

/// The contents of the frames that begin anywhere in some bytes; of one that breaks off what comes before.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let begins = bytes.windows(MAGIC.len()).enumerate();
    begins
        .filter(|(_, window)| *window == MAGIC)
        .filter_map(|(at, _)| {
            let frame = Decoder::with_buffer(&bytes[at..]).ok()?.single_frame();
            let mut content = Vec::new();
            let _broken = frame.take(LOOKED_AT).read_to_end(&mut content);
            Some(content)
        })
}

/// As belayd compresses, whatever the length.
fn frame(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 3).unwrap()
}

/// The files below `folder` with what is in them.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    all
}

const CARD: &str = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:7c0ffee1-5afe-4bad-9f00-d15ea5ed0bad\r\n\
    FN:Wilhelmina Quux-Featherstonehaugh\r\nTEL:+4366012345678\r\nNOTE:Owes me eleven zlotys\r\nEND:VCARD\r\n";
const NOTE: &str = "The combination of the safe is 31-41-59, and nobody else may know.";
const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:dentist-8675309\r\n\
    SUMMARY:Root canal treatment\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// What the owner has: collection, what it is by nature, its kind.
const RECORDS: [(&str, &str, &str, &str); 3] = [
    (
        "contacts",
        "urn:uuid:7c0ffee1-5afe-4bad-9f00-d15ea5ed0bad",
        "text/vcard",
        CARD,
    ),
    ("notes", "Secrets/Safe combination.md", "text/markdown", NOTE),
    ("calendars", "Private/dentist-8675309", "text/calendar", EVENT),
];
const PHOTO: &str = "DCIM/2026/Wilhelmina at the lake.jpg";
const LEDGER: &str = "Secrets/Ledger.md";
const NOVEL: &str = "Unpublished/The novel.txt";
const NAMES: [&str; 5] = ["contacts", "notes", "calendars", "pictures", "documents"];

/// A note that is long enough to be compressed, and fits its record.
fn ledger() -> String {
    let lines = (1..50_u64).map(|n| format!("Payment {n}: Wilhelmina, {} zlotys\n", n * n * 7919 % 10_007));
    lines.collect()
}

/// A document that is shorter when it is compressed, and lies in chunks all the same.
fn novel() -> String {
    let lines = (0..12_000).map(|line| format!("{line}: {}\n", hex(&random::<32>())));
    lines.collect()
}

/// The frames of a document's chunks.
fn chunks(console: &Console, document: &str) -> Vec<Vec<u8>> {
    let seed = console.collection_keys("documents").cut_seed();
    let length = document.len() as u64;
    let parts = Chunker::new(document.as_bytes(), Some(length), Cut::ByContent { seed });
    parts.map(|part| frame(part.unwrap().content())).collect()
}

/// The beginning, the middle and the end of something long.
fn samples(long: &[u8]) -> [&[u8]; 3] {
    [0, long.len() / 2, long.len() - 512].map(|from| &long[from..from + 512])
}

#[tokio::test]
async fn nothing_of_the_owners_is_in_the_clouds_files() {
    let mut fleet = Fleet::of(1, &NAMES).await;
    let scene = &fleet.devices[0].scene;
    let console = Console::sign_in(scene, ADA, PASSWORD).await.unwrap();
    let app = &fleet.devices[0].app;
    for (name, natural, kind, content) in RECORDS {
        let new = New {
            natural,
            kind,
            content: content.as_bytes(),
        };
        app.put_new(name, &new).await.unwrap().unwrap();
    }
    let photo: Vec<u8> = (0..10_000).flat_map(|_| random::<40>()).collect();
    let new = New {
        natural: PHOTO,
        kind: "image/jpeg",
        content: &photo,
    };
    app.put_new("pictures", &new).await.unwrap().unwrap();
    let (ledger, novel) = (ledger(), novel());
    for (name, natural, kind, content) in [
        ("notes", LEDGER, "text/markdown", &ledger),
        ("documents", NOVEL, "text/x-novel", &novel),
    ] {
        let new = New {
            natural,
            kind,
            content: content.as_bytes(),
        };
        app.put_new(name, &new).await.unwrap().unwrap();
    }
    // As in life: something is changed, and something goes.
    let changed = NOTE.replace("31-41-59", "27-18-28");
    let id = app.identify("notes", RECORDS[1].1).await.unwrap().unwrap();
    let new = New {
        natural: RECORDS[1].1,
        kind: RECORDS[1].2,
        content: changed.as_bytes(),
    };
    app.put("notes", &id, 1, &new).await.unwrap().unwrap();
    app.sync_now().await.unwrap().unwrap();
    let id = app.identify("calendars", RECORDS[2].1).await.unwrap().unwrap();
    app.delete("calendars", &id, 1).await.unwrap().unwrap();
    app.sync_now().await.unwrap().unwrap();

    let keyring = console.keyring();
    let mut secrets: Vec<&[u8]> = RECORDS
        .iter()
        .flat_map(|(_, natural, kind, content)| [*natural, *kind, *content])
        .chain(["contacts", "calendars", "pictures", "documents"])
        .chain([
            PHOTO,
            "image/jpeg",
            LEDGER,
            NOVEL,
            "text/x-novel",
            &changed,
            &ledger,
        ])
        .map(str::as_bytes)
        .collect();
    secrets.extend([photo.as_slice(), novel.as_bytes()].map(samples).concat());
    secrets.push(keyring.index_key.expose());
    secrets.extend(keyring.data_roots.get(1).map(|root| root.expose().as_slice()));
    // What compressing makes of it, of which a database may have pieces alone.
    let texts = RECORDS.map(|(_, _, _, content)| content);
    let texts = texts.into_iter().chain([changed.as_str(), &ledger]);
    let compressed: Vec<Vec<u8>> = texts.map(|text| frame(text.as_bytes())).collect();
    let parts = chunks(&console, &novel);
    assert!(parts.iter().map(Vec::len).sum::<usize>() < novel.len() * 2 / 3);
    secrets.extend(compressed.iter().map(Vec::as_slice));
    secrets.extend(parts.iter().flat_map(|part| samples(part)));
    // First what must be found, in each of its forms; and what the cloud has to know, in its own files.
    for secret in &secrets {
        let search = Search::new([*secret]);
        for form in forms(secret) {
            let planted = [&random::<61>()[..], &form, &random::<32>()].concat();
            assert!(search.finds(&planted).is_some(), "{form:?} isn't found");
            let planted = [&random::<61>()[..], &frame(&planted), &random::<32>()].concat();
            assert!(
                search.finds(&planted).is_some(),
                "{form:?} isn't found compressed"
            );
        }
        assert_eq!(search.finds(&random::<4096>()), None);
    }
    for compressed in &compressed {
        let piece = &compressed[compressed.len() / 2 - 10..compressed.len() / 2 + 10];
        assert!(Search::new([compressed.as_slice()]).finds(piece).is_some());
    }
    let folder = fleet.devices[0].scene.place().at("cloud");
    let id = console.collection_keys("contacts").record_id(RECORDS[0].1);
    let opaque = Search::new([&id.as_bytes()[..]]);
    assert!(
        files(&folder)
            .iter()
            .any(|(_, bytes)| opaque.finds(bytes).is_some())
    );

    let search = Search::new(secrets.iter().copied());
    let look = || {
        let all = files(&folder);
        for (name, bytes) in &all {
            assert_eq!(search.finds(bytes), None, "in {name}");
            assert_eq!(search.finds(name.as_bytes()), None, "the file's name");
        }
        all.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    };
    assert!(look() > photo.len(), "the photo isn't there");
    // Once more with what the database writes when it is closed.
    fleet.devices[0].scene.stop_cloud().await.unwrap();
    assert!(look() > photo.len(), "the photo isn't there");
    lengths(&fleet, &console, photo.len(), &parts);
}

/// What was sealed is as long as the padding of its content says.
fn lengths(fleet: &Fleet, console: &Console, photo: usize, document: &[Vec<u8>]) {
    let mut records = 0;
    for exchange in fleet.network().exchanges() {
        if exchange.path != "/v1/sync/push" {
            continue;
        }
        let request: PushRequest = rmp_serde::from_slice(&exchange.request).unwrap();
        for push in request.records {
            let record = push.record;
            let keys = NAMES.map(|name| console.collection_keys(name));
            let keys = keys.iter().find(|keys| keys.collection_id() == record.collection);
            let content =
                Content::open(keys.unwrap(), &record.id, record.key_epoch, &record.sealed.0).unwrap();
            assert_eq!(record.sealed.0.len(), padded(content.encode().len()) + RECORD);
            records += 1;
        }
    }
    assert!(records >= 7, "only {records} records were pushed");
    let uploads = fleet.network().uploads();
    let mut lengths: Vec<u64> = uploads.into_values().collect();
    lengths.sort_unstable();
    let frames = document.iter().map(|frame| padded(frame.len() + 1) + PACKED);
    let mut right: Vec<u64> = frames.chain([padded(photo) + CHUNK]).map(|n| n as u64).collect();
    right.sort_unstable();
    assert_eq!(lengths, right);
    // In its files they lie as they came.
    let kept = files(&fleet.devices[0].scene.place().at("cloud/blobs"));
    let mut kept: Vec<u64> = kept.iter().map(|(_, bytes)| bytes.len() as u64).collect();
    kept.sort_unstable();
    assert_eq!(kept, right);
}
