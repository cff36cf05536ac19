//! What the client needs kept between calls: the device key and the tokens.

use belay_proto::keys::SigningKey;
use belay_proto::secret::Secret;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::cloud::error::VaultError;

/// The two tokens of a session.
#[derive(Debug)]
pub struct Tokens {
    /// Shown with each call; lives for about half an hour.
    pub access: Secret<String>,
    /// Exchanged for a new pair once the access token is over.
    pub refresh: Secret<String>,
}

/// That no other process exchanges the tokens, see [`Vault::alone`].
#[derive(Debug)]
pub struct Alone(
    /// The locked file; closing it unlocks it.
    pub Option<std::fs::File>,
);

/// Keeps the device key and the tokens, sealed at rest.
pub trait Vault: Send + Sync {
    /// The device key; made and kept at the first call.
    fn device_key(&self) -> BoxFuture<'_, Result<SigningKey, VaultError>>;

    /// The tokens of the session, when there is one.
    fn tokens(&self) -> BoxFuture<'_, Result<Option<Tokens>, VaultError>>;

    /// The device key and the tokens, for a call of the session.
    fn session(&self) -> BoxFuture<'_, Result<(SigningKey, Option<Tokens>), VaultError>> {
        async { Ok((self.device_key().await?, self.tokens().await?)) }.boxed()
    }

    /// Puts `new` in the place of the tokens whose refresh token is `old`, durable before it answers.
    ///
    /// `false`, and nothing kept, when other tokens or none are in that place: a refresh that was under way
    /// during a sign-out must not bring a session back.
    fn rotate<'a>(&'a self, old: &'a Secret<String>, new: Tokens) -> BoxFuture<'a, Result<bool, VaultError>>;

    /// Keeps other processes that hold the same tokens from exchanging them, and takes up what they exchanged before,
    /// until the guard is dropped. A vault of one process has nothing to do.
    fn alone(&self) -> BoxFuture<'_, Result<Alone, VaultError>> {
        async { Ok(Alone(None)) }.boxed()
    }
}
