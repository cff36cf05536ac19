//! The whole of it: belayd over the bus, its database, the wire, the cloud.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use belay_proto::Secret;
use belay_proto::dbus::client::{CollectionClient, NewRecord};
use belay_proto::dbus::records::FramedRecord;
use belay_proto::dbus::{Options, SyncProxy};
use belay_proto::sync::{Attributes, RecordId};
use belay_tests::Outcome;
use belay_tests::pusher::made;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::growth::{self, median};
use crate::place::Place;
use crate::{Used, forget_peak, number, peak, print};

const WHO: &str = "belayd -> belay-cloud";
/// Records in one stream of frames at most.
const FRAMES: usize = 50_000;

pub async fn measure(place: &mut Place) -> Outcome {
    let belayd = place.start_belayd().await?;
    let bus = place.person().clone();
    let device = Device {
        sync: SyncProxy::new(&bus).await?,
        contacts: CollectionClient::new(&bus, "contacts").await?,
        pictures: CollectionClient::new(&bus, "pictures").await?,
        notes: CollectionClient::new(&bus, "notes").await?,
        belayd,
        cloud: place.cloud()?,
    };
    for collection in [&device.contacts, &device.pictures, &device.notes] {
        collection.proxy().set_enabled(true).await?;
    }
    device.sync.sync_now(&[], &Options::new()).await?;
    device.contacts().await?;
    device.photos(place.folder("photos")?).await?;
    device.growth().await
}

struct Device {
    sync: SyncProxy<'static>,
    contacts: CollectionClient,
    pictures: CollectionClient,
    notes: CollectionClient,
    belayd: u32,
    cloud: u32,
}

impl Device {
    async fn now(&self, collection: &str) -> Outcome<Duration> {
        let begun = Instant::now();
        self.sync.sync_now(&[collection], &Options::new()).await?;
        Ok(begun.elapsed())
    }

    fn since_now(&self) -> Outcome<[Used; 2]> {
        Ok([Used::since_now(self.belayd)?, Used::since_now(self.cloud)?])
    }

    fn print(&self, what: &str, took: Duration, [belayd, cloud]: &[Used; 2]) -> Outcome {
        print(WHO, what, took, Some(belayd))?;
        print("", "  of the cloud", took, Some(cloud))
    }

    async fn contacts(&self) -> Outcome {
        let many = number("CONTACTS", 10_000);
        let used = self.since_now()?;
        let begun = Instant::now();
        self.contacts.put_many((0..many).map(fresh)).await?;
        let stored = begun.elapsed();
        self.now("contacts").await?;
        self.print("contacts, first", begun.elapsed(), &used)?;
        print("", "  until belayd has them", stored, None)?;
        let used = self.since_now()?;
        let took = self.now("contacts").await?;
        self.print("contacts, no change", took, &used)?;
        let changed = changed(&self.contacts, 10).await?;
        let used = self.since_now()?;
        let begun = Instant::now();
        self.contacts.put_many(changed).await?;
        self.now("contacts").await?;
        self.print("contacts, 10 changed", begun.elapsed(), &used)?;
        let pending = self.contacts.proxy().pending().await?;
        belay_tests::expect!(pending == 0, "{pending} contacts wait after a sync");
        Ok(())
    }

    /// Eight at once, as the agent does; `PHOTOS_AT_ONCE` changes it.
    async fn photos(&self, folder: PathBuf) -> Outcome {
        let many = number("PHOTOS", 2_000);
        for number in 0..many {
            std::fs::write(folder.join(number.to_string()), made::photo(number))?;
        }
        rustix::fs::sync();
        let used = self.since_now()?;
        let begun = Instant::now();
        let put = |number: usize| {
            let path = folder.join(number.to_string());
            async move {
                let record = NewRecord {
                    natural: Some(format!("{number}.jpg")),
                    kind: "image/jpeg".to_owned(),
                    ..NewRecord::default()
                };
                self.pictures.put_from(&record, File::open(path)?).await?;
                Outcome::Ok(())
            }
        };
        stream::iter((0..many).map(put))
            .buffer_unordered(number("PHOTOS_AT_ONCE", 8))
            .try_collect::<Vec<()>>()
            .await?;
        let stored = begun.elapsed();
        self.now("pictures").await?;
        self.print("photos, first", begun.elapsed(), &used)?;
        print("", "  until belayd has them", stored, None)?;
        let used = self.since_now()?;
        let took = self.now("pictures").await?;
        self.print("photos, no change", took, &used)?;
        let pending = self.pictures.proxy().pending().await?;
        belay_tests::expect!(pending == 0, "{pending} photos wait after a sync");
        Ok(())
    }

    async fn growth(&self) -> Outcome {
        let mut there = 0;
        for size in growth::sizes() {
            let begun = Instant::now();
            while there < size {
                let next = size.min(there + FRAMES);
                self.notes.put_many((there..next).map(fresh)).await?;
                there = next;
            }
            self.now("notes").await?;
            let filled = begun.elapsed();
            forget_peak(self.belayd)?;
            forget_peak(self.cloud)?;
            let (mut idle, mut ten) = (Vec::new(), Vec::new());
            for _ in 0..growth::TIMES {
                idle.push(self.now("notes").await?);
                let changed = changed(&self.notes, 10).await?;
                let begun = Instant::now();
                self.notes.put_many(changed).await?;
                self.now("notes").await?;
                ten.push(begun.elapsed());
            }
            println!(
                "belayd, {size:>7} records: no change {:>7.2} ms, 10 changed {:>7.2} ms, peak {:.1} MiB, the cloud's {:.1} MiB; \
                 {:.1} s to get there",
                median(&mut idle),
                median(&mut ten),
                peak(self.belayd)? as f64 / 1024.0,
                peak(self.cloud)? as f64 / 1024.0,
                filled.as_secs_f64()
            );
        }
        Ok(())
    }
}

/// A new contact.
fn fresh(number: usize) -> FramedRecord {
    framed(None, 0, format!("contact {number}"), made::contact(number))
}

fn framed(id: Option<RecordId>, revision: u64, natural: String, content: Vec<u8>) -> FramedRecord {
    FramedRecord {
        id,
        revision,
        natural: Some(natural),
        kind: "text/vcard".to_owned(),
        attributes: Attributes::default(),
        keep_both: false,
        content: Secret::new(content),
    }
}

/// The first so many of a collection, each with another content.
async fn changed(collection: &CollectionClient, many: u32) -> Outcome<Vec<FramedRecord>> {
    let listed = collection.list(0, many).await?;
    let change = |record: belay_proto::dbus::records::Listed| {
        let other = usize::try_from(record.revision).unwrap_or(0) + 2_000_000;
        framed(
            Some(record.id),
            record.revision,
            record.natural,
            made::contact(other),
        )
    };
    Ok(listed.into_iter().map(change).collect())
}
