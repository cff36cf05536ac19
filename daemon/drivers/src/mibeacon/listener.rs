//! Hears one sensor and tells of each frame once.

use std::collections::VecDeque;

use super::cipher::OpenError;
use super::frame::Frame;
use super::{SERVICE, objects};
use crate::address::Address;
use crate::advertisement::{Advertisement, Listener, Unheard};
use crate::key::Key;
use crate::measure::Reading;

/// A frame is sent again within seconds; the counter of one that isn't encrypted begins again after 256.
const REMEMBERED: usize = 16;

/// What the key didn't open since it last did.
#[derive(Debug)]
enum Failed {
    Nothing,
    /// One frame: its beginning, with the counter in it.
    Once(Vec<u8>),
    Always,
}

/// Hears one MiBeacon sensor.
#[derive(Debug)]
pub struct MiBeaconListener {
    address: Address,
    key: Option<Key>,
    /// The counters of the last frames.
    heard: VecDeque<u32>,
    /// The counter of the newest frame that proves where it comes from.
    newest: Option<u32>,
    failed: Failed,
}

impl MiBeaconListener {
    /// One for the sensor with this public `address`. With a key only encrypted frames are believed.
    #[must_use]
    pub const fn new(address: Address, key: Option<Key>) -> Self {
        Self {
            address,
            key,
            heard: VecDeque::new(),
            newest: None,
            failed: Failed::Nothing,
        }
    }

    /// One frame that the key doesn't open may be a freak; a second one, not the same again, is another key.
    fn mismatch(&mut self, bytes: &[u8]) -> Result<Vec<(Option<u64>, Reading)>, Unheard> {
        // Long enough for the counters of any frame, and bounded.
        let beginning = bytes.get(..64).unwrap_or(bytes);
        match &self.failed {
            Failed::Nothing => self.failed = Failed::Once(beginning.to_vec()),
            Failed::Once(same) if same == beginning => {}
            Failed::Once(_) | Failed::Always => {
                self.failed = Failed::Always;
                return Err(Unheard::KeyMismatch);
            }
        }
        Ok(Vec::new())
    }
}

impl Listener for MiBeaconListener {
    fn counter(&self) -> Option<u32> {
        self.newest
    }

    fn resume(&mut self, counter: u32) {
        self.newest = Some(counter);
    }

    fn hear(&mut self, advertisement: &Advertisement) -> Result<Vec<(Option<u64>, Reading)>, Unheard> {
        let mut data = advertisement.service_data.iter();
        let Some((_, bytes)) = data.find(|(uuid, _)| *uuid == SERVICE) else {
            return Ok(Vec::new());
        };
        let frame = Frame::decode(bytes).map_err(|_| Unheard::Malformed)?;
        let payload = match frame.open(self.address, self.key.as_ref()) {
            Ok(payload) => payload,
            Err(OpenError::KeyRequired) => return Err(Unheard::KeyRequired),
            Err(OpenError::KeyMismatch) => return self.mismatch(bytes),
            Err(OpenError::Address | OpenError::Truncated) => return Err(Unheard::Malformed),
        };
        // Who has a key encrypts: what comes in plain is somebody else's.
        if !frame.has_object || self.key.is_some() && !frame.encrypted {
            return Ok(Vec::new());
        }
        let objects = objects(&payload.bytes).map_err(|_| Unheard::Malformed)?;
        if frame.encrypted {
            self.failed = Failed::Nothing;
        }
        if self.heard.contains(&payload.counter) {
            return Ok(Vec::new());
        }
        // Of the older versions anybody can make one that opens: it would set the counter on, past all that are to come.
        if frame.is_authentic() {
            match self.newest {
                // Sent again, from before an interruption.
                Some(newest) if newest == payload.counter => return Ok(Vec::new()),
                Some(newest) if !is_newer(payload.counter, newest) => return Err(Unheard::Replayed),
                _ => self.newest = Some(payload.counter),
            }
        }
        if self.heard.len() == REMEMBERED {
            self.heard.pop_front();
        }
        self.heard.push_back(payload.counter);
        Ok(objects.iter().flat_map(super::Object::readings).collect())
    }
}

/// Whether `counter` comes after `newest`, of counters that begin again after the last: those of the half that lies ahead
/// do.
const fn is_newer(counter: u32, newest: u32) -> bool {
    let ahead = counter.wrapping_sub(newest);
    ahead != 0 && ahead <= u32::MAX / 2
}
