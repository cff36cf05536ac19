//! The account's keyring, kept sealed for as long as the binding lasts, and what of it belayd may have.

use belay_proto::Secret;
use belay_proto::signed::Keyring;
use belay_proto::steps::{ACCESSORIES, CollectionKeysOutput, SYNCED};
use belay_proto::sync::index_key;

use super::records::Bound;
use super::refusal::Refusal;
use super::state::State;
use crate::disk::sealing::SealingKey;

/// How the keyring is labelled where it is sealed.
const KEYRING: &str = "keyring";

/// The keyring as the binding keeps it.
#[must_use]
pub fn seal(key: &SealingKey, keyring: &Keyring) -> Vec<u8> {
    let bytes = Secret::new(keyring.encode());
    key.seal(KEYRING, bytes.expose())
}

/// What [`seal`] made.
///
/// # Errors
/// [`Refusal::NotSupported`] where none is kept; [`Refusal::Internal`].
pub fn open(key: &SealingKey, bound: &Bound) -> Result<Keyring, Refusal> {
    // A binding that was made before keyrings were kept gets its own with the next password.
    let sealed = bound
        .keyring
        .as_ref()
        .ok_or_else(|| Refusal::NotSupported("the account's keys before the next sign-in".to_owned()))?;
    let broken = Refusal::Internal("the keyring doesn't open");
    let bytes = key.open(KEYRING, sealed).map_err(|_| broken.clone())?;
    Keyring::decode(bytes.expose()).map_err(|_| broken)
}

impl State {
    /// The keys of a collection: for belayd alone, while the device is bound and not lost. Others than the ones that
    /// belayd works with aren't given out.
    ///
    /// # Errors
    /// [`Refusal::NotBound`] and its like, [`Refusal::DeviceLost`], [`Refusal::InvalidArgument`] for another collection.
    pub fn collection_keys(&self, collection: &str) -> Result<CollectionKeysOutput, Refusal> {
        self.not_lost()?;
        let bound = self.bound()?;
        if collection != ACCESSORIES && !SYNCED.contains(&collection) {
            return Err(Refusal::InvalidArgument("no such collection".to_owned()));
        }
        let keyring = open(&self.key, bound)?;
        Ok(CollectionKeysOutput {
            keys: keyring.collection_keys(collection),
            index: index_key(&keyring.index_key, collection),
        })
    }
}

/// The keyring that `bound` keeps; none before the first sign-in that kept one.
///
/// # Errors
/// [`Refusal::Internal`]: it doesn't open, so nobody knows which keys are the newest. Proving the password anew brings another.
pub fn kept(key: &SealingKey, bound: &Bound) -> Result<Option<Keyring>, Refusal> {
    bound.keyring.as_ref().map(|_| open(key, bound)).transpose()
}

/// What `bound` keeps in place of its keyring, sealed, where one of the account brings a key epoch above it, or, with the same newest,
/// older ones that it lacks. One that is older, which a cloud may bring back, never does. The epochs and the removals that are known
/// here alone stay, and so does the own key of a number that has another one there: a cloud that was restored from a backup has the owner
/// make newer keys without them, and what was sealed under them is there still.
#[must_use]
pub fn in_place_of_kept(key: &SealingKey, bound: &Bound, brought: &Keyring) -> Option<Vec<u8>> {
    if brought.account != bound.account {
        return None;
    }
    let next = match open(key, bound).ok() {
        Some(kept) if brought.key_epoch() > kept.key_epoch() || kept.lacks_roots_of(brought) => {
            kept.followed_by(brought)
        }
        None if brought.key_epoch() > 0 => brought.for_generation(brought.generation),
        _ => return None,
    };
    Some(seal(key, &next))
}
