//! Commands of the owner to a device.

use super::delegate::DelegateCertificate;
use super::{Object, Signed, SignedError};
use crate::cbor::{Malformed, MapReader, MapWriter, Value};
use crate::id::{AccountId, CommandId, DeviceId, Epoch};
use crate::keys::{BadSignature, PublicKey};

mod action;
mod life;
mod state;

pub use action::{Action, Verb, clean_message};
pub use life::{default_life, longest_life};
pub use state::{CommandState, Disposition, UnknownDisposition};

/// What the owner, or a delegate, signs. Whether it is carried out is the warden's to judge; this type
/// only says that it is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// UUIDv7; an id is accepted once in an epoch.
    pub id: CommandId,
    /// The account.
    pub account: AccountId,
    /// The device it is for.
    pub device: DeviceId,
    /// The binding it is for.
    pub epoch: Epoch,
    /// Orders `lock`, `unlock`, `message` and `stop-ring`.
    pub counter: u64,
    /// The issuer's clock: ms since the Unix epoch.
    pub issued_at: u64,
    /// Void afterwards: ms since the Unix epoch; 0 = never.
    pub expires_at: u64,
    /// How often the password was proved at the device in this epoch, as its last report said.
    pub presence: u64,
    /// The lost episode that an `unlock` ends; 0 for everything else.
    pub episode: u64,
    /// What to do, with its arguments.
    pub action: Action,
}

impl Object for Command {
    const DOMAIN: &'static [u8] = b"belay-command/1\0";

    fn encode(&self) -> Vec<u8> {
        MapWriter::versioned()
            .put("id", &self.id)
            .put("account", &self.account)
            .put("device", &self.device)
            .put("epoch", &self.epoch)
            .put("counter", &self.counter)
            .put("issued_at", &self.issued_at)
            .put("expires_at", &self.expires_at)
            .put("presence", &self.presence)
            .put("episode", &self.episode)
            .put("action", &self.action.verb().as_str().to_owned())
            .put("arguments", &self.action.arguments())
            .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut map = MapReader::versioned(bytes)?;
        let verb = Verb::parse(&map.take::<String>("action")?)?;
        let arguments = MapReader::of(map.take::<Value>("arguments")?)?;
        let command = Self {
            id: map.take("id")?,
            account: map.take("account")?,
            device: map.take("device")?,
            epoch: map.take("epoch")?,
            counter: map.take("counter")?,
            issued_at: map.take("issued_at")?,
            expires_at: map.take("expires_at")?,
            presence: map.take("presence")?,
            episode: map.take("episode")?,
            action: Action::read(verb, arguments)?,
        };
        map.finish()?;
        Ok(command)
    }
}

/// A command as it travels: signed by the owner, or by a delegate with its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnvelope {
    /// The command.
    pub command: Signed,
    /// The delegate's certificate, when a delegate signed.
    pub delegate: Option<Signed>,
}

/// Who signed a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// The owner.
    Owner,
    /// A delegate; whether its generation and time still hold is for the warden to judge.
    Delegate(DelegateCertificate),
}

/// An envelope isn't the owner's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The command's or the certificate's bytes or signature are wrong.
    #[error("the command doesn't prove itself")]
    Signed(#[from] SignedError),
    /// The certificate is another account's, or doesn't cover the verb.
    #[error("the delegate may not ask for this")]
    NotDelegated,
}

impl CommandEnvelope {
    /// Verifies the command, and the delegate's certificate when there is one, under the owner's key.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn open(&self, owner: &PublicKey) -> Result<(Command, Signer), EnvelopeError> {
        let Some(certificate) = &self.delegate else {
            return Ok((self.command.open(owner)?, Signer::Owner));
        };
        let delegate: DelegateCertificate = certificate.open(owner)?;
        let command: Command = self.command.open(&delegate.key)?;
        if delegate.account != command.account || !delegate.actions.contains(command.action.verb()) {
            return Err(EnvelopeError::NotDelegated);
        }
        Ok((command, Signer::Delegate(delegate)))
    }

    /// `{"command", "delegate"?}` as canonical CBOR.
    pub fn encode(&self) -> Vec<u8> {
        MapWriter::versioned()
            .put("command", &self.command)
            .put("delegate", &self.delegate)
            .finish()
    }

    /// Reads what [`CommandEnvelope::encode`] writes.
    ///
    /// # Errors
    /// [`Malformed`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut map = MapReader::versioned(bytes)?;
        let envelope = Self {
            command: map.take("command")?,
            delegate: map.take("delegate")?,
        };
        map.finish()?;
        Ok(envelope)
    }
}

impl From<BadSignature> for EnvelopeError {
    fn from(error: BadSignature) -> Self {
        Self::Signed(error.into())
    }
}
