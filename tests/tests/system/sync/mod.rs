//! Sync, with several devices of one account on one cloud.

mod agent;
mod agent_conflicts;
mod agent_kinds;
mod agent_losses;
mod agent_pictures;
mod agent_told;
mod backup;
mod book;
mod draft;
mod full;
mod health;
mod lies;
mod lost;
mod policies;
mod progress;
mod restore;
mod schedule;
mod search;
mod trace;
mod uploads;
mod world;

use std::collections::{BTreeMap, HashMap};

use belay_tests::app::{ACCOUNT, Answer, App, Options, Refusal, collection};
use belay_tests::process;
use belay_tests::proxy::Proxy;
use belay_tests::stage::{BELAYD, Plan};
use belay_tests::until::until;

use zbus::OwnedVariant;

use crate::owner::{ADA, PASSWORD, app, registered};
use crate::scene::{Scene, plan};

/// So many times as fast does the devices' time go: the waits of sync are seconds and minutes. Of the 10 s that belayd
/// waits for an exchange this leaves more than one.
pub const SPEED: u32 = 8;
/// So many rounds of syncs in turn, at most, until all devices have the same.
const ROUNDS: usize = 12;

/// A device of the fleet's account.
pub struct Device {
    /// Its programs.
    pub scene: Scene,
    /// A program of its owner.
    pub app: App,
    /// By what the network knows it.
    keys: Vec<String>,
}

/// Devices of one account, each with a bus, a store and a clock of its own. The first one's network and cloud are those of
/// all.
pub struct Fleet {
    pub devices: Vec<Device>,
}

/// Records by collection and id: what each is by nature, and its content.
pub type Records = BTreeMap<(String, String), (String, Vec<u8>)>;

impl Device {
    /// Kills belayd, wherever it is.
    pub async fn kill_now(&self) {
        if let Some(pid) = self.scene.owner(BELAYD).await.unwrap() {
            process::kill(pid).unwrap();
        }
    }

    /// belayd runs, whatever happened to it. One that was killed just now may still have its name on the bus, and says
    /// nothing.
    pub async fn stands(&mut self) {
        let notes = self.app.read(collection("notes"), "Enabled").await;
        let is_up = notes.is_ok_and(|answer| match answer {
            Ok(_) => true,
            Err(refusal) => is_starting(&refusal),
        });
        if !is_up {
            self.scene.kill_belayd().await.unwrap();
            self.scene.start_belayd().await.unwrap();
        }
        served(&self.app).await;
    }

    /// How many records wait for the cloud.
    pub async fn pending(&self, name: &str) -> u32 {
        self.app.get(collection(name), "Pending").await.unwrap()
    }

    /// All records of these collections, with the contents of those whose natural key begins so.
    pub async fn records(&self, names: &[&str], prefix: &str) -> Records {
        let mut all = Records::new();
        for name in names {
            for row in self.app.list(name).await.unwrap().unwrap() {
                let content = match row.natural.starts_with(prefix) {
                    true => match self.app.content(name, &row.id).await.unwrap() {
                        Ok((content, _)) => content,
                        // It went since it was listed.
                        Err(refusal) if refusal.short() == "NotFound" => continue,
                        Err(refusal) => panic!("{refusal}"),
                    },
                    false => Vec::new(),
                };
                // On the bus a version beside a record has the record's key.
                let natural = match row.conflict_with.is_empty() {
                    true => row.natural,
                    false => format!("{}\0{}", row.natural, row.id),
                };
                all.insert(((*name).to_owned(), row.id), (natural, content));
            }
        }
        all
    }
}

impl Fleet {
    /// So many devices of Ada's, with these collections on.
    pub async fn of(count: usize, names: &[&str]) -> Self {
        let plan = || Plan {
            log_level: "info",
            ..plan()
        };
        let mut devices: Vec<Device> = Vec::new();
        for _ in 0..count {
            let (scene, before) = match devices.first() {
                None => (Scene::of(plan()).await, Vec::new()),
                Some(Device { scene, .. }) => {
                    let before = scene.network().callers();
                    (Scene::beside_by(plan(), scene).await, before)
                }
            };
            let app = app(&scene);
            if devices.is_empty() {
                registered(&scene, ADA, PASSWORD).await;
            } else {
                app.sign_in(ADA, PASSWORD).await.unwrap().unwrap();
            }
            served(&app).await;
            for name in names {
                app.enable(name, true).await.unwrap().unwrap();
            }
            scene.clock().run(SPEED).unwrap();
            let network = devices.first().map_or(&scene, |first| &first.scene).network();
            let mut keys = network.callers();
            keys.retain(|key| !before.contains(key));
            devices.push(Device { scene, app, keys });
        }
        Self { devices }
    }

    /// The network of all.
    pub fn network(&self) -> &Proxy {
        self.devices[0].scene.network()
    }

    /// The device is away from the network, or back.
    pub fn away(&self, device: usize, is_away: bool) {
        self.network().away(&self.devices[device].keys, is_away);
    }

    /// Syncs the devices in turn until all have the same and nothing waits; the records as [`Device::records`].
    pub async fn settled(&self, names: &[&str], prefix: &str) -> Records {
        let mut seen = String::new();
        for _ in 0..ROUNDS {
            let mut problems = Vec::new();
            for (number, device) in self.devices.iter().enumerate() {
                if let Err(refusal) = device.app.sync_now().await.unwrap() {
                    problems.push(format!("device {number}: {refusal}"));
                }
            }
            for (number, device) in self.devices.iter().enumerate() {
                for name in names {
                    let pending = device.pending(name).await;
                    if pending > 0 {
                        problems.push(format!("device {number}: {pending} {name} wait"));
                    }
                }
            }
            if problems.is_empty() {
                let mut all = Vec::new();
                for device in &self.devices {
                    all.push(device.records(names, prefix).await);
                }
                if all.iter().all(|records| *records == all[0]) {
                    return all.swap_remove(0);
                }
                problems.extend(differences(&all));
            }
            seen = problems.join("\n  ");
        }
        panic!("after {ROUNDS} rounds the devices don't agree:\n  {seen}");
    }
}

/// Whether belayd doesn't know yet that the device is somebody's.
fn is_starting(refusal: &Refusal) -> bool {
    refusal.name == "org.freedesktop.DBus.Error.UnknownObject"
}

/// Waits for the collections, which are there while the device is somebody's: they come one after another, by name.
pub async fn served(app: &App) {
    until("the collections to be there", async || {
        app.get::<bool>(collection("videos"), "Enabled").await.ok()
    })
    .await
    .unwrap();
}

/// What is different on the devices.
fn differences(all: &[Records]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, records) in all.iter().enumerate() {
        for (key, (natural, content)) in &all[0] {
            let here = records.get(key).map(|(_, content)| content);
            if here != Some(content) {
                let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
                found.push(format!(
                    "{natural} is {:?} on device 0 and {:?} on device {number}",
                    text(content),
                    here.map(|here| text(here)),
                ));
            }
        }
        let more = records.keys().filter(|key| !all[0].contains_key(*key));
        found.extend(more.map(|key| format!("{key:?} is on device {number} alone")));
    }
    found
}

#[tokio::test]
async fn a_device_that_is_away_reaches_nobody_while_the_others_do() {
    let fleet = Fleet::of(3, &[]).await;
    let lists = async |device: usize| -> Result<usize, Refusal> {
        let app = &fleet.devices[device].app;
        let answer: Answer<Vec<HashMap<String, OwnedVariant>>> = app
            .call(ACCOUNT, "ListDevices", &(Options::new(),))
            .await
            .unwrap();
        answer.map(|devices| devices.len())
    };
    for device in 0..3 {
        assert!(!fleet.devices[device].keys.is_empty());
        fleet.away(device, true);
        for other in 0..3 {
            let answer = lists(other).await;
            match other == device {
                true => assert_eq!(answer.unwrap_err().short(), "Offline"),
                false => assert_eq!(answer, Ok(3)),
            }
        }
        fleet.away(device, false);
        assert_eq!(lists(device).await, Ok(3));
    }
}
