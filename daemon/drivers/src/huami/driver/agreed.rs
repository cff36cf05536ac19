//! The authentication with a key agreement: the protocol of 2021.

use super::auth::Verdict;
use crate::driver::Failure;
use crate::entropy::Entropy;
use crate::huami::v2021::auth::{Reply, answer, decode, send_public};
use crate::huami::v2021::b163::{Encoded, KeyPair};
use crate::huami::v2021::crypto::{SessionKey, first_sequence};
use crate::key::Key;

/// What both sides agreed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) key: SessionKey,
    /// Of the first encrypted message.
    pub(super) sequence: u32,
}

/// An authentication under way.
pub(super) struct Agreed {
    key: Key,
    pair: KeyPair,
    stage: Stage,
}

enum Stage {
    /// Our public key is told, and the band's is waited for.
    Public,
    /// Its random block is answered.
    Answer(Session),
    /// Over.
    Over,
}

impl Agreed {
    /// With the key that the account server issued.
    ///
    /// # Errors
    /// [`Failure::NotSupported`] where there is no chance to draw a key from.
    pub(super) fn new(key: Key, entropy: &Entropy) -> Result<Self, Failure> {
        Ok(Self {
            key,
            pair: KeyPair::new(entropy.bytes()).map_err(|_| Failure::NotSupported)?,
            stage: Stage::Public,
        })
    }

    pub(super) fn begin(&self) -> Vec<u8> {
        send_public(self.pair.public())
    }

    pub(super) fn told(&mut self, value: &[u8]) -> Verdict {
        let reply = match decode(value) {
            Ok(reply) => reply,
            Err(_) => return Verdict::Failed(Failure::Nonsense),
        };
        match (std::mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Public, Reply::Public { random, public }) => self.agree(&random, &public),
            (Stage::Public, Reply::PublicRefused(_)) => Verdict::Failed(Failure::Refused),
            (Stage::Answer(session), Reply::Authenticated) => Verdict::Passed(Some(session)),
            (Stage::Answer(_), Reply::KeyMismatch) => Verdict::Failed(Failure::KeyMismatch),
            (Stage::Answer(_), Reply::AnswerRefused(_)) => Verdict::Failed(Failure::Refused),
            (stage, _) => {
                self.stage = stage;
                Verdict::Nothing
            }
        }
    }

    /// A public key that is no point of the curve would let the band, or whoever plays it, choose the session's key.
    fn agree(&mut self, random: &[u8; 16], public: &Encoded) -> Verdict {
        let Ok(shared) = self.pair.agree(public) else {
            return Verdict::Failed(Failure::Nonsense);
        };
        let session = SessionKey::derive(&shared, &self.key);
        let answer = session.as_ref().and_then(|key| answer(&self.key, key, random));
        let (Some(key), Some(answer)) = (session, answer) else {
            return Verdict::Failed(Failure::KeyRequired);
        };
        let sequence = first_sequence(&shared);
        self.stage = Stage::Answer(Session { key, sequence });
        Verdict::Write(vec![answer])
    }
}
