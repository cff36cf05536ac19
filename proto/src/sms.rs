//! A command as a text message: for a device that has no data connection, sent from any phone.
//!
//! `belay:` and base64url without padding of 40 bytes and a signature, 145 characters, one SMS:
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | action: 1 `lock`, 2 `unlock`, 3 `ring`, 4 `stop-ring`, 5 `locate` |
//! | 8 | counter |
//! | 16 | epoch |
//! | 2 | lost episode for `unlock`, else presence: the low 16 bits |
//! | 4 | expiry: minutes since the Unix epoch, 0 = never |
//! | 8 | device tag: the first 8 bytes of the device id |
//! | 64 | Ed25519 by the owner key over `"belay-sms/1\0"` and the 40 bytes before |
//!
//! Numbers are big-endian. The sender's number proves nothing.

use std::time::Duration;

use crate::id::{CommandId, DeviceId, Epoch};
use crate::keys::{BadSignature, PublicKey, Signature, SigningKey, sha256};
use crate::signed::Verb;
use crate::text::{base64url, from_base64url};

const DOMAIN: &[u8] = b"belay-sms/1\0";
const VERSION: u8 = 1;
const PREFIX: &str = "belay:";
const SIGNED: usize = 40;

/// How long the text is, in characters.
pub const SMS_CHARACTERS: usize = 145;

/// What can be asked for by SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the same names as in `Action`")]
pub enum SmsAction {
    Lock = 1,
    Unlock = 2,
    Ring = 3,
    StopRing = 4,
    Locate = 5,
}

/// A command that fits an SMS; `lock` without message and number, `ring` for as long as the device
/// chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsCommand {
    /// What to do.
    pub action: SmsAction,
    /// As in [`Command`](crate::signed::Command).
    pub counter: u64,
    /// The binding it is for.
    pub epoch: Epoch,
    /// The low 16 bits ([`low16`]) of the lost episode for `unlock`, of the presence for the rest.
    pub presence_or_episode: u16,
    /// Void afterwards: minutes since the Unix epoch; 0 = never.
    pub expiry_minutes: u32,
    /// The first 8 bytes of the device id; see [`SmsCommand::tag_of`].
    pub device_tag: [u8; 8],
}

/// A command by SMS with its signature, not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedSms {
    bytes: [u8; SIGNED],
    command: SmsCommand,
    signature: Signature,
}

/// Tells one text from another, also from one that says the same under another signature: the first 16 bytes of SHA-256
/// over the domain, the 40 bytes and the signature. [`SmsCommand::id`] is the same for both.
pub type SmsMark = [u8; 16];

/// The text isn't a command by SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a command by SMS")]
pub struct BadSms;

impl SmsAction {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Lock, Self::Unlock, Self::Ring, Self::StopRing, Self::Locate];

    /// The verb of the same name.
    pub fn verb(self) -> Verb {
        match self {
            Self::Lock => Verb::Lock,
            Self::Unlock => Verb::Unlock,
            Self::Ring => Verb::Ring,
            Self::StopRing => Verb::StopRing,
            Self::Locate => Verb::Locate,
        }
    }

    /// The action of a verb; `None` for those that no SMS carries.
    pub fn of(verb: Verb) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.verb() == verb)
    }

    /// How long a text with this action is good; `None` = for ever. It is the longest that a device
    /// allows: anyone may keep a text and send it later.
    pub fn life(self) -> Option<Duration> {
        match self {
            Self::Unlock => Some(Duration::from_secs(60 * 60)),
            Self::Ring | Self::Locate => Some(Duration::from_secs(10 * 60)),
            Self::Lock | Self::StopRing => None,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|action| *action as u8 == byte)
    }
}

/// What an SMS has room for of a presence or an episode: the low 16 bits. A comparison uses them alone.
pub fn low16(number: u64) -> u16 {
    let bytes = number.to_be_bytes();
    u16::from_be_bytes([bytes[6], bytes[7]])
}

impl SmsCommand {
    /// A device's tag.
    pub fn tag_of(device: &DeviceId) -> [u8; 8] {
        let mut tag = [0; 8];
        tag.copy_from_slice(&device.as_bytes()[..8]);
        tag
    }

    /// The expiry for a point in time, ms since the Unix epoch, rounded up to whole minutes; `None` = never.
    pub fn expiry_of(void_after: Option<u64>) -> u32 {
        let minutes = |ms: u64| u32::try_from(ms.div_ceil(60_000)).unwrap_or(u32::MAX);
        // 0 minutes would mean never.
        void_after.map_or(0, |ms| minutes(ms).max(1))
    }

    /// Void afterwards: ms since the Unix epoch; `None` = never.
    pub fn void_after(&self) -> Option<u64> {
        (self.expiry_minutes != 0).then(|| u64::from(self.expiry_minutes) * 60_000)
    }

    /// The command's id: the first 16 bytes of SHA-256 over the domain and the 40 bytes.
    pub fn id(&self) -> CommandId {
        id(&self.bytes())
    }

    /// The text to send.
    pub fn sign(&self, owner: &SigningKey) -> String {
        let bytes = self.bytes();
        let signature = owner.sign(DOMAIN, &bytes);
        let all = [bytes.as_slice(), signature.as_bytes()].concat();
        format!("{PREFIX}{}", base64url(&all))
    }

    /// Reads a text; space around it is forgiven.
    ///
    /// # Errors
    /// [`BadSms`] for any other text, also for an unknown version or action.
    pub fn parse(text: &str) -> Result<SignedSms, BadSms> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(BadSms)?;
        let all = from_base64url(encoded).map_err(|_| BadSms)?;
        let (bytes, signature) = all.split_first_chunk::<SIGNED>().ok_or(BadSms)?;
        Ok(SignedSms {
            bytes: *bytes,
            command: Self::read(bytes).ok_or(BadSms)?,
            signature: Signature::try_from(signature).map_err(|_| BadSms)?,
        })
    }

    fn bytes(&self) -> [u8; SIGNED] {
        let mut bytes = [0; SIGNED];
        let head = [VERSION, self.action as u8];
        let parts = [
            head.as_slice(),
            &self.counter.to_be_bytes(),
            self.epoch.as_bytes(),
            &self.presence_or_episode.to_be_bytes(),
            &self.expiry_minutes.to_be_bytes(),
            &self.device_tag,
        ];
        bytes.copy_from_slice(&parts.concat());
        bytes
    }

    fn read(bytes: &[u8; SIGNED]) -> Option<Self> {
        let ([version, action], rest) = bytes.split_first_chunk::<2>()?;
        let (counter, rest) = rest.split_first_chunk::<8>()?;
        let (epoch, rest) = rest.split_first_chunk::<16>()?;
        let (number, rest) = rest.split_first_chunk::<2>()?;
        let (expiry, rest) = rest.split_first_chunk::<4>()?;
        if *version != VERSION {
            return None;
        }
        Some(Self {
            action: SmsAction::from_byte(*action)?,
            counter: u64::from_be_bytes(*counter),
            epoch: Epoch::from_bytes(*epoch),
            presence_or_episode: u16::from_be_bytes(*number),
            expiry_minutes: u32::from_be_bytes(*expiry),
            device_tag: rest.try_into().ok()?,
        })
    }
}

impl SignedSms {
    /// Verifies under the owner's key.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn open(&self, owner: &PublicKey) -> Result<SmsCommand, BadSignature> {
        owner.verify(DOMAIN, &self.bytes, &self.signature)?;
        Ok(self.command)
    }

    /// What it says without verifying: to name a refusal.
    pub fn peek_unverified(&self) -> &SmsCommand {
        &self.command
    }

    /// As [`SmsCommand::id`].
    pub fn id(&self) -> CommandId {
        id(&self.bytes)
    }

    /// Which text it is, verified or not.
    pub fn mark(&self) -> SmsMark {
        first16(&[self.bytes.as_slice(), self.signature.as_bytes()].concat())
    }
}

fn id(bytes: &[u8; SIGNED]) -> CommandId {
    CommandId::from_bytes(first16(bytes))
}

fn first16(bytes: &[u8]) -> [u8; 16] {
    let digest = sha256(&[DOMAIN, bytes].concat());
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

#[cfg(test)]
mod tests;
