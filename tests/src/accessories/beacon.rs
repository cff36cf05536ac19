//! A sensor that speaks MiBeacon: it is heard, never connected.

use aes::Aes128;
use ccm::aead::AeadInOut;
use ccm::consts::{U4, U12};
use ccm::{Ccm, KeyInit};
use uuid::Uuid;

use crate::bluez::{Address, Advertisement, Peripheral, Service, sig};

/// The service whose data it is.
pub const SERVICE: Uuid = sig(0xfe95);

/// The frame speaks of this version of the protocol.
const VERSION: u16 = 5 << 12;
const ENCRYPTED: u16 = 1 << 3;
const ADDRESS: u16 = 1 << 4;
const OBJECT: u16 = 1 << 6;
/// Bound, and authenticated in the second way: what bound sensors say.
const BOUND: u16 = 1 << 8;
const STANDARD: u16 = 2 << 10;

/// A sensor.
#[derive(Debug)]
pub struct Beacon {
    address: Address,
    product: u16,
    name: String,
    /// Where it is bound: the key it encrypts with.
    key: Option<[u8; 16]>,
    counter: u32,
    /// Whether its frames hold its address, as those of the older ones do.
    pub tells_address: bool,
    frame: Vec<u8>,
}

impl Beacon {
    /// A sensor that has measured nothing yet.
    #[must_use]
    pub fn new(address: Address, product: u16, name: &str, key: Option<[u8; 16]>) -> Self {
        let mut beacon = Self {
            address,
            product,
            name: name.to_owned(),
            key,
            counter: 0,
            tells_address: true,
            frame: Vec::new(),
        };
        beacon.frame = beacon.header(ADDRESS);
        beacon
    }

    /// It has already sent so many frames.
    pub const fn count_from(&mut self, frames: u32) {
        self.counter = frames;
    }

    /// It measures: the object's type and data.
    pub fn measure(&mut self, object: u16, data: &[u8]) {
        self.counter = self.counter.wrapping_add(1);
        let mut plain = object.to_le_bytes().to_vec();
        plain.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
        plain.extend(data);
        self.frame = match self.key {
            Some(key) => self.encrypted(key, plain),
            None => {
                let mut frame = self.header(ADDRESS | OBJECT);
                frame.extend(plain);
                frame
            }
        };
    }

    fn reversed(&self) -> [u8; 6] {
        let mut octets = self.address.octets;
        octets.reverse();
        octets
    }

    fn header(&self, control: u16) -> Vec<u8> {
        let mut frame = (control | VERSION).to_le_bytes().to_vec();
        frame.extend(self.product.to_le_bytes());
        frame.push(self.counter.to_le_bytes()[0]);
        if control & ADDRESS != 0 {
            frame.extend(self.reversed());
        }
        frame
    }

    fn encrypted(&self, key: [u8; 16], mut object: Vec<u8>) -> Vec<u8> {
        let [counter, more @ ..] = self.counter.to_le_bytes();
        let mut nonce = [0; 12];
        nonce[..6].copy_from_slice(&self.reversed());
        nonce[6..8].copy_from_slice(&self.product.to_le_bytes());
        nonce[8] = counter;
        nonce[9..].copy_from_slice(&more);
        let cipher = Ccm::<Aes128, U4, U12>::new(&key.into());
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &[0x11], object.as_mut_slice().into());
        let address = if self.tells_address { ADDRESS } else { BOUND };
        let mut frame = self.header(address | OBJECT | ENCRYPTED | STANDARD);
        // So few bytes are never too many to encrypt.
        if let Ok(tag) = tag {
            frame.extend(object);
            frame.extend(more);
            frame.extend(tag);
        }
        frame
    }
}

impl Peripheral for Beacon {
    fn address(&self) -> Address {
        self.address
    }

    fn advertisement(&self) -> Option<Advertisement> {
        Some(Advertisement {
            name: Some(self.name.clone()),
            service_data: vec![(SERVICE, self.frame.clone())],
            ..Advertisement::default()
        })
    }

    fn services(&self) -> Vec<Service> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_frames_are_as_others_compute_them() {
        let key: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap() + 1);
        let address = Address::public([0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6]);
        let mut beacon = Beacon::new(address, 0x055b, "LYWSD03MMC", Some(key));
        beacon.count_from(0x106);
        beacon.measure(0x1004, &[0x0a, 0x01]);
        let said = |beacon: &Beacon| {
            let frame = beacon.advertisement().unwrap().service_data[0].1.clone();
            frame.iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let expected = "58585b0507f6e5d4c3b2a1a7acbc810601000021ce8c1a";
        assert_eq!(said(&beacon), expected);
        beacon.tells_address = false;
        beacon.measure(0x100a, &[93]);
        assert_eq!(said(&beacon), "48595b05080e664eed010000633bc390");
    }

    #[test]
    fn plain_frames_hold_the_object_after_the_address() {
        let address = Address::public([0xa4, 0xc1, 0x38, 0xb4, 0x94, 0x4c]);
        let mut beacon = Beacon::new(address, 0x055b, "LYWSD03MMC", None);
        beacon.count_from(2);
        beacon.measure(0x100d, &[0x10, 0x01, 0xea, 0x01]);
        let frame = beacon.advertisement().unwrap().service_data[0].1.clone();
        let expected = [
            0x50, 0x50, 0x5b, 0x05, 0x03, 0x4c, 0x94, 0xb4, 0x38, 0xc1, 0xa4, 0x0d, 0x10, 0x04, 0x10, 0x01,
            0xea, 0x01,
        ];
        assert_eq!(frame, expected);
    }
}
