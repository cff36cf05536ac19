//! What `--remember` keeps: a session, and a key that may ring, stop, locate, message and lock for 12 hours. Never a
//! password, never a key of the account.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_proto::backoff::Backoff;
use belay_proto::id::{AccountId, DeviceId};
use belay_proto::keys::{PublicKey, SigningKey};
use belay_proto::secret::Secret;
use belay_proto::signed::{DelegateCertificate, Signed};
use belay_proto::text::hex;
use belay_proto::wire::{Bytes, SecretText, Share};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cloud::Tokens;
use crate::ctl::error::Error;

/// How long the key is good.
pub const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// How long another process may keep the file locked: it exchanges tokens meanwhile.
const LOCKED_WITHIN: Duration = Duration::from_secs(60);

/// The first wait before a locked file is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest such wait.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How often others may make or remove the file while a new one is begun.
const MOST_RACES: usize = 8;

/// Bytes of the longest file that is read.
const LONGEST: u64 = 64 * 1024;

/// A remembered session, and the file it lies in.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    content: Content,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    v: u32,
    cloud: String,
    ca: Option<PathBuf>,
    account: AccountId,
    owner: PublicKey,
    device_key: Share,
    access: SecretText,
    refresh: SecretText,
    delegate_key: Share,
    certificate: Bytes,
    /// Of each device the place of the newest state report that was seen.
    reported: BTreeMap<DeviceId, u64>,
}

/// What a new memory is made of.
pub struct New<'a> {
    /// The cloud's address.
    pub cloud: &'a str,
    /// Its certificate authority.
    pub ca: Option<&'a Path>,
    /// The account.
    pub account: AccountId,
    /// The owner's public key: what devices' certificates have to be signed by.
    pub owner: PublicKey,
    /// The session's key.
    pub device_key: &'a SigningKey,
    /// The session's tokens.
    pub tokens: &'a Tokens,
    /// The delegate's key.
    pub delegate_key: &'a SigningKey,
    /// The owner's word for it.
    pub certificate: &'a Signed,
}

impl Memory {
    /// A memory that will lie in `path`.
    pub fn new(path: &Path, new: &New<'_>) -> Self {
        let content = Content {
            v: 1,
            cloud: new.cloud.to_owned(),
            ca: new.ca.map(Path::to_owned),
            account: new.account,
            owner: new.owner,
            device_key: new.device_key.seed().duplicate().into(),
            access: Secret::of_text(new.tokens.access.expose()).into(),
            refresh: Secret::of_text(new.tokens.refresh.expose()).into(),
            delegate_key: new.delegate_key.seed().duplicate().into(),
            certificate: new.certificate.encode().into(),
            reported: BTreeMap::new(),
        };
        Self {
            path: path.to_owned(),
            content,
        }
    }

    /// Reads a file that nobody but its owner can have read.
    ///
    /// # Errors
    /// `FileExposed` for one that others can read or write or that is somebody else's, [`Error::Data`] for one that
    /// isn't a memory, [`Error::Io`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = open(path).map_err(Error::io(path.display().to_string()))?;
        Self::read(path, &file).map_err(|error| unread(path, error))
    }

    /// Whether a new memory may lie in `path`: where nothing is, or one that [`Self::load`] reads.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn may_lie_in(path: &Path) -> Result<(), Error> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            _ => Self::load(path).map(drop),
        }
    }

    /// `PermissionDenied` for a file that others can read or change, `InvalidData` for one that isn't a memory.
    fn read(path: &Path, file: &File) -> io::Result<Self> {
        let about = file.metadata()?;
        let mine = about.uid() == rustix::process::geteuid().as_raw();
        if !about.is_file() || !mine || about.mode() & 0o077 != 0 {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST).unwrap_or_default()));
        file.take(LONGEST).read_to_end(&mut text)?;
        let content: Content = serde_json::from_slice(&text)
            .ok()
            .filter(|content: &Content| content.v == 1)
            .ok_or(ErrorKind::InvalidData)?;
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    /// Writes the file, mode 0600, in the place of an older one, and returns once it is durable.
    ///
    /// # Errors
    /// The file system's.
    pub fn save(&self) -> io::Result<()> {
        self.write(|beside, path| std::fs::rename(beside, path))
    }

    /// As [`Self::save`] for a new memory, which takes the place of nothing but an older one; that one comes back, and
    /// what it has seen of the same account is taken over.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn begin(&mut self) -> Result<Option<Self>, Error> {
        self.put().await.map_err(|error| unread(&self.path, error))
    }

    async fn put(&mut self) -> io::Result<Option<Self>> {
        for _ in 0..MOST_RACES {
            match locked(&self.path).await {
                Ok((_lock, old)) => {
                    if old.account() == self.account() {
                        self.content.reported.clone_from(&old.content.reported);
                    }
                    self.save()?;
                    return Ok(Some(old));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            // A link takes no other file's place.
            match self.write(|beside, path| {
                std::fs::hard_link(beside, path)?;
                std::fs::remove_file(beside)
            }) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                done => return done.map(|()| None),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Writes the file beside its place, for `put` to bring there.
    fn write(&self, put: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        let text = Zeroizing::new(serde_json::to_vec(&self.content)?);
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}", hex(&belay_proto::keys::random::<8>())));
        let beside = PathBuf::from(beside);
        let written = write(&beside, &text).and_then(|()| put(&beside, &self.path));
        if written.is_err() {
            // The first failure is the one to tell.
            let _ = std::fs::remove_file(&beside);
        }
        written?;
        File::open(folder)?.sync_all()
    }

    /// The cloud's address.
    pub fn cloud(&self) -> &str {
        &self.content.cloud
    }

    /// The cloud's certificate authority.
    pub fn ca(&self) -> Option<PathBuf> {
        self.content.ca.clone()
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.content.account
    }

    /// The owner's public key.
    pub fn owner(&self) -> PublicKey {
        self.content.owner
    }

    /// The session's key.
    pub fn device_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.content.device_key.0)
    }

    /// The session's tokens.
    pub fn tokens(&self) -> Tokens {
        Tokens {
            access: Secret::of_text(self.content.access.expose()),
            refresh: Secret::of_text(self.content.refresh.expose()),
        }
    }

    /// Puts the session's next tokens in the place of the last.
    pub fn set_tokens(&mut self, tokens: &Tokens) {
        self.content.access = Secret::of_text(tokens.access.expose()).into();
        self.content.refresh = Secret::of_text(tokens.refresh.expose()).into();
    }

    /// The delegate's key and the owner's word for it, while it is good.
    ///
    /// # Errors
    /// `RememberedOver` afterwards; [`Error::Data`] for a certificate that isn't the owner's.
    pub fn delegate(&self, now_ms: u64) -> Result<(SigningKey, Signed), Error> {
        let wrong = || Error::Data("That file's key isn't the account's.".to_owned());
        let signed = Signed::decode(&self.content.certificate).map_err(|_| wrong())?;
        let certificate: DelegateCertificate = signed.open(&self.content.owner).map_err(|_| wrong())?;
        let key = SigningKey::from_seed(&self.content.delegate_key.0);
        if certificate.key != key.public() || certificate.account != self.content.account {
            return Err(wrong());
        }
        if certificate.expires_at <= now_ms {
            return Err(Error::named("RememberedOver", "the remembered key is over"));
        }
        Ok((key, signed))
    }

    /// The place of the newest state report that was seen of a device; 0 = none was.
    pub fn reported(&self, device: &DeviceId) -> u64 {
        self.content.reported.get(device).copied().unwrap_or_default()
    }

    /// Remembers a state report that was seen.
    pub fn saw(&mut self, device: DeviceId, sequence: u64) {
        self.content.reported.insert(device, sequence);
    }
}

/// The memory in a file, and the lock on it: whoever has that is the only one to write there. It is good for one
/// [`Memory::save`], which puts another file in the place of the locked one.
///
/// # Errors
/// `TimedOut` where somebody else keeps it locked; as [`Memory::load`], by kind.
pub async fn locked(path: &Path) -> io::Result<(File, Memory)> {
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let end = tokio::time::Instant::now() + LOCKED_WITHIN;
    loop {
        let file = open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if is_still(&file, path)? => {
                let memory = Memory::read(path, &file)?;
                return Ok((file, memory));
            }
            // Somebody wrote in between: what is locked isn't the file any more.
            Ok(()) => {}
            Err(Errno::WOULDBLOCK | Errno::INTR) => {
                if tokio::time::Instant::now() >= end {
                    return Err(ErrorKind::TimedOut.into());
                }
                tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Why a file isn't read, by its name.
fn unread(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied => Error::named(
            "FileExposed",
            "a remembered session that others could read or change isn't used",
        ),
        ErrorKind::InvalidData => Error::Data("That file isn't a remembered session.".to_owned()),
        _ => Error::io(path.display().to_string())(error),
    }
}

fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let (locked, there) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    Ok((locked.dev(), locked.ino()) == (there.dev(), there.ino()))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NOFOLLOW).open(path)
}

const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
#[path = "remember_tests.rs"]
mod tests;
