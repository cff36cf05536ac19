//! belayd's sealing key: a systemd credential, or a file made at first start.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use belay_proto::keys::random;
use belay_proto::secret::Secret;
use zeroize::Zeroize;

use super::StoreError;

/// The credential's name in `$CREDENTIALS_DIRECTORY`.
const CREDENTIAL: &str = "belay.key";
/// The file's name in the state folder, where there is no credential.
const FILE: &str = "sealing.key";

/// Where the sealing key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealingKey {
    credentials: Option<PathBuf>,
}

impl SealingKey {
    /// The key in the folder that systemd passes (`$CREDENTIALS_DIRECTORY`), or, when `credentials` is
    /// `None` or holds no `belay.key`, in the state folder.
    pub fn new(credentials: Option<PathBuf>) -> Self {
        Self { credentials }
    }

    /// The 32 bytes; they are drawn only for a database that doesn't exist yet.
    pub(super) fn load(&self, state: &Path, is_new: bool) -> Result<Secret<[u8; 32]>, StoreError> {
        if let Some(folder) = &self.credentials {
            let path = folder.join(CREDENTIAL);
            if let Some(key) = read(&path, false)? {
                return Ok(key);
            }
        }
        let path = state.join(FILE);
        match read(&path, true)? {
            Some(key) => Ok(key),
            None if is_new => make(state, &path),
            None => Err(StoreError::KeyMissing { path }),
        }
    }
}

/// Makes `folder` (mode 0700) unless it exists.
pub(super) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(io(folder))
}

/// The key at `path`, or `None` when there is no such file.
fn read(path: &Path, private: bool) -> Result<Option<Secret<[u8; 32]>>, StoreError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StoreError::Io {
                path: path.to_owned(),
                source,
            });
        }
    };
    let bad = |reason| StoreError::BadKey {
        path: path.to_owned(),
        reason,
    };
    let mode = file.metadata().map_err(io(path))?.permissions().mode();
    if private && mode & 0o077 != 0 {
        return Err(bad("others than its owner may use it (expected mode 0600)"));
    }
    let mut bytes = Vec::with_capacity(33);
    file.take(33).read_to_end(&mut bytes).map_err(io(path))?;
    let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Secret::new);
    bytes.zeroize();
    key.map(Some).map_err(|_| bad("expected exactly 32 bytes"))
}

/// Draws a key and stores it durably before anything is sealed with it. It gets its name only when it is
/// whole, so that a kill in between leaves no half key behind.
fn make(state: &Path, path: &Path) -> Result<Secret<[u8; 32]>, StoreError> {
    let key = Secret::new(random::<32>());
    let draft = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(io(&draft))?;
    file.write_all(key.expose())
        .and_then(|()| file.sync_all())
        .map_err(io(&draft))?;
    std::fs::rename(&draft, path).map_err(io(path))?;
    std::fs::File::open(state)
        .and_then(|folder| folder.sync_all())
        .map_err(io(state))?;
    Ok(key)
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StoreError + '_ {
    |source| StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
