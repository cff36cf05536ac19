//! Bands with the protocol of 2021: Xiaomi Smart Band 7, and Mi Band 6 with newer firmware.

mod anything;
mod hand;
mod opening;

use super::*;
use crate::entropy::Entropy;
use crate::huami::v2021::auth;
use crate::huami::v2021::b163::KeyPair;
use crate::huami::v2021::crypto::{SessionKey, first_sequence};
use crate::huami::v2021::tunnel::{Seal, Tunnel};
use crate::huami::v2021::{endpoint, messages};

const RANDOM: [u8; 16] = [9; 16];

/// A driver with the band's end of the tunnel.
struct Agreed {
    phone: Played,
    pair: KeyPair,
    tunnel: Tunnel,
    /// How many of the driver's chunks the band has heard.
    heard: usize,
}

impl Agreed {
    fn new(kind: Kind) -> Self {
        let without: &[Uuid] = match kind {
            // What Zepp OS has on endpoints.
            Kind::MiBand7 => &[
                uuids::CONFIGURATION,
                uuids::BATTERY,
                uuids::STEPS,
                uuids::USER_SETTINGS,
                uuids::DEVICE_EVENT,
                uuids::CHUNKED,
                uuids::HEART_RATE_CONTROL,
            ],
            _ => &[],
        };
        let mut phone = Played::bare(kind, without);
        let characteristic = |uuid, can: &str| Characteristic {
            service: uuids::BAND,
            uuid,
            properties: Properties {
                write_without_response: true,
                notify: can.contains('n'),
                ..Properties::default()
            },
        };
        phone.gatt.characteristics.extend([
            characteristic(uuids::MESSAGES_TO, "c"),
            characteristic(uuids::MESSAGES_FROM, "cn"),
        ]);
        let band = phone.driver;
        phone.driver = band.with_entropy(Entropy::new([5; 24]));
        let gatt = phone.gatt.clone();
        phone.step(Input::Connected(gatt));
        Self {
            phone,
            pair: KeyPair::new(&[2; 24]).unwrap(),
            tunnel: Tunnel::default(),
            heard: 0,
        }
    }

    /// A band that is ready.
    fn ready(kind: Kind) -> Self {
        let mut this = Self::new(kind);
        let id = this.phone.open(Opening::Resume(key()));
        this.agree();
        assert_eq!(this.phone.outcome(id), Some(Ok(())));
        this.hear();
        this.phone.events.clear();
        this.phone.written.clear();
        this.heard = 0;
        this
    }

    /// The band's side of the authentication.
    fn agree(&mut self) {
        let (session, answer) = self.challenge();
        assert_eq!(self.hear(), [(endpoint::AUTHENTICATION, answer)]);
        self.say(endpoint::AUTHENTICATION, Seal::Open, &[0x10, 5, 1]);
        self.tunnel.secure(session.0, session.1);
    }

    /// Tells the band's public key; the session, and the answer that is right.
    fn challenge(&mut self) -> ((SessionKey, u32), Vec<u8>) {
        let first = self.hear().remove(0).1;
        let public = first[4..].try_into().unwrap();
        let reply = [&[0x10, 4, 1], &RANDOM[..], &self.pair.public()[..]].concat();
        self.say(endpoint::AUTHENTICATION, Seal::Open, &reply);
        let shared = self.pair.agree(&public).unwrap();
        let session = SessionKey::derive(&shared, &Key::new(KEY)).unwrap();
        let answer = auth::answer(&Key::new(KEY), &session, &RANDOM).unwrap();
        ((session, first_sequence(&shared)), answer)
    }

    fn say(&mut self, endpoint: u16, seal: Seal, data: &[u8]) {
        for chunk in self.tunnel.send(endpoint, data, seal, 23).unwrap() {
            self.phone.told(uuids::MESSAGES_FROM, &chunk);
        }
    }

    /// Says it as bands do.
    fn tell(&mut self, endpoint: u16, data: &[u8]) {
        self.say(endpoint, messages::seal(endpoint), data);
    }

    /// The driver's messages since the last look, as bands want them.
    fn hear(&mut self) -> Vec<(u16, Vec<u8>)> {
        let chunks = self.phone.writes(uuids::MESSAGES_TO);
        let mut new = Vec::new();
        for chunk in &chunks[self.heard..] {
            if let Some(told) = self.tunnel.hear(chunk).unwrap().told {
                assert_eq!(told.seal, messages::seal(told.endpoint), "{told:?}");
                new.push((told.endpoint, told.data));
            }
        }
        self.heard = chunks.len();
        new
    }
}
