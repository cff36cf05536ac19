//! The server's own key: what the database holds is sealed or hashed under it.
//!
//! The key lies in a file beside the database, so that a copy of the database alone neither names an
//! address nor a device, and gives nothing to guess passwords at.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use belay_proto::keys::{SigningKey, hkdf, random};
use belay_proto::seal::{self, SealError};
use belay_proto::secret::Secret;
use ring::hmac;

/// The file's name in the data folder.
pub const FILE: &str = "server.key";

/// Keys derived from the server key, and what is done with them.
pub struct Vault {
    mac: hmac::Key,
    seal: Secret<[u8; 32]>,
    services: SigningKey,
}

/// Why the server key or something sealed under it can't be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file can't be read or made.
    #[error("the server key {FILE} can't be used")]
    File(#[from] io::Error),
    /// The key file isn't 32 bytes.
    #[error("the server key {FILE} is not 32 bytes long")]
    Length,
    /// Something in the database doesn't open under this key.
    #[error("a sealed value doesn't open")]
    Sealed(#[from] SealError),
}

impl Vault {
    /// Reads the server key of `data`, or makes one when `fresh` says that no database exists yet.
    ///
    /// # Errors
    /// When the file is missing beside an existing database, unreadable, or of another length.
    pub fn open(data: &Path, fresh: bool) -> Result<Self, VaultError> {
        let path = data.join(FILE);
        match read_key(&path) {
            Err(VaultError::File(error)) if fresh && error.kind() == io::ErrorKind::NotFound => {
                make_key(data, &path)?;
                read_key(&path).map(|key| Self::new(&key))
            }
            other => other.map(|key| Self::new(&key)),
        }
    }

    /// With this server key, as its file has it.
    ///
    /// # Errors
    /// When it isn't 32 bytes long.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        let key = bytes.try_into().map_err(|_| VaultError::Length)?;
        Ok(Self::new(&Secret::new(key)))
    }

    /// Derives the keys.
    #[must_use]
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        let mac = hkdf(key.expose(), &[], b"belay-cloud/mac/1");
        Self {
            mac: hmac::Key::new(hmac::HMAC_SHA256, mac.expose()),
            seal: hkdf(key.expose(), &[], b"belay-cloud/seal/1"),
            services: SigningKey::from_seed(&hkdf(key.expose(), &[], b"belay-cloud/services/1")),
        }
    }

    /// What service tokens are signed with.
    #[must_use]
    pub const fn services(&self) -> &SigningKey {
        &self.services
    }

    /// HMAC over `label` and `parts`, each with its length, so that no two lists give the same bytes.
    #[must_use]
    pub fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let tag = hmac::sign(&self.mac, &framed(label, parts));
        let mut out = [0; 32];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Whether `tag` is [`Self::mac`] of the same, compared in constant time.
    #[must_use]
    pub fn matches(&self, label: &str, parts: &[&[u8]], tag: &[u8]) -> bool {
        hmac::verify(&self.mac, &framed(label, parts), tag).is_ok()
    }

    /// Seals `plaintext` for the column `label` of the row `id`.
    #[must_use]
    pub fn seal(&self, label: &str, id: &[u8], plaintext: &[u8]) -> Vec<u8> {
        seal::wrap(&self.seal, &framed(label, &[id]), plaintext)
    }

    /// Opens what [`Self::seal`] sealed for the same column and row.
    ///
    /// # Errors
    /// When the value was changed, moved, or sealed under another key.
    pub fn unseal(&self, label: &str, id: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, VaultError> {
        Ok(seal::unwrap(&self.seal, &framed(label, &[id]), sealed)?)
    }
}

fn framed(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for part in std::iter::once(&label.as_bytes()).chain(parts) {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn read_key(path: &Path) -> Result<Secret<[u8; 32]>, VaultError> {
    let mut file = File::open(path)?;
    let mut key = [0; 32];
    file.read_exact(&mut key).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => VaultError::Length,
        _ => VaultError::File(error),
    })?;
    if file.read(&mut [0; 1])? != 0 {
        return Err(VaultError::Length);
    }
    Ok(Secret::new(key))
}

fn make_key(data: &Path, path: &Path) -> Result<(), VaultError> {
    let new = data.join("server.key.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&random::<32>())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(data)?.sync_all()?;
    Ok(())
}
