//! Sync: padding, what is named by index keys, records, chunks.

use serde_json::{Value as Json, json};

use super::{Inputs, Outcome, check};
use crate::padding::{pad, padded, unpad_exact};
use crate::seal::{RecordIds, VERSION, seal_aead, seal_record_with};
use crate::secret::Secret;
use crate::signed::EpochKeys;
use crate::sync::{
    Ancestors, Attributes, ChunkRef, Chunks, CollectionKeys, Compress, Content, Encoding, Part, RecordId,
    Revision, index_key, seal_chunk,
};
use crate::text::hex;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The keys of one epoch; whatever has an older one opens under that.
fn keys(i: &Inputs<'_>) -> Result<CollectionKeys, String> {
    let key = i.sized("collection_key").map(Secret::new)?;
    Ok(CollectionKeys::new(
        i.parsed("account")?,
        i.text("collection")?.to_owned(),
        EpochKeys::new(vec![(i.number("key_epoch")?, key)]).map_err(words)?,
        i.sized("index_key").map(Secret::new)?,
    ))
}

fn length(i: &Inputs<'_>) -> Result<usize, String> {
    i.number("length")?.try_into().map_err(words)
}

#[test]
fn contents_are_padded_to_the_known_lengths() {
    check(include_str!("../../vectors/padding.json"), |i| {
        if i.has("padded") {
            let bytes = i.bytes("padded")?;
            let content = unpad_exact(&bytes).map_err(words)?;
            assert_eq!(pad(content.to_vec(), padded(content.len())).expose(), &bytes);
            return Ok(json!({ "content": hex(content) }));
        }
        let length = length(i)?;
        Ok(json!({ "padded": padded(length), "zeros": padded(length) - length - 1 }))
    });
}

#[test]
fn index_keys_give_the_known_names() {
    check(include_str!("../../vectors/index_key.json"), |i| {
        let index = index_key(&i.sized("index_key").map(Secret::new)?, i.text("collection")?);
        // Names hang on the index key alone.
        let keys = CollectionKeys::new(
            crate::id::AccountId::from_bytes([0; 16]),
            String::new(),
            EpochKeys::new(vec![]).map_err(words)?,
            index.duplicate(),
        );
        Ok(json!({
            "index_key": hex(index.expose()),
            "collection_id": keys.collection_id(),
            "record_id": keys.record_id(i.text("natural")?),
            "cut_seed": hex(&keys.cut_seed().to_be_bytes()),
        }))
    });
}

fn ancestors(first: &[Json]) -> Result<Ancestors, String> {
    first.iter().rev().try_fold(Ancestors::default(), |older, first| {
        let first = first.as_str().ok_or("an ancestor is no text")?;
        let revision: Revision = format!("{first}{}", "0".repeat(16)).parse().map_err(words)?;
        Ok(older.with(&revision))
    })
}

fn chunk_ref(i: &Inputs<'_>) -> Result<ChunkRef, String> {
    Ok(ChunkRef {
        id: i.parsed("id")?,
        length: i.number("length")?,
        key_epoch: i.number("key_epoch")?,
    })
}

fn content(i: &Inputs<'_>) -> Result<Content, String> {
    let attributes = i.get("attributes")?.as_object().ok_or("no map")?;
    let attribute = |(name, text): (&String, &Json)| Some((name.clone(), text.as_str()?.to_owned()));
    let attributes: Option<_> = attributes.iter().map(attribute).collect();
    let chunks = i.list("chunks")?.iter().map(|chunk| chunk_ref(&Inputs(chunk)));
    Ok(Content {
        number: i.number("number")?,
        changed_at: i.number("changed_at")?,
        natural: i.text("natural")?.to_owned(),
        kind: i.text("kind")?.to_owned(),
        ancestors: ancestors(i.list("ancestors")?)?,
        renews: i.has("renews").then(|| i.parsed("renews")).transpose()?,
        removed: i.flag("removed")?,
        attributes: Attributes(attributes.ok_or("an attribute is no text")?),
        encoding: match i.number("encoding")? {
            0 => Encoding::Identity,
            1 => Encoding::Zstd,
            _ => return Err("an unknown encoding".to_owned()),
        },
        length: i.number("length")?,
        body: i.bytes("body").map(Secret::new)?,
        chunks: Chunks(chunks.collect::<Result<_, _>>()?),
    })
}

fn sealed_content(i: &Inputs<'_>, keys: &CollectionKeys) -> Outcome {
    let content = content(&i.inner("content")?)?;
    let id = keys.record_id(&content.natural);
    let record = match i.has("salt") {
        true => content.seal_with(keys, &i.sized("salt")?),
        false => content.seal(keys),
    };
    let record = record.map_err(words)?;
    let opened = Content::open(keys, &id, record.key_epoch, &record.sealed).map_err(words)?;
    assert_eq!(opened.encode(), content.encode());
    let mut out = json!({
        "plaintext": hex(&content.encode()),
        "padded": padded(content.encode().len()),
        "collection_id": keys.collection_id(),
        "record_id": id,
        "revision": record.revision,
        "sealed": hex(&record.sealed),
    });
    if !i.has("salt") {
        out["salt"] = hex(&record.sealed[1..33]).into();
    }
    Ok(out)
}

/// A record's plaintext sealed as it stands.
fn sealed_plaintext(i: &Inputs<'_>, id: &RecordId) -> Result<Vec<u8>, String> {
    let ids = RecordIds {
        account: i.parsed("account")?,
        collection: i.text("collection")?,
        id: id.as_bytes(),
        kind: "record",
        key_epoch: i.number("key_epoch")?,
    };
    let key = i.sized("collection_key").map(Secret::new)?;
    Ok(seal_record_with(
        &key,
        &ids,
        &i.bytes("padded")?,
        &i.sized("salt")?,
    ))
}

#[test]
fn contents_seal_to_the_known_bytes_and_open_for_their_names() {
    check(include_str!("../../vectors/sync_record.json"), |i| {
        let keys = keys(i)?;
        if i.has("content") {
            return sealed_content(i, &keys);
        }
        let id = i.parsed("id")?;
        let sealed = match i.has("padded") {
            true => sealed_plaintext(i, &id)?,
            false => i.bytes("sealed")?,
        };
        let content = Content::open(&keys, &id, keys.key_epoch(), &sealed).map_err(words)?;
        Ok(json!({ "plaintext": hex(&content.encode()), "revision": Revision::of(&sealed) }))
    });
}

/// A frame that a vector gives.
struct Frame(Option<Vec<u8>>);

impl Compress for Frame {
    fn compress(&mut self, _: &[u8]) -> Option<&[u8]> {
        self.0.as_deref()
    }
}

fn decompressed(frame: &[u8], length: u64) -> Option<Secret<Vec<u8>>> {
    let content = zstd::bulk::decompress(frame, usize::try_from(length).ok()?);
    content.ok().map(Secret::new)
}

fn compression(i: &Inputs<'_>) -> Result<Encoding, String> {
    match i.has("compression") {
        true => Encoding::numbered(i.number("compression")?).map_err(words),
        false => Ok(Encoding::Identity),
    }
}

fn sealed_chunk(i: &Inputs<'_>, keys: &CollectionKeys) -> Outcome {
    let short = i.has("plaintext");
    let plaintext = match short {
        true => i.bytes("plaintext")?,
        false => i.bytes("of")?.into_iter().cycle().take(length(i)?).collect(),
    };
    let encoding = compression(i)?;
    let mut frame = Frame(i.has("frame").then(|| i.bytes("frame")).transpose()?);
    let part = Part::of(&plaintext).name(keys, encoding).map_err(words)?;
    let chunk = part.chunk();
    let sealed = part.seal(keys, &mut frame).map_err(words)?;
    assert_eq!(chunk, keys.chunk_ref(&plaintext, encoding).map_err(words)?);
    if encoding == Encoding::Identity {
        assert_eq!(
            (chunk, sealed.clone()),
            seal_chunk(keys, &plaintext).map_err(words)?
        );
    }
    let opened = keys
        .open_chunk(&chunk, sealed.as_slice(), decompressed)
        .map_err(words)?;
    assert!(*opened.expose() == plaintext);
    let mut out = json!({
        "id": chunk.id,
        "key": hex(keys.chunk_key(&chunk).map_err(words)?.expose()),
        "sealed_length": sealed.len(),
    });
    match short {
        true => out["sealed"] = hex(&sealed).into(),
        false => out["sealed_digest"] = hex(&crate::keys::sha256(&sealed)).into(),
    }
    Ok(out)
}

/// A chunk's padded bytes sealed as they stand: with a nonce as one that says inside how it is compressed.
fn sealed_padded(i: &Inputs<'_>, keys: &CollectionKeys, chunk: &ChunkRef) -> Result<Vec<u8>, String> {
    let key = keys.chunk_key(chunk).map_err(words)?;
    let aad = keys.chunk_aad(chunk);
    let padded = i.bytes("padded")?;
    if !i.has("nonce") {
        return Ok([vec![VERSION], seal_aead(&key, &[0; 12], &aad, &padded)].concat());
    }
    let nonce = i.sized("nonce")?;
    Ok([vec![2], seal_aead(&key, &nonce, &aad, &padded), nonce.to_vec()].concat())
}

#[test]
fn chunks_seal_to_the_known_bytes_and_open_for_their_names() {
    check(include_str!("../../vectors/sync_chunk.json"), |i| {
        let keys = keys(i)?;
        if !i.has("id") {
            return sealed_chunk(i, &keys);
        }
        let chunk = chunk_ref(i)?;
        let sealed = match i.has("padded") {
            true => sealed_padded(i, &keys, &chunk)?,
            false => i.bytes("sealed")?,
        };
        let opened = keys
            .open_chunk(&chunk, sealed.as_slice(), decompressed)
            .map_err(words)?;
        Ok(json!({
            "plaintext": hex(opened.expose()),
            "sealed_digest": hex(&crate::keys::sha256(&sealed)),
        }))
    });
}
