//! What it makes of the messages that it is sent.

use super::tunnel::Message;
use super::{ALIVE, Band7, Shown, curve};
use crate::accessories::band::encrypt;
use crate::bluez::Air;

impl Band7 {
    pub(super) fn hear(&mut self, air: &mut Air, message: &Message) {
        let Message {
            endpoint,
            secret,
            text,
        } = message;
        if *endpoint == 0x0082 {
            if let Some(answer) = self.authenticate(text) {
                self.say(air, 0x0082, false, &answer);
            }
            return;
        }
        let open = matches!(endpoint, 0x0015 | 0x0016 | 0x001d | 0x0029);
        if !self.trusted || *secret == open {
            self.tunnel.wrong += 1;
            return;
        }
        if self.is_six {
            return match (endpoint, &text[..]) {
                (0x0090, [1, command @ ..]) => self.configure(air, command),
                _ => self.tunnel.wrong += 1,
            };
        }
        match (endpoint, &text[..]) {
            (0x0015, [1]) => {
                let [low, high] = self.mtu.saturating_sub(3).to_le_bytes();
                self.tell(air, 0x0015, false, &[2, low, high]);
            }
            (0x0016, [3]) => {
                let answer = [&[4, 1], &self.steps()[..]].concat();
                self.tell(air, 0x0016, false, &answer);
            }
            (0x0016, [5, on]) => {
                self.tells_steps = *on == 1;
                self.tell(air, 0x0016, false, &[6, 1, *on]);
            }
            (0x0017, [1, wearer @ ..]) => {
                self.wearer = wearer.to_vec();
                self.tell(air, 0x0017, true, &[2, 1]);
            }
            (0x001a, [3]) => {
                self.vibrates = true;
                self.vibrations += 1;
                self.tell(air, 0x001a, true, &[4, 1]);
            }
            (0x001a, [6]) => self.vibrates = false,
            (0x001a, [0x12, 1]) => self.phone_heard = true,
            (0x001a, [0x14]) => self.phone_found = true,
            (0x001d, [4, mode]) => {
                let now = air.now();
                self.measuring = match (mode, self.measuring) {
                    (1, _) => Some((now, now + ALIVE)),
                    (2, Some((next, _))) => Some((next, now + ALIVE)),
                    _ => None,
                };
                self.tell(air, 0x001d, false, &[5, 0]);
                self.measure(air);
            }
            (0x001e, sent) => match Shown::of(sent) {
                Some(shown) => self.shown.push(shown),
                None => self.tunnel.wrong += 1,
            },
            (0x0029, [3]) => self.tell_battery(air),
            _ => self.tunnel.wrong += 1,
        }
    }

    fn authenticate(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        match text {
            [4, 2, 0, 2, public @ ..] => {
                let mut secret = [0; 24];
                secret.fill_with(|| self.chance.byte());
                let mut random = [0; 16];
                random.fill_with(|| self.chance.byte());
                let agreed = curve::shared(&secret, public).zip(curve::public(&secret));
                let Some((shared, ours)) = agreed else {
                    return Some(vec![0x10, 4, 2]);
                };
                self.challenge = Some((random, shared));
                Some([&[0x10, 4, 1], &random[..], &ours[..]].concat())
            }
            [5, answer @ ..] => {
                let (random, shared) = self.challenge.take()?;
                let mut session = [0; 16];
                for (at, byte) in session.iter_mut().enumerate() {
                    *byte = shared[8 + at] ^ self.key[at];
                }
                let right = [encrypt(self.key, random), encrypt(session, random)];
                if answer != right.as_flattened() {
                    self.mismatches += 1;
                    return Some(vec![0x10, 5, 0x25]);
                }
                let [a, b, c, d, ..] = shared;
                self.tunnel.agree(session, u32::from_le_bytes([a, b, c, d]));
                self.trusted = true;
                self.drops = None;
                Some(vec![0x10, 5, 1])
            }
            _ => None,
        }
    }
}
