//! Who wants it to ring until when, and what follows: pure.

use std::time::Duration;

/// So often a sound may fail to begin again before the ringing is over.
pub(super) const MOST_FAILURES: u32 = 5;

/// What is rung for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ring {
    /// For its owner's command, until this boot time.
    owner: Option<Duration>,
    /// For an accessory, until this boot time. Apart, so that neither ends or shortens the other.
    accessory: Option<Duration>,
    /// How often the sound was begun.
    attempts: u32,
    /// How often in a row it couldn't be.
    failures: u32,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Ring until this boot time.
    Ring(Duration),
    /// Ring until this boot time for an accessory.
    Seek(Duration),
    /// The accessory asks no more.
    Sought,
    /// Stop.
    Stop,
    /// The sound began.
    Begun,
    /// It couldn't be begun.
    NotBegun,
    /// It ended by itself.
    Ended,
    /// It is so late.
    Now(Duration),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Begin a sound, the so-manieth from 0 on.
    Play(u32),
    /// Begin it after a while.
    PlayLater(u32),
    /// No sound any more.
    Silence,
}

impl Ring {
    /// Until when; `None`: nothing rings.
    pub(super) fn until(&self) -> Option<Duration> {
        self.owner.max(self.accessory)
    }

    pub(super) fn step(&mut self, event: Event) -> Option<Order> {
        let rings = self.until().is_some();
        match event {
            Event::Ring(until) | Event::Seek(until) => {
                if !rings {
                    *self = Self::default();
                }
                match event {
                    Event::Seek(_) => self.accessory = Some(until),
                    _ => self.owner = Some(until),
                }
                // Else it rings already, and now for another time.
                (!rings).then_some(Order::Play(0))
            }
            // A sound that began too late.
            Event::Begun if !rings => Some(Order::Silence),
            _ if !rings => None,
            Event::Begun => {
                self.attempts += 1;
                self.failures = 0;
                None
            }
            Event::NotBegun if self.attempts > 0 && self.failures < MOST_FAILURES => {
                self.failures += 1;
                Some(Order::PlayLater(self.attempts))
            }
            Event::Ended => Some(Order::PlayLater(self.attempts)),
            Event::Now(now) => {
                self.owner = self.owner.filter(|until| now < *until);
                self.accessory = self.accessory.filter(|until| now < *until);
                self.silent()
            }
            Event::Sought => {
                self.accessory = None;
                self.silent()
            }
            Event::Stop | Event::NotBegun => {
                *self = Self::default();
                Some(Order::Silence)
            }
        }
    }

    /// Silence, unless somebody still wants it to ring.
    fn silent(&mut self) -> Option<Order> {
        if self.until().is_some() {
            return None;
        }
        *self = Self::default();
        Some(Order::Silence)
    }
}
