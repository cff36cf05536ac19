//! A history of a seed: what its owner does on which device, and what goes wrong meanwhile.

mod seldom;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use belay_tests::app::Answer;
use belay_tests::bluez::Chance;
use belay_tests::proxy::Weather;
use belay_tests::until::until;
use tokio::task::JoinHandle;

use super::backup::{Backup, WELL};
use super::book::{Book, tokens};
use super::draft::{self, BESIDE, Draft, PROPERTIES};
use super::{Device, Fleet, Records};
use crate::disk::touches;

/// Where the records of the histories are.
pub const COLLECTIONS: [&str; 3] = ["notes", "contacts", "calendars"];
/// So many things by nature are there in each collection: few, so that devices meet in them.
const NATURES: usize = 4;
/// The shortest content that is one, bytes.
const LONG: u64 = 1_000_000;
/// So much happens.
const STEPS: usize = 40;
/// Nothing said on the network for so long: everybody waits.
const QUIET: Duration = Duration::from_millis(100);
/// belayd dies at one of so many writes of an edit.
const DYING_WRITES: usize = 8;
/// A clock, a device's or the cloud's, is wrong by up to so much, either way, s.
const SKEW: u32 = 10 * 86_400;
/// One seed in so many has a cloud that loses its disk.
const RESTORED: u64 = 2;

/// A seed's history on a fleet.
pub struct World<'a> {
    pub seed: u64,
    pub fleet: &'a mut Fleet,
    pub chance: Chance,
    pub book: Book,
    /// So many devices take part; the others only see the end.
    pub devices: usize,
    /// The cloud as it was once.
    pub backup: Option<Backup>,
    /// How often it went on as it was then.
    pub restored: usize,
    /// Long contents on their way, with their places in the book.
    pub under_way: Vec<JoinHandle<(usize, Answer<u64>)>>,
    /// How many there were, and how many of them were answered that they are stored.
    pub long_ones: (usize, usize),
    /// Any warden was killed.
    pub wardens_died: bool,
}

impl World<'_> {
    /// Lives through it, and ends with a fair network and everybody back.
    pub async fn lived(&mut self) {
        self.storms();
        if self.seed.is_multiple_of(RESTORED) {
            self.is_backed_up().await;
        }
        for _ in 0..STEPS {
            self.step().await;
        }
        self.fleet.network().weather(None);
        let clock = self.fleet.devices[0].scene.clock();
        clock.set_cloud_wall(right(self.fleet)).unwrap();
        let all = 0..self.fleet.devices.len();
        for device in all {
            self.fleet.away(device, false);
            self.fleet.devices[device].stands().await;
            let device = &self.fleet.devices[device];
            device.scene.clock().set_wall(right(self.fleet)).unwrap();
            for name in COLLECTIONS {
                device.app.enable(name, true).await.unwrap().unwrap();
            }
        }
        self.long_ones_end().await;
    }

    /// The network is bad.
    fn storms(&mut self) {
        self.fleet.network().weather(Some(Weather {
            chance: Chance::new(self.chance.next()),
            lost: 60,
            unanswered: 60,
            doubled: 60,
            torn: 40,
            late: 150,
        }));
    }

    /// What the natural keys of its records begin with.
    pub fn prefix(&self) -> String {
        format!("s{}/", self.seed)
    }

    /// Of the records that all ended with, those of this history.
    pub fn own(&self, records: &Records) -> Records {
        let prefix = self.prefix();
        let mut own = records.clone();
        own.retain(|_, (natural, _)| natural.starts_with(&prefix));
        own
    }

    async fn step(&mut self) {
        let who = self.chance.below(self.devices);
        match self.chance.below(100) {
            0..=39 => self.edits(who).await,
            40..=49 => self.deletes(who).await,
            50..=55 => self.renames(who).await,
            56..=63 => self.all_edit_the_same().await,
            64..=67 => {
                let (name, on) = (self.collection(), self.chance.per_mille(500));
                self.device(who)
                    .await
                    .app
                    .enable(name, on)
                    .await
                    .unwrap()
                    .unwrap();
            }
            68..=75 => self.fleet.away(who, self.chance.per_mille(500)),
            76..=79 => {
                // Its answer is another matter: the network is bad, and the device may be away.
                let app = self.device(who).await.app.clone();
                let _asked = tokio::spawn(async move { app.sync_now().await });
            }
            80..=84 => self.edits_and_dies(who).await,
            85..=86 => {
                self.wardens_died = true;
                self.fleet.devices[who].scene.kill_warden().await.unwrap();
            }
            87..=88 => {
                let cloud = &mut self.fleet.devices[0].scene;
                cloud.kill_cloud().await.unwrap();
                cloud.start_cloud().await.unwrap();
            }
            89..=90 => self.chooses(who).await,
            91..=93 => {
                let wall = self.wrong();
                self.fleet.devices[who].scene.clock().set_wall(wall).unwrap();
            }
            94 => {
                let wall = self.wrong();
                let clock = self.fleet.devices[0].scene.clock();
                clock.set_cloud_wall(wall).unwrap();
            }
            // A cloud that goes on with a backup lacks chunks and keys of later, which nobody here brings again.
            95 | 96 if self.backup.is_none() => self.edits_a_long_one(who).await,
            97 if self.backup.is_none() => self.makes_keys_anew(who).await,
            95 => self.is_backed_up().await,
            96 | 97 => self.loses_its_disk().await,
            _ => self.goes_on().await,
        }
    }

    /// What a clock shows that is days off.
    fn wrong(&mut self) -> u64 {
        let off = u64::from(self.chance.number(2 * SKEW));
        (right(self.fleet) + off).saturating_sub(u64::from(SKEW))
    }

    async fn is_backed_up(&mut self) {
        let scene = &self.fleet.devices[0].scene;
        let backup = self.backup.get_or_insert_with(|| Backup::of(scene));
        assert_eq!(backup.is_made(scene).await, WELL);
    }

    /// The cloud goes on with its backup: what came since is undone.
    async fn loses_its_disk(&mut self) {
        let Some(backup) = &self.backup else { return };
        let scene = &mut self.fleet.devices[0].scene;
        assert_eq!(backup.is_restored(scene, &[]).await, WELL);
        self.restored += 1;
    }

    async fn device(&mut self, who: usize) -> &Device {
        let device = &mut self.fleet.devices[who];
        device.stands().await;
        device
    }

    fn collection(&mut self) -> &'static str {
        COLLECTIONS[self.chance.below(COLLECTIONS.len())]
    }

    /// What something is by nature, and its collection.
    fn nature(&mut self) -> (&'static str, String) {
        let name = self.collection();
        (name, format!("{}{}", self.prefix(), self.chance.below(NATURES)))
    }

    fn token(&self) -> String {
        format!("tok-{}-{}", self.seed, self.book.0.len())
    }

    async fn edits(&mut self, who: usize) {
        let (name, natural) = self.nature();
        let draft = self.draft(who, name, &natural).await;
        let answer = draft.put(&self.fleet.devices[who].app).await;
        self.notes(draft, answer.map(drop));
    }

    /// In the middle of an edit belayd is killed, at one of its writes to the disk, or right after it.
    async fn edits_and_dies(&mut self, who: usize) {
        let (name, natural) = self.nature();
        let draft = self.draft(who, name, &natural).await;
        let writes = 1 + self.chance.below(DYING_WRITES);
        let device = &self.fleet.devices[who];
        let written = touches(&device.scene.place().at("belayd"), writes);
        let answer = {
            let mut put = std::pin::pin!(draft.put(&device.app));
            let answered = tokio::select! {
                answer = &mut put => Some(answer),
                () = written => None,
            };
            device.kill_now().await;
            match answered {
                Some(answer) => answer,
                None => put.await,
            }
        };
        self.notes(draft, answer.map(drop));
    }

    /// All that take part change the same thing before they hear of each other.
    async fn all_edit_the_same(&mut self) {
        let (name, natural) = self.nature();
        for who in 0..self.devices {
            let draft = self.draft(who, name, &natural).await;
            let answer = draft.put(&self.fleet.devices[who].app).await;
            self.notes(draft, answer.map(drop));
        }
    }

    async fn deletes(&mut self, who: usize) {
        let (name, natural) = self.nature();
        self.delete(who, name, &natural).await;
    }

    /// What a folder says of a file that gets another name: one appears, and one goes.
    async fn renames(&mut self, who: usize) {
        let (name, natural) = self.nature();
        let (_, other) = self.nature();
        if other == natural {
            return;
        }
        let draft = self.draft(who, name, &other).await;
        let answer = draft.put(&self.fleet.devices[who].app).await;
        self.notes(draft, answer.map(drop));
        self.delete(who, name, &natural).await;
    }

    /// The owner ends a conflict: the other version goes, or is a record of its own.
    async fn chooses(&mut self, who: usize) {
        let name = self.collection();
        let choice = ["theirs", "both"][self.chance.below(2)];
        let app = self.device(who).await.app.clone();
        let mut rows = app.list(name).await.unwrap().unwrap();
        let prefix = self.prefix();
        // What a long one says may be out of reach.
        rows.retain(|row| {
            !row.conflict_with.is_empty() && row.natural.starts_with(&prefix) && row.length < LONG
        });
        if rows.is_empty() {
            return;
        }
        let row = rows.swap_remove(self.chance.below(rows.len()));
        let Ok((content, revision)) = app.content(name, &row.id).await.unwrap() else {
            return;
        };
        let answer = app.resolve(name, &row.id, choice).await.unwrap();
        let goes = choice == "theirs";
        let draft = Draft {
            who,
            name,
            natural: format!("{BESIDE}{}", row.natural),
            kind: row.kind,
            id: row.id,
            revision,
            wrote: None,
            saw: tokens(&content),
            dropped: if goes { tokens(&content) } else { BTreeSet::new() },
            kept: if goes { BTreeSet::new() } else { tokens(&content) },
            content,
        };
        self.notes(draft, answer);
    }

    async fn delete(&mut self, who: usize, name: &'static str, natural: &str) {
        let draft = self.draft(who, name, natural).await;
        if draft.revision == 0 {
            return;
        }
        let app = &self.fleet.devices[who].app;
        let answer = app.delete(name, &draft.id, draft.revision).await.unwrap();
        let gone = Draft {
            wrote: None,
            dropped: draft.saw.clone(),
            ..draft
        };
        self.notes(gone, answer);
    }

    /// An edit of what the device shows now.
    async fn draft(&mut self, who: usize, name: &'static str, natural: &str) -> Draft {
        let token = self.token();
        let property = self.chance.below(PROPERTIES);
        let app = self.device(who).await.app.clone();
        let id = app.identify(name, natural).await.unwrap().unwrap();
        let (before, revision) = match app.content(name, &id).await.unwrap() {
            Ok(there) => there,
            Err(refusal) if refusal.short() == "NotFound" => (Vec::new(), 0),
            Err(refusal) => panic!("{natural} on device {who}: {refusal}"),
        };
        let content = draft::content(name, natural, &before, property, &token);
        let (saw, says) = (tokens(&before), tokens(&content));
        Draft {
            who,
            name,
            natural: natural.to_owned(),
            kind: draft::kind(name).to_owned(),
            id,
            revision,
            wrote: Some(token),
            dropped: saw.difference(&says).cloned().collect(),
            kept: BTreeSet::new(),
            saw,
            content,
        }
    }

    fn notes(&mut self, draft: Draft, answer: Answer<()>) {
        let answered = match &answer {
            Ok(()) => true,
            // It changed since it was looked at: nothing was done.
            Err(refusal) if ["Conflict", "NotFound"].contains(&refusal.short()) => return,
            // belayd died in it.
            Err(refusal) if refusal.name.starts_with("org.freedesktop.DBus.") => false,
            Err(refusal) => panic!("{draft:?}: {refusal}"),
        };
        self.book.0.push(draft.edit(answered));
    }

    /// Waits until so much more was said on the network, or nothing for a while.
    async fn goes_on(&mut self) {
        let network = self.fleet.network();
        let target = network.count() + 2 + self.chance.below(12);
        let mut last = (Instant::now(), 0);
        until("the devices to go on", async || {
            let now = network.count();
            if now != last.1 {
                last = (Instant::now(), now);
            }
            (now >= target || last.0.elapsed() > QUIET).then_some(())
        })
        .await
        .unwrap();
    }
}

/// What the clocks would show if nobody had set them.
fn right(fleet: &Fleet) -> u64 {
    fleet.devices[0].scene.clock().right_wall()
}
