//! Whether a command is the owner's, before it takes a place in a queue.
//!
//! The device's warden judges it again and alone decides. What is checked here keeps rubbish out of the
//! queue; a cloud that checked nothing could make a device do nothing.

use belay_proto::keys::PublicKey;
use belay_proto::signed::{Command, CommandEnvelope, EnvelopeError, SignedError, Signer, Verb};
use belay_proto::{AccountId, DeviceId, Epoch};

use crate::clock::Millis;
use crate::problem::{Kind, Problem};

/// The largest command with its delegate's certificate, bytes.
const LARGEST: usize = 8 * 1024;

/// What a command is held against.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The owner's public key.
    pub owner: &'a PublicKey,
    /// The account.
    pub account: AccountId,
    /// The generation of its credentials.
    pub generation: u64,
    /// The device that the path names.
    pub device: DeviceId,
    /// Its binding.
    pub epoch: Epoch,
}

/// A command that may be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The command.
    pub command: Command,
    /// When it is void; 0 = never.
    pub expires_at: Millis,
    /// Whether it leaves the last places of the queue to others: a phone that is out of reach collects these,
    /// and they must not keep a lock or a wipe out.
    pub minor: bool,
    /// Whether it leaves the very last places to others: a lock waits for ever, and must not keep a wipe or a
    /// `cancel` out.
    pub lasting: bool,
}

/// Checks an envelope.
///
/// # Errors
/// `too-large`, `malformed`, `bad-command`, `no-such-delegate`, `other-epoch`, `command-expired`.
pub fn check(bytes: &[u8], target: &Target<'_>, now: Millis) -> Result<Checked, Problem> {
    if bytes.len() > LARGEST {
        return Err(Problem::new(Kind::TooLarge).because("a command has at most 8 KiB"));
    }
    let bad = |why: &str| Problem::new(Kind::BadCommand).because(why);
    let envelope =
        CommandEnvelope::decode(bytes).map_err(|_| Problem::malformed("`envelope` is not a command"))?;
    let (command, signer) = envelope.open(target.owner).map_err(|error| match error {
        EnvelopeError::NotDelegated => {
            Problem::new(Kind::NoSuchDelegate).because("the certificate doesn't cover it")
        }
        EnvelopeError::Signed(SignedError::BadSignature(_)) => bad("not signed by the owner or a delegate"),
        EnvelopeError::Signed(SignedError::Malformed(_)) => Problem::malformed("`envelope` is not a command"),
    })?;
    if command.account != target.account {
        return Err(bad("another account"));
    }
    if command.device != target.device {
        return Err(bad("another device"));
    }
    if command.epoch != target.epoch {
        return Err(Problem::new(Kind::OtherEpoch));
    }
    let delegated = match signer {
        Signer::Owner => false,
        Signer::Delegate(delegate) => {
            if delegate.generation != target.generation || is_over(delegate.expires_at, now) {
                return Err(Problem::new(Kind::NoSuchDelegate).because("the certificate is over"));
            }
            true
        }
    };
    let expires_at = command.void_after().unwrap_or(0);
    if is_over(expires_at, now) {
        return Err(Problem::new(Kind::CommandExpired));
    }
    let verb = command.action.verb();
    let minor = delegated || matches!(verb, Verb::Ring | Verb::StopRing | Verb::Locate | Verb::Message);
    Ok(Checked {
        command,
        expires_at,
        minor,
        lasting: verb == Verb::Lock,
    })
}

/// Whether a time that was signed has passed; 0 never does.
#[must_use]
pub fn is_over(expires_at: Millis, now: Millis) -> bool {
    expires_at != 0 && expires_at <= now
}
