//! The messages of one connection, both ways: what is sent is numbered and encrypted, what comes is put together,
//! opened and judged.

use super::chunked::{Acknowledgement, Reassembly, Untaken};
use super::crypto::SessionKey;
use super::sender::Sender;

/// So many chunks in a row that belong to no message are no losses any more.
const MOST_STRAYS: u16 = 256;

/// Whether a message goes encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// In clear.
    Open,
    /// Encrypted.
    Sealed,
}

/// A message of the band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where it comes from.
    pub endpoint: u16,
    /// How it came.
    pub seal: Seal,
    /// What it says.
    pub data: Vec<u8>,
}

/// What a chunk led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// To be written back.
    pub acknowledge: Option<Acknowledgement>,
    /// The message that is whole now.
    pub told: Option<Told>,
}

/// What no band does, and no loss of chunks explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A message of another length than it told, or of a length that none has.
    #[error("a message of another length than it told")]
    Length,
    /// Chunks without end that belong to no message.
    #[error("chunks that belong to no message")]
    Strays,
    /// An encrypted message before both sides have a key.
    #[error("an encrypted message before there is a key")]
    Early,
    /// A message that wasn't encrypted with the session's key, or was changed since.
    #[error("a message with another key")]
    Forged,
    /// An encrypted message from before the last.
    #[error("an encrypted message of before")]
    Replayed,
}

/// The messages of one connection.
#[derive(Debug, Default)]
pub struct Tunnel {
    sender: Sender,
    reassembly: Reassembly,
    session: Option<SessionKey>,
    /// The sequence number of the last encrypted message that came.
    last: Option<u32>,
    strays: u16,
}

impl Tunnel {
    /// Both sides have a key: what goes encrypted can go from now on, first with this sequence number.
    pub fn secure(&mut self, key: SessionKey, sequence: u32) {
        self.sender.secure(key.clone(), sequence);
        self.session = Some(key);
    }

    /// The chunks of a message to the band; `None` where it is too long for `mtu`, or where there is no key yet.
    pub fn send(&mut self, endpoint: u16, data: &[u8], seal: Seal, mtu: u16) -> Option<Vec<Vec<u8>>> {
        match seal {
            Seal::Open => self.sender.plain(endpoint, data, mtu),
            Seal::Sealed => self.sender.sealed(endpoint, data, mtu),
        }
    }

    /// Takes what the band has notified. That it has our chunks is no news.
    ///
    /// # Errors
    /// [`Breach`]: the other side isn't to be spoken with any more.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Heard, Breach> {
        if Acknowledgement::decode(bytes).is_ok() {
            return Ok(Heard::default());
        }
        let taken = match self.reassembly.take(bytes) {
            Ok(taken) => taken,
            Err(Untaken::Length) => return Err(Breach::Length),
            Err(Untaken::Stray) => {
                self.strays += 1;
                return if self.strays > MOST_STRAYS {
                    Err(Breach::Strays)
                } else {
                    Ok(Heard::default())
                };
            }
        };
        let acknowledge = taken.acknowledge;
        let Some(message) = taken.message else {
            return Ok(Heard {
                acknowledge,
                told: None,
            });
        };
        self.strays = 0;
        let endpoint = message.endpoint;
        let told = if message.encrypted {
            let data = self.open(message.handle, message.length, &message.body)?;
            data.map(|data| Told {
                endpoint,
                seal: Seal::Sealed,
                data,
            })
        } else {
            Some(Told {
                endpoint,
                seal: Seal::Open,
                data: message.body,
            })
        };
        Ok(Heard { acknowledge, told })
    }

    /// Whether a message of the band has begun and not ended.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.reassembly.is_under_way()
    }

    /// Gives up the message under way: its end doesn't come, and it would shut out all others.
    pub fn give_up(&mut self) {
        self.reassembly.reset();
    }

    /// With which number a band begins isn't known; each that follows must be later, by less than half of all. `None`:
    /// the last one again, as where a notification arrives twice.
    fn open(&mut self, handle: u8, length: usize, body: &[u8]) -> Result<Option<Vec<u8>>, Breach> {
        let key = self.session.as_ref().ok_or(Breach::Early)?;
        let opened = key.open(handle, length, body).map_err(|_| Breach::Forged)?;
        match self.last.map(|last| opened.sequence.wrapping_sub(last)) {
            Some(0) => return Ok(None),
            None | Some(1..=0x7fff_ffff) => self.last = Some(opened.sequence),
            Some(_) => return Err(Breach::Replayed),
        }
        Ok(Some(opened.data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::endpoint;
    use super::*;

    const KEY: [u8; 16] = [3; 16];

    fn pair() -> (Tunnel, Tunnel) {
        let mut ends = (Tunnel::default(), Tunnel::default());
        ends.0.secure(SessionKey::new(KEY), 9);
        ends.1.secure(SessionKey::new(KEY), u32::MAX);
        ends
    }

    fn hear_all(tunnel: &mut Tunnel, chunks: &[Vec<u8>]) -> Result<Option<Told>, Breach> {
        let mut told = None;
        for chunk in chunks {
            told = tunnel.hear(chunk)?.told;
        }
        Ok(told)
    }

    #[test]
    fn what_one_end_sends_the_other_hears() {
        let (mut phone, mut band) = pair();
        for seal in [Seal::Open, Seal::Sealed, Seal::Sealed] {
            let chunks = band.send(endpoint::FIND, &[7; 50], seal, 23).unwrap();
            let told = hear_all(&mut phone, &chunks).unwrap().unwrap();
            assert_eq!(
                told,
                Told {
                    endpoint: endpoint::FIND,
                    seal,
                    data: vec![7; 50]
                }
            );
        }
    }

    #[test]
    fn the_last_message_again_says_nothing_and_an_earlier_one_is_a_breach() {
        let (mut phone, mut band) = pair();
        let mut send = || band.send(endpoint::FIND, &[0x11], Seal::Sealed, 247).unwrap();
        let (first, second, third) = (send(), send(), send());
        assert!(hear_all(&mut phone, &first).unwrap().is_some());
        // The one between was lost.
        assert!(hear_all(&mut phone, &third).unwrap().is_some());
        assert_eq!(hear_all(&mut phone, &third), Ok(None));
        assert_eq!(hear_all(&mut phone, &second), Err(Breach::Replayed));
    }

    #[test]
    fn a_message_with_another_key_or_before_there_is_one_is_a_breach() {
        let (mut phone, _) = pair();
        let mut other = Tunnel::default();
        other.secure(SessionKey::new([4; 16]), 9);
        let chunks = other.send(endpoint::FIND, &[0x11], Seal::Sealed, 247).unwrap();
        assert_eq!(hear_all(&mut phone, &chunks), Err(Breach::Forged));
        assert_eq!(hear_all(&mut Tunnel::default(), &chunks), Err(Breach::Early));
    }

    #[test]
    fn lost_chunks_are_borne_and_strays_without_end_are_not() {
        let (mut phone, mut band) = pair();
        let chunks = band.send(endpoint::FIND, &[7; 50], Seal::Open, 23).unwrap();
        for _ in 0..3 {
            assert_eq!(
                hear_all(&mut phone, &chunks[1..]),
                Ok(None),
                "its beginning was lost"
            );
            assert!(hear_all(&mut phone, &chunks).unwrap().is_some());
        }
        let breaches = (0..300).filter(|_| phone.hear(&chunks[1]).is_err()).count();
        assert_eq!(breaches, 300 - usize::from(MOST_STRAYS));
    }

    #[test]
    fn a_message_of_another_length_is_a_breach() {
        let mut phone = Tunnel::default();
        let single = [3, 3, 0, 1, 0, 2, 0, 0, 0, 0x29, 0, 4];
        assert_eq!(phone.hear(&single), Err(Breach::Length));
    }

    #[test]
    fn a_message_without_an_end_shuts_out_others_until_it_is_given_up() {
        let (mut phone, mut band) = pair();
        let endless = band.send(endpoint::FIND, &[7; 50], Seal::Open, 23).unwrap();
        let next = band.send(endpoint::FIND, &[8], Seal::Open, 23).unwrap();
        phone.hear(&endless[0]).unwrap();
        assert!(phone.is_under_way());
        assert_eq!(hear_all(&mut phone, &next), Ok(None));
        phone.give_up();
        assert!(!phone.is_under_way());
        assert!(hear_all(&mut phone, &next).unwrap().is_some());
    }

    proptest! {
        #[test]
        fn arbitrary_chunks_are_never_heard_as_encrypted(
            chunks in vec((0..16_u8, 0..3_u8, 0..3_u8, 0..40_u8, vec(any::<u8>(), 0..40)), 0..60),
        ) {
            let (mut phone, _) = pair();
            for (flags, handle, index, length, body) in chunks {
                let chunk = [&[3, flags, 0, handle, index, length, 0, 0, 0, 0x1a, 0], &body[..]].concat();
                let told = phone.hear(&chunk).ok().and_then(|heard| heard.told);
                prop_assert!(told.is_none_or(|told| told.seal == Seal::Open));
                let _ = phone.hear(&body);
            }
        }
    }
}
