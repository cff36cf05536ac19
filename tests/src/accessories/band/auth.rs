//! Whom a band believes.

use std::time::Duration;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::Model;
use crate::bluez::Chance;

/// The state of the authentication.
#[derive(Debug)]
pub struct Auth {
    /// The key of the phone that owns the band.
    pub key: Option<[u8; 16]>,
    /// How long it waits for a tap.
    pub window: Duration,
    /// How long it bears a link without authentication.
    pub patience: Duration,
    /// Whether somebody taps as soon as it asks.
    pub taps: bool,
    trusted: bool,
    challenge: Option<[u8; 16]>,
    asking: Option<([u8; 16], Duration)>,
    drops: Option<Duration>,
    chance: Chance,
}

impl Auth {
    pub(super) fn new(key: Option<[u8; 16]>, seed: u64) -> Self {
        Self {
            key,
            window: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            taps: false,
            trusted: false,
            challenge: None,
            asking: None,
            drops: None,
            chance: Chance::new(seed),
        }
    }

    /// Whether the central has shown that it has the key.
    #[must_use]
    pub const fn trusted(&self) -> bool {
        self.trusted
    }

    /// Whether it asks for a tap.
    #[must_use]
    pub const fn asking(&self) -> bool {
        self.asking.is_some()
    }

    /// The central counts as authenticated, for tests of what comes after that.
    pub const fn believe(&mut self) {
        self.trusted = true;
        self.drops = None;
    }

    pub(super) fn connected(&mut self, now: Duration) {
        self.disconnected();
        self.drops = Some(now + self.patience);
    }

    pub(super) const fn disconnected(&mut self) {
        self.trusted = false;
        self.challenge = None;
        self.asking = None;
        self.drops = None;
    }

    /// When it loses patience next.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.asking.map(|(_, until)| until).or(self.drops)
    }

    /// Somebody taps; the answer, if it asked for that.
    pub(super) fn tap(&mut self) -> Option<Vec<u8>> {
        let (key, _) = self.asking.take()?;
        self.key = Some(key);
        Some(vec![0x10, 0x01, 0x01])
    }

    /// Time has passed: the answer to a tap that didn't come, or whether the link drops.
    pub(super) fn tick(&mut self, now: Duration) -> (Option<Vec<u8>>, bool) {
        if self.asking.is_some_and(|(_, until)| until <= now) {
            self.asking = None;
            self.drops = Some(now + self.patience);
            return (Some(vec![0x10, 0x01, 0x02]), false);
        }
        let drops = self.asking.is_none() && self.drops.is_some_and(|at| at <= now);
        if drops {
            self.drops = None;
        }
        (None, drops)
    }

    /// Answers what is written to it.
    pub(super) fn hear(&mut self, model: Model, value: &[u8], now: Duration) -> Option<Vec<u8>> {
        let command = *value.first()?;
        let wrong = if model.key_is_issued() { 0x08 } else { 0x04 };
        // A Mi Band 4 was seen to understand both.
        if model.remembers_eight() && command & 0x80 == 0 {
            return None;
        }
        match (command & 0x0f, value) {
            // Its key comes from the account's server alone.
            (1, _) if model.key_is_issued() => Some(vec![0x10, command, 0x04]),
            (1, [_, _, key @ ..]) => {
                let Ok(key) = <[u8; 16]>::try_from(key) else {
                    return Some(vec![0x10, command, 0x04]);
                };
                self.asking = Some((key, now + self.window));
                if self.taps { self.tap() } else { None }
            }
            (1, _) => Some(vec![0x10, command, 0x04]),
            (2, _) if self.key.is_none() => Some(vec![0x10, command, 0x04]),
            (2, _) => {
                let mut random = [0; 16];
                random.fill_with(|| self.chance.byte());
                self.challenge = Some(random);
                let mut answer = vec![0x10, command, 0x01];
                answer.extend(random);
                Some(answer)
            }
            (3, [_, _, proof @ ..]) => {
                let expected = self.challenge.take().zip(self.key);
                let expected = expected.map(|(random, key)| encrypt(key, random));
                if expected.is_some_and(|expected| expected == *proof) {
                    self.trusted = true;
                    self.drops = None;
                    return Some(vec![0x10, command, 0x01]);
                }
                Some(vec![0x10, command, wrong])
            }
            _ => Some(vec![0x10, command, 0x04]),
        }
    }
}

/// One block of AES-128.
pub(crate) fn encrypt(key: [u8; 16], block: [u8; 16]) -> [u8; 16] {
    let mut block = Array::from(block);
    Aes128::new(&Array::from(key)).encrypt_block(&mut block);
    block.into()
}
