//! A device that dies at one point after the other, and its owner who goes on.

use std::collections::BTreeSet;

use belay_tests::app::{ACCOUNT, DEVICE, REMOVE_DEVICE, WARDEN};
use belay_tests::stage::Plan;
use belay_tests::until::until;
use rusqlite::Connection;

use super::deeds::{Deed, patiently};
use crate::owner::{PASSWORD, app, state};
use crate::scene::{Scene, plan};

/// The device, and what its owner knows.
pub struct Walker {
    pub scene: Scene,
    other: Option<Scene>,
    name: &'static str,
    owners: u32,
    /// The address that signs in.
    pub who: String,
    /// The password that holds.
    pub password: &'static str,
    /// The recovery code that was shown last.
    pub recovery: String,
    /// The verification under way, and its code.
    pub id: String,
    pub code: String,
    /// The other device's id.
    pub other_id: String,
    /// The points that were met.
    met: BTreeSet<String>,
}

impl Walker {
    pub async fn new(name: &'static str) -> Self {
        let scene = Scene::of(can_die()).await;
        scene.clock().crawl().unwrap();
        Self {
            scene,
            other: None,
            name,
            owners: 0,
            who: String::new(),
            password: PASSWORD,
            recovery: String::new(),
            id: String::new(),
            code: String::new(),
            other_id: String::new(),
            met: BTreeSet::new(),
        }
    }

    /// Somebody whom neither device nor cloud knows.
    pub fn new_owner(&mut self) {
        self.owners += 1;
        self.who = format!("{}{}@example.org", self.name, self.owners);
        self.password = PASSWORD;
    }

    /// Another address of the same person.
    pub fn second_address(&self) -> String {
        format!("{}{}@example.com", self.name, self.owners)
    }

    /// The other device signs in.
    pub async fn another(&mut self) {
        if self.other.is_none() {
            let other = Scene::beside(&self.scene).await;
            other.clock().crawl().unwrap();
            self.other = Some(other);
        }
        let other = self.other.as_ref().unwrap();
        app(other).sign_in(&self.who, PASSWORD).await.unwrap().unwrap();
        self.other_id = app(other).text(DEVICE, "DeviceId").await.unwrap();
    }

    /// The other device says that it was removed, and is let go.
    pub async fn other_is_removed(&self) {
        let scene = self.other.as_ref().unwrap();
        scene.clock().run(4).unwrap();
        let other = app(scene);
        other
            .reads(ACCOUNT, "State", "reauthentication-required")
            .await
            .unwrap();
        scene.clock().crawl().unwrap();
        other.sign_out(PASSWORD).await.unwrap().unwrap();
        let again = async || {
            app(&self.scene)
                .order(REMOVE_DEVICE, &self.other_id, PASSWORD)
                .await
        };
        let refusal = patiently("a removal of nothing", again).await.unwrap_err();
        assert_eq!(refusal.short(), "NotFound");
    }

    /// The other device signs out.
    pub async fn other_leaves(&self) {
        let other = app(self.other.as_ref().unwrap());
        other.sign_out(PASSWORD).await.unwrap().unwrap();
    }

    /// Has the owner do `deed`, and the program die that comes by the point `name`, the next time but `hits`.
    pub async fn once(&mut self, deed: Deed, name: &str, hits: u32) {
        self.round(deed, name, hits, true).await;
    }

    /// The same once for each time that a program comes by the point, and `most` times at most: what goes on by itself comes by
    /// it too.
    pub async fn each(&mut self, deed: Deed, name: &str, most: u32) {
        for hits in 0..most {
            if !self.round(deed, name, hits, false).await {
                return;
            }
        }
    }

    /// Has the owner do `deed` while the point `name` is armed, and go on; whether it was met. `sure`: it will be, if only after
    /// the answer.
    async fn round(&mut self, deed: Deed, name: &str, hits: u32, sure: bool) -> bool {
        // Only shown of a test that fails, which it tells where.
        eprintln!("{}: {deed:?}, {name}, hit {hits}", self.name);
        self.ready(deed).await;
        self.scene.arm(name, hits).unwrap();
        let answered = self.attempt(deed).await;
        if sure {
            self.in_time(self.scene.met()).await.unwrap();
        }
        let met = self.scene.disarm();
        if met {
            self.met.insert(name.to_owned());
            self.scene.revive(name).await.unwrap();
        } else {
            assert!(answered, "nobody died");
        }
        self.finish(deed, answered).await;
        self.judge(deed).await;
        self.leave().await;
        met
    }

    /// The device is bound once or free, and both programs and the cloud say the same.
    async fn judge(&self, deed: Deed) {
        let app = app(&self.scene);
        let free = matches!(
            deed,
            Deed::SignOut | Deed::DeleteAccount | Deed::LeaveData | Deed::Reset
        );
        let wanted = if free { "unbound" } else { "bound" };
        assert_eq!(state(&self.scene).await, wanted, "{deed:?}");
        assert_eq!(
            app.text(WARDEN, "BindingState").await.unwrap(),
            wanted,
            "{deed:?}"
        );
        if free {
            // Nothing of the owner's is left, unless it was to stay.
            self.stores(u64::from(deed == Deed::LeaveData)).await;
            return;
        }
        let rows = patiently("the devices", async || app.list_devices().await)
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "one certificate of one device: {rows:?}");
        let own = app.text(DEVICE, "DeviceId").await.unwrap();
        assert_eq!(belay_tests::app::entry(&rows[0], "id"), own, "{deed:?}");
    }

    /// Waits until belayd stores so many collections of the owner's. It has the database for itself, so that a copy is read.
    pub async fn stores(&self, wanted: u64) {
        let copy = tempfile::tempdir().unwrap();
        let is_so = || -> Option<bool> {
            for name in ["belay.sqlite3", "belay.sqlite3-wal"] {
                // One is missing before the first write.
                let _none = std::fs::remove_file(copy.path().join(name));
                let kept = self.scene.place().at("belayd").join(name);
                if kept.exists() {
                    std::fs::copy(kept, copy.path().join(name)).ok()?;
                }
            }
            let store = Connection::open(copy.path().join("belay.sqlite3")).ok()?;
            let count = |row: &rusqlite::Row<'_>| row.get::<_, u64>(0);
            let count = store.query_row("SELECT count(*) FROM collection", [], count);
            // One that was copied in the midst of a write is read again.
            Some(count.ok()? == wanted)
        };
        until("the collections that belayd stores", async || {
            is_so().filter(|so| *so)
        })
        .await
        .unwrap();
    }

    /// The owner signs out, which nobody but who knows the password can.
    async fn leave(&self) {
        let app = app(&self.scene);
        if state(&self.scene).await == "bound" {
            app.sign_out(self.password).await.unwrap().unwrap();
        }
        assert_eq!(state(&self.scene).await, "unbound");
    }

    /// Waits for what the programs do by themselves after a while, which passes quickly meanwhile.
    pub async fn in_time<T>(&self, comes: impl Future<Output = T>) -> T {
        self.scene.clock().run(4).unwrap();
        let came = comes.await;
        self.scene.clock().crawl().unwrap();
        came
    }

    /// The points that were met.
    pub fn met(&self) -> &BTreeSet<String> {
        &self.met
    }
}

/// The usual device, whose programs can be made to die.
fn can_die() -> Plan {
    Plan {
        failpoints: true,
        ..plan()
    }
}
