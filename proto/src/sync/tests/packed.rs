//! Chunks of contents that are compressed: named before they are, and never more out of them than they are long.

use super::*;
use crate::padding::padded;

/// What is said to be the frame of any content.
struct Claims<'a>(&'a [u8]);

impl Compress for Claims<'_> {
    fn compress(&mut self, _: &[u8]) -> Option<&[u8]> {
        Some(self.0)
    }
}

fn named(content: &[u8]) -> NamedPart {
    Part::of(content).name(&keys(), Encoding::Zstd).unwrap()
}

/// A content's chunk, sealed with this frame.
fn packed(content: &[u8], frame: &[u8]) -> (ChunkRef, Vec<u8>) {
    let part = named(content);
    (part.chunk(), part.seal(&keys(), &mut Claims(frame)).unwrap())
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 3).unwrap()
}

fn unzstd(frame: &[u8], length: u64) -> Option<Secret<Vec<u8>>> {
    zstd::bulk::decompress(frame, length as usize)
        .ok()
        .map(Secret::new)
}

#[test]
fn a_compressed_chunk_comes_back_and_is_as_short_as_its_frame() {
    let content = b"a line of a letter\n".repeat(10_000);
    let frame = zstd(&content);
    let (chunk, sealed) = packed(&content, &frame);
    assert_eq!(sealed.len(), 1 + padded(frame.len() + 1) + 16 + 12);
    let opened = keys().open_chunk(&chunk, sealed.as_slice(), unzstd).unwrap();
    assert_eq!(opened.expose(), &content);
    assert!(keys().open_chunk(&chunk, sealed, never).is_err());
}

#[test]
fn what_doesnt_get_shorter_is_as_long_as_it_was() {
    let content: Vec<u8> = (0..40).flat_map(|_| random::<32>()).collect();
    // A frame that padding makes as long again isn't worth opening.
    for frame in [vec![], zstd(&content), vec![7; 1279]] {
        let mut claims = Claims(&frame);
        let part = named(&content);
        let chunk = part.chunk();
        let sealed = match frame.is_empty() {
            true => part.seal(&keys(), &mut ()),
            false => part.seal(&keys(), &mut claims),
        };
        let sealed = sealed.unwrap();
        assert_eq!(sealed.len(), sealed_length(content.len()) + 12);
        let opened = keys().open_chunk(&chunk, sealed, never).unwrap();
        assert_eq!(opened.expose(), &content);
    }
}

#[test]
fn a_chunks_name_says_nothing_of_whether_it_got_shorter() {
    let content = b"a line of a letter\n".repeat(100);
    let (plain, compressed) = (named(&content).chunk(), packed(&content, &zstd(&content)).0);
    assert_eq!(plain, compressed);
    assert_eq!(plain, keys().chunk_ref(&content, Encoding::Zstd).unwrap());
    // The same content in a collection that isn't compressed is another chunk: a name has one form.
    assert_ne!(
        plain.id,
        keys().chunk_ref(&content, Encoding::Identity).unwrap().id
    );
}

#[test]
fn two_frames_of_one_content_are_never_sealed_with_one_nonce() {
    let content: Vec<u8> = (0..300)
        .flat_map(|n| format!("line {n} of a letter\n").into_bytes())
        .collect();
    let nonce = |sealed: &[u8]| sealed[sealed.len() - 12..].to_vec();
    let (one, other) = (zstd(&content), zstd::bulk::compress(&content, 19).unwrap());
    assert_ne!(one, other);
    let (one, other, plain) = (
        packed(&content, &one).1,
        packed(&content, &other).1,
        named(&content).seal(&keys(), &mut ()).unwrap(),
    );
    assert_ne!(nonce(&one), nonce(&other));
    assert_ne!(nonce(&one), nonce(&plain));
    assert_eq!(one, packed(&content, &zstd(&content)).1);
}

#[test]
fn a_frame_of_another_content_or_of_none_is_refused() {
    let content = b"a line of a letter\n".repeat(100);
    let other = b"another line, then \n".repeat(95);
    let longer = b"a line of a letter\n".repeat(10_000);
    for frame in [zstd(&other), zstd(&longer), zstd(b""), b"no frame".to_vec()] {
        let (chunk, sealed) = packed(&content, &frame);
        let opened = keys().open_chunk(&chunk, sealed, unzstd);
        assert_eq!(opened.unwrap_err(), RecordError::Malformed);
    }
}

#[test]
fn each_form_opens_as_itself_alone() {
    let content = b"a line of a letter\n".repeat(100);
    let (chunk, sealed) = packed(&content, &zstd(&content));
    let (plain, bare) = seal_chunk(&keys(), &content).unwrap();
    for (chunk, mut sealed) in [(chunk, sealed), (plain, bare)] {
        assert!(keys().open_chunk(&chunk, sealed.as_slice(), unzstd).is_ok());
        for version in [0, 1, 2, 3].into_iter().filter(|version| *version != sealed[0]) {
            let sealed = [&[version], &sealed[1..]].concat();
            assert!(keys().open_chunk(&chunk, sealed, unzstd).is_err());
        }
        for at in 0..sealed.len() {
            sealed[at] ^= 1;
            assert!(
                keys().open_chunk(&chunk, sealed.as_slice(), unzstd).is_err(),
                "{at}"
            );
            sealed[at] ^= 1;
        }
        for length in 0..sealed.len() {
            assert!(keys().open_chunk(&chunk, &sealed[..length], unzstd).is_err());
        }
    }
}

#[test]
fn the_longest_chunk_that_doesnt_get_shorter_is_the_longest_of_all() {
    let part = named(&vec![7; PACKED_CHUNK]);
    let sealed = part.seal(&keys(), &mut ()).unwrap();
    assert_eq!(sealed.len(), MAX_SEALED_CHUNK);
    assert_eq!(part_room(PACKED_CHUNK), MAX_SEALED_CHUNK);
    let over = Part::of(&vec![7; CHUNK]).name(&keys(), Encoding::Zstd);
    assert_eq!(over.unwrap_err(), RecordError::TooLong);
}

#[test]
fn a_part_is_sealed_where_it_was_read() {
    for length in [0, 1, 254, 255, 256, 16_383, 500_000] {
        let content = vec![7; length];
        for encoding in [Encoding::Identity, Encoding::Zstd] {
            let part = Part::of(&content);
            let at = part.content().as_ptr() as usize - 1;
            let sealed = part
                .name(&keys(), encoding)
                .unwrap()
                .seal(&keys(), &mut ())
                .unwrap();
            assert_eq!(sealed.as_ptr() as usize, at, "{length} {encoding:?}");
        }
    }
}
