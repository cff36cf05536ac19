//! What is remembered on disk, sealed: the last place, and what was already noticed and told.

use std::time::{Duration, SystemTime};

use belay_proto::Epoch;
use belay_proto::clock::{Clock, unix_seconds};
use belay_proto::sms::SmsMark;
use belay_proto::wire::LocationSource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::owed::Owed;
use super::sims::Cards;
use crate::platform::{Coordinates, Fix};
use crate::store::find::EndingRow;
use crate::store::{Store, StoreError, find, meta};

const PLACE: &str = "find-place";
const NOTES: &str = "find-notes";

/// Remembers; clones share it. What was remembered under another binding counts as forgotten.
#[derive(Clone, Debug)]
pub(super) struct Memory(Store);

/// A place and how old it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    /// The place. Its boot time is zero where it was measured in another boot.
    pub(super) fix: Fix,
    /// When it was measured: seconds since the epoch, by the wall clock of then.
    pub(super) measured_at: u64,
    /// How long before `looked` that is.
    pub(super) age: Duration,
    /// When it was looked at, boot time.
    pub(super) looked: Duration,
}

/// A place as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    epoch: [u8; 16],
    latitude: f64,
    longitude: f64,
    accuracy: f64,
    altitude: Option<f64>,
    /// When it was measured, on both clocks, and in which boot.
    boot: String,
    boottime_ms: u64,
    wall: u64,
}

/// What the lookout keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Notes {
    /// The binding they are of.
    pub(super) epoch: [u8; 16],
    /// The SIMs.
    pub(super) cards: Cards,
    /// Texts that are to go to the trusted number.
    pub(super) owed: Owed,
    /// Commands that came by text and haven't ended.
    pub(super) texted: Vec<[u8; 16]>,
    /// Texts that are being judged.
    pub(super) judging: Vec<SmsMark>,
    /// The owner was told of the battery that is critical now.
    pub(super) battery_told: bool,
}

impl Memory {
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    /// The last place known, with its age as far as it can be told now.
    pub(super) async fn place(&self, epoch: Epoch, clock: &dyn Clock) -> Result<Option<Known>, StoreError> {
        let place: Option<Place> = self.get(PLACE).await?;
        let place = place.filter(|place| place.epoch == *epoch.as_bytes());
        Ok(place.map(|place| place.known(clock)))
    }

    /// Keeps a place.
    pub(super) async fn keep_place(
        &self,
        epoch: Epoch,
        fix: &Fix,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let place = Place {
            epoch: *epoch.as_bytes(),
            latitude: fix.coordinates.latitude,
            longitude: fix.coordinates.longitude,
            accuracy: fix.coordinates.accuracy,
            altitude: fix.coordinates.altitude,
            boot: clock.boot_id(),
            boottime_ms: belay_proto::clock::millis(fix.measured),
            wall: Known::now(*fix, clock).measured_at,
        };
        self.set(PLACE, &place).await
    }

    /// The notes of this binding; none of its own: empty ones.
    pub(super) async fn notes(&self, epoch: Epoch) -> Result<Notes, StoreError> {
        let notes: Option<Notes> = self.get(NOTES).await?;
        let own = notes.filter(|notes| notes.epoch == *epoch.as_bytes());
        Ok(own.unwrap_or(Notes {
            epoch: *epoch.as_bytes(),
            ..Notes::default()
        }))
    }

    /// Keeps the notes.
    pub(super) async fn keep_notes(&self, notes: &Notes) -> Result<(), StoreError> {
        self.set(NOTES, notes).await
    }

    /// How commands ended lately, the oldest first.
    pub(super) async fn endings(&self) -> Result<Vec<EndingRow>, StoreError> {
        self.0.call(|connection| find::endings(connection)).await
    }

    /// Keeps the notes in which the ends of these commands are noted, and forgets those: both or neither.
    pub(super) async fn note_endings(
        &self,
        notes: &Notes,
        commands: Vec<[u8; 16]>,
    ) -> Result<(), StoreError> {
        let sealed = self.sealed(NOTES, notes);
        self.0
            .transaction(move |transaction| {
                meta::set(transaction, NOTES, &sealed)?;
                find::forget_endings(transaction, &commands)
            })
            .await
    }

    /// Forgets everything: the device is nobody's any more.
    pub(super) async fn forget(&self) -> Result<(), StoreError> {
        self.0
            .transaction(|transaction| {
                for name in [PLACE, NOTES] {
                    meta::set(transaction, name, &[])?;
                }
                Ok(())
            })
            .await
    }

    /// A value that can't be read counts as none: what it would spare is done again.
    async fn get<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        let sealed = self.0.call(move |connection| meta::get(connection, name)).await?;
        let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else {
            return Ok(None);
        };
        let opened = self.0.sealer().open(name, &sealed)?;
        Ok(serde_json::from_slice(opened.expose()).ok())
    }

    fn sealed<T: Serialize>(&self, name: &'static str, value: &T) -> Vec<u8> {
        // These types have text keys and numbers that JSON has; an empty text reads back as none.
        let text = serde_json::to_vec(value).unwrap_or_default();
        self.0.sealer().seal(name, &text)
    }

    async fn set<T: Serialize>(&self, name: &'static str, value: &T) -> Result<(), StoreError> {
        let sealed = self.sealed(name, value);
        self.0
            .call(move |connection| meta::set(connection, name, &sealed))
            .await
    }
}

impl Known {
    /// Of a fix that was found in this boot.
    pub(super) fn now(fix: Fix, clock: &dyn Clock) -> Self {
        let looked = clock.boottime();
        let age = looked.saturating_sub(fix.measured);
        Self {
            fix,
            // The beginning of the second it was measured in.
            measured_at: clock.wall().checked_sub(age).map_or(0, unix_seconds),
            age,
            looked,
        }
    }

    /// How old it is by now.
    pub(super) fn age_now(&self, clock: &dyn Clock) -> Duration {
        self.age
            .saturating_add(clock.boottime().saturating_sub(self.looked))
    }
}

impl Place {
    /// The boot clock tells the age within one boot. Over boots the wall clock has to, which anybody may have set: it
    /// is believed only where it makes the place older than this boot is.
    fn known(&self, clock: &dyn Clock) -> Known {
        let now = clock.boottime();
        let (measured, age) = if self.boot == clock.boot_id() {
            let measured = Duration::from_millis(self.boottime_ms).min(now);
            (measured, now - measured)
        } else {
            let then = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.wall));
            let passed = then.and_then(|then| clock.wall().duration_since(then).ok());
            (Duration::ZERO, now.max(passed.unwrap_or_default()))
        };
        Known {
            fix: Fix {
                coordinates: Coordinates {
                    latitude: self.latitude,
                    longitude: self.longitude,
                    accuracy: self.accuracy,
                    altitude: self.altitude,
                },
                source: LocationSource::Last,
                measured,
            },
            measured_at: self.wall,
            age,
            looked: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_proto::Epoch;
    use belay_proto::clock::{Clock, FakeClock, unix_seconds};
    use belay_proto::wire::LocationSource;

    use super::{Known, Memory, Notes};
    use crate::platform::{Coordinates, Fix};
    use crate::store::{SealingKey, Store};

    fn fix(clock: &FakeClock) -> Fix {
        Fix {
            coordinates: Coordinates {
                latitude: 52.515_625,
                longitude: 13.0,
                accuracy: 8.0,
                altitude: Some(40.0),
            },
            source: LocationSource::Gnss,
            measured: clock.boottime() - Duration::from_secs(5),
        }
    }

    async fn memory(folder: &std::path::Path) -> Memory {
        Memory::new(Store::open(folder, SealingKey::new(None)).await.unwrap())
    }

    #[tokio::test]
    async fn the_last_place_outlives_a_reboot_and_grows_no_younger() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path()).await;
        let (clock, epoch) = (FakeClock::new(), Epoch::random());
        assert_eq!(memory.place(epoch, &clock).await.unwrap(), None);
        memory.keep_place(epoch, &fix(&clock), &clock).await.unwrap();
        clock.advance(Duration::from_secs(60));
        let known = memory.place(epoch, &clock).await.unwrap().unwrap();
        assert_eq!(
            (known.fix.source, known.age),
            (LocationSource::Last, Duration::from_secs(65))
        );
        assert_eq!(known.fix.coordinates, fix(&clock).coordinates);
        assert_eq!(known.measured_at, unix_seconds(clock.wall()) - 65);

        clock.set_boot_id("another");
        clock.advance(Duration::from_secs(100));
        let later = memory.place(epoch, &clock).await.unwrap().unwrap();
        assert_eq!(later.age, Duration::from_secs(165));
        // A thief sets the clock back: it is still as old as this boot.
        clock.set_wall(std::time::SystemTime::UNIX_EPOCH);
        let lied = memory.place(epoch, &clock).await.unwrap().unwrap();
        assert_eq!(lied.age, Duration::from_secs(100));
    }

    #[tokio::test]
    async fn no_fraction_of_a_second_makes_a_place_younger() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path()).await;
        let (clock, epoch) = (FakeClock::new(), Epoch::random());
        let fix = fix(&clock);
        clock.advance(Duration::from_millis(400));
        let known = Known::now(fix, &clock);
        memory.keep_place(epoch, &fix, &clock).await.unwrap();
        let measured = clock.wall() - Duration::from_millis(5400);
        assert_eq!(known.measured_at, unix_seconds(measured));
        clock.advance(Duration::from_micros(100_100));
        let age = Duration::from_micros(5_500_100);
        assert_eq!(known.age_now(&clock), age, "it grows until it is told");
        let kept = memory.place(epoch, &clock).await.unwrap().unwrap();
        assert!(kept.age >= age);
        clock.set_boot_id("another");
        let later = memory.place(epoch, &clock).await.unwrap().unwrap();
        assert!(later.age >= age, "{:?}", later.age);
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_another_binding_or_of_none() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path()).await;
        let (clock, epoch) = (FakeClock::new(), Epoch::random());
        memory.keep_place(epoch, &fix(&clock), &clock).await.unwrap();
        let notes = Notes {
            epoch: *epoch.as_bytes(),
            battery_told: true,
            ..Notes::default()
        };
        memory.keep_notes(&notes).await.unwrap();
        assert_eq!(memory.notes(epoch).await.unwrap(), notes);
        let other = Epoch::random();
        assert_eq!(memory.place(other, &clock).await.unwrap(), None);
        assert!(!memory.notes(other).await.unwrap().battery_told);
        memory.forget().await.unwrap();
        assert_eq!(memory.place(epoch, &clock).await.unwrap(), None);
        assert!(!memory.notes(epoch).await.unwrap().battery_told);
    }

    #[tokio::test]
    async fn no_place_lies_readable_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let memory = memory(folder.path()).await;
        let (clock, epoch) = (FakeClock::new(), Epoch::random());
        memory.keep_place(epoch, &fix(&clock), &clock).await.unwrap();
        memory.0.close().await;
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(9).any(|window| window == b"52.515625"));
        }
    }
}
