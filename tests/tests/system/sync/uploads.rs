//! belayd killed at any moment of an upload: what came to the cloud isn't brought again.
//!
//! `BELAY_LONG=1`: 2,000 photos of 500 KB instead of 200 of 300 KB.

use std::collections::BTreeSet;

use belay_proto::padding::padded;
use belay_tests::app::{Answer, App, New};
use belay_tests::bluez::Chance;
use belay_tests::until::turns;
use futures_util::{StreamExt, stream};

use super::Fleet;

/// So many programs put photos at the same time.
const AT_ONCE: usize = 4;
/// So many chunks are under way to the cloud at most.
const IN_FLIGHT: u64 = 4;
/// Bytes of a sealed chunk besides its padded content.
const OVERHEAD: usize = 17;

struct Photos {
    count: usize,
    length: usize,
    kills: u64,
}

impl Photos {
    fn wanted() -> Self {
        match std::env::var_os("BELAY_LONG") {
            Some(_) => Self {
                count: 2000,
                length: 500_000,
                kills: 40,
            },
            None => Self {
                count: 200,
                length: 300_000,
                kills: 12,
            },
        }
    }

    /// Of a sealed one, bytes.
    fn sealed(&self) -> u64 {
        (padded(self.length) + OVERHEAD) as u64
    }

    fn photo(&self, number: usize) -> Vec<u8> {
        let mut chance = Chance::new(number as u64);
        let words = (0..self.length.div_ceil(8)).flat_map(|_| chance.next().to_be_bytes());
        words.take(self.length).collect()
    }

    async fn put(&self, app: App, number: usize) -> (usize, Answer<u64>) {
        let photo = self.photo(number);
        let new = New {
            natural: &format!("DCIM/{number}.jpg"),
            kind: "image/jpeg",
            content: &photo,
        };
        (number, app.put_new("pictures", &new).await.unwrap())
    }
}

impl Photos {
    /// Puts photos until all are there or belayd dies: which are there, and whether it died.
    async fn brings(&self, app: &App, numbers: impl Iterator<Item = usize>) -> (Vec<usize>, bool) {
        let puts = stream::iter(numbers).map(|number| self.put(app.clone(), number));
        let mut puts = std::pin::pin!(puts.buffer_unordered(AT_ONCE));
        let mut brought = Vec::new();
        while let Some((number, answer)) = puts.next().await {
            match answer {
                Ok(_) => brought.push(number),
                // It was there already when belayd died, and nobody was told.
                Err(refusal) if refusal.short() == "Conflict" => brought.push(number),
                // The program comes again.
                Err(refusal) if refusal.name.starts_with("org.freedesktop.DBus.") => {
                    return (brought, true);
                }
                Err(refusal) => panic!("photo {number}: {refusal}"),
            }
        }
        (brought, false)
    }

    /// The same, while belayd is killed once so many bytes have been sent.
    async fn brings_until(
        &self,
        fleet: &Fleet,
        left: &BTreeSet<usize>,
        moment: Option<u64>,
    ) -> (Vec<usize>, bool) {
        let device = &fleet.devices[0];
        let dies = async {
            let mut turns = turns();
            while moment.is_none_or(|moment| sent(fleet) < moment) {
                turns.tick().await;
            }
            device.kill_now().await;
        };
        let mut brings = std::pin::pin!(self.brings(&device.app, left.iter().copied()));
        tokio::select! {
            done = &mut brings => done,
            () = dies => brings.await,
        }
    }
}

fn sent(fleet: &Fleet) -> u64 {
    fleet.network().uploads().values().sum()
}

#[tokio::test]
async fn photos_whose_upload_is_killed_again_and_again_are_brought_once() {
    let photos = Photos::wanted();
    let mut fleet = Fleet::of(1, &["pictures"]).await;
    let mut chance = Chance::new(7);
    let all = photos.sealed() * photos.count as u64;
    let mut left: BTreeSet<usize> = (0..photos.count).collect();
    let mut kills = 0;
    while !left.is_empty() {
        let next = all * (kills + 1) / (photos.kills + 1);
        let moment = next - u64::from(chance.number(1_000_000)).min(next);
        let moment = (kills < photos.kills).then_some(moment);
        let (brought, died) = photos.brings_until(&fleet, &left, moment).await;
        for number in brought {
            left.remove(&number);
        }
        if died {
            kills += 1;
        }
        fleet.devices[0].stands().await;
    }
    assert_eq!(kills, photos.kills);
    let uploads = fleet.network().uploads();
    assert_eq!(uploads.len(), photos.count, "chunks");
    let twice = sent(&fleet).saturating_sub(all);
    // What had gone out of chunks that were under way when belayd died, and may not have come to the cloud's disk.
    let broken_off = fleet.network().unanswered();
    println!(
        "{} photos, {kills} kills: {broken_off} B of {all} B were under way, {twice} B were sent twice",
        photos.count
    );
    assert!(broken_off <= kills * IN_FLIGHT * photos.sealed());
    assert!(twice <= broken_off, "{twice} B were sent twice");
    // They are the account's now, each once and whole.
    let device = &fleet.devices[0];
    device.app.sync_now().await.unwrap().unwrap();
    assert_eq!(device.pending("pictures").await, 0);
    let rows = device.app.list("pictures").await.unwrap().unwrap();
    assert_eq!(rows.len(), photos.count);
    for row in rows.iter().step_by(photos.count / 8) {
        let number: usize = row.natural["DCIM/".len()..]
            .trim_end_matches(".jpg")
            .parse()
            .unwrap();
        let (content, _) = device.app.content("pictures", &row.id).await.unwrap().unwrap();
        assert!(content == photos.photo(number), "{}", row.natural);
    }
}
