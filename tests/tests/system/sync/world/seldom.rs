//! What happens seldom: a content is too long for a record, and the account gets other keys.

use std::collections::BTreeSet;

use belay_proto::HardwareId;
use belay_tests::app::REMOVE_DEVICE;
use belay_tests::bluez::Chance;
use belay_tests::owner::Console;

use super::super::book::tokens;
use super::super::draft::{self, Draft};
use super::{COLLECTIONS, World, right};
use crate::owner::{ADA, PASSWORD};

/// So many of the notes are long.
const LONG_NATURES: usize = 2;
/// What is answered to a long one that the cloud didn't get.
const GIVEN_UP: [&str; 6] = [
    "Busy",
    "Cancelled",
    "CloudRefused",
    "Offline",
    "QuotaExceeded",
    "ReauthenticationRequired",
];

impl World<'_> {
    /// A content that fits no record is answered once the cloud has it: meanwhile all else goes on. What was there isn't
    /// fetched for that; its kind says what it says.
    pub(super) async fn edits_a_long_one(&mut self, who: usize) {
        let natural = format!("{}long{}", self.prefix(), self.chance.below(LONG_NATURES));
        let (name, token) = (COLLECTIONS[0], self.token());
        let app = self.device(who).await.app.clone();
        let id = app.identify(name, &natural).await.unwrap().unwrap();
        let rows = app.list(name).await.unwrap().unwrap();
        let row = rows.iter().find(|row| row.id == id);
        let (kind, content) = draft::long(&token, Chance::new(self.chance.next()));
        let saw = row.map_or(BTreeSet::new(), |row| tokens(row.kind.as_bytes()));
        let draft = Draft {
            who,
            name,
            natural,
            kind,
            id,
            revision: row.map_or(0, |row| row.revision),
            wrote: Some(token),
            dropped: saw.clone(),
            kept: BTreeSet::new(),
            saw,
            content,
        };
        let place = self.book.0.len();
        self.book.0.push(draft.edit(false));
        let put = async move { (place, draft.put(&app).await) };
        self.under_way.push(tokio::spawn(put));
    }

    /// What came of the long contents.
    pub(super) async fn long_ones_end(&mut self) {
        for put in std::mem::take(&mut self.under_way) {
            let (place, answer) = put.await.unwrap();
            let edit = &mut self.book.0[place];
            self.long_ones.0 += 1;
            match answer {
                Ok(_) => {
                    edit.answered = true;
                    self.long_ones.1 += 1;
                }
                // It changed since it was looked at: nothing was done.
                Err(refusal) if ["Conflict", "NotFound"].contains(&refusal.short()) => {
                    (edit.wrote, edit.dropped) = (None, BTreeSet::new());
                }
                // The network or belayd went in it, or its collection was off.
                Err(refusal) if GIVEN_UP.contains(&refusal.short()) => {}
                Err(refusal) if refusal.name.starts_with("org.freedesktop.DBus.") => {}
                // The warden went while it was asked for keys.
                Err(refusal) if self.wardens_died && refusal.short() == "Storage" => {}
                Err(refusal) => panic!("{}: {refusal}", edit.what),
            }
        }
    }

    /// A device that was bound elsewhere is removed on one that is here, so the account has other keys from now on. Whoever is away,
    /// or on the way to the cloud with something, has those of before. The network is fair as long, and the clocks are right.
    pub(super) async fn makes_keys_anew(&mut self, who: usize) {
        self.fleet.network().weather(None);
        self.fleet.away(who, false);
        let right = right(self.fleet);
        let first = &self.fleet.devices[0].scene;
        first.clock().set_cloud_wall(right).unwrap();
        for device in [0, who] {
            self.fleet.devices[device].scene.clock().set_wall(right).unwrap();
        }
        let console = Console::sign_in(first, ADA, PASSWORD).await.unwrap();
        let mut hardware = [0; 32];
        hardware.fill_with(|| self.chance.byte());
        let hardware = HardwareId::from_bytes(hardware);
        let (gone, reply) = console.bind(first, hardware).await.unwrap();
        assert_eq!(reply.status, 201);
        let app = self.device(who).await.app.clone();
        let removed = app
            .order(REMOVE_DEVICE, &gone.to_string(), PASSWORD)
            .await
            .unwrap();
        removed.unwrap();
        self.storms();
    }
}
