//! Key and tokens of a session of this process: in memory, and in a file where the owner asked for one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::remember::Memory;
use crate::cloud::{Tokens, Vault, VaultError};

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

    /// Changes what is remembered, where something is, and writes it.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn note(&self, change: impl FnOnce(&mut Memory)) -> std::io::Result<()> {
        match &mut self.kept().memory {
            Some(memory) => {
                change(memory);
                memory.save()
            }
            None => Ok(()),
        }
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
}

fn copy(tokens: &Tokens) -> Tokens {
    Tokens {
        access: Secret::of_text(tokens.access.expose()),
        refresh: Secret::of_text(tokens.refresh.expose()),
    }
}
