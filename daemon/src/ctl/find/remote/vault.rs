//! Key and tokens of a session of this process: in memory, and in a file where the owner asked for one.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use belay_proto::id::DeviceId;
use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::remember::{self, Memory};
use crate::cloud::{Alone, Tokens, Vault, VaultError};

/// The vault of one session.
pub struct SessionVault {
    key: SigningKey,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tokens: Option<Tokens>,
    memory: Option<Memory>,
}

impl SessionVault {
    /// A vault with a key that lives as long as this process.
    pub fn fresh() -> Self {
        Self {
            key: SigningKey::generate(),
            kept: Mutex::default(),
        }
    }

    /// The vault of a session that is kept in a file.
    pub fn remembered(memory: Memory) -> Self {
        Self {
            key: memory.device_key(),
            kept: Mutex::new(Kept {
                tokens: Some(memory.tokens()),
                memory: Some(memory),
            }),
        }
    }

    /// The device key, for what proves itself with it later.
    pub fn key(&self) -> SigningKey {
        SigningKey::from_seed(self.key.seed())
    }

    /// Takes the tokens of a session that has begun.
    pub fn put(&self, tokens: Tokens) {
        self.kept().tokens = Some(tokens);
    }

    /// Keeps the session in a file from now on.
    pub fn remember(&self, memory: Memory) {
        self.kept().memory = Some(memory);
    }

    /// The place of the newest state report that was seen of a device before; 0 = none was, or nothing is remembered.
    pub fn reported(&self, device: &DeviceId) -> u64 {
        let kept = self.kept();
        kept.memory.as_ref().map_or(0, |memory| memory.reported(device))
    }

    /// Remembers that a state report of a device was seen, where something is remembered.
    ///
    /// # Errors
    /// When the file can't be written, or isn't this session's any more.
    pub async fn saw(&self, device: DeviceId, sequence: u64) -> io::Result<()> {
        let _alone = self.lock().await?;
        match &mut self.kept().memory {
            Some(memory) if memory.reported(&device) < sequence => {
                memory.saw(device, sequence);
                memory.save()
            }
            _ => Ok(()),
        }
    }

    /// Removes the file that the session is kept in, unless another session is kept there by now.
    ///
    /// # Errors
    /// When it can't be removed.
    pub async fn forget(&self) -> io::Result<()> {
        match self.lock().await {
            Ok(_alone) => match self.kept().memory.take() {
                Some(memory) => memory.remove(),
                None => Ok(()),
            },
            // Another process was first, or another session was remembered in its place.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Locks the file that the session is kept in, and takes up what other processes have written there.
    async fn lock(&self) -> io::Result<Option<File>> {
        let path = match &self.kept().memory {
            Some(memory) => memory.path().to_owned(),
            None => return Ok(None),
        };
        let (lock, fresh) = remember::locked(&path).await?;
        if fresh.device_key().public() != self.key.public() {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "another session is remembered there by now",
            ));
        }
        let mut kept = self.kept();
        kept.tokens = Some(fresh.tokens());
        kept.memory = Some(fresh);
        Ok(Some(lock))
    }

    /// A copy of the tokens.
    pub fn held(&self) -> Option<Tokens> {
        self.kept().tokens.as_ref().map(copy)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for SessionVault {
    fn device_key(&self) -> BoxFuture<'_, Result<SigningKey, VaultError>> {
        async { Ok(self.key()) }.boxed()
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Option<Tokens>, VaultError>> {
        async { Ok(self.held()) }.boxed()
    }

    fn rotate<'a>(&'a self, old: &'a Secret<String>, new: Tokens) -> BoxFuture<'a, Result<bool, VaultError>> {
        async move {
            let mut kept = self.kept();
            if kept
                .tokens
                .as_ref()
                .is_none_or(|held| held.refresh.expose() != old.expose())
            {
                return Ok(false);
            }
            if let Some(memory) = &mut kept.memory {
                memory.set_tokens(&new);
                memory
                    .save()
                    .map_err(|error| VaultError::new("the remembered session", error))?;
            }
            kept.tokens = Some(new);
            Ok(true)
        }
        .boxed()
    }

    fn alone(&self) -> BoxFuture<'_, Result<Alone, VaultError>> {
        async {
            let lock = self.lock().await;
            lock.map(Alone)
                .map_err(|error| VaultError::new("the remembered session", error))
        }
        .boxed()
    }
}

fn copy(tokens: &Tokens) -> Tokens {
    Tokens {
        access: Secret::of_text(tokens.access.expose()),
        refresh: Secret::of_text(tokens.refresh.expose()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::remember::fixture::memory;
    use super::*;

    fn tokens(name: &str) -> Tokens {
        Tokens {
            access: Secret::of_text(name),
            refresh: Secret::of_text(name),
        }
    }

    fn kept() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        memory(&path, 100).save().unwrap();
        (folder, path)
    }

    fn vault(path: &Path) -> SessionVault {
        SessionVault::remembered(Memory::load(path).unwrap())
    }

    async fn exchange(vault: &SessionVault, new: &str) -> bool {
        let _alone = vault.alone().await.unwrap();
        let old = vault.held().unwrap().refresh;
        vault.rotate(&old, tokens(new)).await.unwrap()
    }

    #[tokio::test]
    async fn two_that_use_one_session_take_up_each_others_tokens() {
        let (_folder, path) = kept();
        let (one, two) = (vault(&path), vault(&path));
        assert!(exchange(&one, "second").await);
        let alone = two.alone().await.unwrap();
        assert_eq!(two.held().unwrap().refresh.expose(), "second");
        drop(alone);
        assert!(exchange(&two, "third").await);
        // What is noted besides brings no older tokens back.
        one.saw(DeviceId::from_bytes([2; 16]), 9).await.unwrap();
        let read = Memory::load(&path).unwrap();
        assert_eq!(read.tokens().refresh.expose(), "third");
        assert_eq!(read.reported(&DeviceId::from_bytes([2; 16])), 9);
    }

    #[tokio::test]
    async fn whoever_comes_second_waits_until_the_first_has_written() {
        let (_folder, path) = kept();
        let (one, two) = (vault(&path), vault(&path));
        let alone = one.alone().await.unwrap();
        let mut waiting = two.alone();
        assert!((&mut waiting).now_or_never().is_none());
        one.rotate(&Secret::of_text("refresh"), tokens("second"))
            .await
            .unwrap();
        drop(alone);
        waiting.await.unwrap();
        assert_eq!(two.held().unwrap().refresh.expose(), "second");
    }

    #[tokio::test]
    async fn a_session_that_another_was_remembered_in_place_of_neither_writes_nor_removes_it() {
        let (_folder, path) = kept();
        let old = vault(&path);
        let newer = memory(&path, 200);
        newer.save().unwrap();
        assert!(old.alone().await.is_err());
        assert!(old.saw(DeviceId::from_bytes([2; 16]), 9).await.is_err());
        old.forget().await.unwrap();
        let read = Memory::load(&path).unwrap();
        assert_eq!(read.device_key().public(), newer.device_key().public());
    }

    #[tokio::test]
    async fn what_is_over_is_removed_once() {
        let (_folder, path) = kept();
        let (one, two) = (vault(&path), vault(&path));
        one.forget().await.unwrap();
        assert!(!path.exists());
        two.forget().await.unwrap();
    }
}
