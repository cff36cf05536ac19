//! Chunks of long contents: deterministic, so that any device may go on with any upload.
//!
//! A chunk is named by its content and by whether such contents are compressed, so that its name is known before it is; whether it then
//! got shorter is sealed in it. What zstd makes of a content is no promise of zstd's: its next release may make something else. So
//! the nonce of such a chunk is a MAC of what is sealed, and no two ciphertexts under one key share theirs.

use std::fmt;
use std::io::{self, Read};

use ring::hmac;

use super::{Buffer, ChunkId, ChunkRef, CollectionKeys, Encoding, RecordError, mac_of};
use crate::keys::{hkdf, hmac_sha256_of};
use crate::padding::{END, padded, unpad_exact};
use crate::seal::{RecordIds, SealError, TAG, VERSION, open_in_place, seal_in_place};
use crate::secret::Secret;

/// The longest chunk of a content, bytes. It fills its padding exactly.
pub const CHUNK: usize = 4 * 1024 * 1024 - 64 * 1024 - 1;
/// No chunk but a content's last is shorter, bytes.
pub const MIN_CHUNK: usize = 256 * 1024;
/// The longest chunk of a content that is compressed where that makes it shorter, bytes: how it is sealed takes a byte of it.
pub const PACKED_CHUNK: usize = CHUNK - 1;
/// The longest sealed chunk, bytes.
pub const MAX_SEALED_CHUNK: usize = sealed_length(CHUNK) + NONCE;
/// The first byte of a chunk that says inside how it is compressed.
const PACKED: u8 = 2;
/// The length of a nonce, bytes.
const NONCE: usize = 12;
/// The kind of record in the associated data.
const KIND: &str = "chunk";

/// Who compresses parts of contents. This package doesn't.
pub trait Compress {
    /// One Zstandard frame (RFC 8878) of `content`, where that is shorter.
    fn compress(&mut self, content: &[u8]) -> Option<&[u8]>;
}

/// Compresses nothing.
impl Compress for () {
    fn compress(&mut self, _: &[u8]) -> Option<&[u8]> {
        None
    }
}

/// A part of a content, at most [`CHUNK`] bytes, in a buffer with room to be sealed where it is: `01 ‖ content`. Overwritten
/// when dropped, and never copied on its way.
pub struct Part(Buffer);

/// A part with the name that its content gives it: what is sealed under a name is that content and no other.
#[derive(Debug)]
pub struct NamedPart {
    part: Part,
    chunk: ChunkRef,
    encoding: Encoding,
}

/// Names a content, and holds nothing of it.
#[derive(Debug)]
pub struct Naming(hmac::Context);

impl Naming {
    /// What comes next of it.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The name of the chunk that all of it is.
    pub fn id(self) -> ChunkId {
        ChunkId::from_bytes(mac_of(self.0))
    }
}

impl Part {
    /// A part of this content.
    pub fn of(content: &[u8]) -> Self {
        Self::of_in(Buffer::default(), content)
    }

    /// A part of this content, in a buffer that was used before.
    pub fn of_in(buffer: Buffer, content: &[u8]) -> Self {
        let mut part = Self::with_room(buffer, content.len());
        part.0.extend_from_slice(content);
        part
    }

    /// What comes next from `source`, up to `most` bytes; less at its end alone.
    ///
    /// # Errors
    /// What `source` answers.
    pub fn read(buffer: Buffer, source: &mut impl Read, most: usize) -> io::Result<Self> {
        let mut part = Self::with_room(buffer, most);
        source.take(most as u64).read_to_end(&mut part.0)?;
        Ok(part)
    }

    /// The content.
    pub fn content(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Names it in the newest key epoch, as a part of a content that is compressed so where that makes it shorter.
    ///
    /// # Errors
    /// [`RecordError::TooLong`] over [`CHUNK`], or [`PACKED_CHUNK`] of a content that is compressed; [`RecordError::NoKey`].
    pub fn name(self, keys: &CollectionKeys, encoding: Encoding) -> Result<NamedPart, RecordError> {
        let chunk = keys.chunk_ref(self.content(), encoding)?;
        Ok(NamedPart {
            part: self,
            chunk,
            encoding,
        })
    }

    fn with_room(mut buffer: Buffer, length: usize) -> Self {
        buffer.clear();
        // Room from the start: a buffer that grows leaves a copy behind.
        if buffer.capacity() < part_room(length) {
            buffer = Buffer::new(Vec::with_capacity(part_room(length)));
        }
        buffer.push(VERSION);
        Self(buffer)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} B)", self.content().len())
    }
}

impl NamedPart {
    /// Its name.
    pub fn chunk(&self) -> ChunkRef {
        self.chunk
    }

    /// How it is compressed where that makes it shorter.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Its buffer, for another part. What it said is overwritten: a shorter one would be sealed before it, and given away with
    /// it behind.
    pub fn into_buffer(self) -> Buffer {
        let mut buffer = self.part.0;
        buffer.overwrite_from(0);
        buffer
    }

    /// Seals it in the key epoch that it was named in, padded. The key is the chunk's own.
    ///
    /// - A part that isn't compressed: `01 ‖ ciphertext ‖ tag`, a zero nonce, since that key seals nothing else.
    /// - One of a content that is compressed: `02 ‖ ciphertext ‖ tag ‖ nonce`. What is sealed is the frame, or the part as it is
    ///   where padding leaves no gain, then a byte that says which ([`Encoding`]).
    ///
    /// # Errors
    /// [`RecordError::NoKey`].
    pub fn seal(self, keys: &CollectionKeys, compressor: &mut impl Compress) -> Result<Vec<u8>, RecordError> {
        let key = keys.chunk_key(&self.chunk)?;
        let aad = keys.chunk_aad(&self.chunk);
        let mut bytes = self.part.0;
        let nonce = match self.encoding {
            Encoding::Identity => [0; NONCE],
            Encoding::Zstd => pack(&mut bytes, &key, compressor),
        };
        let length = padded(bytes.len() - 1);
        bytes.push(END);
        bytes.resize(1 + length, 0);
        let tag = seal_in_place(&key, &nonce, &aad, bytes.get_mut(1..).unwrap_or_default());
        bytes.extend_from_slice(&tag);
        if self.encoding == Encoding::Zstd {
            bytes.extend_from_slice(&nonce);
        }
        Ok(bytes.take())
    }
}

/// Makes `01 ‖ content` what is sealed of it: `02 ‖ frame ‖ 01`, or `02 ‖ content ‖ 00`. The nonce that it is sealed with.
fn pack(bytes: &mut Buffer, key: &Secret<[u8; 32]>, compressor: &mut impl Compress) -> [u8; NONCE] {
    let content = bytes.get(1..).unwrap_or_default();
    let length = padded(content.len() + 1);
    let frame = compressor.compress(content);
    let frame = frame.filter(|frame| padded(frame.len() + 1) < length);
    let encoding = match frame {
        Some(_) => Encoding::Zstd,
        None => Encoding::Identity,
    };
    // Of a content that isn't compressed the key itself is made.
    let macced = [&[encoding.number()], frame.unwrap_or_default()];
    let nonces = hkdf(key.expose(), b"", b"belay/chunk-nonce/1");
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&hmac_sha256_of(nonces.expose(), &macced)[..NONCE]);
    if let Some(frame) = frame {
        bytes.shorten(1);
        bytes.extend_from_slice(frame);
    }
    bytes[0] = PACKED;
    bytes.push(encoding.number());
    nonce
}

/// How long a part of `length` bytes is once it is sealed as it is, bytes.
#[must_use]
pub const fn sealed_length(length: usize) -> usize {
    1 + padded(length) + TAG
}

/// The length of a buffer that a part of `length` bytes fits, however it is sealed, bytes.
#[must_use]
pub const fn part_room(length: usize) -> usize {
    let room = sealed_length(length.saturating_add(1)).saturating_add(NONCE);
    match room < MAX_SEALED_CHUNK {
        true => room,
        false => MAX_SEALED_CHUNK,
    }
}

/// Names and seals a part of a content that isn't compressed; as [`Part::name`] and [`NamedPart::seal`].
///
/// # Errors
/// [`RecordError::TooLong`] over [`CHUNK`], [`RecordError::NoKey`].
pub fn seal_chunk(keys: &CollectionKeys, plaintext: &[u8]) -> Result<(ChunkRef, Vec<u8>), RecordError> {
    let part = Part::of(plaintext).name(keys, Encoding::Identity)?;
    Ok((part.chunk(), part.seal(keys, &mut ())?))
}

impl CollectionKeys {
    /// What [`Part::name`] names this part of a content.
    ///
    /// # Errors
    /// As [`Part::name`].
    pub fn chunk_ref(&self, plaintext: &[u8], encoding: Encoding) -> Result<ChunkRef, RecordError> {
        let (key_epoch, _) = self.keys.newest().ok_or(RecordError::NoKey(0))?;
        let longest = match encoding {
            Encoding::Identity => CHUNK,
            Encoding::Zstd => PACKED_CHUNK,
        };
        match plaintext.len() <= longest {
            true => Ok(ChunkRef {
                id: self.chunk_id(*key_epoch, encoding, plaintext),
                length: plaintext.len() as u64,
                key_epoch: *key_epoch,
            }),
            false => Err(RecordError::TooLong),
        }
    }

    /// Opens a sealed chunk, where it is; a compressed one with `decompress`, which is told how long it has to become and
    /// must give no more.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::Malformed`] when it isn't the content that its id was made of.
    pub fn open_chunk(
        &self,
        chunk: &ChunkRef,
        sealed: impl Into<Vec<u8>>,
        decompress: impl FnOnce(&[u8], u64) -> Option<Secret<Vec<u8>>>,
    ) -> Result<Secret<Vec<u8>>, RecordError> {
        let mut bytes = Buffer::new(sealed.into());
        if bytes.len() > MAX_SEALED_CHUNK || chunk.length > CHUNK as u64 {
            return Err(RecordError::TooLong);
        }
        let (encoding, nonce) = match bytes.first() {
            Some(&VERSION) => (Encoding::Identity, [0; NONCE]),
            Some(&PACKED) => (Encoding::Zstd, take_nonce(&mut bytes)?),
            _ => return Err(SealError::Malformed.into()),
        };
        let (key, aad) = (self.chunk_key(chunk)?, self.chunk_aad(chunk));
        let opened = open_in_place(&key, &nonce, &aad, &mut bytes, 1)?;
        let mut content = unpad_exact(opened).map_err(|_| RecordError::Malformed)?;
        let mut packed = Encoding::Identity;
        if encoding == Encoding::Zstd {
            let (number, rest) = content.split_last().ok_or(RecordError::Malformed)?;
            (packed, content) = (Encoding::numbered(u64::from(*number))?, rest);
        }
        let is_it = |content: &[u8]| {
            content.len() as u64 == chunk.length
                && self.chunk_id(chunk.key_epoch, encoding, content) == chunk.id
        };
        if packed == Encoding::Zstd {
            let content = decompress(content, chunk.length).filter(|content| is_it(content.expose()));
            return content.ok_or(RecordError::Malformed);
        }
        if !is_it(content) {
            return Err(RecordError::Malformed);
        }
        let length = content.len();
        bytes.shorten(length);
        Ok(Secret::new(bytes.take()))
    }

    /// What names a content that comes in pieces as [`Part::name`] did in this key epoch, whichever is the newest since.
    pub fn naming(&self, key_epoch: u64, encoding: Encoding) -> Naming {
        let mut context = self.context();
        context.update(b"belay/chunk-id/1\0");
        context.update(&key_epoch.to_be_bytes());
        context.update(&[encoding.number()]);
        Naming(context)
    }

    fn chunk_id(&self, key_epoch: u64, encoding: Encoding, plaintext: &[u8]) -> ChunkId {
        let mut naming = self.naming(key_epoch, encoding);
        naming.update(plaintext);
        naming.id()
    }

    pub(crate) fn chunk_key(&self, chunk: &ChunkRef) -> Result<Secret<[u8; 32]>, RecordError> {
        let missing = RecordError::NoKey(chunk.key_epoch);
        let key = self.keys.get(chunk.key_epoch).ok_or(missing)?;
        let blob = hkdf(key.expose(), b"", b"belay/blob/1");
        Ok(hkdf(blob.expose(), chunk.id.as_bytes(), b"belay/chunk/1"))
    }

    pub(crate) fn chunk_aad(&self, chunk: &ChunkRef) -> Vec<u8> {
        RecordIds {
            account: self.account,
            collection: &self.name,
            id: chunk.id.as_bytes(),
            kind: KIND,
            key_epoch: chunk.key_epoch,
        }
        .encode()
    }
}

/// Takes the nonce off the end of a sealed chunk.
fn take_nonce(bytes: &mut Buffer) -> Result<[u8; NONCE], SealError> {
    let (rest, nonce) = bytes.split_last_chunk().ok_or(SealError::Malformed)?;
    let (rest, nonce) = (rest.len(), *nonce);
    bytes.truncate(rest);
    Ok(nonce)
}
