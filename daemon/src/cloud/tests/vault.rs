//! A vault in memory.

use std::sync::Mutex;

use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::cloud::error::VaultError;
use crate::cloud::vault::{Tokens, Vault};

pub struct MemoryVault {
    seed: [u8; 32],
    held: Mutex<Option<(String, String)>>,
    broken: Mutex<bool>,
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self {
            seed: [7; 32],
            held: Mutex::default(),
            broken: Mutex::default(),
        }
    }
}

impl MemoryVault {
    pub fn key(&self) -> SigningKey {
        SigningKey::from_seed(&Secret::new(self.seed))
    }

    pub fn put(&self, access: &str, refresh: &str) {
        *self.held.lock().unwrap() = Some((access.into(), refresh.into()));
    }

    pub fn clear(&self) {
        *self.held.lock().unwrap() = None;
    }

    pub fn held(&self) -> Option<(String, String)> {
        self.held.lock().unwrap().clone()
    }

    pub fn set_broken(&self, broken: bool) {
        *self.broken.lock().unwrap() = broken;
    }
}

impl Vault for MemoryVault {
    fn device_key(&self) -> BoxFuture<'_, Result<SigningKey, VaultError>> {
        ready(Ok(self.key())).boxed()
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Option<Tokens>, VaultError>> {
        let tokens = self.held().map(|(access, refresh)| Tokens {
            access: Secret::new(access),
            refresh: Secret::new(refresh),
        });
        ready(Ok(tokens)).boxed()
    }

    fn rotate<'a>(&'a self, old: &'a Secret<String>, new: Tokens) -> BoxFuture<'a, Result<bool, VaultError>> {
        if *self.broken.lock().unwrap() {
            return ready(Err(VaultError::new(
                "the tokens",
                std::io::Error::other("disk full"),
            )))
            .boxed();
        }
        let fits = self.held().is_some_and(|(_, refresh)| refresh == *old.expose());
        if fits {
            self.put(new.access.expose(), new.refresh.expose());
        }
        ready(Ok(fits)).boxed()
    }
}
