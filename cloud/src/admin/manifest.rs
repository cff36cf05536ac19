//! What a backup is: the file `manifest.json` in its folder, which names the database of the backup. It comes last and in one
//! step, so that a folder always holds the whole backup of before or the whole new one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use belay_proto::text::{from_hex, hex};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{AdminError, at};
use crate::blobs::files::{PIECE, sync, write_new};
use crate::clock::Millis;
use crate::vault::Vault;

/// The file's name.
pub const FILE: &str = "manifest.json";
/// How its database's name begins; some hexadecimal digits follow, and [`ENDING`].
pub const BEGINNING: &str = "belay-cloud-";
/// See [`BEGINNING`].
pub const ENDING: &str = ".sqlite";
/// The format that this program writes and reads.
const FORMAT: u32 = 1;
/// The longest manifest that is read, bytes.
const LONGEST: u64 = 64 * 1024;

/// What stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How to read the rest, and the folder.
    pub format: u32,
    /// When the database was copied, ms since 1970.
    pub made_at: Millis,
    /// The program that did.
    pub program: String,
    /// The name of the database in the same folder.
    pub database: String,
    /// Its length, bytes.
    pub length: u64,
    /// Its SHA-256, hexadecimal digits. The database has that of each chunk.
    pub sha256: String,
    /// Chunks beside it.
    pub chunks: u64,
    /// Their bytes.
    pub chunk_bytes: u64,
    /// HMAC over all of that under the server key, hexadecimal digits: who doesn't have it makes no backup.
    pub mac: String,
}

impl Manifest {
    /// With its MAC.
    #[must_use]
    pub fn signed(mut self, vault: &Vault) -> Self {
        self.format = FORMAT;
        self.mac = hex(&vault.mac("backup", &[&self.content()]));
        self
    }

    fn content(&self) -> Vec<u8> {
        let bare = Self {
            mac: String::new(),
            ..self.clone()
        };
        // Numbers and texts alone: it can't fail, and were it to, no MAC would be right.
        serde_json::to_vec(&bare).unwrap_or_default()
    }

    /// The manifest of a backup, if its MAC is right.
    ///
    /// # Errors
    /// [`AdminError::Bad`].
    pub fn read(folder: &Path, vault: &Vault) -> Result<Self, AdminError> {
        let bad = |why: &str| AdminError::Bad(why.to_owned());
        let path = folder.join(FILE);
        let file = File::open(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => bad("it has no manifest.json, so no backup was finished here"),
            _ => AdminError::File(path.clone(), error),
        })?;
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text).map_err(at(&path))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|_| bad("its manifest can't be read"))?;
        if manifest.format != FORMAT {
            return Err(bad("another program's version made it"));
        }
        let tag = from_hex(&manifest.mac).unwrap_or_default();
        if !vault.matches("backup", &[&manifest.content()], &tag) {
            return Err(bad("its manifest was changed, or is another server key's"));
        }
        if !is_database(&manifest.database) {
            return Err(bad("its manifest names no database"));
        }
        Ok(manifest)
    }

    /// Puts it into a folder in place of the one before.
    ///
    /// # Errors
    /// As the file system's.
    pub fn write(&self, folder: &Path) -> Result<(), AdminError> {
        let (path, new) = (folder.join(FILE), folder.join("manifest.json.new"));
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        let put = || {
            write_new(&new, &text)?;
            fs::rename(&new, &path)?;
            sync(folder)
        };
        put().map_err(at(&path))
    }
}

/// Whether a file in a backup's folder is one of its databases, or what SQLite puts beside one.
#[must_use]
pub fn is_database(name: &str) -> bool {
    let middle = name
        .strip_prefix(BEGINNING)
        .and_then(|rest| rest.strip_suffix(ENDING));
    middle.is_some_and(|digits| from_hex(digits).is_ok_and(|bytes| bytes.len() == 8))
}

/// The SHA-256 of a file, hexadecimal digits, and its length, bytes.
///
/// # Errors
/// As the file system's.
pub fn digest(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut context, mut length) = (File::open(path)?, Context::new(&SHA256), 0);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((hex(context.finish().as_ref()), length)),
            Ok(count) => {
                context.update(piece.get(..count).unwrap_or_default());
                length += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A name that no database of a backup has.
#[must_use]
pub fn draw_name() -> String {
    let digits: [u8; 8] = belay_proto::keys::random();
    format!("{BEGINNING}{}{ENDING}", hex(&digits))
}

#[cfg(test)]
mod tests {
    use belay_proto::Secret;
    use belay_proto::keys::sha256;

    use super::*;

    #[test]
    fn only_names_of_its_own_are_databases() {
        assert!(is_database(&draw_name()));
        for other in [
            "belay-cloud.sqlite",
            "belay-cloud-.sqlite",
            "belay-cloud-0011223344556677.sqlite-wal",
            "belay-cloud-../../../../x.sqlite",
            "../belay-cloud-0011223344556677.sqlite",
        ] {
            assert!(!is_database(other), "{other}");
        }
    }

    #[test]
    fn a_manifest_is_believed_only_as_it_was_written_and_under_its_key() {
        let folder = tempfile::TempDir::new().unwrap();
        let (vault, other) = (
            Vault::new(&Secret::new([1; 32])),
            Vault::new(&Secret::new([2; 32])),
        );
        let manifest = Manifest {
            format: 0,
            made_at: 1,
            program: "0".into(),
            database: draw_name(),
            length: 2,
            sha256: hex(&sha256(b"")),
            chunks: 3,
            chunk_bytes: 4,
            mac: String::new(),
        }
        .signed(&vault);
        manifest.write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path(), &vault).unwrap(), manifest);
        assert!(Manifest::read(folder.path(), &other).is_err());
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("\"length\": 2", "\"length\": 3"),
            ("\"chunks\": 3", "\"chunks\": 2"),
            ("\"format\": 1", "\"format\": 2"),
            ("}", ""),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            fs::write(&path, changed).unwrap();
            assert!(Manifest::read(folder.path(), &vault).is_err(), "{to}");
        }
    }
}
