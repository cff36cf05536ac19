//! How a band is authenticated.

use std::time::Duration;

use uuid::Uuid;

use super::agreed::{Agreed, Session};
use crate::driver::{Failure, Opening};
use crate::entropy::Entropy;
use crate::huami::codec::auth::{Dialect, Reply, decode, send_key};
use crate::huami::model::Scheme;
use crate::huami::uuids::{AUTHENTICATION, AUTHENTICATION_SERVICE, BAND, MESSAGES_FROM};
use crate::huami::v2021::endpoint;
use crate::key::Key;

/// How long a band may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long its wearer may take to tap.
const TAP: Duration = Duration::from_secs(60);

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it wasn't the answer that is waited for.
    Nothing,
    /// Write this, and wait again.
    Write(Vec<Vec<u8>>),
    /// The band knows us, and this is what both sides agreed on.
    Passed(Option<Session>),
    /// It doesn't.
    Failed(Failure),
}

/// An authentication under way.
pub(super) enum Auth {
    /// With a block that both sides encrypt.
    Plain(Plain),
    /// With a key that both sides agree on as well.
    Agreed(Box<Agreed>),
}

/// Where what is said goes.
pub(super) enum To {
    /// To a characteristic of a service.
    Characteristic(Uuid, Uuid),
    /// To an endpoint.
    Endpoint(u16),
}

/// The authentication of Mi Band 2 to 6.
pub(super) struct Plain {
    dialect: Dialect,
    key: Key,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A random block is asked for, which a band that holds no key refuses; then it is ours to give it one.
    Claim,
    /// The key is handed over; the wearer must tap.
    Key,
    /// A random block is asked for.
    Random,
    /// It is answered.
    Answer,
}

impl Auth {
    /// Prepares the authentication of a band with this scheme.
    ///
    /// # Errors
    /// [`Failure::KeyRequired`] without a key of 16 bytes; [`Failure::NotSupported`] where there is no chance for a key
    /// agreement.
    pub(super) fn new(scheme: Scheme, opening: Opening, entropy: &Entropy) -> Result<Self, Failure> {
        let (first, key) = match opening {
            Opening::Pair(key) => (Stage::Key, key),
            Opening::Claim(key) => (Stage::Claim, key),
            Opening::Resume(key) => (Stage::Random, key),
        };
        let key = key
            .filter(|key| key.block().is_some())
            .ok_or(Failure::KeyRequired)?;
        let (dialect, stage) = match scheme {
            Scheme::Chosen(dialect) => (dialect, first),
            Scheme::Issued(dialect) | Scheme::Either(dialect) => (dialect, Stage::Random),
            Scheme::Agreed => return Ok(Self::Agreed(Box::new(Agreed::new(key, entropy)?))),
        };
        Ok(Self::Plain(Plain { dialect, key, stage }))
    }

    /// Service and characteristic that are listened to.
    pub(super) const fn listens(&self) -> (Uuid, Uuid) {
        match self {
            Self::Plain(_) => (AUTHENTICATION_SERVICE, AUTHENTICATION),
            Self::Agreed(_) => (BAND, MESSAGES_FROM),
        }
    }

    /// Where it writes.
    pub(super) const fn writes(&self) -> To {
        match self {
            Self::Plain(_) => To::Characteristic(AUTHENTICATION_SERVICE, AUTHENTICATION),
            Self::Agreed(_) => To::Endpoint(endpoint::AUTHENTICATION),
        }
    }

    /// The first writes.
    pub(super) fn begin(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Plain(plain) => plain.begin(),
            Self::Agreed(agreed) => vec![agreed.begin()],
        }
    }

    /// How long to wait for what comes next.
    pub(super) fn patience(&self) -> Duration {
        if self.awaits_tap() { TAP } else { ANSWER }
    }

    /// Whether the wearer must tap now.
    pub(super) fn awaits_tap(&self) -> bool {
        match self {
            Self::Plain(plain) => plain.stage == Stage::Key,
            Self::Agreed(_) => false,
        }
    }

    /// The band has said something.
    pub(super) fn told(&mut self, value: &[u8]) -> Verdict {
        match self {
            Self::Plain(plain) => plain.told(value),
            Self::Agreed(agreed) => agreed.told(value),
        }
    }
}

impl Plain {
    fn begin(&self) -> Vec<Vec<u8>> {
        match (self.stage, self.key.block()) {
            (Stage::Key, Some(key)) => vec![send_key(self.dialect.flag, key)],
            _ => vec![self.dialect.request_random()],
        }
    }

    fn told(&mut self, value: &[u8]) -> Verdict {
        match (self.stage, decode(value)) {
            (Stage::Claim, Ok(Reply::RandomRefused)) => match self.key.block() {
                Some(key) => {
                    self.stage = Stage::Key;
                    Verdict::Write(vec![send_key(self.dialect.flag, key)])
                }
                None => Verdict::Failed(Failure::KeyRequired),
            },
            (Stage::Key, Ok(Reply::KeyStored)) => {
                self.stage = Stage::Random;
                Verdict::Write(vec![self.dialect.request_random()])
            }
            (Stage::Key, Ok(Reply::NotConfirmed)) => Verdict::Failed(Failure::NotConfirmed),
            (Stage::Key, Ok(Reply::KeyRefused)) => Verdict::Failed(Failure::Refused),
            (Stage::Claim | Stage::Random, Ok(Reply::Random(random))) => match self.key.block() {
                Some(key) => {
                    self.stage = Stage::Answer;
                    Verdict::Write(vec![self.dialect.answer(key, &random)])
                }
                None => Verdict::Failed(Failure::KeyRequired),
            },
            (Stage::Random, Ok(Reply::RandomRefused)) => Verdict::Failed(Failure::NoKey),
            (Stage::Answer, Ok(Reply::Authenticated)) => Verdict::Passed(None),
            // Never the key again by ourselves: that would take the band away from whom it belongs to.
            (Stage::Claim | Stage::Random | Stage::Answer, Ok(Reply::KeyMismatch)) => {
                Verdict::Failed(Failure::KeyMismatch)
            }
            (Stage::Answer, Ok(Reply::AnswerRefused)) => Verdict::Failed(Failure::Refused),
            (_, Err(_)) => Verdict::Failed(Failure::Nonsense),
            (_, Ok(_)) => Verdict::Nothing,
        }
    }
}
