//! A cloud that lies to a device, and a rogue device that has the account's keys: what they say is found out or harmless,
//! and nothing is deleted on the device because of it.

mod blobs;
mod bombs;
mod endless;
mod mixed;
mod rogue;
mod torn;

use std::collections::BTreeMap;

use belay_proto::Secret;
use belay_proto::sync::{Ancestors, Attributes, Chunks, CollectionKeys, Content, Encoding, Revision};
use belay_proto::wire::{Bytes, ChangesAnswer, PushRequest, SyncRecord};
use belay_tests::app::{Answer, New, Options, SYNC, collection};
use belay_tests::owner::Console;
use belay_tests::proxy::Trick;
use belay_tests::stage::BELAYD;

use super::{Device, Fleet};
use crate::owner::{ADA, PASSWORD};

/// Where a device asks for what changed.
const CHANGES: &str = "/v1/sync/changes";
/// Where it brings what it changed.
const PUSH: &str = "/v1/sync/push";
/// For as long as it takes.
const ALWAYS: usize = 1_000_000;
/// What the victim's records are written in.
const KIND: &str = "application/x-note";

/// A device with notes that are in the cloud, and the keys that any device of its owner has.
pub struct Victim {
    fleet: Fleet,
    keys: CollectionKeys,
    console: Console,
}

impl Victim {
    /// With so many notes, all pushed.
    async fn with(notes: usize) -> Self {
        let fleet = Fleet::of(1, &["notes"]).await;
        let console = Console::sign_in(&fleet.devices[0].scene, ADA, PASSWORD)
            .await
            .unwrap();
        let victim = Self {
            keys: console.collection_keys("notes"),
            console,
            fleet,
        };
        for number in 0..notes {
            victim.writes(&format!("note-{number}"), "first").await;
        }
        victim.syncs().await.unwrap();
        victim
    }

    fn device(&self) -> &Device {
        &self.fleet.devices[0]
    }

    /// The owner writes this, over whatever is there.
    async fn writes(&self, natural: &str, text: &str) {
        let app = &self.device().app;
        let id = app.identify("notes", natural).await.unwrap().unwrap();
        let there = app.content("notes", &id).await.unwrap();
        let content = said(natural, text);
        let new = New {
            natural,
            kind: KIND,
            content: content.as_bytes(),
        };
        let put = match there {
            Ok((_, revision)) => app.put("notes", &id, revision, &new).await,
            Err(_) => app.put_new("notes", &new).await,
        };
        put.unwrap().unwrap();
    }

    async fn syncs(&self) -> Answer<()> {
        self.device().app.sync_now().await.unwrap()
    }

    async fn syncs_named(&self) -> Answer<()> {
        let names = vec!["notes"];
        let app = &self.device().app;
        app.call(SYNC, "SyncNow", &(names, Options::new())).await.unwrap()
    }

    /// How many records of the cloud don't open.
    async fn unopened(&self) -> u32 {
        let app = &self.device().app;
        app.get(collection("notes"), "Unopened").await.unwrap()
    }

    async fn deletes(&self, natural: &str) {
        let app = &self.device().app;
        let id = app.identify("notes", natural).await.unwrap().unwrap();
        let (_, revision) = app.content("notes", &id).await.unwrap().unwrap();
        app.delete("notes", &id, revision).await.unwrap().unwrap();
    }

    /// A lie that was planned for this path was told: what follows didn't hold for want of one.
    async fn was_lied_to(&self, path: &str) {
        self.fleet.network().played(path).await.unwrap();
    }

    /// What the owner sees.
    async fn notes(&self) -> BTreeMap<String, String> {
        let records = self.device().records(&["notes"], "").await;
        let text = |content: Vec<u8>| String::from_utf8_lossy(&content).into_owned();
        records
            .into_values()
            .map(|(natural, content)| (natural, text(content)))
            .collect()
    }

    /// What the owner sees once this is written over whatever is there.
    async fn notes_with(&self, natural: &str, text: &str) -> BTreeMap<String, String> {
        let mut notes = self.notes().await;
        notes.insert(natural.to_owned(), said(natural, text));
        notes
    }

    /// Every answer of changes is changed so.
    fn lied_to(&self, times: usize, lie: impl Fn(&mut ChangesAnswer) + Send + Sync + 'static) {
        let lie = Trick::changes(move |_, answer| lie(answer));
        self.fleet.network().plan(CHANGES, times, &lie);
    }

    /// All that the device ever pushed of a note, the oldest first.
    fn pushed(&self, natural: &str) -> Vec<SyncRecord> {
        let id = self.keys.record_id(natural);
        let exchanges = self.fleet.network().exchanges();
        let pushes = exchanges.iter().filter(|exchange| exchange.path == PUSH);
        pushes
            .flat_map(|push| {
                rmp_serde::from_slice::<PushRequest>(&push.request)
                    .unwrap()
                    .records
            })
            .map(|push| push.record)
            .filter(|record| record.id == id)
            .collect()
    }

    /// So many requests for changes there were.
    fn asked(&self) -> usize {
        let exchanges = self.fleet.network().exchanges();
        exchanges
            .iter()
            .filter(|exchange| exchange.path == CHANGES)
            .count()
    }

    /// The lie has ended: the owner's notes are these, nothing waits, and what the owner writes is pushed.
    async fn is_unharmed(&self, notes: &BTreeMap<String, String>) {
        assert_eq!(self.notes().await, *notes);
        self.fleet.network().behave();
        // What didn't open is fetched again for who names its collection.
        self.syncs_named().await.unwrap();
        assert_eq!(self.notes().await, *notes);
        assert_eq!(self.unopened().await, 0);
        self.writes("afterwards", "well").await;
        self.syncs().await.unwrap();
        assert_eq!(self.device().pending("notes").await, 0);
        assert!(!self.pushed("afterwards").is_empty());
    }

    /// The most memory that belayd ever had, KiB.
    async fn peak(&self) -> u64 {
        let pid = self.device().scene.owner(BELAYD).await.unwrap().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// The content of a note that the owner writes.
fn said(natural: &str, text: &str) -> String {
    format!("{natural} says {text}")
}

/// A note as a device of the owner's would seal it, made of `before`.
fn sealed(keys: &CollectionKeys, content: &Content) -> SyncRecord {
    let sealed = content.seal(keys).unwrap();
    SyncRecord {
        collection: keys.collection_id(),
        id: keys.record_id(&content.natural),
        revision: sealed.revision,
        key_epoch: sealed.key_epoch,
        removed: content.removed,
        chunks: Vec::new(),
        sealed: Bytes(sealed.sealed),
    }
}

/// A note that says this, made of `before`.
fn content(natural: &str, number: u64, before: Option<&Revision>, text: &str) -> Content {
    let ancestors = Ancestors::default();
    Content {
        number,
        changed_at: 1_790_000_000,
        natural: natural.to_owned(),
        kind: KIND.to_owned(),
        ancestors: match before {
            Some(before) => ancestors.with(before),
            None => ancestors,
        },
        renews: None,
        removed: false,
        attributes: Attributes::default(),
        encoding: Encoding::Identity,
        length: text.len() as u64,
        body: Secret::new(text.as_bytes().to_vec()),
        chunks: Chunks::default(),
    }
}

/// The removal of a note, made of `before`.
fn removal(natural: &str, number: u64, before: &Revision) -> Content {
    Content {
        removed: true,
        ..content(natural, number, Some(before), "")
    }
}
